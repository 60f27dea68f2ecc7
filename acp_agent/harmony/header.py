"""The header of a Harmony message: what stands between its start and ``<|message|>``.

Owns reading role, recipient and channel out of it, in whatever order and state the
model wrote them, in bounded memory. Does not own the message that follows.

A well-formed header is ``assistant to=functions.f<|channel|>commentary json`` or
``assistant<|channel|>commentary to=functions.f <|constrain|>json``.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

HEADER_LIMIT = 256
"""Characters. Tool names have at most 128; beyond this the model forgot ``<|message|>``."""

PLAIN_LIMIT = 48
"""Characters without channel or recipient, after which they are taken for the answer."""


class Origin(Enum):
    """Where a header begins."""

    PROMPT = auto()
    """After the prompt, which ends with ``<|start|>assistant``."""
    START = auto()
    """After a ``<|start|>``; the role comes first."""
    BETWEEN = auto()
    """After the end of a message, while ``<|start|>`` has not come."""


_CHANNEL, _CONSTRAIN = "\x00", "\x01"
_NO_CONTROLS = str.maketrans({_CHANNEL: " ", _CONSTRAIN: " "})
_ROLE = re.compile(r"\s*assistant(?=\s|to=|$)")
_FOREIGN = re.compile(
    r"\s*(?:(?:user|system|developer|tool(?:_\w+)?)(?=[\s:.]|$)"
    r"|(?:python|browser|functions?)(?:[.:]|\s+to=|\s*$))",
    re.IGNORECASE,
)
"""Roles that are not the assistant's. gpt-oss models know the tools ``python`` and
``browser`` from their training, but an answer may begin with these words too."""
_TO_ASSISTANT = re.compile(r"\s*(?!assistant|to=)\S+(?:\s+to=\s*(assistant)\b)?", re.IGNORECASE)
"""Some role, and whether it speaks to the assistant, as only tools do."""
_LEADING_RECIPIENT = re.compile(r"\s*(?:assistant)?\s*to=\s*[\w.-]*")
_RECIPIENT = re.compile(
    r"(?:(?<![A-Za-z0-9_])|(?<=assistant)|(?<=analysis)|(?<=commentary)|(?<=final))"
    r"to=\s*([\w.-]*)"
)
_KNOWN_CHANNEL = re.compile("analysis|commentary|final")
_WORD = re.compile(r"\s*\S+")
_CONTENT_TYPE = re.compile(r"^\s*(?:json|code)\b")
_CONSTRAINT = re.compile(r"^\s*[A-Za-z]*")
_NO_TOOL = {"assistant", "user", "all"}
_CUT_OFF = {
    Origin.PROMPT: re.compile(r"(?:\s+to?)?\s*"),
    Origin.START: re.compile(r"\s*[A-Za-z]{0,16}(?:\s+to?)?\s*"),
    Origin.BETWEEN: re.compile(
        r"\s*(?:a|as|ass|assi|assis|assist|assista|assistan)?(?:\s+to?)?\s*"
    ),
}
"""What may stand before a channel in a header that was cut off."""
_CHANNEL_CUT_OFF = re.compile(r"\s*(?:to?|js?|jso|c|cod?)?\s*")


class Kind(Enum):
    """What a message is to the user."""

    THOUGHT = auto()
    ANSWER = auto()
    PREAMBLE = auto()
    CALL = auto()
    FOREIGN = auto()
    """The model speaks for the user or a tool; nobody gets to see that."""


@dataclass(slots=True, frozen=True)
class Opening:
    """What a header says. ``name`` is the tool's for a call.

    ``rest`` is what is no header: the message's beginning if ``<|message|>`` is missing,
    else nothing of worth.
    """

    kind: Kind
    name: str
    rest: str


class Header:
    """A header as it comes in."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._text = ""

    def add(self, text: str) -> str | None:
        """Takes in ``text``; what it has no room for, or None if it has room for more.

        The result does not depend on how the text is cut into pieces.
        """
        for limit in (PLAIN_LIMIT, HEADER_LIMIT):
            room = max(0, limit - len(self._text))
            self._text += text[:room].translate(_NO_CONTROLS)
            text = text[room:]
            if len(self._text) < limit:
                return None
            if limit == PLAIN_LIMIT and self._is_plain():
                return text
        return text

    def add_channel(self) -> bool:
        """Notes a ``<|channel|>``; False if there is no room for it."""
        return self._add_mark(_CHANNEL)

    def add_constrain(self) -> bool:
        """Notes a ``<|constrain|>``; False if there is no room for it."""
        return self._add_mark(_CONSTRAIN)

    @property
    def has_channel(self) -> bool:
        """Whether a ``<|channel|>`` came."""
        return _CHANNEL in self._text

    def read(self) -> Opening:
        """What the header says, as far as it came."""
        before, *channels = self._text.split(_CHANNEL)
        before = before.replace(_CONSTRAIN, " ")
        if self._origin is Origin.START and _is_foreign(before, channels):
            return Opening(Kind.FOREIGN, "", "")
        channel = next((part for part in reversed(channels) if part.strip()), "")
        rest = _rest_of_channel(channel) if channels else self._rest_of_role(before)
        recipient = _find_recipient(before, channels)
        if recipient is not None:
            arguments = rest.lstrip()
            arguments = arguments if arguments.startswith("{") else ""
            return Opening(Kind.CALL, recipient.removeprefix("functions."), arguments)
        return Opening(_kind_of(channel), "", rest)

    def _add_mark(self, mark: str) -> bool:
        if len(self._text) + 1 >= HEADER_LIMIT:
            return False
        self._text += mark
        return True

    def _is_plain(self) -> bool:
        return not self.has_channel and not _LEADING_RECIPIENT.match(self._text)

    def _rest_of_role(self, text: str) -> str:
        recipient = _LEADING_RECIPIENT.match(text)
        if recipient:
            return _without_content_type(text[recipient.end() :])
        if _CUT_OFF[self._origin].fullmatch(text):
            return ""
        role = None if self._origin is Origin.PROMPT else _ROLE.match(text)
        return text[role.end() :] if role else text


