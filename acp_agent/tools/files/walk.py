"""The files below a folder, without what is ignored, private or behind a link.

Owns going through folders, in bounds. Does not own what is done with the files.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acp_agent.tools.files.ignore import IgnoreRules, find_rules
from acp_agent.tools.files.paths import identities

VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".jj", ".bzr"})
"""Folders that are never gone into."""

ENTRY_LIMIT = 200_000
"""Files and folders that are looked at."""
SECONDS = 15.0
"""How long it may take."""


@dataclass(slots=True, frozen=True)
class Entry:
    """Something in a folder; ``depth`` is 1 directly in the one that is gone through."""

    path: Path
    kind: Literal["file", "folder", "link", "other"]
    depth: int


class Walk:
    """Goes through ``folder`` (absolute, links followed), names in order, once.

    Args:
        folder: where it begins.
        roots: the session's folders, whose rules count.
        private: folders that are passed over.
        depth: how deep, None without bound.
    """

    def __init__(
        self,
        folder: Path,
        roots: Sequence[Path],
        private: Sequence[Path] = (),
        depth: int | None = None,
    ) -> None:
        self._folder = folder
        self._roots = roots
        self._private = private
        self._own = identities(private)
        self._depth = depth
        self._left = ENTRY_LIMIT
        self.ignored = 0
        """Files and folders that were left out by rules, up to now."""
        self.is_cut = False
        """Whether a bound ended it."""

    def __iter__(self) -> Iterator[Entry]:
        deadline = time.monotonic() + SECONDS
        pending = self._list(self._folder, 1, find_rules(self._folder, self._roots))
        while pending:
            if self._left < 0 or time.monotonic() > deadline:
                self.is_cut = True
                return
            entry, rules = pending.pop()
            yield entry
            if entry.kind == "folder" and (self._depth is None or entry.depth < self._depth):
                pending += self._list(entry.path, entry.depth + 1, rules)

    def _list(
        self, folder: Path, depth: int, above: IgnoreRules
    ) -> list[tuple[Entry, IgnoreRules]]:
        rules = above.entering(folder)
        return [(entry, rules) for entry in reversed(self._entries(folder, depth, rules))]

    def _entries(self, folder: Path, depth: int, rules: IgnoreRules) -> list[Entry]:
        """What is in ``folder`` by name; nothing where it cannot be read."""
        found: list[Entry] = []
        with suppress(OSError), os.scandir(folder) as listed:
            for each in listed:
                self._left -= 1
                if self._left < 0:
                    break
                entry = _describe(each, folder, depth)
                if self._is_open(entry, rules):
                    found.append(entry)
        return sorted(found, key=lambda entry: entry.path.name)

    def _is_open(self, entry: Entry, rules: IgnoreRules) -> bool:
        is_folder = entry.kind == "folder"
        if is_folder and (entry.path.name in VERSION_CONTROL or self._is_private(entry.path)):
            return False
        if rules.covers(entry.path, is_folder=is_folder):
            self.ignored += 1
            return False
        return True

    def _is_private(self, folder: Path) -> bool:
        if folder in self._private:
            return True
        return bool(self._own) and not self._own.isdisjoint(identities([folder]))


def _describe(each: "os.DirEntry[str]", folder: Path, depth: int) -> Entry:
    path = folder / each.name
    kind: Literal["file", "folder", "link", "other"] = "other"
    with suppress(OSError):
        is_junction = getattr(each, "is_junction", bool)  # Python 3.12
        if each.is_symlink() or is_junction():
            kind = "link"
        elif each.is_dir(follow_symlinks=False):
            kind = "folder"
        elif each.is_file(follow_symlinks=False):
            kind = "file"
    return Entry(path, kind, depth)
