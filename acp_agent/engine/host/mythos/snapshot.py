"""What the mythos thread does, as other threads may see it.

Owns the shape of its status, which is that of ``host/snapshot``. Does not own the state.
"""

from collections.abc import Sequence
from typing import Any

from acp_agent.engine.host.mythos.caches import KeptCaches
from acp_agent.engine.host.mythos.residency import Residency
from acp_agent.engine.host.mythos.spec import ModelSpec


def take_snapshot(
    residency: Residency,
    kept: KeptCaches,
    *,
    running: int,
    parked: Sequence[ModelSpec],
    waiting: int,
) -> dict[str, Any]:
    """The status, ready for JSON but for the moment of the last use (``last_used``).

    Args:
        running: answers of the model in memory.
        parked: the models of the parked ones, which may be others.
    """
    active = running + len(parked)
    return {
        "state": _state(residency, busy=bool(active or waiting)),
        "models": _models(residency, kept, running, parked),
        "active_requests": active,
        "parked_requests": len(parked),
        "queued_requests": waiting,
        "memory": {},
    }


def _state(residency: Residency, *, busy: bool) -> str:
    if residency.loading is not None:
        return "loading"
    if residency.unloading is not None:
        return "unloading"
    if busy:
        return "busy"
    return "idle" if residency.model is None else "ready"


def _models(
    residency: Residency, kept: KeptCaches, running: int, parked: Sequence[ModelSpec]
) -> list[dict[str, Any]]:
    model = residency.model or residency.unloading
    own = parked.count(residency.loading if model is None else model.spec)
    if model is not None:
        state = "busy" if running + own else "ready"
        entry: dict[str, Any] = {"id": model.spec.variant, "memory": model.nbytes}
        entry["cache"] = kept.figures()
        entry["state"] = "unloading" if residency.unloading is not None else state
    elif residency.loading is not None:
        done, total = residency.progress
        entry = {"id": residency.loading.variant, "memory": 0, "cache": {}}
        entry |= {"state": "loading", "loaded_bytes": done, "total_bytes": total}
    else:
        return []
    figures = {"sequences": running + own, "parked": own, "last_used": residency.last_used}
    return [{**entry, **figures}]
