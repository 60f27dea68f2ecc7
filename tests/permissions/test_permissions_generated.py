"""What is allowed without a question, against thousands of generated commands and paths.

The judge of commands is ``shlex``, which knows nothing of how the agent reads them.
"""

import os
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from acp_agent.permissions import Allowed, Denied, decide
from acp_agent.tools.actions import Action, ActionKind, Grant, PermissionMode
from tests.permissions.test_permissions import HOME, MODES, OWN, ROOT, SCOPE, run

pytestmark = pytest.mark.slow

SETTINGS = settings(
    max_examples=5000,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
PREFIXES = (("git", "status"), ("git", "log"), ("pytest",), ("find",), ("make", "test"), ("ls",))
GRANTS = [Grant("execute", True, prefix=prefix) for prefix in PREFIXES]
FEWER = settings(SETTINGS, max_examples=1500)
EVIL = "evil"
"""A program that nobody allowed."""

_granted = st.sampled_from([" ".join(prefix) for prefix in PREFIXES])


def _words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split())


_argument = _words(
    "-v --all src 'a b' \"c d\" x=y a.py::b *.py ~ {a,b} $HOME . .. -- -exec -delete -c --output=x "
    "--upload-pack=x -O /etc/passwd ../x \\; 'it' \"$x\" # ! [a] %x% ^ @ =ls >"
)
_joint = st.sampled_from(
    [
        ";",
        "&",
        "&&",
        "|",
        "||",
        "\n",
        " ; ",
        " && ",
        " | ",
        "\r\n",
        ";;",
        "|&",
        " & ",
        "\x00",
        "\\\n",
    ]
)
_evil = st.sampled_from(
    [f"$({EVIL})", f"`{EVIL}`", f'"$({EVIL})"', f'"`{EVIL}`"', f"<({EVIL})", f"$'{EVIL}'"]
)
_around = _words(
    "#_{} env_{} sh_-c_'{}' xargs_{} sudo_{} nohup_{} A=b_{} timeout_5_{} eval_{} exec_{} ._{} "
    "!_{} {{_{};_}} ({}) command_{} time_{} python_-c_'{}' ./{} /tmp/{} \\{} nice_-n_5_{} "
    "git_-c_alias.x='!{}'_x find_._-exec_{} find_._-ok_{} awk_'{}' watch_{} bash_-c_{}"
)
_random = st.text(
    st.sampled_from(list("git status find ls -c.;|&<>$`(){}[]\\'\"\n\t =*?~#!%^/@,:"))
)


@st.composite
def _hostile(draw: st.DrawFn) -> str:
    """Text in which a program runs that no answer named."""
    words = [draw(_granted), *draw(st.lists(_argument, max_size=3))]
    shape = draw(st.integers(0, 3))
    if shape == 0:
        return " ".join(words) + draw(_joint) + EVIL
    if shape == 1:
        return EVIL + draw(_joint) + " ".join(words)
    if shape == 2:
        words.insert(draw(st.integers(1, len(words))), draw(_evil))
        return " ".join(words)
    frame = draw(_around).replace("_", " ").replace("{{", "{").replace("}}", "}")
    return frame.replace("{}", draw(st.sampled_from((EVIL, " ".join(words)))))


_near = _words(
    "git git_push git_-c git_statusx git_stat make make_tests make_install pytestx py finder ls-l "
    "status git'_'status git_-C_.._status /bin/git_status ./pytest GIT_status git_\"log_-p\""
).map(lambda text: text.replace("_", " "))
"""What no answer named, though it begins alike."""


@st.composite
def _any_command(draw: st.DrawFn) -> str:
    start = draw(st.one_of(_granted, _near))
    return " ".join([start, *draw(st.lists(st.one_of(_argument, _random), max_size=4))])


