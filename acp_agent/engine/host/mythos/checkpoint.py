"""A file with a model's weights.

Owns reading it without running what it may hold, and that it fits a model to the last
tensor. Does not own putting the tensors into the model (``weights``).
"""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.mythos.library import load_open_mythos, load_torch

State = Mapping[str, Any]
"""Tensors by the name of a parameter or buffer."""

TABLES = ("freqs_cis", "freqs_cis_mla")
"""Tables of positions of shape (max_seq_len, D), complex; computed, not learned."""
EMBEDDING = "embed.weight"
HEAD = "head.weight"
"""The same tensor as ``EMBEDDING``; a file may leave it out."""

_LOOPS = "recurrent.lora.scale.weight"
"""One row for each loop of the training."""
_WRAPPERS = ("model", "state_dict", "model_state_dict")
_PREFIXES = ("module.", "_orig_mod.")
"""What data-parallel and compiled modules put before every name."""
_NAMED = 4
"""Tensors that an error names; the others are counted."""


def read_state(file: Path) -> State:
    """The tensors in ``file``, mapped into memory where its format lets them be.

    Beside tensors and plain values only the package's own configuration may be in it, which
    its training script puts there.

    Raises:
        ApiError: 400, there is no such file, it holds other things, or no tensors.
    """
    torch, package = load_torch(), load_open_mythos()
    if not file.is_file():
        raise _unusable("There is no file where mythos.checkpoint points; correct that.")
    try:
        with torch.serialization.safe_globals([package.MythosConfig]):
            try:
                found = _load(torch, file, mapped=True)
            except RuntimeError:  # written by torch before 1.6
                found = _load(torch, file, mapped=False)
    except pickle.UnpicklingError as error:
        raise _unusable(
            f"{file.name} is no file of tensors alone, and anything else could run code: save "
            "the weights with torch.save(model.state_dict(), FILE) and name that file."
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise _unusable(f"{file.name} is no checkpoint that PyTorch can read.") from error
    return _unwrap(found, file.name)


def _load(torch: Any, file: Path, *, mapped: bool) -> object:
    return torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)


def _unwrap(found: object, name: str) -> State:
    """The state in what was saved, alone or with the state of its training."""
    torch = load_torch()
    for _ in range(len(_WRAPPERS)):
        wrapped = _inner(found)
        if wrapped is None:
            break
        found = wrapped
    if not isinstance(found, Mapping) or not found:
        raise _unusable(f"{name} holds no state dict; save model.state_dict().")
    state = {str(key): value for key, value in cast("Mapping[object, Any]", found).items()}
    for prefix in _PREFIXES * 2:  # in either order
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    if not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise _unusable(f"{name} holds no state dict; save model.state_dict().")
    if odd := [key for key, value in state.items() if not _is_plain(key, value)]:
        raise _unusable(
            f"{name} holds tensors that are sparse, quantized, complex or without values: "
            f"{_list('', odd)}. Save them as plain ones."
        )
    return state


def _is_plain(name: str, tensor: Any) -> bool:
    """Whether each of its values is a real number in memory; a table's may be complex."""
    is_dense = tensor.layout is load_torch().strided and not tensor.is_nested
    is_real = name in TABLES or not tensor.is_complex()
    return is_dense and is_real and not tensor.is_quantized and not tensor.is_meta


def _inner(found: object) -> object | None:
    if not isinstance(found, Mapping):
        return None
    content = cast("Mapping[str, object]", found)
    return next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)


def fit_config(config: Any, state: State) -> None:
    """Gives ``config`` the sizes with which ``state`` was trained and that no variant fixes.

    These are the rows of its vocabulary, positions and loops. Other sizes are compared in
    ``check_state``.
    """
    fields = {"vocab_size": EMBEDDING, "max_seq_len": TABLES[0], "max_loop_iters": _LOOPS}
    for field, name in fields.items():
        tensor = state.get(name)
        if tensor is not None and tensor.ndim == 2 and len(tensor):
            setattr(config, field, len(tensor))


def check_vocabulary(state: State, base_size: int) -> None:
    """Refuses weights that have no row for a token of plain text.

    Args:
        base_size: is above all of these.

    Raises:
        ApiError: 400.
    """
    tensor = state.get(EMBEDDING)
    if tensor is not None and tensor.ndim == 2 and len(tensor) < base_size:
        raise _unusable(
            f"The checkpoint was trained with another tokenizer: {EMBEDDING} has {len(tensor)} "
            f"rows, and the tokenizer has {base_size} tokens. Set mythos.tokenizer to that of "
            "its training."
        )


def check_state(state: State, expected: State, variant: str) -> None:
    """Refuses a ``state`` that does not fit.

    Args:
        expected: tensors of the same shapes as the model's.
        variant: the model's name, for the message.

    Raises:
        ApiError: 400, it names tensors that are missing, unknown or of another shape.
    """
    optional = (*TABLES, HEAD)
    missing = [name for name in expected if name not in state and name not in optional]
    unknown = [name for name in state if name not in expected]
    differing = [
        f"{name} is {_shape(state[name])} and should be {_shape(tensor)}"
        for name, tensor in expected.items()
        if name in state and state[name].shape != tensor.shape
    ]
    faults = [
        _list("these differ: ", differing),
        _list("these are missing: ", missing),
        _list("these are unknown: ", unknown),
    ]
    if any(faults):
        told = "; ".join(filter(None, faults))
        raise _unusable(
            f"The checkpoint does not fit {variant}; of its tensors {told}. Set mythos.variant to "
            "the one of its training, or name another file."
        )
    if HEAD in state and not load_torch().equal(state[HEAD], state[EMBEDDING]):
        raise _unusable(
            f"The checkpoint does not fit {variant}: {HEAD} and {EMBEDDING} are one tensor in "
            "the model, and differ in the file."
        )


def _list(begin: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    rest = len(items) - _NAMED
    return begin + ", ".join(items[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _shape(tensor: Any) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _unusable(message: str) -> ApiError:
    return ApiError(400, "checkpoint_unusable", message, param="mythos.checkpoint")
