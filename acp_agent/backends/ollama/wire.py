"""The parts of Ollama's JSON that we read.

Owns the shapes, tolerant of what look-alike servers leave out or add. Does not own what
they mean. Source: ``api/types.go`` and ``docs/api.md`` of Ollama.
"""

from typing import Any

from pydantic import BaseModel


class _Shape(BaseModel):
    """Unknown fields are ignored; null stands for a missing value."""


class ModelDetails(_Shape):
    """``details`` of a model."""

    family: str | None = None
    families: list[str] | None = None
    parameter_size: str | None = None
    quantization_level: str | None = None
    context_length: int | None = None


class ListedModel(_Shape):
    """An entry of ``GET /api/tags``. ``size`` is in bytes, ``modified_at`` RFC 3339."""

    name: str | None = None
    model: str | None = None
    digest: str | None = None
    size: int | None = None
    modified_at: str | None = None
    details: ModelDetails | None = None
    capabilities: list[str] | None = None
    remote_host: str | None = None


class ModelList(_Shape):
    """``GET /api/tags``."""

    models: list[ListedModel] | None


class ShownModel(_Shape):
    """``POST /api/show``."""

    details: ModelDetails | None = None
    model_info: dict[str, Any] | None = None
    capabilities: list[str] | None = None


class LoadedModel(_Shape):
    """An entry of ``GET /api/ps``. Sizes are in bytes, ``context_length`` in tokens."""

    name: str | None = None
    model: str | None = None
    size: int | None = None
    size_vram: int | None = None
    context_length: int | None = None


class LoadedList(_Shape):
    """``GET /api/ps``."""

    models: list[LoadedModel] | None = None


class CalledFunction(_Shape):
    """The function of a tool call; ``arguments`` is an object, in look-alikes also text."""

    name: str | None = None
    arguments: Any = None


class CalledTool(_Shape):
    """A tool call. Its id is left alone: some servers give none, some the same to many."""

    function: CalledFunction | None = None


class ChatMessage(_Shape):
    """A piece of the answer."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[CalledTool] | None = None


class ChatChunk(_Shape):
    """A line of ``POST /api/chat``."""

    message: ChatMessage | None = None
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Any = None


class PullStatus(_Shape):
    """A line of ``POST /api/pull``. ``total`` and ``completed`` count bytes of one layer."""

    status: str | None = None
    digest: str | None = None
    total: int | None = None
    completed: int | None = None
    error: Any = None
