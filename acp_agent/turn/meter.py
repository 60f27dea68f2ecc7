"""The figures of one turn, gathered as its events pass.

Owns what is counted and how the requests of a turn add up. Does not own where figures are
kept (``acp_agent.telemetry``). Nothing that was said is looked at.
"""

import time
from collections.abc import Callable, Iterable
from functools import reduce
from typing import TypeVar

from acp_agent.backends.base import (
    Event,
    Progress,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    ToolCallStarted,
    Usage,
)
from acp_agent.telemetry.turns import TurnRecord, timestamp

_SAID = TextDelta | ThoughtDelta | ToolCallStarted | ToolCallRequested
"""What of a stream the model wrote."""

NumberT = TypeVar("NumberT", int, float)


class Meter:
    """Measures a turn from its making on.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()
        self._first: float | None = None
        self._asked: tuple[str, str, str] | None = None
        self._usages: list[Usage] = []
        self._prompt: int | None = None
        """Tokens of a prompt that is read or answered, as far as they were told."""

    def restart(self) -> None:
        """Begins anew: what went before, as an installation, is not the model's doing."""
        self._begun = self._clock()

    def ask(self, backend: str, mode: str, model: str) -> None:
        """Notes that ``model`` is asked."""
        self._asked = backend, mode, model
        self._prompt = None

    def take(self, event: Event) -> None:
        """Notes ``event``."""
        if self._first is None and isinstance(event, _SAID):
            self._first = self._clock()
        elif isinstance(event, Usage):
            self._usages.append(event)
            self._prompt = None
        elif isinstance(event, Progress) and event.unit == "tokens":
            self._prompt = event.total

    def record(self, stop_reason: str | None, *, cancelled: bool = False) -> TurnRecord | None:
        """The turn's figures; None where no model was asked.

        ``stop_reason`` is None for a turn that failed. Token counts of several requests
        are added up; rates are those of all of them together. Of a request that was cut off
        only the prompt's length may be known: backends tell the rest at an answer's end.
        """
        if self._asked is None:
            return None
        backend, mode, model = self._asked
        read = _sum(_read_tokens(usage) for usage in self._usages)
        written = _sum(usage.output_tokens for usage in self._usages)
        return TurnRecord(
            when=timestamp(),
            backend=backend,
            mode=mode,
            model=model,
            first_token_seconds=None if self._first is None else self._first - self._begun,
            prompt_tokens=_sum((*(usage.input_tokens for usage in self._usages), self._prompt)),
            cached_tokens=_sum(usage.cached_tokens for usage in self._usages),
            generated_tokens=written,
            prefill_rate=_rate(read, _sum(usage.prompt_seconds for usage in self._usages)),
            decode_rate=_rate(written, _sum(usage.answer_seconds for usage in self._usages)),
            memory_peak=max((usage.memory_peak or 0 for usage in self._usages), default=0) or None,
            queue_seconds=_sum(usage.queue_seconds for usage in self._usages),
            total_seconds=self._clock() - self._begun,
            cancelled=cancelled,
            stop_reason=stop_reason,
            n_loops=self._usages[-1].n_loops if self._usages else None,
        )


def _read_tokens(usage: Usage) -> int | None:
    """The prompt tokens that were computed, where the backend tells."""
    return None if usage.cached_tokens is None else usage.input_tokens - usage.cached_tokens


def _sum(values: Iterable[NumberT | None]) -> NumberT | None:
    """The sum of what is known, None where nothing is."""
    known = [value for value in values if value is not None]
    return reduce(lambda total, value: total + value, known) if known else None


def _rate(count: float | None, seconds: float | None) -> float | None:
    return count / seconds if count and seconds else None
