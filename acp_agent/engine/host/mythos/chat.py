"""A conversation as lines ``role: content``, the last one ``assistant:``.

Owns the prompt's text and reading what the model writes. Does not own the tokenizer
(``vocabulary``). No message can pass for two: a line of a content that begins as a message
would is indented by a space.
"""

import re
from collections.abc import Callable, Container, Iterable, Sequence

from acp_agent.engine.host.formats.decoding import StopTexts, StreamDecoder
from acp_agent.engine.host.outputs import Delta, FinishReason, Text
from acp_agent.engine.host.requests import ChatMessage

_ROLES = ("system", "user", "assistant", "tool")
_ANSWER = "assistant:"
_NEXT_TURN = "\nuser:"
_LINE_END = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_LIKE_A_MESSAGE = re.compile(rf"^(?=(?:{'|'.join(_ROLES)}|developer)\s*:)", re.I | re.M)


def write_pieces(messages: Sequence[ChatMessage]) -> list[str]:
    """The prompt, in pieces that are encoded one by one.

    So the tokens of a prompt are the beginning of those of the next one, whatever a
    tokenizer would make of two pieces that meet.
    """
    pieces: list[str] = []
    for message in messages:
        role = "system" if message.role == "developer" else message.role
        pieces += [f"{role}:", f" {_content(message)}\n"]
    return [*pieces, _ANSWER]


def _content(message: ChatMessage) -> str:
    calls = (
        f"(called {call.function.name} with {call.function.arguments})"
        for call in message.tool_calls or ()
    )
    text = _LINE_END.sub("\n", "\n".join(filter(None, [message.text, *calls])))
    return _LIKE_A_MESSAGE.sub(" ", text).strip("\n")


class AnswerReader:
    """Reads one answer, token by token; never raises, whatever the model writes.

    Args:
        decode: the text of some tokens.
        stop_texts: texts that end the answer, beside the line of a next user.
    """

    def __init__(
        self,
        decode: Callable[[list[int]], str],
        end_tokens: Container[int],
        stop_texts: Iterable[str] = (),
    ) -> None:
        self._decoder = StreamDecoder(decode)
        self._stops = StopTexts([_NEXT_TURN, *stop_texts])
        self._end_tokens = end_tokens
        self._begun = False
        self.ended = False

    @property
    def reason(self) -> FinishReason:
        """Why the answer ended, ``length`` where it was cut off."""
        return "stop" if self.ended else "length"

    def add(self, token: int) -> list[Delta]:
        """What ``token`` brings about."""
        if token in self._end_tokens:
            self.ended = True
            return self.finish()
        text, self.ended = self._stops.add(self._decoder.add(token))
        return self._deltas(text)

    def finish(self) -> list[Delta]:
        """What the end of the answer brings about, however it came."""
        return self._deltas(self._stops.finish())

    def _deltas(self, text: str) -> list[Delta]:
        """``text`` as output, without the space between ``assistant:`` and the answer."""
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix(" ")
        return [Text(text)] if text else []
