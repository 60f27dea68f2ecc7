"""What mode ``auto`` needs of the rest of the agent.

Owns the interfaces only; ``app`` gives the functions.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from acp_agent.config.settings import AutoSettings
from acp_agent.routing.decisions import DecisionRecord, Feedback
from acp_agent.routing.gates import Load
from acp_agent.telemetry.turns import TurnRecord
from acp_agent.turn.auto.watch import Watch

if TYPE_CHECKING:
    from acp_agent.routing.rubric import Weights


class Log(Protocol):
    """Where decisions are kept; ``routing/decision_log`` is one. Nothing here raises."""

    @property
    def problem(self) -> str | None:
        """Why decisions cannot be kept, in a sentence; None if they can."""
        ...

    def prepare(self) -> None:
        """Imports what the first decision needs; takes some 30 ms, in a thread."""
        ...

    def hash_prompt(self, text: str) -> str: ...
    def write(self, record: DecisionRecord) -> None: ...
    def mark(self, feedback: Feedback) -> bool: ...


@dataclass(slots=True)
class AutoServices:
    """For the sessions of this process.

    ``read_weights`` gives the rubric's; raises ConfigError where they are broken.
    ``threshold`` gives the user's own, None where there is none. ``read_load`` tells what the
    engine does with a model, by the model's id. ``forget`` drops what servers keep for a
    session, by its id; ``record`` keeps the figures of a delegation; neither raises. ``told``
    are lasting problems that users know of, by session, ``ended`` the sessions of
    delegations that are over; ``is_prepared``: the log has imported what it needs.
    """

    settings: AutoSettings
    read_weights: "Callable[[], Weights]"
    log: Log | None
    threshold: Callable[[], float | None]
    read_load: Callable[[str], Awaitable[Load]]
    forget: Callable[[str], Awaitable[None]]
    record: Callable[[TurnRecord], None]
    watch: Watch
    told: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    ended: list[str] = field(default_factory=list[str])
    is_prepared: bool = False

    def known_to(self, session: str) -> set[str]:
        """The lasting problems that the user of ``session`` was told of."""
        return self.told.setdefault(session, set())

    def close(self, session: str) -> None:
        """``session`` was closed."""
        self.told.pop(session, None)
        self.watch.forget(session)

    async def forget_ended(self) -> None:
        """Has servers forget the delegations that are over."""
        while self.ended:
            await self.forget(self.ended.pop())
