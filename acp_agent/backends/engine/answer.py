"""An engine's answer as events.

Owns what the chunks of a stream mean: pieces of thought and text, tool calls put together
out of theirs, steps that take long, figures. Does not own the request (``spelling``) or
the connection (``acp_agent.engine``).

Chunks: https://platform.openai.com/docs/api-reference/chat-streaming with the engine's
``engine_wait``, ``queue_progress``, ``load_progress``, ``prompt_progress``, ``timings``.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from acp_agent.backends.base import (
    Done,
    Event,
    Progress,
    StopReason,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    ToolCallStarted,
    Usage,
)
from acp_agent.conversation import ToolCall

_STOP_REASONS: Mapping[str, StopReason] = {"length": "max_tokens"}


class Engine(Protocol):
    """What the modes need of the engine; ``engine/client`` has it."""

    def explain_unsupported(self) -> str | None:
        """Why there can be no engine here, or None."""
        ...

    def explain_unfit(
        self, minimum_memory: int | None, recommended_memory: int | None, size: int
    ) -> str | None:
        """Why a model of ``size`` bytes to come cannot run here, or None."""
        ...

    async def status(self) -> Mapping[str, Any] | None:
        """What the engine does, None where none runs."""
        ...

    def chat(self, body: Mapping[str, object]) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks that answer ``body``."""
        ...


async def answer(
    engine: Engine, body: Mapping[str, object], name: str
) -> AsyncGenerator[Event, None]:
    """The events of the answer to ``body``; ``name`` is the model's, for the user.

    Progress has the ids ``engine``, ``queue``, ``load`` and ``prefill``.

    Raises:
        BackendError: as ``EngineClient.chat``.
    """
    reader = _Reader(name)
    async with aclosing(engine.chat(body)) as chunks:
        async for chunk in chunks:
            for event in reader.read(chunk):
                yield event
    for event in reader.finish():
        yield event


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: list[str] = field(default_factory=list[str])
    fault: str = ""

    def requested(self) -> ToolCallRequested:
        return ToolCallRequested(
            ToolCall(self.id, self.name, "".join(self.arguments)), fault=self.fault
        )


class _Reader:
    """Reads the chunks of one answer, in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waits: dict[str, Progress] = {}
        self._calls: dict[int, _Call] = {}
        self._usage: Usage | None = None
        self._reason = "stop"

    def read(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """The events of ``chunk``."""
        yield from self._read_waits(chunk)
        for choice in chunk.get("choices", ()):
            yield from self._read_delta(choice["delta"])
            self._reason = choice.get("finish_reason") or self._reason
        if state := chunk.get("load_progress"):
            yield _progress("load", f"Loading {self._name}", state, "B")
        if state := chunk.get("prompt_progress"):
            yield _progress("prefill", "Reading the prompt", state, "tokens")
        if usage := chunk.get("usage"):
            self._usage = _read_usage(usage, chunk.get("timings") or {})

    def finish(self) -> Iterator[Event]:
        """The events of the end: the tool calls, which are whole now, figures, the end."""
        for call in self._calls.values():
            yield call.requested()
        if self._usage is not None:
            yield self._usage
        yield Done(_STOP_REASONS.get(self._reason, "end_turn"))

    def _read_waits(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        if sentence := chunk.get("engine_wait"):
            yield self._wait("engine", sentence)
            return
        yield from self._end_wait("engine")
        state = chunk.get("queue_progress")
        if state is None:
            return
        ahead = state["ahead"]
        if ahead:
            others = "1 prompt is" if ahead == 1 else f"{ahead} prompts are"
            yield self._wait("queue", f"Waiting for the engine: {others} answered first")
        else:
            yield from self._end_wait("queue")

    def _wait(self, step: str, title: str) -> Progress:
        self._waits[step] = Progress(step, title)
        return self._waits[step]

    def _end_wait(self, step: str) -> Iterator[Event]:
        if (shown := self._waits.pop(step, None)) is not None:
            yield replace(shown, finished=True)

    def _read_delta(self, delta: Mapping[str, Any]) -> Iterator[Event]:
        if thought := delta.get("reasoning_content"):
            yield ThoughtDelta(thought)
        if text := delta.get("content"):
            yield TextDelta(text)
        for piece in delta.get("tool_calls") or ():
            yield from self._read_call(piece)

    def _read_call(self, piece: Mapping[str, Any]) -> Iterator[Event]:
        function: Mapping[str, Any] = piece.get("function") or {}
        call = self._calls.get(piece["index"])
        if call is None:
            call = self._calls[piece["index"]] = _Call(piece["id"], function["name"])
            yield ToolCallStarted(call.id, call.name)
        call.arguments.append(function.get("arguments") or "")
        call.fault = piece.get("fault") or call.fault


def _read_usage(usage: Mapping[str, Any], timings: Mapping[str, Any]) -> Usage:
    prompt: Mapping[str, Any] = usage.get("prompt_tokens_details") or {}
    completion: Mapping[str, Any] = usage.get("completion_tokens_details") or {}
    return Usage(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage.get("context_size"),
        cached_tokens=prompt.get("cached_tokens"),
        thought_tokens=completion.get("reasoning_tokens"),
        queue_seconds=_seconds(timings.get("queue_ms")),
        prompt_seconds=_seconds(timings.get("prompt_ms")),
        answer_seconds=_seconds(timings.get("predicted_ms")),
        memory_peak=timings.get("memory_peak"),
        n_loops=usage.get("n_loops"),
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _progress(step: str, title: str, state: Mapping[str, int], unit: str) -> Progress:
    done, total = state["processed"], state["total"] or None
    return Progress(step, title, done, total, unit, finished=done == total)
