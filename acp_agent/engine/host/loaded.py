"""A model in memory: how it is loaded, and the device's work for its sequences.

Owns the module with its format, its prompt cache and its decoder, and reading prompts.
Does not own when models are loaded (``residency``) or which sequence is next
(``workload``). Everything here is the model's thread's.
"""

import hashlib
import logging
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from acp_agent.engine.folder import read_context_size
from acp_agent.engine.host.cache.line import Line
from acp_agent.engine.host.cache.store import PromptCache
from acp_agent.engine.host.decoders import Decoder
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.formats.base import ChatFormat
from acp_agent.engine.host.formats.load import load_format
from acp_agent.engine.host.importing import import_alone
from acp_agent.engine.host.models import load_weights
from acp_agent.engine.saved_prompts import forget_saved

_LOG = logging.getLogger(__name__)

_LONGEST_READ = 2.0
_SHORTEST_STEP = 16


@dataclass(slots=True, eq=False)
class LoadedModel:
    """A model in memory.

    ``context_size`` is its window in tokens (None: unknown), ``nbytes`` its weights' size,
    ``prefill_step`` the prompt tokens that are read at once. Unless ``fixed_step``, it
    becomes shorter on a device that needs too long for it.
    """

    module: Any
    format: ChatFormat
    cache: PromptCache
    decoder: Decoder
    context_size: int | None
    nbytes: int
    prefill_step: int
    fixed_step: bool = True

    @property
    def resident_bytes(self) -> int:
        """Memory of weights and kept prompts."""
        return self.nbytes + self.cache.figures()["bytes"]

    def read(self, line: Line, tokens: Sequence[int]) -> None:
        """Computes the next ``tokens`` of ``line``."""
        import mlx.core as mx

        self.module(mx.array([tokens]), cache=line.cache)
        mx.eval([cache.state for cache in line.cache])  # pyright: ignore[reportUnknownMemberType]
        line.tokens.extend(tokens)
        mx.clear_cache()

    def note_pace(self, count: int, seconds: float) -> None:
        """Reading ``count`` tokens took ``seconds``, for which a cancel may have waited."""
        if self.fixed_step or count < self.prefill_step or seconds < _LONGEST_READ:
            return
        self.prefill_step = max(_SHORTEST_STEP, self.prefill_step // 2)


LoadSteps = Generator[tuple[int, int], None, LoadedModel]
"""Loading in steps; yields bytes loaded and all bytes, (0, 0) at first."""


class Loader(Protocol):
    """Where models come from; ``MlxLoader`` is the real one."""

    def __call__(self, folder: Path) -> LoadSteps:
        """Begins to load the model in ``folder``; the steps raise ``ApiError``."""
        ...

    def forget(self, key: str) -> None:
        """Drops what is saved of session ``key``, also of models not in memory."""
        ...


@dataclass(slots=True, frozen=True)
class MlxLoader:
    """Loads models with mlx_lm.

    Args:
        prefill_step: prompt tokens read at once, None for what suits the device.
        cache_memory: bytes that each model may keep of past prompts.
        cache_folder: where past prompts are saved, None for nowhere.
        cache_disk: bytes that ``cache_folder`` may take; 0 also removes what is there.
    """

    prefill_step: int | None
    cache_memory: int
    cache_folder: Path | None
    cache_disk: int

    def __call__(self, folder: Path) -> LoadSteps:
        """Loads the model in ``folder``."""
        yield 0, 0
        import_mlx_lm()
        chat_format = load_format(folder)
        module: Any = yield from load_weights(folder)
        make_cache = cache_factory(module)
        cache = PromptCache(
            make_cache,
            memory_limit=self.cache_memory,
            folder=self.cache_folder,
            disk_limit=self.cache_disk,
            fingerprint=_fingerprint(folder),
        )
        return LoadedModel(
            module=module,
            format=chat_format,
            cache=cache,
            decoder=Decoder(module, can_batch=can_batch(make_cache)),
            context_size=read_context_size(folder),
            nbytes=_count_bytes(module),
            prefill_step=self.prefill_step or (128 if _is_cpu() else 512),
            fixed_step=self.prefill_step is not None,
        )

    def forget(self, key: str) -> None:
        """As ``Loader.forget``."""
        if self.cache_folder is not None:
            forget_saved(self.cache_folder, key)


def import_mlx_lm() -> None:
    """Imports mlx_lm, which takes seconds the first time.

    Raises:
        ApiError: 500, MLX does not work on this machine.
    """
    try:
        # transformers would bring PyTorch along where it is installed: a second, and 180 MB.
        import_alone("mlx_lm.generate", without="torch")
    except (ImportError, OSError, RuntimeError) as error:
        message = "MLX does not work on this machine; the engine's log has the reason."
        raise ApiError(500, "mlx_unusable", message) from error


def prepare_thread() -> None:
    """Imports mlx_lm ahead of the first job; a failure is that job's to tell."""
    try:
        import_mlx_lm()
    except ApiError:
        _LOG.exception("MLX does not work here")


def leave_thread() -> None:
    """Waits for what mlx still computes and frees this thread's streams.

    A stream that outlives its thread aborts the process while that exits.
    """
    if "mlx.core" in sys.modules:
        import mlx.core as mx

        mx.synchronize()
        mx.clear_streams()


def peak_memory() -> int:
    """The most bytes that MLX used at once since ``reset_peak_memory``."""
    import mlx.core as mx

    return mx.get_peak_memory()


def reset_peak_memory() -> None:
    """Begins to look for the peak anew."""
    import mlx.core as mx

    mx.reset_peak_memory()


def cache_factory(module: Any) -> Callable[[], list[Any]]:
    """Makes empty caches for one sequence of ``module``."""
    from mlx_lm.models.cache import make_prompt_cache

    return lambda: make_prompt_cache(module)


def can_batch(make_cache: Callable[[], list[Any]]) -> bool:
    """Whether mlx_lm can merge such caches into a batch."""
    return all(hasattr(cache, "merge") for cache in make_cache())


def _is_cpu() -> bool:
    import mlx.core as mx

    return mx.default_device().type == mx.DeviceType.cpu


def _count_bytes(module: Any) -> int:
    from mlx.utils import tree_flatten  # pyright: ignore[reportUnknownVariableType]

    return sum(array.nbytes for _, array in cast("Any", tree_flatten(module.parameters())))


def _fingerprint(folder: Path) -> str:
    """Changes with the weights and tokens of the model and with the device's arithmetic."""
    facts = [str(folder), "float32" if _is_cpu() else "native"]
    files = [folder / "config.json", folder / "tokenizer.json", *folder.glob("*.safetensors")]
    for file in sorted(files):
        if file.is_file():
            stat = file.stat()
            facts.append(f"{file.name} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogatepass")).hexdigest()
