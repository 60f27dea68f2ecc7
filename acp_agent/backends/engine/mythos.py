"""The backend of mode ``mythos``: OpenMythos in this project's own engine.

Owns which variants the mode offers, what may be chosen of them, and what the user is told
of weights and depth. Does not own the sizes (``mythos_variants``) nor the engine's answer
(``answer``).
"""

import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path

import anyio.to_thread

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    ModelOption,
    ModelRequest,
    Notice,
    Readiness,
    TextDelta,
    Usage,
)
from acp_agent.backends.engine.answer import Engine, answer
from acp_agent.backends.engine.mode import LocalModel, is_gpt_oss, read_state
from acp_agent.backends.engine.mythos_variants import VARIANTS, Variant
from acp_agent.backends.engine.spelling import request_body
from acp_agent.config.machine import format_memory
from acp_agent.config.mythos_settings import MythosSettings
from acp_agent.conversation import AssistantMessage
from acp_agent.errors import BackendUnavailable, ModelNotInstalled

NOISE = "Random weights: noise, for wiring checks only."
"""What is said of a model without a checkpoint."""
NO_TOOLS = "Mode mythos has no tools: it answers with text."

N_LOOPS, DEVICE = "n_loops", "device"
"""Ids of the options."""
_OWN, _BEST = "default", "auto"
_DEPTHS = (1, 2, 4, 8, 16, 32, 64)
_DEVICE_NAMES = {"cuda": "CUDA", "mps": "MPS", "cpu": "CPU"}
_WEIGHT_BYTES = 4


def possible_devices(platform: str = sys.platform, root: Path = Path("/")) -> tuple[str, ...]:
    """The devices that this machine may have, best first, told without loading PyTorch.

    Args:
        platform: as ``sys.platform``.
        root: what stands before ``/dev``, for tests.
    """
    if platform == "darwin":
        return ("mps", "cpu")
    # The second one is that of Linux inside Windows.
    has_card = any((root / "dev" / name).exists() for name in ("nvidiactl", "dxg"))
    return ("cuda", "cpu") if has_card else ("cpu",)


def find_gpt_oss_tokenizer(models: Iterable[LocalModel]) -> Path | None:
    """The folder of the first gpt-oss model among ``models`` that has a tokenizer."""
    found = (each.path for each in models if (each.path / "tokenizer.json").is_file())
    return next((folder for folder in found if is_gpt_oss(folder)), None)


