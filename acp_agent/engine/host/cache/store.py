"""Which computed prompts are kept, for whom, and for how long.

Owns the choice of a line for a prompt, what sessions share, the bound in bytes and the
sessions' notes. Does not own a line's content (``line``) or files (``disk``). Used on the
model's thread only.
"""

import logging
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from acp_agent.engine.host.cache.disk import Disk
from acp_agent.engine.host.cache.line import Line, common_prefix

_LOG = logging.getLogger(__name__)

_BUSY_SHARE = 1.25
"""Of the memory limit, that may be kept while eviction waits."""


class PromptCache:
    """The computed prompts of one loaded model.

    Args:
        make_cache: makes the model's empty caches, one per layer.
        memory_limit: bytes that may stay in memory between answers.
        folder: where lines of sessions are saved, created when needed; None for nowhere.
        disk_limit: bytes that ``folder`` may take; 0 keeps nothing there.
        fingerprint: stands for whatever determines the K/V of a token.
    """

    def __init__(
        self,
        make_cache: Callable[[], list[Any]],
        *,
        memory_limit: int,
        folder: Path | None,
        disk_limit: int,
        fingerprint: str,
    ) -> None:
        self._make_cache = make_cache
        self._memory_limit = memory_limit
        self._disk = Disk(folder, disk_limit, fingerprint, make_cache) if folder else None
        self._lines: list[Line] = []
        """The least recently used first."""
        self._packed: WeakKeyDictionary[Line, array[int]] = WeakKeyDictionary()
        """The tokens of kept lines once more, for quick comparison."""
        self._taken: WeakSet[Line] = WeakSet()
        self._notes: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._is_busy = self._is_over = False

    def take(self, key: str | None, tokens: Sequence[int]) -> Line:
        """A line whose tokens are the longest usable prefix of ``tokens``.

        At least one token is left out, to be computed for its logits. The session's own
        line is handed out itself, of any other a copy. Give it back with ``put``.
        """
        prompt = list(tokens)
        self._fetch(key)
        line = self._take_longest(key, prompt) or Line(key, [], self._make_cache())
        line.saved = False
        self._packed.pop(line, None)
        return self._hand_out(line)

    def reach(self, key: str | None, tokens: Sequence[int]) -> int:
        """How many of ``tokens`` a line from ``take`` would have."""
        self._fetch(key)
        found = self._find(key, list(tokens))
        return found[1] if found else 0

    def branch(self, line: Line, key: str | None) -> Line:
        """A copy for ``key`` of ``line``, which is in use; give it back with ``put``.

        Raises:
            RuntimeError: mlx cannot compute or read the arrays.
        """
        return self._hand_out(line.copy(len(line.tokens), key))

    def keep_copy(self, line: Line) -> None:
        """Keeps a copy of ``line``, which is in use, as a request of nobody leaves it."""
        copy = _copy_start(line, len(line.tokens)) if line.tokens else None
        if copy is not None:
            self._taken.add(copy)
            self.put(copy)

    def put(self, line: Line) -> None:
        """Takes back a line from ``take``, with whatever was computed on it since.

        What came of a failed answer is kept as far as it can be used. A line whose
        session was forgotten meanwhile goes.
        """
        if line not in self._taken:
            return
        self._taken.discard(line)
        if not _settle(line):
            return
        self._lines = [each for each in self._lines if not _replaces(line, each)]
        self._share(line)
        self._touch(line)
        # Its note is still to come, and should be saved with it.
        self._keep_limit(spare=line)

    def set_busy(self, is_busy: bool) -> None:
        """Says whether answers run, which writing evicted lines to disk would hold up.

        Then a quarter more than ``memory_limit`` may stay until they have ended.
        """
        self._is_busy = is_busy
        if not is_busy and self._is_over:
            self._keep_limit()

    def note(self, key: str | None) -> str | None:
        """What ``set_note`` last said of session ``key``, if it is still known."""
        self._fetch(key)
        return None if key is None else self._notes.get(key)

    def set_note(self, key: str | None, text: str) -> None:
        """Keeps ``text`` with the line of session ``key``; without one it is not kept."""
        if key is None:
            return
        self._notes[key] = text
        for line in self._lines:
            if line.key == key:
                line.saved = False
        self._keep_limit()

    def flush(self) -> None:
        """Saves the lines of all sessions, the last used first: time may be short."""
        for line in reversed(self._lines):
            self._save(line)

    def forget(self, key: str) -> None:
        """Drops all that is known of session ``key``, in memory, on disk and in use."""
        self._lines = [each for each in self._lines if each.key != key]
        self._notes.pop(key, None)
        for line in [each for each in self._taken if each.key == key]:
            self._taken.discard(line)
        if self._disk:
            self._disk.forget(key)

    def shrink(self, limit: int) -> None:
        """Frees memory down to ``limit`` bytes, when memory is short."""
        self._shrink(limit)

    def figures(self) -> dict[str, int]:
        """Sizes in bytes and counts, for the engine's status."""
        counts = ("hits", "misses", "reused_tokens", "evicted", "saved", "loaded")
        return {
            "lines": len(self._lines),
            "sessions": sum(each.key is not None for each in self._lines),
            "shared": sum(each.shared for each in self._lines),
            "bytes": sum(each.nbytes for each in self._lines),
            "bytes_limit": self._memory_limit,
            "disk_bytes": self._disk.nbytes if self._disk else 0,
            **{name: self._counts[name] for name in counts},
        }

    def _hand_out(self, line: Line) -> Line:
        self._counts["hits" if line.tokens else "misses"] += 1
        self._counts["reused_tokens"] += len(line.tokens)
        self._taken.add(line)
        return line

    def _take_longest(self, key: str | None, prompt: list[int]) -> Line | None:
        while found := self._find(key, prompt):
            line, position = found
            try:
                if not _is_own(line, key):
                    self._touch(line)
                    return line.copy(position, key)
                self._lines.remove(line)
                line.rewind(position)
            # What is read from disk is read here, and may turn out to be unreadable.
            except RuntimeError:
                _LOG.warning("A prompt cache could not be read and goes", exc_info=True)
                self._drop(line)
            else:
                return line
        return None

    def _find(self, key: str | None, prompt: list[int]) -> tuple[Line, int] | None:
        """The line with the deepest usable position and that position."""
        best: tuple[Line, int] | None = None
        wanted = array("i", prompt)
        # Of equals the session's own needs no copy, and a shared one should stay.
        for line in sorted(self._lines, key=lambda each: (not _is_own(each, key), not each.shared)):
            limit = min(common_prefix(self._pack(line), wanted), len(prompt) - 1)
            position = line.reach(limit) if limit > 0 else 0
            if position > (best[1] if best else 0):
                best = line, position
        return best

    def _pack(self, line: Line) -> "array[int]":
        if line not in self._packed:
            self._packed[line] = array("i", line.tokens)
        return self._packed[line]

    def _fetch(self, key: str | None) -> None:
        """Brings the line of ``key`` from the disk where memory has none."""
        if key is None or not self._disk or any(each.key == key for each in self._lines):
            return
        if found := self._disk.load(key):
            line, note = found
            self._counts["loaded"] += 1
            self._lines.append(line)
            if note is not None:
                self._notes.setdefault(key, note)

    def _share(self, line: Line) -> None:
        """Keeps the stable beginning of ``line`` for other sessions, once."""
        stable = next((each.position for each in line.checkpoints if each.stable), None)
        if stable is None:
            return
        start = line.tokens[:stable]
        known = next((each for each in self._lines if each.shared and each.tokens == start), None)
        shared = known or _copy_start(line, stable)
        if shared is None:
            return
        shared.shared = True
        self._touch(shared)

    def _touch(self, line: Line) -> None:
        """Puts ``line`` last in the order of use."""
        line.used = time.time()
        self._lines = [*(each for each in self._lines if each is not line), line]

    def _keep_limit(self, spare: Line | None = None) -> None:
        share = _BUSY_SHARE if self._is_busy else 1
        self._shrink(int(self._memory_limit * share), spare)

    def _shrink(self, limit: int, spare: Line | None = None) -> None:
        used = sum(each.nbytes for each in self._lines) + sum(map(len, self._notes.values()))
        for line in list(self._lines):
            if used <= limit:
                break
            if line is not spare:
                used -= line.nbytes
                self._save(line)
                self._lines.remove(line)
                self._counts["evicted"] += 1
        self._is_over = used > self._memory_limit
        sessions = self._sessions()
        self._notes = {key: text for key, text in self._notes.items() if key in sessions}

    def _sessions(self) -> set[str]:
        """The sessions that have a line in memory or in use."""
        lines = (*self._lines, *self._taken)
        return {line.key for line in lines if line.key is not None}

    def _save(self, line: Line) -> None:
        if line.key is None or not self._disk:
            return
        if line.saved:
            self._disk.touch(line)
        elif self._disk.save(line, self._notes.get(line.key)):
            line.saved = True
            self._counts["saved"] += 1

    def _drop(self, line: Line) -> None:
        self._lines = [each for each in self._lines if each is not line]
        if line.key is not None and self._disk:
            self._disk.drop(line.key)


def _is_own(line: Line, key: str | None) -> bool:
    return key is not None and line.key == key


def _copy_start(line: Line, position: int) -> Line | None:
    try:
        return line.copy(position, None)
    except RuntimeError:
        _LOG.warning("The start of a prompt could not be kept", exc_info=True)
        return None


def _settle(line: Line) -> bool:
    try:
        return line.settle()
    # A step that failed on the device fails again for whoever needs its result.
    except (RuntimeError, ValueError):
        _LOG.warning("A prompt cache could not be kept", exc_info=True)
        return False


def _replaces(line: Line, other: Line) -> bool:
    """Whether ``other`` is of no use once ``line`` is kept."""
    if line.key is not None:
        return other.key == line.key
    if other.key is not None or other.shared:
        return False
    return line.tokens[: len(other.tokens)] == other.tokens
