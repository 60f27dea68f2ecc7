"""Going through folders: what is left out, and the bounds."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from acp_agent.tools.files import walk
from acp_agent.tools.files.globs import compile_glob, compile_lines
from acp_agent.tools.files.walk import Walk
from acp_agent.tools.workspace import FileProblem


def write(folder: Path, *names: str, **contents: str) -> Path:
    """Files in ``folder``; those with contents are ``.gitignore``s by their folders."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    for name, content in contents.items():
        (folder / name.replace("root", ".") / ".gitignore").write_text(content)
    return folder


def files(walked: Walk, folder: Path) -> set[str]:
    return {
        entry.path.relative_to(folder).as_posix()
        for entry in walked
        if entry.kind == "file" and entry.path.name != ".gitignore"
    }


RULES = "*.log\n!keep.log\n/only-here\nbuild/\ndocs/*.txt\n**/deep/x\n# comment\n\\#x\n \nsp ace\n"
NAMES = [
    "a.log", "keep.log", "sub/b.log", "sub/keep.log", "only-here", "sub/only-here",
    "build/out", "sub/build/out", "sub/build.py", "docs/a.txt", "docs/sub/a.txt",
    "deep/x", "sub/deep/x", "#x", "sp ace", "sub/c.py", "sub/back.log", "sub/gone.py",
]  # fmt: skip


def test_rules_hold_as_git_has_them(tmp_path: Path) -> None:
    root = write(tmp_path, *NAMES, root=RULES, sub="!back.log\ngone.py\n")
    expected = {
        "keep.log", "sub/keep.log", "sub/only-here", "sub/build.py", "docs/sub/a.txt",
        "sub/c.py", "sub/back.log",
    }  # fmt: skip
    assert files(Walk(root, [root]), root) == expected
    git = shutil.which("git")
    if git is not None:
        subprocess.run([git, "init", "-q"], cwd=root, check=True)
        (root / ".git" / "info" / "exclude").write_text("c.py\n")
        command = [git, "-c", "core.excludesFile=", "ls-files", "-o", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
        by_git = {name for name in listed.stdout.splitlines() if not name.endswith(".gitignore")}
        assert files(Walk(root, [root]), root) == by_git == expected - {"sub/c.py"}


def test_rules_above_count_up_to_the_repository(tmp_path: Path) -> None:
    outer = write(tmp_path, "repo/sub/a.py", "repo/sub/b.py", "repo/sub/c.py", root="a.py")
    write(outer, repo="b.py")
    sub = outer / "repo" / "sub"
    assert files(Walk(sub, [sub]), sub) == {"a.py", "b.py", "c.py"}
    assert files(Walk(sub, [outer / "repo"]), sub) == {"a.py", "c.py"}
    assert files(Walk(sub, [outer]), sub) == {"c.py"}
    (outer / "repo" / ".git").mkdir()
    assert files(Walk(sub, [sub]), sub) == {"a.py", "c.py"}
    assert files(Walk(sub, [outer]), sub) == {"a.py", "c.py"}


def test_an_ignored_folder_that_is_asked_for_is_shown(tmp_path: Path) -> None:
    root = write(tmp_path, "build/a", "build/sub/b", root="build/")
    walked = Walk(root, [root])
    assert files(walked, root) == set()
    assert walked.ignored == 1
    assert files(Walk(root / "build", [root]), root) == {"build/a", "build/sub/b"}
    assert files(Walk(root / "build" / "sub", [root]), root) == {"build/sub/b"}


def test_links_version_control_and_private_folders_are_not_entered(tmp_path: Path) -> None:
    root = write(tmp_path / "root", "a", ".git/HEAD", "sub/.git", "own/key", ".config/b")
    write(tmp_path, "elsewhere/secret")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "up").symlink_to("..")
    (root / "to-a").symlink_to("a")
    os.mkfifo(root / "pipe")
    entries = {entry.path.name: entry.kind for entry in Walk(root, [root], [root / "own"])}
    assert entries == {
        "a": "file", ".config": "folder", "b": "file", "sub": "folder", ".git": "file",
        "link": "link", "up": "link", "to-a": "link", "pipe": "other",
    }  # fmt: skip
    (tmp_path / "other-name").symlink_to(root / "own")
    assert "own/key" not in files(Walk(root, [root], [tmp_path / "other-name"]), root)


def test_names_come_in_order_and_as_deep_as_wanted(tmp_path: Path) -> None:
    root = write(tmp_path, "b/x/deep", "b/y", "a", "c")
    names = [entry.path.relative_to(root).as_posix() for entry in Walk(root, [root])]
    assert names == ["a", "b", "b/x", "b/x/deep", "b/y", "c"]
    assert [entry.path.name for entry in Walk(root, [root], depth=1)] == ["a", "b", "c"]
    assert [entry.depth for entry in Walk(root, [root], depth=2)] == [1, 1, 2, 2, 1]


@pytest.mark.parametrize("bound", ["ENTRY_LIMIT", "SECONDS"])
def test_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    root = write(tmp_path, *(f"f{number}" for number in range(20)))
    walked = Walk(root, [root])
    assert len(list(walked)) == 20
    assert not walked.is_cut
    monkeypatch.setattr(walk, bound, 10 if bound == "ENTRY_LIMIT" else -1)
    walked = Walk(root, [root])
    assert len(list(walked)) <= 10
    assert walked.is_cut


def test_an_unreadable_folder_is_empty(tmp_path: Path) -> None:
    assert list(Walk(tmp_path / "gone", [tmp_path])) == []


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.py", ["a.py", "sub/a.py"], ["a.pyc", "py"]),
        ("src/*.py", ["src/a.py"], ["src/sub/a.py", "x/src/a.py"]),
        ("src/**/*.py", ["src/a.py", "src/x/y/a.py"], ["a.py"]),
        ("**/test_*.py", ["test_a.py", "x/test_b.py"], ["x/a_test.py"]),
        ("*.{ts,tsx}", ["a.ts", "x/a.tsx"], ["a.t", "a.ts.map"]),
        ("{a,b{c,d}}.x", ["a.x", "bc.x", "bd.x"], ["b.x"]),
        ("./a.py", ["a.py"], ["b.py"]),
        ("!a", ["!a"], ["a", "b"]),
        ("#a", ["#a"], ["a"]),
        ("[ab]?", ["ax", "by"], ["cx", "a"]),
        ("**", ["a", "b/c"], []),
    ],
)
def test_globs(pattern: str, matching: list[str], others: list[str]) -> None:
    is_wanted = compile_glob(pattern)
    assert all(map(is_wanted, matching))
    assert not any(map(is_wanted, others))


@pytest.mark.parametrize(
    "pattern", ["", "/", "a\\", "[a", "*a*a*a*b", "**/" * 9 + "x", "{a,b}" * 9, "x" * 1000, "{a,}"]
)
def test_unusable_globs_are_told(pattern: str) -> None:
    with pytest.raises(FileProblem, match="not a usable glob"):
        compile_glob(pattern)


def test_rules_that_take_for_ever_are_passed_over() -> None:
    hostile = "/".join(["*a" * 40] * 3) + "b"
    spec = compile_lines([hostile, "\\", "!", "good", "**/" * 30 + "x"])
    assert len(spec) == 1
    assert not spec.match_file("a" * 255)
    assert spec.match_file("good")
