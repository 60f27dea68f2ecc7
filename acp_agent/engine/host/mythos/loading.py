"""Loading a model, step by step.

Owns the order: what costs little and may be refused comes first, memory last. Does not own
when a model is loaded (``residency``).
"""

import logging
from collections.abc import Callable, Generator
from typing import Any

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.memory.needs import Needs
from acp_agent.engine.host.mythos.checkpoint import (
    State,
    check_state,
    check_vocabulary,
    fit_config,
    read_state,
)
from acp_agent.engine.host.mythos.devices import TorchDevice, choose_device
from acp_agent.engine.host.mythos.model import Model, MythosModel
from acp_agent.engine.host.mythos.spec import ModelSpec
from acp_agent.engine.host.mythos.variants import Variants, check_variant, make_config
from acp_agent.engine.host.mythos.vocabulary import load_vocabulary
from acp_agent.engine.host.mythos.weights import fill, make_skeleton, measure

_LOG = logging.getLogger(__name__)

Steps = Generator[tuple[int, int], None, Model]
"""A load: yields bytes loaded and all bytes, returns the model, may raise ``ApiError``."""

Load = Callable[[ModelSpec], Steps]


class MythosLoader:
    """Loads models. A ``Load``.

    Args:
        variants: those that the package does not have.
        device: is told where the model computes.
        check_room: raises ``ApiError`` where the model called so does not fit into memory.
    """

    def __init__(
        self,
        variants: Variants,
        device: TorchDevice,
        check_room: Callable[[str, Needs], None],
    ) -> None:
        self._variants = variants
        self._device = device
        self._check_room = check_room

    def __call__(self, spec: ModelSpec) -> Steps:
        """Loads the model that ``spec`` names."""
        check_variant(spec.variant, self._variants)
        vocabulary = load_vocabulary(spec.tokenizer)
        config = make_config(spec.variant, self._variants)
        self._device.name = choose_device(spec.device)
        state = None if spec.checkpoint is None else read_state(spec.checkpoint)
        config.vocab_size = vocabulary.size
        if state is not None:
            check_vocabulary(state, vocabulary.base_size)
            fit_config(config, state)
        skeleton = _make(config, spec.variant)
        if state is not None:
            check_state(state, skeleton.state_dict(), spec.variant)
        needs = measure(skeleton, config)
        self._check_room(spec.variant, needs)
        if state is None:
            _LOG.warning("%s has random weights: it writes noise", spec.variant)
        yield from _fill(skeleton, config, state, self._device.name)
        return MythosModel(
            spec,
            skeleton,
            config,
            vocabulary,
            device=self._device.name,
            nbytes=needs.weights,
        )


def _make(config: Any, variant: str) -> Any:
    try:
        return make_skeleton(config)
    except (RuntimeError, ValueError, TypeError, ArithmeticError) as error:
        message = f"OpenMythos cannot be built with the sizes of {variant}."
        raise ApiError(400, "invalid_variant", message, param="model") from error


def _fill(
    skeleton: Any, config: Any, state: State | None, device: str
) -> Generator[tuple[int, int], None, None]:
    try:
        yield from fill(skeleton, config, state, device)
    except RuntimeError as error:  # PyTorch's for memory that it cannot get, too
        message = (
            "The model could not be put into memory: close what holds much of it, or take a "
            "smaller variant; the engine's log has the reason."
        )
        raise ApiError(503, "memory_short", message, param="model") from error
