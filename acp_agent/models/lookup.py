"""Finding the model that a user means, and saying which fit a machine.

Owns the order of looking (the catalogue, then short names) and the recommendation. Does not
own the entries themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from acp_agent.config.machine import explain_unfit, format_memory
from acp_agent.errors import InstallError, ResourceNotFound
from acp_agent.models.catalogue import BUILTIN_MODEL, CATALOGUE, CatalogueEntry
from acp_agent.models.short_names import find_short_name


def find_entry(
    model_id: str, catalogue: Mapping[str, CatalogueEntry] = CATALOGUE
) -> CatalogueEntry:
    """The entry for ``model_id``: an id of ``catalogue``, or a short name.

    Raises:
        ResourceNotFound: there is none; the message names those there are.
    """
    entry = catalogue.get(model_id) or find_short_name(model_id)
    if entry is None:
        known = ", ".join(sorted(catalogue))
        raise ResourceNotFound(
            f"There is no model {model_id!r} to install; known are: {known}, and short names "
            "such as qwen2.5-coder:7b:4bit."
        )
    return entry


def refuse_unfit(entry: CatalogueEntry, memory: int | None) -> None:
    """Returns where a machine with ``memory`` bytes (None: unknown) can hold ``entry``.

    Raises:
        InstallError: it is too small.
    """
    unfit = explain_unfit(entry.minimum_memory, entry.recommended_memory, memory)
    if unfit is not None and unfit.severity == "refuse":
        raise InstallError(f"{entry.name} does not fit. {unfit.reason}")


@dataclass(slots=True, frozen=True)
class Recommendation:
    """What is to be said of one entry on one machine.

    Args:
        verdict: ``recommended`` for at most one; ``fits``; ``tight``, which runs with
            little left for other programs; ``too large``; ``unsupported``.
        reason: in a sentence.
    """

    entry: CatalogueEntry
    verdict: Literal["recommended", "fits", "tight", "too large", "unsupported"]
    reason: str


def recommend(
    unsupported: str | None,
    memory: int | None,
    catalogue: Mapping[str, CatalogueEntry] = CATALOGUE,
) -> list[Recommendation]:
    """What to say of each entry of ``catalogue``, the recommended one first.

    The largest that fits well is recommended, else the largest that fits at all; the
    built-in model, which is a toy, only where nothing else fits.

    Args:
        unsupported: why no MLX model can run on this platform; None where they can.
        memory: bytes of the whole machine; None where that is not known.
    """
    if unsupported is not None:
        return [Recommendation(entry, "unsupported", unsupported) for entry in catalogue.values()]
    judged = [_judge(entry, memory) for entry in catalogue.values()]
    judged.sort(key=_rank, reverse=True)
    best = judged[0] if judged else None
    if best is None or best.verdict == "too large" or memory is None:
        return judged
    reason = best.reason
    if best.entry.id == BUILTIN_MODEL:
        reason = f"{reason} It is for trying out only: nothing larger fits."
    return [Recommendation(best.entry, "recommended", reason), *judged[1:]]


def _judge(entry: CatalogueEntry, memory: int | None) -> Recommendation:
    needed = entry.minimum_memory
    if memory is None or needed is None:
        unknown = "this machine has" if memory is None else "it needs"
        return Recommendation(entry, "fits", f"How much memory {unknown} is not known.")
    unfit = explain_unfit(needed, entry.recommended_memory, memory)
    if unfit is None:
        enough = entry.recommended_memory or needed
        return Recommendation(entry, "fits", _compare(enough, memory))
    verdict = "too large" if unfit.severity == "refuse" else "tight"
    return Recommendation(entry, verdict, unfit.reason)


def _compare(wanted: int, memory: int) -> str:
    has = format_memory(memory)
    if memory >= wanted:
        return f"It wants {format_memory(wanted)} and this machine has {has}."
    return (
        f"It wants a machine with {format_memory(wanted)}, and this is one: {has} of them are left "
        "beside its firmware."
    )


def _rank(judged: Recommendation) -> tuple[int, int]:
    if judged.verdict == "too large":
        quality = 0
    elif judged.entry.id == BUILTIN_MODEL:
        quality = 1
    else:
        quality = 2 if judged.verdict == "tight" else 3
    return quality, judged.entry.minimum_memory or 0
