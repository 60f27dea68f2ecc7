"""Short names of well-known models: ``family:size:quant``, as ``qwen2.5-coder:7b:4bit``.

Owns which families and sizes there are and which repository each means: always the variant
that was trained to follow instructions, as the MLX community publishes it. Does not own
installing. Sizes and memory are computed from the number of parameters, so they are
estimates; whether a repository exists is known only once the hub was asked.

Names and parameters: https://huggingface.co/mlx-community and the makers' model cards.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from acp_agent.errors import ResourceNotFound
from acp_agent.models.catalogue import (
    APACHE_URL,
    CATALOGUE,
    GIB,
    GPT_OSS_MODEL,
    CatalogueEntry,
    HubSource,
)

_BITS: Final[Mapping[str, float]] = {
    "3bit": 3.5,
    "4bit": 4.5,
    "6bit": 6.5,
    "8bit": 8.5,
    "bf16": 16.0,
}
"""Bits per weight by quantisation; each group of 64 weights adds a scale and a bias."""


@dataclass(slots=True, frozen=True)
class _Licence:
    name: str
    url: str


_APACHE = _Licence("Apache-2.0", APACHE_URL)
_MIT = _Licence("MIT", "https://opensource.org/license/mit")
_GEMMA = _Licence("Gemma Terms of Use", "https://ai.google.dev/gemma/terms")
_QWEN = _Licence(
    "Qwen Research License", "https://huggingface.co/Qwen/Qwen2.5-3B/blob/main/LICENSE"
)
_QWEN_LARGE = _Licence("Qwen License", "https://huggingface.co/Qwen/Qwen2.5-72B/blob/main/LICENSE")


def _llama(version: str) -> _Licence:
    path = version.replace(".", "_")
    return _Licence(
        f"Llama {version} Community License", f"https://www.llama.com/llama{path}/license/"
    )


@dataclass(slots=True, frozen=True)
class _Size:
    """``stem`` of the repository's name, before the quantisation; ``billions`` of weights."""

    stem: str
    billions: float
    licence: _Licence = _APACHE


_FAMILIES: Final[Mapping[str, Mapping[str, _Size]]] = {
    "qwen2.5-coder": {
        "0.5b": _Size("Qwen2.5-Coder-0.5B-Instruct", 0.49),
        "1.5b": _Size("Qwen2.5-Coder-1.5B-Instruct", 1.54),
        "3b": _Size("Qwen2.5-Coder-3B-Instruct", 3.09, _QWEN),
        "7b": _Size("Qwen2.5-Coder-7B-Instruct", 7.62),
        "14b": _Size("Qwen2.5-Coder-14B-Instruct", 14.8),
        "32b": _Size("Qwen2.5-Coder-32B-Instruct", 32.8),
    },
    "qwen2.5": {
        "0.5b": _Size("Qwen2.5-0.5B-Instruct", 0.49),
        "1.5b": _Size("Qwen2.5-1.5B-Instruct", 1.54),
        "3b": _Size("Qwen2.5-3B-Instruct", 3.09, _QWEN),
        "7b": _Size("Qwen2.5-7B-Instruct", 7.62),
        "14b": _Size("Qwen2.5-14B-Instruct", 14.8),
        "32b": _Size("Qwen2.5-32B-Instruct", 32.8),
        "72b": _Size("Qwen2.5-72B-Instruct", 72.7, _QWEN_LARGE),
    },
    "qwen3": {
        "0.6b": _Size("Qwen3-0.6B", 0.6),
        "1.7b": _Size("Qwen3-1.7B", 1.7),
        "4b": _Size("Qwen3-4B", 4.0),
        "8b": _Size("Qwen3-8B", 8.2),
        "14b": _Size("Qwen3-14B", 14.8),
        "30b": _Size("Qwen3-30B-A3B", 30.5),
        "32b": _Size("Qwen3-32B", 32.8),
    },
    "qwen3-coder": {"30b": _Size("Qwen3-Coder-30B-A3B-Instruct", 30.5)},
    "llama3.1": {
        "8b": _Size("Meta-Llama-3.1-8B-Instruct", 8.0, _llama("3.1")),
        "70b": _Size("Meta-Llama-3.1-70B-Instruct", 70.6, _llama("3.1")),
    },
    "llama3.2": {
        "1b": _Size("Llama-3.2-1B-Instruct", 1.24, _llama("3.2")),
        "3b": _Size("Llama-3.2-3B-Instruct", 3.21, _llama("3.2")),
    },
    "llama3.3": {"70b": _Size("Llama-3.3-70B-Instruct", 70.6, _llama("3.3"))},
    "gemma3": {
        "1b": _Size("gemma-3-1b-it", 1.0, _GEMMA),
        "4b": _Size("gemma-3-4b-it", 4.3, _GEMMA),
        "12b": _Size("gemma-3-12b-it", 12.2, _GEMMA),
        "27b": _Size("gemma-3-27b-it", 27.4, _GEMMA),
    },
    "mistral": {
        "7b": _Size("Mistral-7B-Instruct-v0.3", 7.25),
        "12b": _Size("Mistral-Nemo-Instruct-2407", 12.2),
        "24b": _Size("Mistral-Small-24B-Instruct-2501", 23.6),
    },
    "phi4": {
        "3.8b": _Size("Phi-4-mini-instruct", 3.84, _MIT),
        "14b": _Size("phi-4", 14.7, _MIT),
    },
    "smollm2": {
        "135m": _Size("SmolLM2-135M-Instruct", 0.135),
        "360m": _Size("SmolLM2-360M-Instruct", 0.362),
        "1.7b": _Size("SmolLM2-1.7B-Instruct", 1.71),
    },
}

