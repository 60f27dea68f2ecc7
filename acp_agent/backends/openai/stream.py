"""An answer's chunks as events.

Owns what the chunks of a stream mean: thoughts, text, calls, figures, how it ends, and
failures in the middle of it. Does not own the connection (``client``), nor steps before the
first token (``steps``).

Chunks: https://platform.openai.com/docs/api-reference/chat-streaming with what servers make
of them: ``reasoning_content`` (llama.cpp, vLLM, LM Studio) or ``reasoning`` (mlx_lm, newer
vLLM), usage in a last chunk without choices or beside the finish reason, whole messages.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    Progress,
    StopReason,
    TextDelta,
    ThoughtDelta,
)
from acp_agent.backends.openai.calls import Calls
from acp_agent.backends.openai.events import ServerEvent
from acp_agent.backends.openai.faults import ConnectionFaults, Failed
from acp_agent.backends.openai.joining import Joiner
from acp_agent.backends.openai.steps import Steps
from acp_agent.backends.openai.usage import read_usage
from acp_agent.backends.openai.wire import EMPTY, as_object, as_objects, as_text, parse_object
from acp_agent.conversation import AssistantMessage

_STOP_REASONS: Mapping[str, StopReason] = {
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "model_length": "max_tokens",
    "content_filter": "refusal",
    "refusal": "refusal",
    "safety": "refusal",
}
_SLACK = 8
"""Tokens by which servers stop before the window is full."""
_FAILURES = frozenset({"error", "abort"})


class Answer:
    """The events of one answer, as they are read.

    ``has_begun``: the first token has come. ``is_ended``: the server gave a reason for the
    end; figures may still follow. ``is_done``: nothing more follows. ``steps`` are those of
    the request, which ends with the first token.
    """

    def __init__(
        self,
        request: ModelRequest,
        faults: ConnectionFaults,
        context_size: int | None,
        steps: Steps,
    ) -> None:
        self.has_begun = False
        self.is_ended = False
        self.is_done = False
        self.stop_reason: StopReason = "end_turn"
        self._steps = steps
        self._faults = faults
        self._context_size = context_size
        self._calls = Calls(
            [
                call.id
                for message in request.messages
                if isinstance(message, AssistantMessage)
                for call in message.tool_calls
            ]
        )
        self._thought, self._text = Joiner(), Joiner()
        self._thoughts: list[str] = []
        self._usage: Mapping[str, Any] = EMPTY
        self._timings: Mapping[str, Any] = EMPTY

    def read(self, event: ServerEvent) -> Iterator[Event]:
        """The events in ``event``.

        Raises:
            Failed: it reports a failure.
            BackendError: it is none of such a server.
        """
        if event.name == "comment":
            yield from self._steps.read_comment(event.data)
            return
        if event.data.strip() == b"[DONE]":
            self.is_done = True
            return
        chunk = parse_object(event.data)
        if chunk is None:
            if event.name == "error":
                raise Failed(event.data.decode("utf-8", "replace"))
            raise self._faults.no_api()
        if (error := _failure(event.name, chunk)) is not None:
            raise Failed(error)
        yield from self._begun(self._read_chunk(chunk))

    def _begun(self, events: Iterator[Event]) -> Iterator[Event]:
        """``events``; the first that is no step, or a piece of a call, ends the steps."""
        for found in events:
            if not self.has_begun and not isinstance(found, Progress):
                self.has_begun = True
                yield from self._steps.end_all()
            yield found
        if not self.has_begun and self._calls.ids:
            self.has_begun = True
            yield from self._steps.end_all()

    @property
    def thought(self) -> str:
        """What the model thought."""
        return "".join(self._thoughts)

    @property
    def call_ids(self) -> list[str]:
        """The ids of its calls."""
        return self._calls.ids

    @property
    def fills_window(self) -> bool:
        """Whether prompt and answer fill the model's window, as far as that is known."""
        usage = read_usage(self._usage, self._timings, self._context_size)
        if usage is None or usage.context_size is None:
            return False
        return usage.input_tokens + usage.output_tokens >= usage.context_size - _SLACK

    def finish(self) -> Iterator[Event]:
        """The events of the end: calls, which are whole now, figures, the end."""
        yield from self._steps.end_all()
        if late := self._thought.finish():
            yield ThoughtDelta(late)
        if late := self._text.finish():
            yield TextDelta(late)
        yield from self._calls.finish(is_cut=self.stop_reason == "max_tokens")
        if usage := read_usage(self._usage, self._timings, self._context_size):
            yield usage
        yield Done(self.stop_reason)

    def _read_chunk(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        yield from self._steps.read_chunk(chunk)
        for choice in as_objects(chunk.get("choices")):
            if choice.get("index") in (None, 0):
                yield from self._read_choice(choice)
        self._usage = as_object(chunk.get("usage")) or self._usage
        self._timings = as_object(chunk.get("timings")) or self._timings

    def _read_choice(self, choice: Mapping[str, Any]) -> Iterator[Event]:
        """A piece (``delta``), or the whole of an answer that is not streamed."""
        delta = as_object(choice.get("delta")) or as_object(choice.get("message"))
        yield from self._read_delta(delta)
        reason = choice.get("finish_reason")
        if not isinstance(reason, str) or not reason:
            return
        if reason in _FAILURES:
            raise Failed("the answer was aborted")
        self.is_ended = True
        self.stop_reason = _STOP_REASONS.get(reason, self.stop_reason)

    def _read_delta(self, delta: Mapping[str, Any]) -> Iterator[Event]:
        said = as_text(delta.get("reasoning_content")) or as_text(delta.get("reasoning"))
        if said and (thought := self._thought.feed(said)):
            self._thoughts.append(thought)
            yield ThoughtDelta(thought)
        refusal = as_text(delta.get("refusal"))
        if refusal:
            self.stop_reason = "refusal"
        if text := self._text.feed(as_text(delta.get("content")) + refusal):
            yield TextDelta(text)
        for piece in as_objects(delta.get("tool_calls") or delta.get("function_call")):
            yield from self._calls.feed(piece)


def _failure(name: str, chunk: Mapping[str, Any]) -> object | None:
    """What ``chunk`` says has failed; None where it is none such."""
    error = chunk.get("error")
    if error not in (None, "", {}, False):
        return error
    has_answer = "choices" in chunk or "usage" in chunk
    if name == "error" or (not has_answer and ("detail" in chunk or "message" in chunk)):
        return dict(chunk)
    return None
