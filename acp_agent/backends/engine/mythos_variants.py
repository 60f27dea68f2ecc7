"""The sizes of OpenMythos, as the user is told of them; pure but for one file.

Owns parameters, window and depth of each variant. Does not own their configuration, which
the package ``open-mythos`` has and the engine reads: importing it here would load PyTorch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "ACP_AGENT_MYTHOS_VARIANTS"
"""Names a file with further variants, as the engine reads it (``engine/host/mythos``)."""

_WINDOW, _LOOPS = 4096, 16
"""What ``MythosConfig`` has where its file does not say."""


@dataclass(slots=True, frozen=True)
class Variant:
    """One size: its window in tokens, its own depth, its weights with gpt-oss's vocabulary
    (None if unknown)."""

    context_size: int
    n_loops: int
    parameters: int | None = None


# Source: open_mythos/variants.py of open-mythos 0.5.0; weights counted with vocab_size 201088.
VARIANTS: Mapping[str, Variant] = {
    "mythos_1b": Variant(4096, 16, 1_410_320_258),
    "mythos_3b": Variant(4096, 16, 3_561_163_522),
    "mythos_10b": Variant(8192, 24, 10_673_901_442),
    "mythos_50b": Variant(8192, 32, 51_413_124_098),
    "mythos_100b": Variant(1_000_000, 32, 100_930_241_026),
    "mythos_500b": Variant(1_000_000, 48, 499_091_306_498),
    "mythos_1t": Variant(1_000_000, 64, 1_000_982_578_178),
}


def read_variants(environ: Mapping[str, str]) -> Mapping[str, Variant]:
    """All variants, with those that ``environ`` adds; a file that cannot be read adds none,
    and the engine says so."""
    name = environ.get(VARIABLE)
    if not name:
        return VARIANTS
    try:
        added: Mapping[str, Mapping[str, Any]] = json.loads(Path(name).read_text(encoding="utf-8"))
        found = {each: _read(fields) for each, fields in added.items()}
    except (OSError, ValueError, AttributeError):
        return VARIANTS
    return {**VARIANTS, **found}


def _read(fields: Mapping[str, Any]) -> Variant:
    return Variant(fields.get("max_seq_len", _WINDOW), fields.get("max_loop_iters", _LOOPS))
