"""What mode ``panel`` needs of the rest of the agent.

Owns the interfaces only; ``app`` gives the functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from acp_agent.config.panel_settings import PanelSettings, PanelStrategy
from acp_agent.sessions.session import Session
from acp_agent.turn.panel.candidates import Roster
from acp_agent.turn.panel.record import PanelRecord

if TYPE_CHECKING:
    from acp_agent.turn.panel.verdict import AskHead, RunTest, Strategy


class Log(Protocol):
    """Where panels are kept; ``record.PanelLog`` is one. Never raises."""

    def append(self, record: PanelRecord) -> None: ...


class MakeStrategy(Protocol):
    """``strategies.make_strategy``."""

    def __call__(
        self,
        name: PanelStrategy,
        settings: PanelSettings,
        *,
        candidates: Sequence[str],
        run_test: "RunTest | None",
        ask_head: "AskHead | None",
    ) -> "Strategy": ...


@dataclass(slots=True)
class PanelServices:
    """For the sessions of this process.

    ``find_tester`` gives what runs the test command in a session, None where there is none.
    ``log`` is None where the user wants none. ``last`` is each session's last panel, by its id.
    """

    settings: PanelSettings
    roster: Roster
    make_strategy: MakeStrategy
    find_tester: "Callable[[Session], RunTest | None]"
    log: Log | None = None
    last: dict[str, PanelRecord] = field(default_factory=dict[str, PanelRecord])

    def keep(self, record: PanelRecord) -> None:
        """Keeps ``record`` of a panel that is over."""
        self.last[record.session] = record
        if self.log is not None:
            self.log.append(record)

    def describe_last(self, session: str) -> str:
        """What came of the last panel of ``session``, in a sentence; empty without one."""
        record = self.last.get(session)
        return "" if record is None else record.describe()

    def close(self, session: str) -> None:
        """``session`` was closed."""
        self.last.pop(session, None)
