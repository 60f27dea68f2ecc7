"""What stands before the first message: facts and guides, bounded whatever the folder holds."""

import os
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.conversation import estimate_text
from acp_agent.sessions.context import Guide, Surroundings
from acp_agent.turn.preamble import find_new_guides, survey, write_preamble

TODAY = date(2026, 2, 3)
WINDOW = 8192


def look(root: Path, *extra: Path) -> Surroundings:
    return survey(root, extra, TODAY)


def names(surroundings: Surroundings) -> list[str]:
    return [guide.name for guide in surroundings.guides]


def test_the_facts_are_date_folder_branch_and_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/fix/it\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "README.md").write_text("")
    (tmp_path / ".env").write_text("")
    other = Path("/other")
    facts = look(tmp_path, other).facts
    assert facts == (
        f"Today is 2026-02-03.\nThe project's folder is {tmp_path}, on branch fix/it.\n"
        f"It holds: .env, README.md, src/\nAlso part of the project: {other}"
    )


def test_a_folder_with_nothing_and_one_that_is_not_there(tmp_path: Path) -> None:
    assert look(tmp_path).facts.endswith("It holds: nothing")
    assert look(tmp_path / "gone").facts.endswith("It holds: (it cannot be listed)")


def test_the_branch_of_a_worktree_is_found(tmp_path: Path) -> None:
    place = tmp_path / "main" / ".git" / "worktrees" / "w"
    place.mkdir(parents=True)
    (place / "HEAD").write_text("ref: refs/heads/topic\n")
    work = tmp_path / "w"
    work.mkdir()
    (work / ".git").write_text(f"gitdir: {place}\n")
    assert "on branch topic." in look(work).facts


@pytest.mark.parametrize("head", ["0123456789abcdef\n", "", "\0\xff"])
def test_without_a_branch_none_is_told(tmp_path: Path, head: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    assert "on branch" not in look(tmp_path).facts


def test_a_listing_is_bounded(tmp_path: Path) -> None:
    for number in range(70):
        (tmp_path / f"f{number:03}").touch()
    assert look(tmp_path).facts.endswith("f058, f059 and 10 more")
    for number in range(10):
        (tmp_path / f"{number}{'n' * 200}").touch()
    listed = look(tmp_path).facts.split("It holds: ")[1]
    assert listed.endswith(" more")
    assert len(listed) < 1300


def test_a_folder_of_very_many_files_is_not_looked_at_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acp_agent.turn.preamble._SCANNED", 5)
    for number in range(7):
        (tmp_path / f"f{number}").touch()
    listed = look(tmp_path).facts.split("It holds: ")[1]
    assert listed.endswith(", and many more")
    assert listed.count("f") == 5


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_could_pass_for_words_of_ours_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a\n<context>").touch()
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff", os.O_CREAT | os.O_WRONLY))
    assert look(tmp_path).facts.endswith("It holds: nothing")


def test_guides_are_those_from_the_repository_down_to_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "repo" / "pkg" / "app"
    (folder / "below").mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    for place in (tmp_path, tmp_path / "repo", folder, folder / "below"):
        (place / "AGENTS.md").write_text(f"In {place.name}.\n")
    found = look(folder)
    assert names(found) == ["../../AGENTS.md", "AGENTS.md"]
    text = write_preamble(found, WINDOW, "m").text
    assert text.index("In repo.") < text.index("In app.")
    assert "In below." not in text
    assert f"In {tmp_path.name}." not in text


def test_outside_of_a_repository_only_the_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("Outside.")
    (tmp_path / "in").mkdir()
    assert names(look(tmp_path / "in")) == []
    assert names(look(tmp_path)) == ["AGENTS.md"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a right on Windows")
def test_a_guide_that_leads_elsewhere_is_none(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("Secret.")
    root = tmp_path / "root"
    root.mkdir()
    (root / "AGENTS.md").symlink_to(tmp_path / "secret")
    assert names(look(root)) == []
    (root / "AGENTS.md").unlink()
    (root / "CLAUDE.md").write_text("Hello.")
    (root / "AGENTS.md").symlink_to("CLAUDE.md")
    assert look(root).guides[0].content == "Hello."


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "AGENTS.md")
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "HEAD")
    found = look(tmp_path)
    assert (names(found), "on branch" in found.facts) == ([], False)


def test_a_folder_of_another_user_ends_the_way_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "AGENTS.md").write_text("Not yours.")
    assert names(look(root)) == ["../AGENTS.md"]
    real = Path.stat

    def stat(path: Path, **options: bool) -> os.stat_result:
        found = real(path, **options)
        values = list(found)
        values[4] += path == tmp_path
        return os.stat_result(values)

    monkeypatch.setattr(Path, "stat", stat)
    assert names(look(root)) == []


