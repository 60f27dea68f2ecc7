"""What the modes of the engine have in common.

Owns the course of a request: from the chosen model to its folder, to the engine's answer,
and what is said of a model that is missing. Does not own which models a mode offers
(``mlx``, ``gptoss``), the engine (``acp_agent.engine``), nor installing, which the caller
passes in.
"""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread

from acp_agent.backends.base import Ask, Event, Model, ModelRequest, Readiness, Report
from acp_agent.backends.engine.answer import Engine, answer
from acp_agent.backends.engine.spelling import request_body
from acp_agent.backends.engine.state import describe_state
from acp_agent.engine.folder import (
    estimate_parameters,
    is_model_folder,
    read_context_size,
    read_json,
    read_model_type,
)
from acp_agent.errors import BackendError, BackendUnavailable, ModelNotInstalled

STATUS_LIMIT = 0.3
"""Seconds the engine may take to say what it does; it is left out then."""

HARMONY_LEVELS = ("low", "medium", "high")
"""Reasoning efforts of gpt-oss models, lowest first."""


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


class OfferedModel(Protocol):
    """A model that its first use offers to install; ``install_terms`` is its licence
    and what else one agrees to, in sentences. Sizes are in bytes, None where not known."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def context_size(self) -> int | None: ...
    @property
    def install_title(self) -> str: ...
    @property
    def install_terms(self) -> str: ...
    @property
    def download_bytes(self) -> int | None: ...
    @property
    def disk_bytes(self) -> int | None: ...
    @property
    def minimum_memory(self) -> int | None: ...
    @property
    def recommended_memory(self) -> int | None: ...


class ModeSettings(Protocol):
    """The part of a mode's settings that all of them have."""

    @property
    def model(self) -> str: ...
    @property
    def temperature(self) -> float: ...
    @property
    def max_tokens(self) -> int: ...


Install = Callable[[str, Report, Ask], Awaitable[None]]
"""Fetches a model by id, as ``Installer.install``."""


