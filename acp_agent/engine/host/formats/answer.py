"""What a gpt-oss model writes, as the answer to a request.

Owns paragraphs, ids and names of tool calls, stop texts, and when an answer is at its
end. Does not own reading the tokens (``harmony/parser``).
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Literal
from uuid import uuid4

from acp_agent.conversation import ToolCall
from acp_agent.engine.host.formats.decoding import StopTexts
from acp_agent.engine.host.outputs import (
    CallArguments,
    CallEnded,
    CallStarted,
    Delta,
    FinishReason,
    Text,
    Thought,
)
from acp_agent.harmony.events import (
    ArgumentsDelta,
    HarmonyEvent,
    MessageEnded,
    TextDelta,
    ThoughtDelta,
    ToolCallFailed,
    ToolCallFinished,
    ToolCallStarted,
)
from acp_agent.harmony.header import Kind
from acp_agent.harmony.marks import Marks
from acp_agent.harmony.names import ToolNames
from acp_agent.harmony.parser import HarmonyParser, TextDecoder
from acp_agent.harmony.recorder import Recorder
from acp_agent.harmony.transcript import Answer, fingerprint_of

_PARAGRAPH = "\n\n"


class HarmonyReader:
    """Reads one answer. An ``AnswerReader``.

    The answer ends with ``<|return|>``, with its first tool call, or where the model goes
    on to write what others say. Messages of a kind are paragraphs of one text.

    Args:
        names: the tools as the prompt named them.
        end_tokens: what ends the answer beside Harmony's own marks.
    """

    def __init__(
        self,
        marks: Marks,
        new_decoder: Callable[[], TextDecoder],
        names: ToolNames,
        *,
        end_tokens: Container[int],
        stop_texts: Sequence[str],
    ) -> None:
        self._marks = marks
        self._recorder = Recorder(HarmonyParser(marks, new_decoder), marks)
        self._names = names
        self._end_tokens = end_tokens
        self._stops = StopTexts(stop_texts)
        self._last: Literal["thought", "text"] = "thought"
        self._thoughts, self._texts = _Paragraphs(), _Paragraphs()
        self._said: list[str] = []
        self._arguments: list[str] = []
        self._call: str | None = None
        self._fault: str | None = None
        self._stopped = False
        self._finished = False
        self.ended = False
        self.reasoning_tokens = 0

    @property
    def reason(self) -> FinishReason:
        """As ``AnswerReader.reason``; a call that was cut off is no call."""
        if self._fault == "" or (self._fault and self.ended):
            return "tool_calls"
        return "stop" if self.ended else "length"

    def add(self, token: int) -> list[Delta]:
        """As ``AnswerReader.add``."""
        if self.ended or self._finished:
            return []
        if token in self._end_tokens:
            self.ended = True
            return self.finish()
        deltas = list(self._translate(self._recorder.feed(token)))
        if self._recorder.kind is Kind.THOUGHT and token not in self._marks:
            self.reasoning_tokens += 1
        self.ended = self._is_over() or self._recorder.ended
        return deltas + self.finish() if self.ended else deltas

    def finish(self) -> list[Delta]:
        """As ``AnswerReader.finish``."""
        if self._finished:
            return []
        self._finished = True
        return [] if self._is_over() else list(self._translate(self._recorder.finish()))

    def answer(self) -> Answer | None:
        """The answer for a transcript; None if the client has nothing of it, or less than
        was generated, since a stop text was met."""
        text = "".join(self._said)
        pieces = self._recorder.pieces
        calls: list[ToolCall] = []
        if self._call is not None and self._fault is not None:
            calls.append(ToolCall("", self._call, "".join(self._arguments)))
        else:
            # Clients leave out a call that did not come to its end.
            pieces = tuple(piece for piece in pieces if piece.kind is not Kind.CALL)
        if self._stopped or not (calls or text.strip()):
            return None
        return Answer(fingerprint_of(text, calls), pieces)

    def _is_over(self) -> bool:
        """Whether the answer has come to its end, whatever the model still writes."""
        speaks_for_others = self._recorder.kind is Kind.FOREIGN and bool(self._said)
        return self._stopped or self._fault is not None or speaks_for_others

    def _translate(self, events: Iterable[HarmonyEvent]) -> Iterator[Delta]:
        for event in events:
            yield from self._translate_one(event)
            if self._stopped or self._fault is not None:
                return

    def _translate_one(self, event: HarmonyEvent) -> Iterator[Delta]:
        match event:
            case ThoughtDelta(text):
                self._last = "thought"
                yield Thought(self._thoughts.add(text))
            case TextDelta(text, preamble):
                self._last = "text"
                yield from self._say(text, with_stops=not preamble)
            case MessageEnded():
                yield from self._end_paragraph()
            case ToolCallStarted(name):
                self._call = self._names.read(name) or name
                yield CallStarted(0, f"call_{uuid4().hex}", self._call)
            case ArgumentsDelta(text):
                self._arguments.append(text)
                yield CallArguments(0, text)
            case ToolCallFinished():
                self._fault = ""
                yield CallEnded(0)
            case ToolCallFailed(reason=reason):
                self._fault = reason
                yield CallEnded(0, reason)

    def _say(self, text: str, *, with_stops: bool) -> Iterator[Delta]:
        if with_stops:
            text, self._stopped = self._stops.add(text)
        if text:
            text = self._texts.add(text)
            self._said.append(text)
            yield Text(text)

    def _end_paragraph(self) -> Iterator[Delta]:
        if self._last == "thought":
            self._thoughts.end()
            return
        yield from self._say(self._stops.finish(), with_stops=False)
        self._texts.end()


class _Paragraphs:
    """Puts an empty line between messages that become one text."""

    def __init__(self) -> None:
        self._before = ""

    def add(self, text: str) -> str:
        """``text``, with the empty line before it where one is due."""
        text, self._before = self._before + text, ""
        return text

    def end(self) -> None:
        """Ends a message that said something."""
        self._before = _PARAGRAPH