def _is_named(text: str) -> bool:
    """Whether ``text`` is one command whose arguments begin with a prefix of ``PREFIXES``."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    try:
        tokens, words = list(lexer), tuple(shlex.split(text))
    except ValueError:
        return False
    is_single = not any(set(token) & set(";|&<>()") for token in tokens)
    is_literal = not set(text) & set("$`\n\r\x00\\*?[]{}~!#%^") or _is_quoted(text)
    return is_single and is_literal and any(words[: len(each)] == each for each in PREFIXES)


def _is_quoted(text: str) -> bool:
    """Whether patterns in ``text`` stand in quotes, so that no shell sees them."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    return not set(bare) & set("$`\n\r\x00\\*?[]{}~!#%^") and not set(text) & set("$`\\\n\r\x00")


@SETTINGS
@given(_hostile())
@example("git status\nevil")
@example("pytest 'a' \"b\";evil")
def test_a_hostile_command_is_never_run_unasked(text: str) -> None:
    for mode in ("ask", "accept_edits", "read_only"):
        assert decide(run(text), SCOPE, mode, GRANTS) != Allowed()


@SETTINGS
@given(st.one_of(_any_command(), _random))
def test_what_runs_unasked_was_named_by_its_arguments(text: str) -> None:
    decision = decide(run(text), SCOPE, "ask", GRANTS)
    assert decision != Allowed() or _is_named(text)


@settings(SETTINGS, max_examples=500)
@given(_granted, st.lists(st.sampled_from(["-v", "src", "'a b'", "a.py", "x:y"]), max_size=3))
def test_what_was_named_runs_unasked(command: str, arguments: list[str]) -> None:
    words = [] if command.startswith("make") else arguments
    assert decide(run(" ".join([command, *words])), SCOPE, "ask", GRANTS) == Allowed()


_part = _words(". .. a b.py src .git .GIT .bashrc .vscode shop .local state acp-agent etc ann home")
_start = st.sampled_from(
    [ROOT, ROOT / "src", HOME, OWN, Path("/"), Path("/etc"), Path("/srv/shared")]
)


@st.composite
def _paths(draw: st.DrawFn) -> Path:
    return draw(_start).joinpath(*draw(st.lists(_part, max_size=8)))


_kind: st.SearchStrategy[ActionKind] = st.sampled_from(["read", "edit"])
_mode: st.SearchStrategy[PermissionMode] = st.sampled_from(MODES)


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))


_grants = st.lists(
    st.builds(Grant, _kind, st.booleans(), directory=_paths().map(_normal)),
    max_size=2,
)


def _is_in(path: Path, folder: Path) -> bool:
    return os.path.commonpath([os.path.normpath(path), folder]) == str(folder)


@FEWER
@given(_kind, st.lists(_paths(), min_size=1, max_size=2), _mode)
def test_no_path_outside_is_touched_unasked(
    kind: ActionKind, paths: list[Path], mode: PermissionMode
) -> None:
    if decide(Action(kind, paths=tuple(paths)), SCOPE, mode, ()) == Allowed():
        assert all(any(_is_in(path, root) for root in SCOPE.roots) for path in paths)


@FEWER
@given(_kind, _paths(), _mode, _grants)
def test_whatever_was_allowed_some_files_are_never_touched(
    kind: ActionKind, path: Path, mode: PermissionMode, grants: list[Grant]
) -> None:
    decision = decide(Action(kind, paths=(path,)), SCOPE, mode, grants)
    parts = os.path.normpath(path).lower().split("/")
    is_vcs = kind == "edit" and ".git" in parts
    if _is_in(path, OWN) or is_vcs or (kind == "edit" and mode == "read_only"):
        assert isinstance(decision, Denied)


@FEWER
@given(
    st.one_of(
        st.builds(Action, _kind, paths=st.tuples(_paths())),
        st.builds(run, _any_command()),
        st.builds(Action, st.just("fetch"), url=st.sampled_from(["https://a.b/", "file:///", ""])),
        st.builds(Action, st.just("server"), tool=st.just("t"), read_only=st.booleans()),
    ),
    _grants,
)
def test_a_stricter_mode_never_allows_more(action: Action, grants: list[Grant]) -> None:
    order: tuple[PermissionMode, ...] = ("read_only", "ask", "accept_edits", "full")
    allowed = [decide(action, SCOPE, mode, [*GRANTS, *grants]) == Allowed() for mode in order]
    assert allowed == sorted(allowed)