class EngineMode:
    """A backend and an installer, all but ``id`` and the models it offers.

    Args:
        find_models: the installed models; reads small files only.
        check: why an installed model must not be loaded, None if it may.
        unfinished: bytes that are here and bytes in all of a download under way.
        offered: the models that can be installed by their first use.
    """

    id: str
    name: str
    description: str

    def __init__(
        self,
        settings: ModeSettings,
        engine: Engine,
        *,
        find_models: Callable[[], Sequence[LocalModel]],
        check: Callable[[str], str | None],
        unfinished: Callable[[str], tuple[int, int] | None],
        offered: Sequence[OfferedModel],
        install: Install,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._find_models = find_models
        self._check = check
        self._unfinished = unfinished
        self._offered = {model.id: model for model in offered}
        self._install = install

    async def probe(self) -> Readiness:
        """As ``Backend.probe``; a running engine is asked what it does."""
        if reason := self._engine.explain_unsupported():
            return Readiness(False, reason, installed=False)
        found = await anyio.to_thread.run_sync(self._read_readiness)
        if not (found.ready and found.installed) or found.reason:
            return found
        return replace(found, reason=await read_state(self._engine, found.default_model or ""))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """As ``Backend.stream``; progress as ``answer`` has it."""
        # A cancel need not wait for the files' hashes.
        find = self._find_folder
        folder = await anyio.to_thread.run_sync(find, request.model, abandon_on_cancel=True)
        if folder is None:
            raise await anyio.to_thread.run_sync(self._not_installed, request.model)
        body = request_body(
            request,
            folder,
            temperature=self._settings.temperature,
            max_tokens=self._settings.max_tokens,
        )
        try:
            async with aclosing(answer(self._engine, body, folder.name)) as events:
                async for event in events:
                    yield event
        except ModelNotInstalled as error:  # gone since; the engine knows it by its folder
            missing = await anyio.to_thread.run_sync(self._not_installed, request.model)
            raise missing from error

    async def install(self, model: str, report: Report, ask: Ask) -> None:
        """As ``Installer.install``; a model that could not run is not fetched."""
        if reason := self._engine.explain_unsupported():
            raise BackendUnavailable(reason)
        await self._install(model, report, ask)

    async def aclose(self) -> None:
        """Nothing to give back: every request has a connection of its own."""

    def _say_missing(self, model: str) -> str:
        """That ``model`` is not here, or how much of it."""
        arrived = self._unfinished(model)
        if arrived is None or not arrived[1]:
            return "Not installed yet."
        done, total = arrived
        return f"{100 * done // total} % of its download are here."

    def _read_readiness(self) -> Readiness:
        """What can be run, from what is on the disk; called in a thread."""
        raise NotImplementedError

    def _find_folder(self, model: str) -> Path | None:
        """The folder of ``model``, None where it is not installed; called in a thread.

        Raises:
            BackendUnavailable: its files are not as they were installed.
        """
        installed = next((entry.path for entry in self._find_models() if entry.id == model), None)
        if installed is None:
            return as_folder(model)
        if reason := self._check(model):
            raise BackendUnavailable(reason)
        return installed

    def _explain_unfit_offer(self, offered: OfferedModel) -> str | None:
        """Why it would be no use to install ``offered``, None if it may be; in a thread."""
        arrived = self._unfinished(offered.id)
        size = max(offered.download_bytes or 0, offered.disk_bytes or 0)
        left = max(0, size - arrived[0]) if arrived else size
        return self._engine.explain_unfit(offered.minimum_memory, offered.recommended_memory, left)

    def _not_installed(self, model: str) -> BackendError:
        """What to say of ``model``, an offer only where it fits; called in a thread."""
        offered = self._offered.get(model)
        if offered is None:
            return ModelNotInstalled(
                f"The model {Path(model).name!r} is not installed: choose another one; "
                "`acp-agent models list` shows what is.",
                model=Path(model).name,
            )
        if reason := self._explain_unfit_offer(offered):
            return BackendUnavailable(
                f"{offered.name} is not installed, and does not fit this machine. {reason}"
            )
        return ModelNotInstalled(
            f"{offered.name} is not installed. {offered.description} {offered.install_terms} "
            "Allow the installation when a prompt offers it, run "
            f"`acp-agent models install {model}`, or choose another mode.",
            model=model,
            title=offered.install_title,
        )


async def read_state(engine: Engine, model: str) -> str:
    """What ``engine`` does with ``model`` now, in a sentence; empty where it cannot be told."""
    status: Mapping[str, Any] | None = None
    try:
        with anyio.move_on_after(STATUS_LIMIT):
            status = await engine.status()
    except BackendError:
        return ""
    return describe_state(status or {}, Path(model).name)


FEWEST_FOR_TOOLS = 300_000_000
"""Parameters below which a model is not told of tools: it only gets confused by them."""


def as_folder(model: str) -> Path | None:
    """The model folder that ``model`` is the path of, if it is one."""
    if os.sep not in model:
        return None
    path = Path(model).expanduser()
    return path if path.is_absolute() and is_model_folder(path) else None


def describe(model: LocalModel, effort: str) -> Model:
    """An installed model as a mode offers it; ``effort`` is the default where it thinks."""
    return describe_folder(
        model.id, model.name, model.path, effort, model.description, model.context_size
    )


def describe_folder(
    id: str,
    name: str,
    folder: Path,
    effort: str,
    description: str = "",
    context_size: int | None = None,
) -> Model:
    """The model in ``folder`` as a mode offers it."""
    window = context_size or read_context_size(folder)
    if not is_gpt_oss(folder):
        size = estimate_parameters(folder)
        tools = "none" if size is not None and size < FEWEST_FOR_TOOLS else "text"
        known = None if _has_experts(folder) else size
        return Model(id, name, description, window, tools=tools, parameters=known)
    return Model(
        id,
        name,
        description,
        window,
        thought_levels=HARMONY_LEVELS,
        thought_default=effort,
        tools="native",
    )


def _has_experts(folder: Path) -> bool:
    """Whether the model is a mixture of experts, which has far more than is estimated."""
    config = read_json(folder / "config.json")
    return any("expert" in key and value for key, value in config.items())


def is_gpt_oss(folder: Path) -> bool:
    """Whether the model in ``folder`` is of the gpt-oss family, which speaks Harmony."""
    return read_model_type(folder) == "gpt_oss"