_IN_CATALOGUE: Final[Mapping[str, str]] = {"gpt-oss:20b:mxfp4-q8": GPT_OSS_MODEL}


def find_short_name(name: str) -> CatalogueEntry | None:
    """The entry that ``name`` means; None where it is no ``family:size:quant`` at all.

    Raises:
        ResourceNotFound: it has that form and there is no such family, size or
            quantisation; the message names those there are.
    """
    parts = name.lower().split(":")
    if len(parts) == 1:
        return None
    if (known := _IN_CATALOGUE.get(name.lower())) is not None:
        return CATALOGUE[known]
    family = parts[0]
    if family == "gpt-oss":
        raise _unknown(name, "name", _IN_CATALOGUE)
    sizes = _FAMILIES.get(family)
    if sizes is None:
        raise _unknown(name, "family", [*_FAMILIES, "gpt-oss"])
    size = sizes.get(parts[1])
    if size is None:
        raise _unknown(name, f"size of {family}", sizes)
    if len(parts) != 3 or parts[2] not in _BITS:
        raise _unknown(name, f"quantisation, as in {family}:{parts[1]}:4bit", _BITS)
    return _entry(family, parts[1], parts[2], size)


def folder_id(name: str) -> str:
    """The id under which the model called ``name`` is installed, as ``phi4-14b-4bit``."""
    entry = _IN_CATALOGUE.get(name.lower())
    if entry is not None:
        return entry
    return name.lower().replace(":", "-") if ":" in name else name


def _unknown(name: str, what: str, known: Iterable[str]) -> ResourceNotFound:
    return ResourceNotFound(
        f"There is no model {name!r}: it needs a known {what}; known are {', '.join(known)}."
    )


def _entry(family: str, size_name: str, quant: str, size: _Size) -> CatalogueEntry:
    weights = size.billions * 1e9 * _BITS[quant] / 8
    return CatalogueEntry(
        id=f"{family}-{size_name}-{quant}",
        name=f"{size.stem} {quant}",
        description=f"{size.billions:g} billion parameters, {quant}.",
        licence=size.licence.name,
        licence_url=size.licence.url,
        download_bytes=int(weights),
        disk_bytes=int(weights),
        context_size=None,
        source=HubSource(f"mlx-community/{size.stem}-{quant}"),
        # Metal lets a program have about three quarters of the memory.
        minimum_memory=max(4, math.ceil(weights * 4 / 3 / GIB)) * GIB,
        recommended_memory=max(8, math.ceil(weights * 2 / GIB)) * GIB,
    )
