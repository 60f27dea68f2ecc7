"""Which paths the words of a command name; pure.

Owns finding words that lead out of the session's folders or into the agent's own. It reads
text, so a program can still reach what no word names: only containment keeps it from that.
Does not own what is done about it (``acp_agent.permissions``).
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from acp_agent.permissions.command_line import loose_words

_TEMPORARY = ("/tmp", "/var/tmp", "/private/tmp", "/dev/null", "/dev/stdout", "/dev/stderr")
_WRITERS = re.compile(
    "rm|rmdir|unlink|mv|cp|ln|dd|tee|truncate|shred|chmod|chown|chgrp|install|mkdir|touch|rsync|"
    "tar|unzip|sed|perl|patch|git|del|erase|copy|move|xcopy|robocopy|rd"
)


_READERS = re.compile("cat|head|tail|wc|ls|grep|egrep|fgrep|rg|find|fd|tree|du|stat|file|diff|cmp")
_NOT_READING = re.compile(r"-(exec|ok|delete|fprint|fls|x|X|-exec|-pre|R\b|o\b)|[>`]|[$<]\(")


def find_outside(words: Iterable[str], directory: Path, roots: Sequence[Path]) -> str | None:
    """The first of ``words`` in which a path stands that leads out of ``roots``.

    Relative paths are taken from ``directory``; links are not followed.
    """
    homes = [fold(root) for root in roots]
    folder = fold(directory)
    return next((word for word in words if _leads_out(word, folder, homes)), None)


def may_write_outside(text: str, directory: Path, roots: Sequence[Path]) -> bool:
    """Whether ``text`` redirects output or changes files, and names a path outside."""
    words = loose_words(text)
    if ">" not in text and not any(_WRITERS.fullmatch(word.rsplit("/", 1)[-1]) for word in words):
        return False
    if re.search(r"~|\$\{?HOME|%USERPROFILE%", text, re.IGNORECASE):
        return True
    homes = [*map(fold, roots), *_TEMPORARY]
    folder = fold(directory)
    return any(_leads_out(word, folder, homes) for word in set(words[1:]))


def only_reads(text: str) -> bool:
    """Whether ``text`` is nothing but known programs that read; in doubt it is more."""
    if _NOT_READING.search(re.sub(r"[\\'\"]", "", text)):
        return False
    parts = [part.split() for part in re.split(r"[|;&\n]+", text) if part.strip()]
    return bool(parts) and all(_READERS.fullmatch(words[0]) for words in parts)


def names_private(text: str, directory: Path, private: Sequence[Path], home: Path | None) -> bool:
    """Whether ``text``, run in ``directory``, spells a path in one of ``private``, or may
    do so from ``home``."""
    if any(is_below(directory, path) for path in private):
        return True
    folder, own = fold(directory), [fold(path) for path in private]
    if any(_is_in(_place(word, folder), own) for word in set(loose_words(text))):
        return True
    spelled = [*own]
    for path in private:
        if home is not None and path.is_relative_to(home):
            below = path.relative_to(home).as_posix().casefold()
            spelled += [f"{mark}/{below}" for mark in ("~", "$home", "${home}")]
    folded = unicodedata.normalize("NFC", re.sub(r"['\"]", "", text)).casefold()
    folded = folded.replace("\\", "/")
    return any(re.search(rf"{re.escape(each)}(?![\w-])", folded) for each in spelled)


def is_below(path: Path, folder: Path) -> bool:
    """Whether ``path`` is ``folder`` or in it, also where capitals make no difference."""
    return _is_in(fold(Path(os.path.normpath(path))), [fold(Path(os.path.normpath(folder)))])


def fold(path: Path) -> str:
    """``path`` as a string in which letters that a file system may take as one are one."""
    return unicodedata.normalize("NFC", path.as_posix()).casefold()


def _leads_out(word: str, folder: str, homes: Sequence[str]) -> bool:
    return any(_is_outside(piece, folder, homes) for piece in _pieces(word))


def _pieces(word: str) -> list[str]:
    """What in ``word`` may be a path: ``-I/usr``, ``--out=/x``, ``host:/x``, ``@/x``."""
    pieces = [word, *re.split(r"[=:,@]", word)]
    if len(word) > 2 and word[0] == "-" and word[2] in "/.~":
        pieces.append(word[2:])
    return pieces


def _is_outside(piece: str, folder: str, homes: Sequence[str]) -> bool:
    if piece.startswith("~"):
        return True
    if not piece.startswith("/") and ".." not in piece.split("/"):
        return False
    return not _is_in(_place(unicodedata.normalize("NFC", piece).casefold(), folder), homes)


def _place(word: str, folder: str) -> str:
    """Where the path ``word`` leads from ``folder``; both are folded."""
    return os.path.normpath(os.path.join(folder, word)).replace("\\", "/")


def _is_in(place: str, folders: Iterable[str]) -> bool:
    return any(place == each or place.startswith(each.rstrip("/") + "/") for each in folders)