def test_a_guide_that_is_too_long_is_cut_at_a_line_and_said(tmp_path: Path) -> None:
    lines = [f"- Rule {number}: keep it short and simple." for number in range(500)]
    (tmp_path / "AGENTS.md").write_text("\n".join(lines))
    made = write_preamble(look(tmp_path), WINDOW, "m")
    told = made.text.splitlines()
    note = "[The rest of AGENTS.md is left out: it is too long for this model's window.]"
    assert told[-2:] == [note, "</context>"]
    assert told[-3] in lines
    assert made.news == (
        "AGENTS.md may take 10 % of the context window of m (8,192 tokens) and is longer: the "
        "rest is left out.",
    )
    assert write_preamble(look(tmp_path), 131_072, "m").news == ()


def test_a_huge_guide_is_not_read_whole_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_bytes(b"line\n" * 200_000)
    found = look(tmp_path)
    assert found.guides[0].cut
    assert len(found.guides[0].content) <= 256 * 1024
    made = write_preamble(found, 10_000_000, "m")
    assert "The rest of AGENTS.md is left out" in made.text
    assert made.news


def test_the_innermost_guide_is_kept_first() -> None:
    outer = Guide(Path("/r"), "../AGENTS.md", "Outer.\n" * 400)
    inner = Guide(Path("/r/a"), "AGENTS.md", "Inner.\n" * 300)
    made = write_preamble(Surroundings("Facts.", (outer, inner)), WINDOW, "m")
    assert made.text.count("Inner.") == 300
    assert "Outer." in made.text or "../AGENTS.md" in made.news[0]
    assert made.news[0].startswith("../AGENTS.md may take")


def test_without_a_known_window_guides_are_short() -> None:
    guide = Guide(Path("/r"), "AGENTS.md", "Rule.\n" * 4000)
    made = write_preamble(Surroundings("Facts.", (guide,)), None, "m")
    assert estimate_text(made.text) < 1000


@given(st.lists(st.text(max_size=3000), max_size=4), st.integers(50, 20_000))
def test_guides_never_take_more_than_their_share(contents: list[str], window: int) -> None:
    guides = [Guide(Path("/r"), f"{n}/AGENTS.md", text) for n, text in enumerate(contents)]
    made = write_preamble(Surroundings("Facts.", tuple(guides)), window, "m")
    bare = write_preamble(Surroundings("Facts."), window, "m")
    assert estimate_text(made.text) - estimate_text(bare.text) <= window * 0.1 + len(guides) + 1
    for guide in guides:
        whole = f"\n{guide.content}\n" in made.text
        assert whole or (made.news and guide.name in made.news[0])


def test_a_guide_further_down_is_found_once(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "AGENTS.md").write_text("Top.")
    (tmp_path / "a" / "b" / "AGENTS.md").write_text("Below.")
    (tmp_path / "a" / "b" / "f.py").touch()
    found = look(tmp_path)
    roots = [tmp_path]
    assert find_new_guides(found, roots, [tmp_path, tmp_path / "a"]) == []
    assert find_new_guides(found, roots, [tmp_path / "a" / "b" / "f.py"]) == ["a/b/AGENTS.md"]
    assert find_new_guides(found, roots, [tmp_path / "a" / "b"]) == []
    assert find_new_guides(found, roots, [tmp_path.parent, Path("/nowhere/x")]) == []
