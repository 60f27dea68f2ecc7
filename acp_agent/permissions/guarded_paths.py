"""Paths that a change of files must not reach as others may; pure.

Owns recognising the internals of version control, files that shells run when they start,
and files that make an editor run something. Does not own the decision
(``acp_agent.permissions``); looks at names only, never at the disk.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

_VCS = frozenset((".git", ".hg", ".svn", ".bzr", ".jj", ".sl", "_darcs", ".pijul", "git~1"))
_START_UP = re.compile(
    r"\.(bashrc|bash_(profile|login|logout|aliases|completion)|profile|zshrc|zprofile|zshenv|zlogin|"
    r"zlogout|kshrc|mkshrc|cshrc|tcshrc|login|logout|inputrc|xonshrc|xprofile|xinitrc|xsession|"
    r"xsessionrc|xserverrc|pam_environment|gitconfig)|config\.fish|(microsoft\.powershell_)?profile\.ps1"
)
_START_UP_FOLDERS = (
    *((".config", name) for name in ("fish", "nushell", "powershell", "environment.d", "xonsh")),
    *((".config", name) for name in ("zsh", "bash", "autostart", "systemd", "plasma-workspace")),
    ("library", "launchagents"),
    ("documents", "powershell"),
    ("documents", "windowspowershell"),
    (".local", "share", "systemd"),
    (".config", "git"),
    (".ssh",),
    (".gnupg",),
)
"""Below the user's home; what is in ``.ssh`` decides who gets a shell, and what it runs."""
_SYSTEM_START_UP = (
    *(("etc", name) for name in ("profile", "profile.d", "bash.bashrc", "bashrc", "environment")),
    *(("etc", name) for name in ("zsh", "zshrc", "zshenv", "zprofile", "fish", "csh.cshrc")),
    *(("etc", name) for name in ("cron.d", "crontab", "sudoers", "sudoers.d", "ld.so.preload")),
    ("var", "spool", "cron"),
    ("library", "launchagents"),
    ("library", "launchdaemons"),
)
_EDITOR = frozenset((
    ".vscode", ".idea", ".zed", ".devcontainer", ".envrc", ".fleet", ".cursor", ".vs",
    ".helix", ".nvim.lua", ".nvimrc", ".exrc", ".lvimrc", ".dir-locals.el", ".nova",
    ".windsurf", ".mcp.json", ".claude", ".gemini", ".codex", ".mise.toml", "mise.toml",
    ".husky",
))  # fmt: skip
_WORKSPACE = ".code-workspace"


def is_vcs_internal(path: Path) -> bool:
    """Whether ``path`` is in (or is) a folder or file of version control's own."""
    return any(part in _VCS for part in _plain_parts(path.parts))


def is_start_up_name(path: Path) -> bool:
    """Whether a shell would run ``path`` when it starts if it stood in a home folder."""
    parts = _plain_parts(path.parts)
    return bool(parts) and _START_UP.fullmatch(parts[-1]) is not None


def is_start_up_file(path: Path, home: Path | None) -> bool:
    """Whether it is run when the user or the machine opens a shell or logs in."""
    parts = _plain_parts(path.parts)
    if _is_below(parts[1:], _SYSTEM_START_UP):
        return True
    if home is None:
        return False
    own = _plain_parts(home.parts)
    below = parts[len(own) :] if parts[: len(own)] == own else ()
    if len(below) == 1 and _START_UP.fullmatch(below[0]):
        return True
    return _is_below(below, _START_UP_FOLDERS)


def is_editor_file(path: Path) -> bool:
    """Whether an editor or a shell in the folder may run what ``path`` says, unasked."""
    parts = _plain_parts(path.parts)
    return any(part in _EDITOR or part.endswith(_WORKSPACE) for part in parts)


def name_guarded(words: Iterable[str]) -> str | None:
    """The first of ``words`` (of a command) that names such a file, save an editor's."""
    for word in dict.fromkeys(words):
        parts = _plain_parts(word.split("/"))
        if any(part in _VCS or _START_UP.fullmatch(part) for part in parts):
            return word
        if any(_has_run(parts, folder) for folder in (*_START_UP_FOLDERS, *_SYSTEM_START_UP)):
            return word
    return None


def _plain_parts(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(_plain, parts))


def _plain(part: str) -> str:
    """``part`` as a file system may take it: letters alike, what it passes over left out.

    HFS+ passes over characters without a shape; Windows over dots and blanks at the end, and
    takes what follows a colon for a stream of the file.
    """
    name = part.lower()
    if not part.isascii():
        visible = "".join(char for char in part if unicodedata.category(char) != "Cf")
        name = unicodedata.normalize("NFKC", visible).casefold()
    if len(name) > 1 and ":" in name[1:]:
        name = name[: name.index(":", 1)]
    return name.rstrip(". ") or name


def _is_below(parts: tuple[str, ...], folders: Iterable[tuple[str, ...]]) -> bool:
    return any(parts[: len(folder)] == folder for folder in folders)


def _has_run(parts: tuple[str, ...], run: tuple[str, ...]) -> bool:
    """Whether the names ``run`` stand in ``parts``, one after the other."""
    return any(parts[at : at + len(run)] == run for at in range(len(parts) - len(run) + 1))
