"""The settings a user may write, with their defaults and limits.

Owns the shape of ``config.toml`` (and with it ``schemas/config.schema.json``). Does not
own where values come from: ``config/load`` merges file and environment.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from acp_agent.config.address import server_url
from acp_agent.config.mythos_settings import MythosSettings
from acp_agent.config.openai_settings import EndpointSettings, OpenAISettings
from acp_agent.config.panel_settings import PanelSettings
from acp_agent.config.section import Section, Text

_DURATION = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+")


def _duration(text: str) -> str:
    """A duration in Ollama's (Go's) syntax; a bare number counts seconds, as for its server."""
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return f"{text}s"
    if not _DURATION.fullmatch(text):
        raise ValueError('must be a duration such as "10m", "1h30m" or "-1s" (for ever)')
    return text


def _idle_time(text: str) -> str:
    """``never``, or a whole number of seconds, minutes or hours."""
    if not re.fullmatch(r"never|[1-9][0-9]*[smh]", text):
        raise ValueError('must be a time such as "10m", "1h" or "90s", or "never"')
    return text


_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""The name of a table that the user chooses."""


class OllamaSettings(Section):
    """Mode ``ollama``."""

    base_url: Annotated[str, AfterValidator(server_url)] = "http://127.0.0.1:11434"
    """Where the Ollama server answers."""
    model: Text | None = None
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


class MlxSettings(Section):
    """Mode ``mlx``: local MLX models in this project's own engine."""

    model: Text = "smollm2-135m"
    """The default model: an installed model's id, or the path of an MLX model folder."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """Sampling temperature; 0 always takes the likeliest token."""
    max_tokens: int = Field(default=2048, ge=1)
    """Upper limit of one answer in tokens."""


class GptOssSettings(Section):
    """Mode ``gptoss_20b``: gpt-oss in this project's own engine."""

    model: Text = "gpt-oss-20b"
    """The model: an installed model's id, or the path of an MLX model folder."""
    reasoning_effort: Literal["low", "medium", "high"] = "medium"
    """How much the model thinks where the session chose nothing."""
    temperature: float = Field(default=1.0, ge=0, le=2)
    """Sampling temperature; its makers recommend 1."""
    max_tokens: int = Field(default=16_384, ge=1)
    """Upper limit of one answer in tokens, thoughts included."""


class EngineSettings(Section):
    """The engine process that runs MLX models for all editor windows."""

    idle_timeout: float = Field(default=600.0, gt=0)
    """Seconds without a request, a client or a loaded model after which the engine exits."""
    unload_after: Annotated[str, AfterValidator(_idle_time)] = "10m"
    """How long a model stays in memory after its last use: as "5m", "1h", or "never"."""
    max_sequences: int = Field(default=8, ge=1, le=64)
    """Answers that one model writes at the same time; more wait."""
    cache_memory: int = Field(default=2048, ge=0)
    """Upper limit in MB of what is kept in memory of past prompts, beside the model."""
    cache_disk: int = Field(default=4096, ge=0)
    """Upper limit in MB of what is kept on disk of past prompts; 0 keeps nothing."""
    ignore_memory: bool = False
    """Load models that memory seems too small for. The machine may become slow."""
    start_timeout: float = Field(default=60.0, gt=0)
    """Seconds the engine may take to answer after it was started."""
    prefill_step: int | None = Field(default=None, ge=1)
    """Prompt tokens processed between two looks at a cancel; unset means by device."""


class LogSettings(Section):
    """The log file in the state folder; stderr stays quiet."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level written."""


class ModelSettings(Section):
    """A model of the user's own in mode ``mlx``: a repository to install, or a folder."""

    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    """``owner/name`` of a repository on the model hub with the model in MLX's format."""
    path: Text | None = None
    """An MLX model folder, used where it is."""
    revision: Text = "main"
    """Branch, tag or commit of ``repo``."""
    name: Text | None = None
    """Name for display; else the table's."""
    licence: str = ""
    """SPDX identifier of the licence, where it is known."""
    context_size: int | None = Field(default=None, ge=1)
    """Window in tokens; else what the model's files say."""
    minimum_memory: float | None = Field(default=None, gt=0)
    """GiB of memory that the machine must have."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.repo is None) == (self.path is None):
            raise ValueError("must have either repo or path")
        if self.path is not None and self.model_fields_set - {"path", "name"}:
            raise ValueError("takes only name beside path: the folder's files say the rest")
        return self


class ToolSettings(Section):
    """What models may do in the project, in every mode."""

    permissions: Literal["ask", "accept_edits", "read_only", "full"] = "ask"
    """What a new session asks the user; the session's option changes it."""
    fetch_url: bool = False
    """Whether models are offered the tool ``fetch_url``, which reads public web pages."""
    contain: bool = True
    """Whether commands run contained where the system can do that: they write only in the
    project and temporary folders."""
    network: bool = False
    """Whether contained commands may use the network."""
    command_timeout: float = Field(default=120.0, gt=0)
    """Seconds that a command gets where the model asks for no other time; package managers
    get five times as many."""
    mcp_timeout: float = Field(default=20.0, gt=0)
    """Seconds that an MCP server may take to start."""


class AutoSettings(Section):
    """Mode ``auto``: a small model answers, and heavy tasks go to a larger one."""

    orchestrator: Literal["apple", "ollama", "openai", "mlx", "none"] | None = None
    """Where the small model comes from; unset means the first of these that is ready."""
    orchestrator_model: Text | None = None
    """The small model; else the largest of up to 4.5 billion parameters."""
    delegation: Literal["eager", "balanced", "frugal"] = "balanced"
    """How readily a new session delegates; the session's option changes it."""
    propose: Literal["uncertain", "always", "never"] = "uncertain"
    """When the small model is asked what it would do: if the rubric is uncertain, always,
    or never."""
    propose_timeout: float = Field(default=5.0, gt=0)
    """Seconds that a proposal may take; the rubric decides alone then."""
    small_timeout: float = Field(default=120.0, gt=0)
    """Seconds that the small model may be silent; a larger one answers then."""
    progress_timeout: float = Field(default=600.0, gt=0)
    """Seconds that GPT-OSS may give no sign of life before it is given up."""
    fallback: bool = True
    """Whether another model may answer, and say so, where GPT-OSS cannot."""
    log: bool = True
    """Whether decisions are logged; on this machine only, prompts as a hash."""
    log_prompts: bool = False
    """Whether the log holds the prompts' text too."""


class TelemetrySettings(Section):
    """Figures of each turn, kept on this machine only."""

    enabled: bool = True
    """Whether times and token counts of turns are recorded; never what was said."""


class Settings(Section):
    """Everything in ``config.toml``."""

    default_mode: Text | None = None
    """Mode of a new session; unset means the best one that is ready."""
    merge: bool = True
    """Whether text pieces are merged while the editor is busy."""
    ollama: OllamaSettings = OllamaSettings()
    mlx: MlxSettings = MlxSettings()
    gptoss: GptOssSettings = GptOssSettings()
    mythos: MythosSettings = MythosSettings()
    openai: OpenAISettings = OpenAISettings()
    panel: PanelSettings = PanelSettings()
    auto: AutoSettings = AutoSettings()
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    tools: ToolSettings = ToolSettings()
    models: dict[_Name, ModelSettings] = Field(default={})
    """Models of the user's own, a table ``[models.NAME]`` each."""
    endpoints: dict[_Name, EndpointSettings] = Field(default={})
    """OpenAI-compatible servers of mode ``openai``, a table ``[endpoints.NAME]`` each."""
