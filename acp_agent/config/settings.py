"""The settings a user may write, with their defaults and limits.

Owns the shape of ``config.toml`` (and with it ``schemas/config.schema.json``). Does not
own where values come from: ``config/load`` merges file and environment.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from acp_agent.config.address import server_url

_DURATION = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+")


def _duration(text: str) -> str:
    """A duration in Ollama's (Go's) syntax; a bare number counts seconds, as for its server."""
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return f"{text}s"
    if not _DURATION.fullmatch(text):
        raise ValueError('must be a duration such as "10m", "1h30m" or "-1s" (for ever)')
    return text


_Text = Annotated[str, Field(min_length=1)]


class _Section(BaseModel):
    # Not use_attribute_docstrings: it reads and parses this file at every start (8 ms);
    # config/schema reads the docstrings when a schema is wanted.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class OllamaSettings(_Section):
    """Mode ``ollama``."""

    base_url: Annotated[str, AfterValidator(server_url)] = "http://127.0.0.1:11434"
    """Where the Ollama server answers."""
    model: _Text | None = None
    """The default model; else the loaded one, else the most recently modified."""
    think: bool | Literal["low", "medium", "high"] = False
    """Whether thinking models think, for models that have a choice."""
    num_ctx: int = Field(default=32_768, ge=256)
    """Upper limit of the context window in tokens; the model's own may be smaller."""
    keep_alive: Annotated[str, AfterValidator(_duration)] = "10m"
    """How long Ollama keeps the model loaded after a request (its duration syntax)."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """Sampling temperature; unset means the model's own."""
    stall_timeout: float = Field(default=120.0, gt=0)
    """Seconds without a sign of life from a running stream before it is given up."""
    load_timeout: float = Field(default=600.0, gt=0)
    """Seconds that loading a model and reading the prompt may take."""


class MlxSettings(_Section):
    """Mode ``mlx``: local MLX models in this project's own engine."""

    model: _Text = "smollm2-135m"
    """The default model: an installed model's id, or the path of an MLX model folder."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """Sampling temperature; 0 always takes the likeliest token."""
    max_tokens: int = Field(default=2048, ge=1)
    """Upper limit of one answer in tokens."""


class EngineSettings(_Section):
    """The engine process that runs MLX models for all editor windows."""

    idle_timeout: float = Field(default=600.0, gt=0)
    """Seconds without a request or client after which the engine exits."""
    start_timeout: float = Field(default=60.0, gt=0)
    """Seconds the engine may take to answer after it was started."""
    prefill_step: int | None = Field(default=None, ge=1)
    """Prompt tokens processed between two looks at a cancel; unset means by device."""


class LogSettings(_Section):
    """The log file in the state folder; stderr stays quiet."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level written."""


class Settings(_Section):
    """Everything in ``config.toml``."""

    default_mode: _Text | None = None
    """Mode of a new session; unset means the best one that is ready."""
    merge: bool = True
    """Whether text pieces are merged while the editor is busy."""
    ollama: OllamaSettings = OllamaSettings()
    mlx: MlxSettings = MlxSettings()
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()
