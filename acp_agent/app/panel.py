"""What mode ``panel`` needs, put together.

Owns naming the parts. Does not own any decision (``acp_agent.turn.panel``).
"""

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from acp_agent.config.paths import Paths
from acp_agent.config.settings import Settings
from acp_agent.sessions.session import Session
from acp_agent.turn.panel.candidates import Roster
from acp_agent.turn.panel.record import PanelLog
from acp_agent.turn.panel.services import PanelServices

if TYPE_CHECKING:
    from acp_agent.config.panel_settings import PanelSettings, PanelStrategy
    from acp_agent.turn.panel.verdict import AskHead, RunTest, Strategy

LOG_NAME = "panel.jsonl"
"""The log of panels, in the state folder."""


def build_roster(
    settings: Settings, available: Collection[str], preference: Sequence[str]
) -> Roster:
    """Who may be in a panel, of the modes that are ``available``."""
    return Roster(settings.panel, settings.endpoints, tuple(available), tuple(preference))


def build_panel(settings: Settings, paths: Paths, roster: Roster) -> PanelServices:
    """What mode ``panel`` needs; the strategies are loaded with its first prompt.

    Panels are logged where decisions are (``auto.log``).
    """
    log = PanelLog(paths.state / LOG_NAME) if settings.auto.log else None
    find_tester = partial(_find_tester, settings.panel)
    return PanelServices(settings.panel, roster, _make_strategy, find_tester, log)


def _make_strategy(
    name: "PanelStrategy",
    settings: "PanelSettings",
    *,
    candidates: Sequence[str],
    run_test: "RunTest | None",
    ask_head: "AskHead | None",
) -> "Strategy":
    from acp_agent.turn.panel.strategies import make_strategy

    return make_strategy(
        name, settings, candidates=candidates, run_test=run_test, ask_head=ask_head
    )


def _find_tester(settings: "PanelSettings", session: Session) -> "RunTest | None":
    from acp_agent.turn.panel.testing import make_tester

    return make_tester(settings, session)