class MythosBackend:
    """The variants of OpenMythos. A backend.

    Args:
        is_installed: why OpenMythos cannot run here, in a sentence; None if it can.
        find_tokenizer: the folder or file of a tokenizer to take where none is configured.
        variants: by model id, in the order they are listed.
        devices: those that the user may choose.
    """

    id = "mythos"
    name = "OpenMythos"
    description = "A recurrent-depth transformer in this agent's own engine; no tools"

    def __init__(
        self,
        settings: MythosSettings,
        engine: Engine,
        *,
        is_installed: Callable[[], str | None],
        find_tokenizer: Callable[[], Path | None],
        variants: Mapping[str, Variant] = VARIANTS,
        devices: tuple[str, ...] | None = None,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._is_installed = is_installed
        self._find_tokenizer = find_tokenizer
        self._variants = variants
        self._devices = possible_devices() if devices is None else devices

    async def probe(self) -> Readiness:
        """As ``Backend.probe``; a running engine is asked what it does."""
        if reason := self._is_installed():
            return Readiness(False, reason, installed=False)
        models = await anyio.to_thread.run_sync(self._describe_all)
        default = self._settings.variant
        if reason := await anyio.to_thread.run_sync(self._explain_incomplete, default):
            return Readiness(False, reason, models=models)
        about = "" if self._settings.checkpoint else NOISE
        state = await read_state(self._engine, default)
        reason = " ".join(each for each in (about, state) if each)
        return Readiness(True, reason, models=models, default_model=default)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """As ``Backend.stream``; progress as ``answer`` has it."""
        if reason := self._is_installed():
            raise BackendUnavailable(reason)
        body = await anyio.to_thread.run_sync(self._body, request, abandon_on_cancel=True)
        opening = self._opening(request)
        async with aclosing(answer(self._engine, body, request.model)) as events:
            async for event in events:
                if opening and isinstance(event, TextDelta | Usage | Done):
                    yield Notice(opening)
                    opening = ""
                yield event
                if isinstance(event, Usage) and event.n_loops is not None:
                    yield Notice(_tell(event, event.n_loops))

    async def aclose(self) -> None:
        """Nothing to give back: every request has a connection of its own."""

    def _explain_incomplete(self, model: str) -> str | None:
        """Which file of ``model`` is missing and what to do; None where all are there."""
        checkpoint = self._checkpoint(model)
        if checkpoint is not None and not checkpoint.is_file():
            return (
                f"The checkpoint {checkpoint.name!r} is not there: correct `mythos.checkpoint`, or "
                "unset it to try the mode with random weights, which write noise."
            )
        if self._tokenizer() is not None:
            return None
        if self._settings.tokenizer is not None:
            name = Path(self._settings.tokenizer).name
            return f"The tokenizer {name!r} is not there: correct `mythos.tokenizer`."
        return (
            "There is no tokenizer: set `mythos.tokenizer` to a folder or a tokenizer.json, or "
            "install a gpt-oss model, whose tokenizer is taken then "
            "(`acp-agent models install gpt-oss-20b`)."
        )

    def _tokenizer(self) -> Path | None:
        if self._settings.tokenizer is None:
            return self._find_tokenizer()
        path = Path(self._settings.tokenizer).expanduser().absolute()
        return path if path.exists() else None

    def _checkpoint(self, model: str) -> Path | None:
        """The weights of ``model``: a checkpoint is of the configured variant only."""
        checkpoint = self._settings.checkpoint
        if checkpoint is None or model != self._settings.variant:
            return None
        return Path(checkpoint).expanduser().absolute()

    def _body(self, request: ModelRequest) -> dict[str, object]:
        """The engine's request; called in a thread.

        Raises:
            ModelNotInstalled: there is no such variant.
            BackendUnavailable: a file is missing.
        """
        if request.model not in self._variants:
            known = ", ".join(self._variants)
            raise ModelNotInstalled(
                f"There is no variant {request.model!r} of OpenMythos: choose one of {known}.",
                model=request.model,
            )
        if reason := self._explain_incomplete(request.model):
            raise BackendUnavailable(reason)
        settings, tokenizer = self._settings, self._tokenizer()
        checkpoint = self._checkpoint(request.model)
        body = request_body(
            request,
            Path(request.model),
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
        )
        body["top_k"] = settings.top_k
        body["mythos"] = {
            "checkpoint": None if checkpoint is None else str(checkpoint),
            "n_loops": self._n_loops(request.options),
            "device": self._device(request.options),
            "tokenizer": None if tokenizer is None else str(tokenizer),
        }
        return body

    def _n_loops(self, options: Mapping[str, str]) -> int | None:
        """The depth to run, None for the variant's own."""
        chosen = options.get(N_LOOPS)
        if chosen is None:
            return self._settings.n_loops
        return None if chosen == _OWN else int(chosen)

    def _device(self, options: Mapping[str, str]) -> str | None:
        """The device to compute on, None for the best there is."""
        chosen = options.get(DEVICE)
        if chosen is None:
            return self._settings.device
        return None if chosen == _BEST else chosen

    def _opening(self, request: ModelRequest) -> str:
        """What stands before an answer; with a checkpoint only before a conversation's first."""
        if self._checkpoint(request.model) is None:
            return f"{NOISE} {NO_TOOLS}"
        has_answers = any(isinstance(each, AssistantMessage) for each in request.messages)
        return "" if has_answers else NO_TOOLS

    def _describe_all(self) -> tuple[Model, ...]:
        return tuple(self._describe(id, variant) for id, variant in self._variants.items())

    def _describe(self, id: str, variant: Variant) -> Model:
        checkpoint = self._checkpoint(id)
        about = [f"Window of {variant.context_size:,} tokens."]
        if variant.parameters is not None:
            memory = _WEIGHT_BYTES * variant.parameters
            size = f"{variant.parameters / 10**9:,.1f} billion parameters"
            about.insert(0, f"{size}, {format_memory(memory)} of memory.")
            if self._engine.explain_unfit(memory, None, 0):
                about.append("Too large for this machine.")
        about.append(NOISE if checkpoint is None else f"Weights: {checkpoint.name}.")
        return Model(
            id,
            id,
            " ".join(about),
            variant.context_size,
            parameters=variant.parameters,
            options=(self._depth_option(variant), self._device_option()),
        )

    def _depth_option(self, variant: Variant) -> ModelOption:
        configured = self._settings.n_loops
        depths = {*_DEPTHS, *([] if configured is None else [configured])}
        own = {_OWN: f"The variant's own ({variant.n_loops})"}
        return ModelOption(
            N_LOOPS,
            "Loops",
            "How often the recurrent block runs for each token",
            own | {str(depth): str(depth) for depth in sorted(depths)},
            _OWN if configured is None else str(configured),
        )

    def _device_option(self) -> ModelOption:
        configured = self._settings.device
        devices = [*self._devices, *([] if configured is None else [configured])]
        return ModelOption(
            DEVICE,
            "Device",
            "Where PyTorch computes",
            {_BEST: "The best there is"} | {name: _DEVICE_NAMES[name] for name in devices},
            configured or _BEST,
        )


def _tell(usage: Usage, n_loops: int) -> str:
    loops = "1 loop" if n_loops == 1 else f"{n_loops} loops"
    return f"{usage.input_tokens} tokens read, {usage.output_tokens} written, {loops} each."
