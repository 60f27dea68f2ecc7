"""Which updates belong to a delegation, and their order on a screen that shows one at a time.

Owns reading the agent's mark on what delegated models write, and holding one delegation's
updates back while another one is shown. Does not own how anything looks (``view``).
"""

from collections.abc import Iterator

from acp_agent.cli.terminal.json_values import Json, as_object


def source_call(update: Json) -> str | None:
    """The id of the call for which a delegated model wrote ``update``; None if none did."""
    ours = as_object(as_object(update.get("_meta")).get("acp-agent"))
    call = as_object(ours.get("source")).get("toolCallId")
    return call if isinstance(call, str) else None


def ended_call(update: Json) -> str | None:
    """The id of the call that ends with ``update``; None if it ends none."""
    is_call = update.get("sessionUpdate") in ("tool_call", "tool_call_update")
    if is_call and update.get("status") in ("completed", "failed"):
        return str(update.get("toolCallId"))
    return None


class Delegations:
    """Puts the updates of delegations that run at the same time one after another."""

    def __init__(self) -> None:
        self._shown: str | None = None
        self._held: dict[str, list[Json]] = {}

    def order(self, update: Json) -> Iterator[Json]:
        """What is to be shown now that ``update`` came."""
        source, ended = source_call(update), ended_call(update)
        waiting = source if source is not None else ended
        if waiting in self._held:
            self._held[waiting].append(update)
            return
        if source is not None and self._shown not in (None, source):
            self._held[source] = [update]
            return
        self._shown = source or self._shown
        yield update
        if ended is not None and ended == self._shown:
            yield from self._go_on()

    def _go_on(self) -> Iterator[Json]:
        """What was held back, up to the first delegation that still runs."""
        self._shown = None
        while self._held and self._shown is None:
            call = next(iter(self._held))
            updates = self._held.pop(call)
            yield from updates
            if ended_call(updates[-1]) != call:
                self._shown = call
