"""Patterns of file names, as in ``.gitignore``; pure.

Owns which patterns are taken, and ``{a,b}`` in them. Does not own matching itself, which is
pathspec's, nor which files there are (``walk``).
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from acp_agent.tools.workspace import FileProblem

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_LENGTH_LIMIT = 500
_STAR_LIMIT = 3
_FOLDER_STAR_LIMIT = 4
_ALTERNATIVE_LIMIT = 100
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


def compile_glob(pattern: str) -> Callable[[str], bool]:
    """Says of a path (relative, with slashes) whether ``pattern`` means it.

    Without a slash in it the pattern means files in any folder; ``*``, ``?``, ``[a-z]``,
    ``**`` and ``{a,b}`` are known.

    Raises:
        FileProblem: the pattern is not one that is taken.
    """
    lines = [_escape(each.removeprefix("./")) for each in _expand(pattern)]
    spec = compile_lines(lines)
    if not lines or len(spec) != len(lines):
        raise FileProblem(
            f"{pattern!r} is not a usable glob; give a simpler one, like 'src/**/*.py'."
        )
    return spec.match_file


def compile_lines(lines: Iterable[str]) -> "GitIgnoreSpec":
    """The rules in ``lines`` of a ``.gitignore``, without those that git would not take and
    those whose matching could take for ever."""
    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore import GitIgnorePatternError

    found: list[str] = []
    for line in lines:
        try:
            rules = [
                rule
                for rule in GitIgnoreSpec.from_lines([line]).patterns
                if rule.include is not None
            ]
        except GitIgnorePatternError:
            continue
        if rules and _is_quick(line):
            found.append(line)
    return GitIgnoreSpec.from_lines(found)


def _is_quick(line: str) -> bool:
    """Whether matching ``line`` cannot go back and forth for long."""
    parts = line.split("/")
    stars = max(part.count("*") for part in parts)
    folder_stars = parts.count("**")
    return (
        max(stars - _STAR_LIMIT, folder_stars - _FOLDER_STAR_LIMIT, len(line) - _LENGTH_LIMIT) <= 0
    )


def _escape(pattern: str) -> str:
    return f"\\{pattern}" if pattern.startswith(("!", "#")) else pattern


def _expand(pattern: str) -> list[str]:
    """``pattern`` once for each choice that its braces give."""
    waiting, done = [pattern], list[str]()
    while waiting:
        if len(waiting) + len(done) > _ALTERNATIVE_LIMIT or len(pattern) > _LENGTH_LIMIT:
            return []
        each = waiting.pop()
        braces = _BRACES.search(each)
        if braces is None:
            done.append(each)
            continue
        before, behind = each[: braces.start()], each[braces.end() :]
        waiting += [before + choice + behind for choice in braces[1].split(",")]
    return done
