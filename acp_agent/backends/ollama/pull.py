"""Pulling a model into Ollama.

Owns ``POST /api/pull`` and its progress. Ollama keeps what was fetched when a pull is cut
off, and goes on from there the next time.
"""

from collections.abc import AsyncGenerator

from acp_agent.backends.base import Progress
from acp_agent.backends.ollama import faults
from acp_agent.backends.ollama.client import OllamaClient, Refused

FIRST_LIMIT = 120.0
"""Seconds until a pull must begin; Ollama asks its library first."""


class _Layers:
    """The bytes of all layers that were named so far.

    A layer that is named late makes the total grow; the share shown never falls.
    """

    def __init__(self) -> None:
        self._share = 0.0
        self._totals: dict[str, int] = {}
        self._done: dict[str, int] = {}

    def add(self, digest: str, total: int, completed: int) -> None:
        """Notes how far the layer ``digest`` is."""
        self._totals[digest] = total
        self._done[digest] = completed

    def progress(self, title: str) -> Progress:
        """The state of the whole pull."""
        done, total = sum(self._done.values()), sum(self._totals.values())
        if total:
            self._share = max(self._share, done / total)
            done = int(self._share * total)
        return Progress("pull", title, done, total or None, "B")


async def pull(
    client: OllamaClient, model: str, stall_limit: float
) -> AsyncGenerator[Progress, None]:
    """Pulls ``model``; progress in bytes over all layers named so far.

    Raises:
        BackendError: it could not be pulled, with what to do next.
    """
    from acp_agent.backends.ollama.wire import PullStatus

    title, layers = f"Pulling {model}", _Layers()
    yield layers.progress(title)
    try:
        lines = await client.open_lines(
            "/api/pull",
            {"model": model, "stream": True},
            first_limit=FIRST_LIMIT,
            stall_limit=stall_limit,
        )
    except Refused as refusal:
        raise faults.pull_failed(model, refusal.error) from None
    except TimeoutError:
        raise faults.pull_not_started(model, FIRST_LIMIT) from None
    try:
        async for line in lines:
            try:
                status = PullStatus.model_validate_json(line)
            except ValueError:
                raise faults.not_ollama(client.endpoint) from None
            if status.error is not None:
                raise faults.pull_failed(model, status.error)
            if status.digest and status.total:
                layers.add(status.digest, status.total, status.completed or 0)
                yield layers.progress(title)
            if status.status == "success":
                finished = layers.progress(title)
                finished.finished = True
                yield finished
                return
        raise faults.broken_off(client.endpoint)
    except TimeoutError:
        raise faults.pull_not_started(model, FIRST_LIMIT) from None
    finally:
        await lines.aclose()
