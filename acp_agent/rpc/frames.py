"""Frames: the bytes of one message each, and the lines they arrive in.

Owns JSON encoding and decoding, splitting a byte stream into lines, and the one kind
of frame whose text can grow while it waits. Does not own descriptors or meaning.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Protocol, TypeAlias, cast

from pydantic_core import PydanticSerializationError, from_json, to_json

from acp_agent.errors import AgentError, ParseError

Json: TypeAlias = Any
"""A JSON value as Python has it; its shape is checked where it is used."""

JsonObject: TypeAlias = dict[str, Any]

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
"""An escape in a JSON string, a surrogate pair counting as one."""

LINE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of the longest line that is read (issue: not below 64 MiB)."""


class Frame(Protocol):
    """One message on its way out."""

    @property
    def size(self) -> int:
        """Bytes it will take, roughly; what the outbox counts."""
        ...

    def encode(self) -> bytes:
        """The line, with its line feed."""
        ...

    def absorb(self, later: "Frame") -> bool:
        """Takes ``later`` into this frame; False where the two do not belong together."""
        ...


class MessageFrame:
    """A message that is encoded already."""

    __slots__ = ("_line",)

    def __init__(self, message: JsonObject) -> None:
        self._line = encode(message)

    @property
    def size(self) -> int:
        return len(self._line)

    def encode(self) -> bytes:
        return self._line

    def absorb(self, later: Frame) -> bool:
        return False


class TextFrame:
    """A message that differs from its neighbours in one JSON string only.

    ``head`` and ``tail`` are the bytes around the string. Two frames with the *same
    object* as head carry on the same text and may become one.
    """

    __slots__ = ("_head", "_tail", "_texts", "size")

    def __init__(self, head: bytes, text: str, tail: bytes) -> None:
        self._head = head
        self._tail = tail
        self._texts = [text]
        self.size = len(text)

    def encode(self) -> bytes:
        texts = self._texts
        text = texts[0] if len(texts) == 1 else "".join(texts)
        return self._head + encode_text(text) + self._tail

    def absorb(self, later: Frame) -> bool:
        if type(later) is not TextFrame or later._head is not self._head:
            return False
        self._texts += later._texts
        self.size += later.size
        return True


def encode(message: JsonObject) -> bytes:
    """``message`` as one line; unpaired surrogates in it become U+FFFD."""
    try:
        return to_json(message) + b"\n"
    except (PydanticSerializationError, UnicodeEncodeError):
        import json

        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        return _repair(text).encode() + b"\n"


def encode_text(text: str) -> bytes:
    """``text`` as a JSON string; unpaired surrogates in it become U+FFFD."""
    try:
        return to_json(text)
    except (PydanticSerializationError, UnicodeEncodeError):
        return to_json(_repair(text))


def _repair(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def decode(line: bytes) -> Json:
    """The JSON value of ``line``; escapes of unpaired surrogates count as U+FFFD.

    Raises:
        ParseError: not UTF-8, not JSON, or nested too deep.
    """
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError as error:
        reason = str(error).split("\n", 1)[0][:200]
    # JavaScript clients escape the halves of a cut emoji; a prompt must not get lost for it.
    repaired = _ESCAPE.sub(_without_lone_surrogate, line)
    if repaired != line:
        return decode(repaired)
    raise ParseError(f"This line is not JSON: {reason}. Send one JSON object per line.")


def _without_lone_surrogate(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["lone"] else escape[0]


def as_object(value: Json) -> JsonObject | None:
    """``value`` if it is a JSON object."""
    return cast("JsonObject", value) if isinstance(value, dict) else None


class LineTooLong(ParseError):
    """Stands where a line over the limit was."""


class LineSplitter:
    """Splits chunks of bytes into lines, without their line feeds.

    A line over ``limit`` bytes is thrown away as it arrives, and a ``LineTooLong``
    takes its place, so that memory stays bounded and the next line is read.
    """

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[bytes | AgentError]:
        """The lines that ``data`` completes, in order; blank ones are left out."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._hold(end)
            line = self._take()
            if line is not None:
                yield line
        self._hold(rest)

    def _hold(self, part: bytes) -> None:
        if self._skipping or not part:
            return
        self._held += len(part)
        if self._held > self._limit:
            self._parts.clear()
            self._skipping = True
        else:
            self._parts.append(part)

    def _take(self) -> bytes | AgentError | None:
        if self._skipping:
            line: bytes | AgentError | None = LineTooLong(
                f"This line is longer than {self._limit} bytes and was not read. "
                "Send large contents as a resource_link."
            )
        else:
            line = b"".join(self._parts)
            line = line if line and not line.isspace() else None
        self._parts.clear()
        self._held = 0
        self._skipping = False
        return line
