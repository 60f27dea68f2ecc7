"""Chat models of any kind, by their own template: text in, text out.

Owns prompts and answers without thoughts and tools. What people and files say is encoded
as plain text also where it spells a control token. Does not own the template's rendering
(``harmony/template``) nor Harmony (``harmony``).
"""

import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from acp_agent.engine.host.errors import ApiError, bad_request
from acp_agent.engine.host.formats.base import AnswerReader, Prompt, Transcript
from acp_agent.engine.host.formats.decoding import StopTexts, StreamDecoder
from acp_agent.engine.host.formats.vocabulary import (
    find_end_tokens,
    find_vocabulary_size,
    read_special_tokens,
)
from acp_agent.engine.host.outputs import Delta, FinishReason, Text
from acp_agent.engine.host.requests import ChatRequest
from acp_agent.errors import BackendError
from acp_agent.harmony.markup import MarkupEncoder
from acp_agent.harmony.template import load_template

_INSTRUCTING = ("system", "developer")
_OTHER = "\N{SYMBOL FOR SUBSTITUTE}"
"""A text that no conversation begins with."""
_MARKUP = re.compile(r"<.+>|\[.+\]", re.DOTALL)
_THOUGHT_MARKS = re.compile(r"(</?think>)")
"""Templates look for these in what the model said, to leave old thoughts out."""


