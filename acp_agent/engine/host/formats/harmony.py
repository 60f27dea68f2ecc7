"""The format of gpt-oss models: thoughts, answers, tool calls.

Owns the way between requests and ``acp_agent.harmony``. Does not own the tokens of a
prompt (``harmony/prompt``, ``harmony/weave``) nor what an answer means (``answer``).
"""

from dataclasses import replace
from datetime import date
from pathlib import Path

from tokenizers import Tokenizer

from acp_agent.conversation import (
    AssistantMessage,
    Message,
    Tool,
    ToolCall,
    ToolResult,
    UserMessage,
)
from acp_agent.engine.host.errors import ApiError, bad_request
from acp_agent.engine.host.formats.answer import HarmonyReader
from acp_agent.engine.host.formats.base import AnswerReader, Prompt, Transcript
from acp_agent.engine.host.formats.decoding import StreamDecoder
from acp_agent.engine.host.formats.vocabulary import find_end_tokens, find_vocabulary_size
from acp_agent.engine.host.requests import ChatMessage, ChatRequest
from acp_agent.errors import BackendError
from acp_agent.harmony.chat import collect_names
from acp_agent.harmony.names import ToolNames
from acp_agent.harmony.prompt import PromptEncoder
from acp_agent.harmony.template import load_template
from acp_agent.harmony.transcript import HarmonyTranscript, load_transcript
from acp_agent.harmony.weave import Weaver

_SOME_THOUGHT = "..."
"""Stands for the thought of an answer that the transcript has: where the template tells
it, the thought as it was generated takes its place."""


class HarmonyFormat:
    """The format of the model in ``folder``. A ``ChatFormat``.

    Args:
        tokenizer: the model's; its settings are changed, so it is not to be shared.

    Raises:
        ApiError: 400, tokenizer or template are not Harmony's.
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        try:
            self._encoder = PromptEncoder(tokenizer, load_template(folder))
        except BackendError as error:
            raise ApiError(400, "no_chat_template", error.message, param="model") from error
        self.vocabulary_size = find_vocabulary_size(folder, tokenizer)
        marks = self._encoder.marks
        self._weaver = Weaver(marks, self._encoder.decode)
        self._end_tokens = frozenset(
            token for token in find_end_tokens(folder, tokenizer) if marks.get(token) is None
        )

    def transcript(self, text: str | None) -> "SessionTranscript":
        """As ``ChatFormat.transcript``."""
        found = load_transcript(text, self.vocabulary_size) if text is not None else None
        return SessionTranscript(found or HarmonyTranscript(date.today()))

    def prompt(self, request: ChatRequest, transcript: Transcript) -> Prompt:
        """As ``ChatFormat.prompt``."""
        kept = _kept_in(transcript)
        messages = [_read(m) for m in request.messages if m.role not in ("system", "developer")]
        held = kept.match(messages)
        told = [
            _with_some_thought(message) if index in held else message
            for index, message in enumerate(messages)
        ]
        woven = self._weaver.weave(self._render(request, told, kept.today), told, held)
        if held and not woven.fits:
            # What stands for the answers was not replaced, so they are told as they came.
            rendered = self._render(request, messages, kept.today)
            woven = self._weaver.weave(rendered, messages, {})
        kept.forget_thoughts(held[index] for index in woven.past)
        stable = sorted({woven.first_said, woven.open_turn})
        return Prompt(woven.tokens, tuple(at for at in stable if 0 < at < len(woven.tokens)))

    def _render(self, request: ChatRequest, messages: list[Message], today: date) -> list[int]:
        try:
            return self._encoder.encode(
                messages,
                today=today,
                instructions=_instructions(request),
                tools=_tools(request),
                effort=request.reasoning_effort or "medium",
            )
        except BackendError as error:
            raise bad_request(error.message, param="messages") from error

    def reader(self, request: ChatRequest) -> AnswerReader:
        """As ``ChatFormat.reader``."""
        return HarmonyReader(
            self._encoder.marks,
            lambda: StreamDecoder(self._encoder.decode),
            _names(request),
            end_tokens=self._end_tokens,
            stop_texts=request.stop_texts,
        )


class SessionTranscript:
    """What a session keeps: its answers as they were generated. A ``Transcript``."""

    def __init__(self, kept: HarmonyTranscript) -> None:
        self.kept = kept

    def keep(self, reader: AnswerReader) -> None:
        """As ``Transcript.keep``; an answer of which the client has nothing is left out."""
        if isinstance(reader, HarmonyReader) and (answer := reader.answer()) is not None:
            self.kept.add(answer)

    def dump(self) -> str:
        """As ``Transcript.dump``."""
        return self.kept.dump()


def _kept_in(transcript: Transcript) -> HarmonyTranscript:
    if isinstance(transcript, SessionTranscript):
        return transcript.kept
    return HarmonyTranscript(date.today())


def _instructions(request: ChatRequest) -> str:
    """What system and developer messages say, wherever they stand: the template has one
    place for all."""
    said = (m.text for m in request.messages if m.role in ("system", "developer"))
    return "\n\n".join(text for text in said if text)


def _tools(request: ChatRequest) -> list[Tool]:
    return [Tool(f.name, f.description, f.parameters) for f in request.offered_tools]


def _names(request: ChatRequest) -> ToolNames:
    """The names as the prompt has them."""
    return collect_names(_tools(request), map(_read, request.messages))


def _read(message: ChatMessage) -> Message:
    match message.role:
        case "assistant":
            calls = tuple(
                ToolCall(call.id, call.function.name, call.function.arguments)
                for call in message.tool_calls or ()
            )
            return AssistantMessage(message.text, message.reasoning_content or "", calls)
        case "tool":
            return ToolResult(message.tool_call_id or "", message.name or "", message.text)
        case _:
            return UserMessage(message.text)


def _with_some_thought(message: Message) -> Message:
    """``message`` with a thought, and nothing that a template adds to it."""
    if isinstance(message, AssistantMessage) and message.tool_calls:
        return replace(message, text="", thought=_SOME_THOUGHT)
    return message
