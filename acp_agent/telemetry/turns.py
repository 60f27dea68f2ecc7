"""The figures of past turns: one JSON object a line, several processes on one file.

Owns the record's fields and the file. Does not own measuring (``turn``) or showing
(``cli/telemetry``). A record never holds what was said, nor which session said it.
"""

import json
import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from acp_agent.telemetry.shared_file import SharedFile, put_aside_names

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_LOG = logging.getLogger(__name__)

FILE_SIZE = 1_600_000
"""Bytes of one file before it is put aside: room for 1000 records of the longest kind."""
KEPT_FILES = 1
"""Files put aside; with the one in use they hold the last 1000 records at least."""
TEXT_SIZE = 100
"""Characters of a name in a record."""


@dataclass(slots=True, frozen=True, kw_only=True)
class TurnRecord:
    """One turn in figures; None where the backend does not tell.

    Args:
        when: when the turn ended, ISO 8601 in UTC.
        model: its id. Of a path only the last part is kept.
        first_token_seconds: from the prompt to the first thought or text.
        cached_tokens: those of ``prompt_tokens`` that were not computed anew.
        prefill_rate: prompt tokens computed a second.
        decode_rate: tokens generated a second.
        memory_peak: bytes.
        queue_seconds: spent on waiting for other answers.
        n_loops: the depth of a recurrent model, in the turn's last request.
    """

    when: str
    backend: str
    mode: str
    model: str
    total_seconds: float
    first_token_seconds: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    generated_tokens: int | None = None
    prefill_rate: float | None = None
    decode_rate: float | None = None
    memory_peak: int | None = None
    queue_seconds: float | None = None
    cancelled: bool = False
    stop_reason: str | None = None
    n_loops: int | None = None


def timestamp() -> str:
    """This moment as ``TurnRecord.when`` has it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_meta(record: TurnRecord) -> dict[str, object]:
    """``record`` for ``_meta`` of the turn's response: wire names, without what is unknown."""
    return {
        _wire_name(name): value
        for name, value in _plain(record).items()
        if value is not None and name != "when"
    }


class TurnLog:
    """The records in the file at ``path``, which need not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, record: TurnRecord) -> None:
        """Adds ``record``: one small write. What cannot be written is dropped."""
        try:
            line = json.dumps(_plain(record), separators=(",", ":")) + "\n"
            file = SharedFile(self._path, size=FILE_SIZE, kept=KEPT_FILES, mends=True)
            try:
                file.write(line.encode())
            finally:
                file.close()
        except Exception as error:
            # A turn is over by now, and must not fail for its figures.
            _LOG.info("the figures of a turn were dropped: %s", type(error).__name__)

    def last(self, count: int) -> list[TurnRecord]:
        """The newest ``count`` records, oldest first."""
        found: list[TurnRecord] = []
        for line in self._lines_backwards():
            if len(found) >= count:
                break
            if (record := _parse(line)) is not None:
                found.append(record)
        return found[::-1]

    def all(self) -> list[TurnRecord]:
        """Every record that is kept, oldest first."""
        records = (_parse(line) for line in self._lines_backwards())
        return [record for record in records if record is not None][::-1]

    def clear(self) -> None:
        """Deletes every record.

        Raises:
            OSError: a file cannot be deleted.
        """
        for file in self._files():
            file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return [self._path, *put_aside_names(self._path, KEPT_FILES)]

    def _lines_backwards(self) -> Iterator[bytes]:
        for file in self._files():
            try:
                content = file.read_bytes()
            except OSError:
                continue
            yield from reversed(content.splitlines())


def export_records(records: Iterable[TurnRecord], form: Literal["json", "csv"]) -> str:
    """``records`` as a JSON array or as CSV with a header line."""
    import csv
    import io

    rows = [asdict(record) for record in records]
    if form == "json":
        return json.dumps(rows, indent=2) + "\n"
    text = io.StringIO()
    names = [field.name for field in fields(TurnRecord)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _plain(record: TurnRecord) -> dict[str, Any]:
    """The fields of ``record``, each short and fit for JSON."""
    values = asdict(record)
    for name, value in values.items():
        if isinstance(value, str):
            values[name] = _short(_last_part(value) if name == "model" else value)
        elif isinstance(value, float):
            values[name] = round(value, 4) if math.isfinite(value) else None
    # The one figure that must be there.
    values["total_seconds"] = values["total_seconds"] or 0.0
    return values


def _last_part(model: str) -> str:
    """A model's id as it is; of a folder only its name, since a path says who the user is."""
    path = Path(model)
    return path.name if path.is_absolute() or model.startswith("~") else model


def _short(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text[:TEXT_SIZE])


def _parse(line: bytes) -> TurnRecord | None:
    try:
        return _adapter().validate_json(line, strict=True)
    except ValueError:
        return None


@cache
def _adapter() -> "TypeAdapter[TurnRecord]":
    """Made at the first read: serving an editor only ever appends."""
    from pydantic import TypeAdapter

    return TypeAdapter(TurnRecord)


def _wire_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
