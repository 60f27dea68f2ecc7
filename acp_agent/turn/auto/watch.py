"""Which decision a session is acting on, and which was its last.

Owns what a change of mode by hand says about a decision. Does not own the log.
"""

from collections.abc import Callable

from acp_agent.routing.decisions import DecisionRecord, Feedback
from acp_agent.telemetry.turns import timestamp

MODE = "auto"
"""The mode's id."""


class Watch:
    """The decisions of the open sessions.

    Args:
        mark: keeps what the user thought of a decision.
    """

    def __init__(self, mark: Callable[[Feedback], object]) -> None:
        self._mark = mark
        self._running: dict[str, DecisionRecord] = {}
        self._last: dict[str, str] = {}

    def begin(self, session: str, record: DecisionRecord) -> None:
        """``session`` acts on ``record``."""
        self._running[session] = record

    def end(self, session: str) -> None:
        """What was begun is over; one that was overridden is not marked too."""
        record = self._running.pop(session, None)
        self._last.pop(session, None)
        if record is not None and record.outcome.override is None:
            self._last[session] = record.id

    def forget(self, session: str) -> None:
        """``session`` was closed."""
        self._last.pop(session, None)

    def mode_chosen(self, session: str, before: str, now: str) -> None:
        """The user chose mode ``now`` by hand: while a turn runs that overrides its decision,
        right after one it says that the decision was not what they wanted."""
        if now == MODE or before != MODE:
            self._last.pop(session, None)
            return
        record = self._running.get(session)
        if record is not None:
            record.outcome.override = now
            return
        decision = self._last.pop(session, None)
        if decision is not None:
            self._mark(
                Feedback(decision=decision, when=timestamp(), verdict="mode_switched", mode=now)
            )
