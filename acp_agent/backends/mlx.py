"""The backend of mode ``mlx``: local MLX models in this project's own engine.

Owns which models the mode offers and what an engine's answer means as events. Does not
own the engine (``acp_agent.engine``) or installing, which the caller passes in.
"""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Protocol

import anyio.to_thread

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    ModelRequest,
    Progress,
    Readiness,
    Report,
    StopReason,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.config.settings import MlxSettings
from acp_agent.conversation import AssistantMessage, Message, ToolCall, ToolResult
from acp_agent.engine.folder import is_model_folder, read_context_size
from acp_agent.errors import BackendUnavailable, ModelNotInstalled

_WAITING = "Waiting for the engine, which answers another prompt"
_STOP_REASONS: Mapping[str, StopReason] = {"stop": "end_turn", "length": "max_tokens"}


class Engine(Protocol):
    """What this mode needs of the engine; ``engine/client`` has it."""

    def explain_unsupported(self) -> str | None:
        """Why there can be no engine here, or None."""
        ...

    def chat(self, body: Mapping[str, object]) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks that answer ``body``."""
        ...


class LocalModel(Protocol):
    """A model on this machine; ``path`` is its folder."""

    @property
    def id(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def context_size(self) -> int | None: ...


class BuiltinModel(Protocol):
    """The model that the first use offers to install."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def context_size(self) -> int: ...
    @property
    def install_title(self) -> str: ...


class MlxBackend:
    """Models that the engine runs. A backend and an installer.

    Args:
        find_models: the installed models; reads small files only.
        install: fetches a model by id, telling how far it is.
    """

    id = "mlx"
    name = "MLX"
    description = "Local models in this agent's own engine"

    def __init__(
        self,
        settings: MlxSettings,
        engine: Engine,
        *,
        find_models: Callable[[], Sequence[LocalModel]],
        builtin: BuiltinModel,
        install: Callable[[str, Report], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._find_models = find_models
        self._builtin = builtin
        self._install = install

    async def probe(self) -> Readiness:
        """As ``Backend.probe``; asks the disk, never the engine."""
        if reason := self._engine.explain_unsupported():
            return Readiness(False, reason, installed=False)
        return await anyio.to_thread.run_sync(self._read_readiness)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """As ``Backend.stream``. Progress has the ids ``queue``, ``load``, ``prefill``."""
        folder = await anyio.to_thread.run_sync(self._find_folder, request.model)
        if folder is None:
            raise self._not_installed(request.model)
        reason, name = "stop", folder.name
        waiting = False
        try:
            async with aclosing(self._engine.chat(self._body(request, folder))) as chunks:
                async for chunk in chunks:
                    if waiting != ("queue_progress" in chunk):
                        waiting = not waiting
                        yield Progress("queue", _WAITING, finished=not waiting)
                    for choice in chunk.get("choices", ()):
                        for event in _deltas(choice["delta"]):
                            yield event
                        reason = choice.get("finish_reason") or reason
                    for event in _figures(chunk, name):
                        yield event
        except ModelNotInstalled as error:  # gone since; the engine knows it by its folder
            raise self._not_installed(request.model) from error
        yield Done(_STOP_REASONS.get(reason, "end_turn"))

    async def install(self, model: str, report: Report) -> None:
        """As ``Installer.install``; a model that could not run is not fetched."""
        if reason := self._engine.explain_unsupported():
            raise BackendUnavailable(reason)
        await self._install(model, report)

    async def aclose(self) -> None:
        """Nothing to give back: every request has a connection of its own."""

    def _read_readiness(self) -> Readiness:
        models = [_describe(model) for model in self._find_models()]
        known = {model.id for model in models}
        wanted, builtin = self._settings.model, self._builtin
        if wanted not in known and (folder := _as_folder(wanted)):
            models.append(Model(wanted, folder.name, "", read_context_size(folder)))
            known.add(wanted)
        if builtin.id not in known:
            about = f"Not installed yet. {builtin.description}"
            models.append(Model(builtin.id, builtin.name, about, builtin.context_size))
        offered = tuple(models)
        if wanted in known:
            return Readiness(True, models=offered, default_model=wanted)
        if wanted == builtin.id:
            reason = f"The first prompt offers it: {builtin.install_title}."
            return Readiness(True, reason, False, offered, wanted)
        reason = (
            f"The configured model {Path(wanted).name!r} is not installed: choose another one, or "
            "change `mlx.model`."
        )
        # It stays the default: another one in its place would be a silent substitute.
        return Readiness(True, reason, False, offered, wanted)

    def _find_folder(self, model: str) -> Path | None:
        found = (entry.path for entry in self._find_models() if entry.id == model)
        return next(found, None) or _as_folder(model)

    def _not_installed(self, model: str) -> ModelNotInstalled:
        if model != self._builtin.id:
            return ModelNotInstalled(
                f"The model {Path(model).name!r} is not installed: choose another one; "
                "`acp-agent models list` shows what is.",
                model=model,
            )
        return ModelNotInstalled(
            f"{self._builtin.name} is not installed. {self._builtin.description} Allow the "
            f"installation when a prompt offers it, run `acp-agent models install {model}`, or "
            "choose another mode.",
            model=model,
            title=self._builtin.install_title,
        )

    def _body(self, request: ModelRequest, folder: Path) -> dict[str, object]:
        temperature, limit = request.temperature, request.max_tokens
        return {
            "model": str(folder),
            "messages": [_spell(message) for message in request.messages],
            "temperature": self._settings.temperature if temperature is None else temperature,
            "max_tokens": self._settings.max_tokens if limit is None else limit,
            "return_progress": True,
        }


def _as_folder(model: str) -> Path | None:
    """The model folder that ``model`` is the path of, if it is one."""
    if os.sep not in model:
        return None
    path = Path(model).expanduser()
    return path if path.is_absolute() and is_model_folder(path) else None


def _describe(model: LocalModel) -> Model:
    return Model(model.id, model.name, model.description, model.context_size)


def _spell(message: Message) -> dict[str, object]:
    """``message`` as OpenAI's API spells it; thoughts stay out."""
    if isinstance(message, ToolResult):
        return {
            "role": "tool",
            "tool_call_id": message.call_id,
            "name": message.name,
            "content": message.text,
        }
    if not isinstance(message, AssistantMessage):
        return {"role": "user", "content": message.text}
    spelt: dict[str, object] = {"role": "assistant", "content": message.text}
    if message.tool_calls:
        spelt["tool_calls"] = [_spell_call(call) for call in message.tool_calls]
    return spelt


def _spell_call(call: ToolCall) -> dict[str, object]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _deltas(delta: Mapping[str, Any]) -> Iterator[Event]:
    if thought := delta.get("reasoning_content"):
        yield ThoughtDelta(thought)
    if text := delta.get("content"):
        yield TextDelta(text)


def _figures(chunk: Mapping[str, Any], name: str) -> Iterator[Event]:
    if state := chunk.get("load_progress"):
        yield _progress("load", f"Loading {name}", state, "B")
    if state := chunk.get("prompt_progress"):
        yield _progress("prefill", "Reading the prompt", state, "tokens")
    if usage := chunk.get("usage"):
        counts = usage["prompt_tokens"], usage["completion_tokens"]
        yield Usage(*counts, usage.get("context_size"))


def _progress(step: str, title: str, state: Mapping[str, int], unit: str) -> Progress:
    done, total = state["processed"], state["total"] or None
    return Progress(step, title, done, total, unit, finished=done == total)
