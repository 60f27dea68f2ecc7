"""What is kept of a panel: who was asked, how they voted, who won; never what was said.

Owns the record, its line in ``panel.jsonl`` and the file. Does not own the vote. Nothing is
ever sent anywhere. Issue 6, section 3.
"""

import json
import logging
import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from acp_agent.config.panel_settings import PanelStrategy
from acp_agent.telemetry.shared_file import SharedFile

_LOG = logging.getLogger(__name__)

VERSION = 1
FILE_SIZE = 2_000_000
"""Bytes of one file before it is put aside."""
KEPT_FILES = 1
_TEXT_SIZE = 500
"""Characters of a sentence or name."""

Outcome = Literal[
    "answered", "empty", "refused", "failed", "late", "stopped", "left_out", "cancelled"
]
"""What became of a candidate. ``stopped``: the vote was decided without it."""


@dataclass(slots=True)
class CandidateRecord:
    """One candidate. ``seconds`` until its outcome, ``problem`` in a sentence."""

    name: str
    mode: str = ""
    model: str = ""
    outcome: Outcome = "cancelled"
    seconds: float | None = None
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    problem: str | None = None


@dataclass(slots=True)
class PanelRecord:
    """One panel. ``groups`` are the candidates that agree, the largest first;
    ``agreement`` is the share of the winner's group among the answers, None where there
    was no vote; ``winner`` is a candidate's name, empty where there is none.
    ``temperature`` is the candidates'; times are in seconds; ``head`` judges, as
    mode/model."""

    id: str
    when: str
    session: str
    strategy: PanelStrategy
    quorum: int
    deadline: float
    temperature: float
    head: str = ""
    candidates: list[CandidateRecord] = field(default_factory=list[CandidateRecord])
    groups: list[list[str]] = field(default_factory=list[list[str]])
    agreement: float | None = None
    winner: str = ""
    seconds: float = 0.0
    cancelled: bool = False
    error: str | None = None
    version: Literal[1] = VERSION

    def count(self, outcome: Outcome) -> int:
        """How many candidates came to ``outcome``."""
        return sum(each.outcome == outcome for each in self.candidates)

    @property
    def is_refused(self) -> bool:
        """Whether nobody answered because candidates refused, and nothing else went wrong."""
        outcomes = {each.outcome for each in self.candidates}
        return "refused" in outcomes and outcomes <= {"refused", "stopped", "left_out"}

    def describe(self) -> str:
        """What came of it, in a sentence."""
        outcomes = Counter(each.outcome for each in self.candidates)
        counts = ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in outcomes.items())
        end = "cancelled" if self.cancelled else f"failed: {self.error}" if self.error else ""
        if not end:
            share = "" if self.agreement is None else f", agreement {self.agreement:.0%}"
            end = f"`{self.winner}` was shown{share}"
        return f"{self.strategy}, {counts or 'nobody asked'}; {end}; {self.seconds:.1f} s"


class PanelLog:
    """The records in the file at ``path``, which need not exist; for this user only (0600)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, record: PanelRecord) -> None:
        """Adds ``record``: one small write. What cannot be written is dropped."""
        try:
            file = SharedFile(self._path, size=FILE_SIZE, kept=KEPT_FILES, mends=True)
            try:
                file.write(write_line(record))
            finally:
                file.close()
        except Exception as error:
            # A turn is over by now, and must not fail for its log.
            _LOG.warning("the record of a panel was dropped: %s", type(error).__name__)


def write_line(record: PanelRecord) -> bytes:
    """``record`` as a line of JSON with its end; what is not known is left out."""
    text = json.dumps(_plain(asdict(record)), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of a line; fields that it does not name are allowed."""
    from pydantic import TypeAdapter

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(PanelRecord).json_schema(),
        "title": "A line of panel.jsonl",
    }


def _plain(value: Any) -> Any:
    """``value`` bounded and fit for JSON."""
    if isinstance(value, str):
        return value[:_TEXT_SIZE].encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return {key: _plain(each) for key, each in items.items() if each is not None}
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[Any]", value)]
    return value
