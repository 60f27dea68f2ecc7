"""What an answer is about, and that names in options and reasons hide nothing."""

from pathlib import Path

import pytest

from acp_agent.permissions import Denied, Question, decide
from acp_agent.permissions.answers import covers, describe_grants
from acp_agent.tools.actions import Action, Grant
from tests.permissions.test_permissions import HOME, ROOT, SCOPE, files, outcome, run

SECRET = ROOT / "src" / "Secret.py"


@pytest.mark.parametrize(
    ("path", "yes", "no"),
    [
        (SECRET, True, True),
        (SECRET / "below", True, True),
        (ROOT / "src" / "secret.PY", False, True),
        (ROOT / "src", False, True),
        (ROOT / "src" / "Secret.py2", False, False),
        (ROOT / "other", False, False),
    ],
)
def test_a_no_is_wider_than_a_yes(path: Path, yes: bool, no: bool) -> None:
    assert covers(Grant("edit", True, directory=SECRET), path) is yes
    assert covers(Grant("edit", False, directory=SECRET), path) is no


def test_a_refused_file_is_not_changed_by_another_name_or_with_its_folder() -> None:
    refused = Grant("edit", False, directory=SECRET)
    for path in ("src/secret.py", "src"):
        assert outcome(files("edit", path), "full", refused) == "no"
    assert outcome(files("edit", "src/other.py"), "accept_edits", refused) == "free"
    assert outcome(files("read", "src"), "ask", Grant("read", False, directory=SECRET)) == "free"


ODD = "a\nb\u202ec\u200b" + "x" * 900
ACTIONS = [
    files("read", HOME / ODD),
    files("edit", HOME / ODD),
    files("edit", f"{ODD}/.zshrc"),
    files("edit", f"{ODD}/x"),
    run("ls", directory=HOME / ODD),
    run(f"cp x .git/{'y' * 900}\u202e"),
    run(f"cat ../{'y' * 900}"),
    run(f"echo {'y' * 900}"),
]


@pytest.mark.parametrize("action", ACTIONS, ids=range(len(ACTIONS)))
def test_what_is_asked_is_short_and_seen(action: Action) -> None:
    asked = decide(action, SCOPE, "ask", ())
    assert isinstance(asked, Question)
    for text in (asked.reason, *(option.name for option in asked.options)):
        assert text.isprintable()
        assert len(text) < 700
    grants = [option.grant for option in asked.options if option.grant]
    assert all(line.isprintable() for line in describe_grants(grants))


def test_files_that_run_unasked_are_asked_about_each_time() -> None:
    whole = Grant("edit", True, directory=ROOT)
    for path in (".helix/languages.toml", "x.code-workspace", ".husky/pre-commit", ".mcp.json"):
        assert outcome(files("edit", path), "accept_edits", whole) == "ask"
    assert outcome(files("edit", "dots/.gitconfig"), "full", whole) == "ask"
    assert isinstance(decide(files("edit", HOME / ".gitconfig"), SCOPE, "full", ()), Denied)
    assert isinstance(decide(files("edit", HOME / ".config/git/config"), SCOPE, "full", ()), Denied)
