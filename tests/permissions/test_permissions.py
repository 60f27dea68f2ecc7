"""What may be done freely, what is asked, what is refused: one table, and the answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from acp_agent.permissions import (
    PRIVATE,
    READ_ONLY,
    REJECTED,
    Allowed,
    Denied,
    Option,
    Question,
    Scope,
    decide,
    describe_grants,
)
from acp_agent.tools.actions import Action, ActionKind, Grant, PermissionMode

ROOT = Path("/home/ann/shop")
EXTRA = Path("/srv/shared")
HOME = Path("/home/ann")
OWN = HOME / ".local/state/acp-agent"
SCOPE = Scope((ROOT, EXTRA), (OWN,), HOME)
MODES: tuple[PermissionMode, ...] = ("ask", "accept_edits", "read_only", "full")

FREE, ASK, NO = "free", "ask", "no"
OUTSIDE = "Outside the project"


def files(kind: ActionKind, *paths: str | Path) -> Action:
    return Action(kind, paths=tuple(ROOT / path for path in paths))


def run(command: str, **changes: object) -> Action:
    action = Action("execute", command=command, directory=ROOT, contained="Writes stay inside")
    return replace(action, **changes)  # pyright: ignore[reportArgumentType]


def outcome(action: Action, mode: PermissionMode, *grants: Grant) -> str:
    decision = decide(action, SCOPE, mode, grants)
    return {Allowed: FREE, Question: ASK, Denied: NO}[type(decision)]


def question(action: Action, mode: PermissionMode = "ask", *grants: Grant) -> Question:
    decision = decide(action, SCOPE, mode, grants)
    assert isinstance(decision, Question)
    return decision


def lasting(asked: Question) -> list[Option]:
    return [option for option in asked.options if option.kind == "allow_always"]


FETCH = Action("fetch", url="https://docs.python.org/3/")
SERVER = Action("server", tool="db__query")
READING = Action("server", tool="db__list", read_only=True)

TABLE: list[tuple[Action, str, str, str, str]] = [
    # action, and what becomes of it: ask, accept_edits, read_only, full
    (Action("none"), FREE, FREE, FREE, FREE),
    (files("read"), FREE, FREE, FREE, FREE),
    (files("read", "a.py"), FREE, FREE, FREE, FREE),
    (files("read", EXTRA / "x/y"), FREE, FREE, FREE, FREE),
    (files("read", ROOT), FREE, FREE, FREE, FREE),
    (files("read", ".git/config"), FREE, FREE, FREE, FREE),
    (files("read", "a.py", "/etc/hosts"), ASK, ASK, ASK, ASK),
    (files("read", "../other/a.py"), ASK, ASK, ASK, ASK),
    (files("read", "/home/ann/shop-old/a.py"), ASK, ASK, ASK, ASK),
    (files("read", HOME / ".bashrc"), ASK, ASK, ASK, ASK),
    (files("read", OWN), NO, NO, NO, NO),
    (files("read", OWN / "acp-agent.log"), NO, NO, NO, NO),
    (files("read", "../.LOCAL/State/acp-agent/log"), NO, NO, NO, NO),
    (files("edit"), ASK, ASK, NO, ASK),
    (files("edit", "a.py"), ASK, FREE, NO, FREE),
    (files("edit", EXTRA / "b.py"), ASK, FREE, NO, FREE),
    (files("edit", ".gitignore"), ASK, FREE, NO, FREE),
    (files("edit", ".github/workflows/ci.yml"), ASK, FREE, NO, FREE),
    (files("edit", ROOT), ASK, ASK, NO, ASK),
    (files("edit", "/etc/hosts"), ASK, ASK, NO, ASK),
    (files("edit", "a.py", "/tmp/a.py"), ASK, ASK, NO, ASK),
    (files("edit", "x/../../other/a.py"), ASK, ASK, NO, ASK),
    (files("edit", OWN / "turns.jsonl"), NO, NO, NO, NO),
    (files("edit", OWN.parent), NO, NO, NO, NO),
    (files("edit", ".git/hooks/pre-commit"), NO, NO, NO, NO),
    (files("edit", ".git"), NO, NO, NO, NO),
    (files("edit", "sub/.GIT/config"), NO, NO, NO, NO),
    (files("edit", ".g\u200cit/config"), NO, NO, NO, NO),
    (files("edit", ".git::$INDEX_ALLOCATION/config"), NO, NO, NO, NO),
    (files("edit", ".git. /config"), NO, NO, NO, NO),
    (files("edit", "GIT~1/config"), NO, NO, NO, NO),
    (files("edit", ".hg/hgrc"), NO, NO, NO, NO),
    (files("edit", "a/.svn/entries"), NO, NO, NO, NO),
    (files("edit", "/somewhere/.git/config"), NO, NO, NO, NO),
    (files("edit", HOME / ".bashrc"), NO, NO, NO, NO),
    (files("edit", HOME / ".ZSHENV"), NO, NO, NO, NO),
    (files("edit", HOME / ".bash_profile"), NO, NO, NO, NO),
    (files("edit", HOME / ".config/fish/conf.d/x.fish"), NO, NO, NO, NO),
    (files("edit", HOME / "Library/LaunchAgents/x.plist"), NO, NO, NO, NO),
    (files("edit", HOME / ".ssh/authorized_keys"), NO, NO, NO, NO),
    (files("edit", "/etc/profile.d/x.sh"), NO, NO, NO, NO),
    (files("edit", "dotfiles/.zshrc"), ASK, ASK, NO, ASK),
    (files("edit", ".vscode/tasks.json"), ASK, ASK, NO, FREE),
    (files("edit", ".envrc"), ASK, ASK, NO, FREE),
    (run("git status"), ASK, ASK, NO, FREE),
    (run("ls"), ASK, ASK, NO, FREE),
    (run(""), ASK, ASK, NO, FREE),
    (run("cat a | sort > b && rm c"), ASK, ASK, NO, FREE),
    (run("make", directory=EXTRA / "x"), ASK, ASK, NO, FREE),
    (run("make", directory=HOME), ASK, ASK, NO, ASK),
    (run("ls", directory=OWN), NO, NO, NO, NO),
    (run("cat ~/.local/state/acp-agent/x"), NO, NO, NO, NO),
    (run('cat "$HOME/.local/state/acp-agent"/x'), NO, NO, NO, NO),
    (run("cat ../.local/state/acp-agent/x"), NO, NO, NO, NO),
    (run("ls; cat /home/ann/.local/'state'/acp-agent/x"), NO, NO, NO, NO),
    (run("sudo ls"), ASK, ASK, NO, ASK),
    (run("ls && /usr/bin/sudo -n ls"), ASK, ASK, NO, ASK),
    (run('x=su"do"; s\\udo ls'), ASK, ASK, NO, ASK),
    (run("echo $(doas ls)"), ASK, ASK, NO, ASK),
    (run("$'\\x73udo' ls"), ASK, ASK, NO, ASK),
    (run("su$@do ls"), ASK, ASK, NO, ASK),
    (run("sudo\nls"), ASK, ASK, NO, ASK),
    (run("/usr/bin/s?do ls"), ASK, ASK, NO, ASK),
    (run("su - -c ls"), ASK, ASK, NO, ASK),
    (run("pkexec ls"), ASK, ASK, NO, ASK),
    (run("Runas.exe /user:x cmd"), ASK, ASK, NO, ASK),
    (run("echo x >> ~/.bashrc"), ASK, ASK, NO, ASK),
    (run("cp x .git/hooks/pre-commit"), ASK, ASK, NO, ASK),
    (run("find . -path './.git/*' -prune | grep -v .git"), ASK, ASK, NO, FREE),
    (run("find .git -delete"), ASK, ASK, NO, ASK),
    (run("cat x > .git/config"), ASK, ASK, NO, ASK),
    (run("ls; touch .git/x"), ASK, ASK, NO, ASK),
    (run("cp x ../y"), ASK, ASK, NO, FREE),
    (run("cp x ../y", contained=""), ASK, ASK, NO, ASK),
    (run("echo x > /etc/motd", contained=""), ASK, ASK, NO, ASK),
    (run("rm -rf ~", contained=""), ASK, ASK, NO, ASK),
    (run("cp x y; echo z > /dev/null", contained=""), ASK, ASK, NO, FREE),
    (run("cat /etc/motd", contained=""), ASK, ASK, NO, FREE),
    (FETCH, ASK, ASK, NO, FREE),
    (SERVER, ASK, ASK, NO, FREE),
    (READING, ASK, ASK, ASK, FREE),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row[0].command or row[0].paths))
def test_the_table(row: tuple[Action, str, str, str, str]) -> None:
    action, *expected = row
    assert [outcome(action, mode) for mode in MODES] == expected


def test_a_reason_is_given() -> None:
    def reason(action: Action, mode: PermissionMode = "ask") -> str:
        decision = decide(action, SCOPE, mode, ())
        return "" if isinstance(decision, Allowed) else decision.reason

    assert reason(files("read", OWN)) == PRIVATE
    assert reason(run("ls"), "read_only") == READ_ONLY
    assert reason(files("edit", "a.py")) == ""
    assert reason(files("read", "/etc/hosts")) == "Outside the project: /etc/hosts."
    assert "version control" in reason(files("edit", ".git/config"))
    assert "shell starts" in reason(files("edit", HOME / ".zshrc"))
    assert reason(run("ls")) == "Contained: Writes stay inside."
    assert reason(run("ls", contained="")).startswith("Not contained: it can write")
    assert "joins commands with |, so it is asked" in reason(run("ls | sort"))
    assert "more rights" in reason(run("sudo ls"))
    assert "names ../x, which is outside" in reason(run("cat ../x"))


@pytest.mark.parametrize(
    ("action", "grants"),
    [
        (files("read", "/opt/lib/x.py"), [Grant("read", True, directory=Path("/opt/lib"))]),
        (files("read", HOME / "notes.txt"), [Grant("read", True, directory=HOME / "notes.txt")]),
        (files("edit", "/opt/lib/x.py"), [Grant("edit", True, directory=Path("/opt/lib"))]),
        (files("edit", "/etc/motd"), [Grant("edit", True, directory=Path("/etc/motd"))]),
        (files("edit", HOME / "a.txt", HOME / "b.txt"), []),
        (
            files("edit", "src/app/a.py"),
            [
                Grant("edit", True, directory=ROOT / "src/app"),
                Grant("edit", True, directory=ROOT),
            ],
        ),
        (files("edit", "a.py"), [Grant("edit", True, directory=ROOT)]),
        (files("edit", ".vscode/tasks.json"), []),
        (files("edit", ROOT), []),
        (run("git status -s"), [Grant("execute", True, prefix=("git", "status"))]),
        (run("pytest tests/x.py"), [Grant("execute", True, prefix=("pytest",))]),
        (run("git status; ls"), []),
        (run("cp x .vscode/tasks.json"), []),
        (FETCH, [Grant("fetch", True, host="docs.python.org")]),
        (Action("fetch", url="https://a@docs.python.org/"), []),
        (Action("fetch", url="https://docs.python.org\\@evil.example/"), []),
        (Action("fetch", url="file:///etc/passwd"), []),
        (Action("fetch", url="http://[::1"), []),
        (SERVER, [Grant("server", True, tool="db__query")]),
    ],
)
def test_what_may_be_allowed_for_good(action: Action, grants: list[Grant]) -> None:
    asked = question(action)
    assert [option.grant for option in lasting(asked)] == grants
    ids = [option.id for option in asked.options]
    assert len(set(ids)) == len(ids)
    assert asked == question(action)
    for grant in grants:
        assert outcome(action, "ask", grant) == FREE
        assert outcome(action, "full", replace(grant, allowed=False)) == NO


def test_the_answers_say_what_they_mean() -> None:
    names = [option.name for option in question(run("git status -s")).options]
    assert names == [
        "Allow once",
        "Allow commands that begin with `git status` for this session",
        "Reject",
        "Refuse commands that begin with `git status`",
    ]
    kinds = [option.kind for option in question(run("git status -s")).options]
    assert kinds == ["allow_once", "allow_always", "reject_once", "reject_always"]
    edit = [option.name for option in lasting(question(files("edit", "src/a.py")))]
    assert edit == [
        "Allow edits in src/ for this session",
        "Allow edits in the whole project shop for this session",
    ]


def test_every_question_can_be_refused_once_and_for_good() -> None:
    for action, *_ in TABLE:
        decision = decide(action, SCOPE, "ask", ())
        if isinstance(decision, Question):
            kinds = {option.kind for option in decision.options}
            assert {"allow_once", "reject_once"} <= kinds
        if isinstance(decision, Question) and (refusal := decision.options[-1].grant):
            assert decision.options[-1].kind == "reject_always"
            assert decide(action, SCOPE, "full", [refusal]) == Denied(REJECTED)


def test_later_answers_come_before_earlier_ones() -> None:
    yes, no = (Grant("edit", each, directory=ROOT / "src") for each in (True, False))
    action = files("edit", "src/a.py")
    assert outcome(action, "ask", no, yes) == FREE
    assert outcome(action, "accept_edits", yes, no) == NO
    assert outcome(files("edit", "b.py", "src/a.py"), "full", no) == NO
    assert outcome(files("edit", "b.py", "src/a.py"), "ask", yes) == ASK


def test_who_may_change_may_read_and_who_may_not_read_may_not_change() -> None:
    place = Path("/opt/lib")
    read, edit = files("read", place / "x"), files("edit", place / "x")
    assert outcome(read, "ask", Grant("edit", True, directory=place)) == FREE
    assert outcome(edit, "ask", Grant("read", True, directory=place)) == ASK
    assert outcome(edit, "full", Grant("read", False, directory=place)) == NO
    assert outcome(read, "ask", Grant("edit", False, directory=place)) == ASK


def test_no_answer_lifts_what_no_mode_lifts() -> None:
    for path in (".git/config", HOME / ".bashrc", OWN / "x"):
        grants = [Grant("edit", True, directory=Path("/")), Grant("read", True, directory=OWN)]
        assert outcome(files("edit", path), "full", *grants) == NO
    assert outcome(files("edit", "a.py"), "read_only", Grant("edit", True, directory=ROOT)) == NO
    assert outcome(run("sudo ls"), "full", Grant("execute", True, prefix=("sudo",))) == ASK
    vscode = files("edit", ".vscode/tasks.json")
    assert outcome(vscode, "accept_edits", Grant("edit", True, directory=ROOT)) == ASK


def test_an_answer_covers_no_more_than_it_says() -> None:
    find = Grant("execute", True, prefix=("find",))
    assert outcome(run("find . -name x"), "ask", find) == FREE
    for text in ("find . -delete", "find ../x", "find .;ls", "./find .", "finder", "FIND ."):
        assert outcome(run(text), "ask", find) == ASK
    assert outcome(run("find .", directory=HOME), "ask", find) == ASK
    assert outcome(run("find ."), "read_only", find) == NO


def test_a_refused_command_is_found_inside_others() -> None:
    refused = Grant("execute", False, prefix=("git", "push"))
    assert outcome(run("git push -f"), "full", refused) == NO
    assert outcome(run("cd . && git push"), "full", refused) == ASK
    assert outcome(run("git pull"), "full", refused) == FREE


def test_answers_are_listed_in_words() -> None:
    grants = [
        Grant("edit", True, directory=ROOT),
        Grant("read", False, directory=HOME / "x"),
        Grant("execute", True, prefix=("git", "status")),
        Grant("execute", False, command="a | b"),
        Grant("fetch", True, host="docs.python.org"),
        Grant("server", False, tool="db__query"),
    ]
    assert describe_grants(grants) == [
        f"allowed: edits in {ROOT}",
        f"refused: reading in {HOME / 'x'}",
        "allowed: commands that begin with `git status`",
        "refused: the command `a | b`",
        "allowed: fetching from docs.python.org",
        "refused: the tool db__query",
    ]