def _is_foreign(before: str, channels: list[str]) -> bool:
    """Whether the model speaks for another; a role that is merely unknown is its own."""
    if _FOREIGN.match(before):
        return True
    role = _TO_ASSISTANT.match(before)
    if role is None:
        return False
    return role[1] is not None or any(
        _RECIPIENT.findall(channel)[:1] == ["assistant"] for channel in channels
    )


def _find_recipient(before: str, channels: list[str]) -> str | None:
    """The first recipient that is a tool, None if there is none."""
    parts = [before] if _LEADING_RECIPIENT.match(before) else []
    for part in parts + channels:
        for found in _RECIPIENT.findall(part):
            if found not in _NO_TOOL:
                return found
    return None


def _kind_of(channel: str) -> Kind:
    """The kind of a message on ``channel`` without a tool as recipient.

    An unknown channel counts as reasoning: it stays visible, and out of the answer.
    """
    words = _RECIPIENT.sub("", channel.partition(_CONSTRAIN)[0]).lower()
    known = _KNOWN_CHANNEL.search(words)
    match known.group() if known else words.strip():
        case "final" | "":
            return Kind.ANSWER
        case "commentary":
            return Kind.PREAMBLE
        case _:
            return Kind.THOUGHT


def _rest_of_channel(channel: str) -> str:
    words, *constraints = channel.split(_CONSTRAIN)
    words = _RECIPIENT.sub("", words)
    name = _WORD.match(words)
    rest = _without_content_type(words[name.end() :] if name else words)
    rest += "".join(_CONSTRAINT.sub("", part, count=1) for part in constraints)
    return "" if _CHANNEL_CUT_OFF.fullmatch(rest) else rest


def _without_content_type(text: str) -> str:
    return _CONTENT_TYPE.sub("", text, count=1)
