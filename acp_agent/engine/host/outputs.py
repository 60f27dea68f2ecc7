"""What the model's thread answers a request with.

Owns the outputs of a job as data. Does not own how they are sent (``responses``) or
which tokens they come from (``formats``).
"""

from dataclasses import dataclass
from typing import Literal

from acp_agent.engine.host.errors import ApiError

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(slots=True, frozen=True)
class Thought:
    """A piece of the model's reasoning, of whole characters, never empty."""

    text: str


@dataclass(slots=True, frozen=True)
class Text:
    """A piece of the answer, of whole characters, never empty."""

    text: str


@dataclass(slots=True, frozen=True)
class CallStarted:
    """The model calls a tool; ``index`` counts the calls of one answer from 0."""

    index: int
    id: str
    name: str


@dataclass(slots=True, frozen=True)
class CallArguments:
    """A piece of the JSON text of the arguments of call ``index``."""

    index: int
    text: str


@dataclass(slots=True, frozen=True)
class CallEnded:
    """Call ``index`` is whole. ``fault`` says in a sentence why it must not run, if so."""

    index: int
    fault: str = ""


Delta = Thought | Text | CallStarted | CallArguments | CallEnded


@dataclass(slots=True, frozen=True)
class Progress:
    """How far loading (bytes) or reading the prompt (tokens) is."""

    step: Literal["load", "prompt"]
    done: int
    total: int


@dataclass(slots=True, frozen=True)
class Queued:
    """The request waits; ``ahead`` others are answered before it. 0 ends the wait."""

    ahead: int


@dataclass(slots=True, frozen=True)
class Figures:
    """What an answer took. Times in seconds, memory in bytes.

    ``cached_tokens`` of the ``prompt_tokens`` were not computed anew. ``context_size`` is
    the window in force (None: unknown). ``prompt_seconds`` were spent on the rest of the
    prompt, ``decode_seconds`` on the answer, ``queue_seconds`` on waiting for a turn.
    ``n_loops`` is the depth of a recurrent model (None: the model has none).
    """

    prompt_tokens: int
    completion_tokens: int
    context_size: int | None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    queue_seconds: float = 0.0
    prompt_seconds: float = 0.0
    decode_seconds: float = 0.0
    memory_peak: int = 0
    n_loops: int | None = None


@dataclass(slots=True, frozen=True)
class Finished:
    """The answer is whole."""

    reason: FinishReason
    figures: Figures


@dataclass(slots=True, frozen=True)
class Failed:
    """The answer could not be given, or not to its end."""

    error: ApiError


Output = Delta | Progress | Queued | Finished | Failed
