"""The interface between a model's tokens and a conversation.

Owns what every chat format offers: a prompt out of messages, and a reader of what the
model writes. Does not own any format, nor generation.
"""

from dataclasses import dataclass
from typing import Protocol

from acp_agent.engine.host.outputs import Delta, FinishReason
from acp_agent.engine.host.requests import ChatRequest


@dataclass(slots=True, frozen=True)
class Prompt:
    """The tokens of a prompt.

    ``stable`` are positions (ascending, from 1 to len(tokens) - 1) up to which later
    prompts are likely to agree with this one: after the instructions and tools, which
    sessions share, and before the answer of the running turn. Checkpoints go there.
    """

    tokens: tuple[int, ...]
    stable: tuple[int, ...] = ()


class AnswerReader(Protocol):
    """Reads one answer, token by token; never raises, whatever the model writes."""

    def add(self, token: int) -> list[Delta]:
        """What ``token`` brings about. After ``ended`` nothing."""
        ...

    def finish(self) -> list[Delta]:
        """What the end of the answer brings about, however it came."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the model has ended its answer, or a stop text was met."""
        ...

    @property
    def reason(self) -> FinishReason:
        """Why the answer ended, ``length`` where it was cut off."""
        ...

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of the answer that were reasoning."""
        ...


class Transcript(Protocol):
    """What a session keeps between requests, beside the cache: as text, to be saved."""

    def keep(self, reader: AnswerReader) -> None:
        """Remembers the tokens of a finished or cut answer as they were generated."""
        ...

    def dump(self) -> str:
        """The transcript as text, for ``ChatFormat.transcript``."""
        ...


class ChatFormat(Protocol):
    """How one model is talked to. Used on the model's thread only."""

    @property
    def vocabulary_size(self) -> int:
        """Token ids of a prompt are below this."""
        ...

    def transcript(self, text: str | None) -> Transcript:
        """The transcript in ``text``; a new one for None or for what cannot be read."""
        ...

    def prompt(self, request: ChatRequest, transcript: Transcript) -> Prompt:
        """The prompt for the answer to ``request``.

        Raises:
            ApiError: 400, the messages cannot be told to this model.
        """
        ...

    def reader(self, request: ChatRequest) -> AnswerReader:
        """A reader for the answer to ``request``."""
        ...
