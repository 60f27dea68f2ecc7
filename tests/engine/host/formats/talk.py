"""A client and a model of the gpt-oss family in conversation, for tests of the format.

Owns what both sides do between two prompts: the model generates a known text, the client
sends back what it was told. Each prompt is made from a transcript that was saved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from acp_agent.engine.host.formats.base import AnswerReader, ChatFormat
from acp_agent.engine.host.outputs import (
    CallArguments,
    CallEnded,
    CallStarted,
    Delta,
    FinishReason,
    Text,
    Thought,
)
from acp_agent.engine.host.requests import ChatRequest
from tests.harmony.vocabulary import make_small_tokenizer

_TOKENIZER = make_small_tokenizer()
THOUGHT = "<|channel|>analysis<|message|>I need the file.<|end|><|start|>assistant"
PREAMBLE = "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant"
CALL = '<|channel|>commentary to=functions.fs_read <|constrain|>json<|message|>{"a":1}<|call|>'
FINAL = "<|channel|>final<|message|>Done.<|return|>"
READ = {"name": "fs/read", "description": "Reads.", "parameters": {"type": "object"}}
LIST = {"name": "list", "description": "Lists."}


def tokens_of(output: str) -> list[int]:
    """The tokens of ``output``, in which control tokens are spelled out."""
    return _TOKENIZER.encode(output, add_special_tokens=False).ids


def text_of(tokens: Sequence[int]) -> str:
    """The text of ``tokens`` with control tokens spelled out."""
    return _TOKENIZER.decode(list(tokens), skip_special_tokens=False)


@dataclass
class Turn:
    """One request: its prompt, what was generated, and what the client was told."""

    prompt: tuple[int, ...]
    stable: tuple[int, ...]
    generated: tuple[int, ...]
    deltas: list[Delta]
    reason: FinishReason
    reasoning_tokens: int

    @cached_property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas if isinstance(delta, Text))

    @cached_property
    def thought(self) -> str:
        return "".join(delta.text for delta in self.deltas if isinstance(delta, Thought))

    @cached_property
    def calls(self) -> list[dict[str, Any]]:
        """The calls as a client sends them back."""
        calls: list[dict[str, Any]] = []
        for delta in self.deltas:
            match delta:
                case CallStarted(index, id, name):
                    assert index == len(calls)
                    function = {"name": name, "arguments": ""}
                    calls.append({"id": id, "type": "function", "function": function})
                case CallArguments(index, text):
                    calls[index]["function"]["arguments"] += text
                case _:
                    pass
        return calls

    @property
    def faults(self) -> list[str]:
        return [delta.fault for delta in self.deltas if isinstance(delta, CallEnded)]


class Talk:
    """A session. ``messages`` is the history as the client has it."""

    def __init__(self, format: ChatFormat, **options: Any) -> None:
        self._format = format
        self.options: dict[str, Any] = {"tools": tools_of(READ, LIST), **options}
        self.messages: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}]
        self.saved: str | None = None

    def say(self, text: str) -> None:
        """The user's next message."""
        self.messages.append({"role": "user", "content": text})

    def result(self, text: str) -> None:
        """The result of the last call."""
        call = self.messages[-1]["tool_calls"][0]
        self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": text})

    def request(self, **options: Any) -> ChatRequest:
        """The next request."""
        body = {"model": "m", "messages": self.messages, **self.options, **options}
        return ChatRequest.model_validate(body)

    def prompt(self, *, saved: bool = True) -> tuple[int, ...]:
        """The tokens of the next prompt; without what was saved, where so said."""
        transcript = self._format.transcript(self.saved if saved else None)
        return self._format.prompt(self.request(), transcript).tokens

    def answer(self, output: str | list[int], *, cut: bool = False, **options: Any) -> Turn:
        """The model generates ``output``, and the client takes it into its history.

        ``cut`` says that the client cancels then, and keeps the text only.
        """
        request = self.request(**options)
        transcript = self._format.transcript(self.saved)
        prompt = self._format.prompt(request, transcript)
        reader = self._format.reader(request)
        tokens = tokens_of(output) if isinstance(output, str) else output
        generated, deltas = generate(reader, tokens)
        deltas += [] if cut else reader.finish()
        transcript.keep(reader)
        self.saved = transcript.dump()
        turn = Turn(
            prompt.tokens,
            prompt.stable,
            tuple(generated),
            deltas,
            reader.reason,
            reader.reasoning_tokens,
        )
        self._take(turn, with_calls=not cut)
        return turn

    def _take(self, turn: Turn, *, with_calls: bool) -> None:
        if turn.text or (turn.calls and with_calls):
            message: dict[str, Any] = {"role": "assistant", "content": turn.text}
            calls = {"tool_calls": turn.calls} if turn.calls and with_calls else {}
            self.messages.append(message | calls)


def tools_of(*functions: dict[str, Any]) -> list[dict[str, Any]]:
    """``functions`` as a request offers them."""
    return [{"type": "function", "function": function} for function in functions]


def generate(reader: AnswerReader, tokens: Sequence[int]) -> tuple[list[int], list[Delta]]:
    """What a scheduler feeds ``reader``: tokens until it has ended, and what they told."""
    generated: list[int] = []
    deltas: list[Delta] = []
    for token in tokens:
        generated.append(token)
        deltas += reader.add(token)
        if reader.ended:
            break
    return generated, deltas
