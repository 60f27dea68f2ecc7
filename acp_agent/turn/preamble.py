"""What varies from session to session: told before the first user message, once.

Owns the date, the project's folder, its listing and its branch in words, the files
``AGENTS.md`` (https://agents.md) and the share of a window that they may take. Does not own
the instructions that are the same everywhere (``turn/instructions``), nor reading files for a
model (``acp_agent.tools``). Everything here is bounded: a folder may hold anything.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from acp_agent.conversation import text_of
from acp_agent.sessions.context import Guide, Surroundings
from acp_agent.turn.offer import ASSUMED_WINDOW

GUIDE = "AGENTS.md"

_GUIDE_SHARE = 0.1
_READ_LIMIT = 256 * 1024
"""Bytes that are read of one guide."""

_SCANNED = 2_000
"""Entries of a folder that are looked at."""

_LISTED = 60
"""Entries that are told, in at most so many characters:"""

_LISTED_LENGTH = 1_200

_LEVELS = 40
"""Folders above the session's that are looked at for the repository's root."""

_UNLISTED = frozenset(
    {".git", ".hg", ".svn", ".DS_Store", ".venv", "venv", "node_modules", "__pycache__"}
    | {".cache", ".idea", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox"}
)

_CUT = "[The rest of {name} is left out: it is too long for this model's window.]"


@dataclass(slots=True, frozen=True)
class Preamble:
    """The words before the first user message, and what the user should know of them."""

    text: str
    news: tuple[str, ...] = ()


def survey(root: Path, extra: Sequence[Path], today: date) -> Surroundings:
    """Looks at the session's folder ``root``. Reads the disk: for a worker thread.

    What cannot be read is left out.
    """
    folders = _find_path(root)
    guides = [guide for folder in folders if (guide := read_guide(folder, folders[0], root))]
    branch = _read_branch(folders[0])
    where = f"The project's folder is {_plain(str(root))}"
    where += f", on branch {branch}." if branch else "."
    lines = [f"Today is {today.isoformat()}.", where, f"It holds: {_list(root)}"]
    if extra:
        others = _join([_plain(str(each)) for each in extra], _LISTED, _LISTED_LENGTH)
        lines.append(f"Also part of the project: {others}")
    return Surroundings("\n".join(lines), tuple(guides), {guide.folder for guide in guides})


def write_preamble(surroundings: Surroundings, window: int | None, model: str) -> Preamble:
    """The words for a model with ``window`` tokens; guides take at most a tenth of it.

    Where they are longer, the innermost is kept first; each is cut at the end of a line.
    """
    size = ASSUMED_WINDOW if window is None else window
    told, left = list[str](), text_of(int(size * _GUIDE_SHARE))
    cut: list[str] = []
    for guide in reversed(surroundings.guides):
        text = _tell_guide(guide, left)
        left -= len(text.encode())
        if text:
            told.insert(0, text)
        if guide.cut or text != _tell_guide(guide):
            cut.append(guide.name)
    parts = ["<context>", surroundings.facts, *told, "</context>"]
    news = (
        f"{', '.join(reversed(cut))} may take 10 % of the context window of {model} "
        f"({size:,} tokens) and is longer: the rest is left out."
    )
    return Preamble("\n".join(parts), (news,) if cut else ())


def read_guide(folder: Path, top: Path, root: Path) -> Guide | None:
    """The guide in ``folder``, if there is one that lies below ``top``.

    It is named relative to the session's folder ``root``. Reads the disk.
    """
    file = folder / GUIDE
    try:
        if not file.resolve().is_relative_to(top) or not stat.S_ISREG(file.stat().st_mode):
            return None
        with file.open("rb") as stream:
            data = stream.read(_READ_LIMIT + 1)
    except (OSError, ValueError, RuntimeError):
        return None
    content = data[:_READ_LIMIT].decode("utf-8", "replace").replace("\0", "").strip()
    name = _plain(Path(os.path.relpath(file, root)).as_posix())
    return Guide(folder, name, content, len(data) > _READ_LIMIT) if content else None


def find_new_guides(
    surroundings: Surroundings, roots: Sequence[Path], paths: Sequence[Path]
) -> list[str]:
    """The names of guides on the way to ``paths`` that no model was told of; notes them.

    ``roots`` are the session's folders. Reads the disk: for a worker thread.
    """
    names: list[str] = []
    for path in paths:
        root = next((each for each in roots if path.is_relative_to(each)), None)
        for folder in () if root is None else _between(root, path):
            if folder in surroundings.known:
                continue
            surroundings.known.add(folder)
            guide = read_guide(folder, folder if root is None else root, roots[0])
            if guide is not None:
                names.append(guide.name)
    return names


def _between(root: Path, path: Path) -> list[Path]:
    """``root`` and the folders below it on the way to ``path``, itself among them."""
    return [each for each in reversed([path, *path.parents]) if each.is_relative_to(root)]


def _find_path(root: Path) -> list[Path]:
    """The folders from the repository's root down to ``root``; only ``root`` outside of one.

    Folders above that belong to another user do not count: what stands there is not the
    user's own word.
    """
    found: list[Path] = []
    try:
        owner = root.stat().st_uid
        for folder in islice([root, *root.parents], _LEVELS):
            if folder.stat().st_uid != owner:
                break
            found.insert(0, folder)
            if (folder / ".git").exists():
                return found
    except OSError:
        pass
    return [root]


def _read_branch(top: Path) -> str:
    """The branch that is checked out in the repository at ``top``; empty where unknown."""
    try:
        place = top / ".git"
        if place.is_file():
            pointer = _read_small(place)
            place = top / pointer.removeprefix("gitdir:").strip()
        head = _read_small(place / "HEAD")
    except (OSError, ValueError):
        return ""
    prefix = "ref: refs/heads/"
    return _plain(head.removeprefix(prefix).strip()) if head.startswith(prefix) else ""


def _read_small(file: Path) -> str:
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError("no regular file")
    with file.open("rb") as stream:
        return stream.read(4096).decode("utf-8", "replace")


def _list(root: Path) -> str:
    """The names in ``root``, folders with a slash."""
    try:
        with os.scandir(root) as entries:
            seen = list(islice(entries, _SCANNED + 1))
    except OSError:
        return "(it cannot be listed)"
    names = sorted(
        entry.name + ("/" if _is_folder(entry) else "")
        for entry in seen[:_SCANNED]
        if entry.name not in _UNLISTED and entry.name.isprintable()
    )
    shown = _join(names, _LISTED, _LISTED_LENGTH) or "nothing"
    return f"{shown}, and many more" if len(seen) > _SCANNED else shown


def _join(names: Sequence[str], count: int, length: int) -> str:
    """The first of ``names``, at most ``count``, in about ``length`` characters."""
    kept = 0
    for name in names[:count]:
        length -= len(name) + 2
        if length < 0:
            break
        kept += 1
    more = len(names) - kept
    return ", ".join(names[:kept]) + (f" and {more} more" if more else "")


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _tell_guide(guide: Guide, limit: int | None = None) -> str:
    """The guide in words of at most ``limit`` bytes; empty where not a line of it fits."""
    head = f"\n{guide.name} (heed it; the user's own words come first):\n"
    note = f"\n{_CUT.format(name=guide.name)}"
    whole = head + guide.content + (note if guide.cut else "")
    if limit is None or len(whole.encode()) <= limit:
        return whole
    data = guide.content.encode()[: max(limit - len((head + note).encode()), 0)]
    kept = data.decode("utf-8", "ignore").rpartition("\n")[0]
    return head + kept + note if kept.strip() else ""


def _plain(text: str) -> str:
    """``text`` on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