class PlainFormat:
    """The format of the model in ``folder``. A ``ChatFormat``.

    Args:
        tokenizer: the model's; its settings are changed, so it is not to be shared.

    Raises:
        ApiError: 400, the model is no chat model.
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        self.vocabulary_size = find_vocabulary_size(folder, tokenizer)
        self._end_tokens = find_end_tokens(folder, tokenizer)
        self._special_tokens = read_special_tokens(folder)
        added = tokenizer.get_added_tokens_decoder()
        self._hidden = {id for id, token in added.items() if token.special}
        controls = {
            token.content: id
            for id, token in added.items()
            if token.special or _MARKUP.fullmatch(token.content)
        }
        self._controls = frozenset(controls.values())
        self._tokenizer = tokenizer
        try:
            self._encoder = MarkupEncoder(_with_specials(tokenizer, controls), controls)
            self._template = load_template(folder)
        except BackendError as error:
            raise ApiError(400, "no_chat_template", error.message, param="model") from error
        self._has_system_role = self._tells_instructions_first()

    def transcript(self, text: str | None) -> "PlainTranscript":
        """As ``ChatFormat.transcript``."""
        return PlainTranscript(_read_date(text) or date.today())

    def prompt(self, request: ChatRequest, transcript: Transcript) -> Prompt:
        """As ``ChatFormat.prompt``."""
        if request.offered_tools:
            raise bad_request(
                "This model cannot call tools here; send none, or choose a gpt-oss model.",
                param="tools",
            )
        today = transcript.today if isinstance(transcript, PlainTranscript) else date.today()
        messages = [message.for_template() for message in request.messages]
        if not self._has_system_role:
            messages = _join_instructions(messages)
        text = self._render(messages, today)
        tokens = self._encoder.encode_together(text)
        return Prompt(tuple(tokens), self._find_stable(messages, today, text, tokens))

    def reader(self, request: ChatRequest) -> AnswerReader:
        """As ``ChatFormat.reader``."""
        return _PlainReader(self.decode, self._end_tokens, request.stop_texts)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of ``tokens`` without special ones."""
        shown = [token for token in tokens if token not in self._hidden]
        return self._tokenizer.decode(shown, skip_special_tokens=False)

    def _tells_instructions_first(self) -> bool:
        """Whether the template tells what a system message says, and before all else.

        Some refuse it, some leave it out, some put it before the last message, so that no
        prompt would begin as the one before it.
        """
        roles = ("system", "user", "assistant", "user")
        said = [{"role": role, "content": f"{_OTHER}{n}"} for n, role in enumerate(roles)]
        try:
            text = self._render(said, date.today())
        except ApiError:
            return False
        first, second = (text.find(self._encoder.disguise.put_on(f"{_OTHER}{n}")) for n in (0, 1))
        return -1 < first < second

    def _find_stable(
        self, messages: Sequence[Mapping[str, Any]], today: date, text: str, tokens: Sequence[int]
    ) -> tuple[int, ...]:
        """Where ``Prompt.stable`` is, as far as control tokens show: behind the last one
        that this text shares with another first message, and with a next turn."""
        said = next((n for n, m in enumerate(messages) if m["role"] not in _INSTRUCTING), 0)
        others = (
            [*messages[:said], {**messages[said], "content": _OTHER}, *messages[said + 1 :]],
            [*messages, {"role": "assistant", "content": _OTHER}],
        )
        markup = self._encoder.find_markup(text)
        controls = [at for at, token in enumerate(tokens) if token in self._controls]
        if len(markup) != len(controls):
            return ()
        found: set[int] = set()
        for other in others:
            try:
                inside = _count_shared(markup, text, self._render(other, today))
            except ApiError:  # the template has rules for who may speak after whom
                continue
            found.add(controls[inside - 1] + 1 if inside else 0)
        return tuple(sorted(at for at in found if 0 < at < len(tokens)))

    def _render(self, messages: Sequence[Mapping[str, Any]], today: date) -> str:
        disguised = [self._put_on(message) for message in messages]
        variables = {"messages": disguised, "add_generation_prompt": True}
        try:
            return self._template.render(today, self._special_tokens | variables)
        except BackendError as error:
            raise bad_request(error.message, param="messages") from error

    def _put_on(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """``message`` with its contents disguised; roles are the template's words."""
        found = {key: self._encoder.disguise.put_on(value) for key, value in message.items()}
        found["role"] = message["role"]
        if message["role"] == "assistant":
            parts = _THOUGHT_MARKS.split(message["content"])
            found["content"] = "".join(
                part if number % 2 else self._encoder.disguise.put_on(part)
                for number, part in enumerate(parts)
            )
        return found


def _join_instructions(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``messages`` with the instructions at their beginning as part of the user's first one."""
    count = next((n for n, m in enumerate(messages) if m["role"] not in _INSTRUCTING), None)
    if not count or messages[count]["role"] != "user":
        return messages
    text = "\n\n".join(message["content"] for message in messages[: count + 1])
    return [{**messages[count], "content": text}, *messages[count + 1 :]]


def _count_shared(markup: Sequence[tuple[int, int]], text: str, other: str) -> int:
    """How many of ``markup`` stand in the beginning that ``text`` and ``other`` share."""
    position = 0
    for count, (_, end) in enumerate(markup):
        if not other.startswith(text[position:end], position):
            return count
        position = end
    return len(markup)


class PlainTranscript:
    """What a session keeps: the day that its prompts tell. A ``Transcript``."""

    def __init__(self, today: date) -> None:
        self.today = today

    def keep(self, reader: AnswerReader) -> None:
        """As ``Transcript.keep``: the template alone says how answers are told."""

    def dump(self) -> str:
        """As ``Transcript.dump``."""
        return json.dumps({"today": self.today.isoformat()})


class _PlainReader:
    """An ``AnswerReader`` of text."""

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        end_tokens: Container[int],
        stop_texts: Sequence[str],
    ) -> None:
        self._decoder = StreamDecoder(decode)
        self._stops = StopTexts(stop_texts)
        self._end_tokens = end_tokens
        self.ended = False
        self.reasoning_tokens = 0

    @property
    def reason(self) -> FinishReason:
        return "stop" if self.ended else "length"

    def add(self, token: int) -> list[Delta]:
        if self.ended:
            return []
        if token in self._end_tokens:
            self.ended = True
            return self.finish()
        text, self.ended = self._stops.add(self._decoder.add(token))
        return [Text(text)] if text else []

    def finish(self) -> list[Delta]:
        text = self._stops.finish()
        return [Text(text)] if text else []


def _read_date(text: str | None) -> date | None:
    try:
        match json.loads(text or ""):
            case {"today": str(today)}:
                return date.fromisoformat(today)
            case _:
                return None
    except (ValueError, RecursionError):
        return None


def _with_specials(tokenizer: Tokenizer, names: Container[str]) -> Tokenizer:
    """``tokenizer`` if all of ``names`` are special to it, else a copy to which they are.

    Only special tokens can be kept from being found in plain text, but one that the model
    says is left out of what is shown.
    """
    added = tokenizer.get_added_tokens_decoder().values()
    if all(token.special for token in added if token.content in names):
        return tokenizer
    described = json.loads(tokenizer.to_str())
    for token in described["added_tokens"]:
        token["special"] = token["special"] or token["content"] in names
    return Tokenizer.from_str(json.dumps(described))
