"""A process that searches files with Python's regular expressions.

Owns the search where ripgrep is missing or does not know the pattern. A match can take for
ever and holds the interpreter, so it needs a process that can be killed. Does not own what
is done with the matches (``searching``).

It reads one JSON object (``searching.Search``) and writes JSON lines: ``{"path", "line",
"text", "start"}`` a match, ``{"problem"}`` a pattern that cannot be used, ``{"end": true}``.
"""

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acp_agent.tools.files.globs import compile_glob
from acp_agent.tools.files.local_files import read_bytes
from acp_agent.tools.files.text_encoding import decode
from acp_agent.tools.files.walk import Walk
from acp_agent.tools.workspace import FileProblem

_ALARM_SECONDS = 60
_WIDTH_SEARCHED = 20_000


def main() -> None:
    """Answers the search on standard input."""
    if hasattr(signal, "alarm"):
        signal.alarm(_ALARM_SECONDS)  # ends it if the agent is gone
    wanted = json.load(sys.stdin)
    try:
        pattern = re.compile(wanted["pattern"])
    except (re.error, OverflowError, RecursionError) as error:
        _tell({"problem": str(error)})
        return
    for path in _files(wanted):
        for match in _matches(path, pattern, wanted):
            _tell(match)
        sys.stdout.flush()
    _tell({"end": True})


def _tell(line: dict[str, Any]) -> None:
    print(json.dumps(line))


def _files(wanted: dict[str, Any]) -> Iterator[Path]:
    folder = Path(wanted["folder"])
    if wanted["file"]:
        yield folder / wanted["file"]
        return
    is_wanted = compile_glob(wanted["glob"]) if wanted["glob"] else None
    roots, private = map(Path, wanted["roots"]), map(Path, wanted["private"])
    for entry in Walk(folder, tuple(roots), tuple(private)):
        if entry.kind != "file":
            continue
        if is_wanted is None or is_wanted(entry.path.relative_to(folder).as_posix()):
            yield entry.path


def _matches(
    path: Path, pattern: re.Pattern[str], wanted: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    try:
        text = decode(read_bytes(path, wanted["size_limit"]))
    except (OSError, FileProblem):
        return
    if text is None:
        return
    name = path.relative_to(wanted["folder"]).as_posix()
    for number, line in enumerate(text.content.split("\n"), 1):
        line = line.removesuffix("\r")[:_WIDTH_SEARCHED]
        if match := pattern.search(line):
            yield {"path": name, "line": number, "text": line, "start": match.start()}


if __name__ == "__main__":
    main()
