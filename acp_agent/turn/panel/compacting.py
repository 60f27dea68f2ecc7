"""``/compact`` in mode ``panel``: room for each model that its candidates run on.

Owns which contexts these are: without tools, by the session's models. Does not own making
room (``turn/compact``).
"""

from acp_agent.errors import BackendError
from acp_agent.sessions.session import Session
from acp_agent.turn.choice import choose, without_tools
from acp_agent.turn.compact import compact_now
from acp_agent.turn.modes import Modes
from acp_agent.turn.output import EventOutput
from acp_agent.turn.panel.mode import MODE, PanelMode


async def compact_panel(
    mode: PanelMode, session: Session, modes: Modes, output: EventOutput
) -> str:
    """Shortens what the candidates are told of ``session``; what came of it, a line for each
    of several models.

    Raises:
        BackendUnavailable: no candidate can be asked.
        BackendError: the only model gave no summary; nothing is left out.
    """
    await modes.refresh(MODE)
    modes.check(MODE)
    seats = mode.find_seats(modes.readiness, session.models)
    told: list[str] = []
    for seat in seats:
        try:
            choice = without_tools(await choose(session, modes, seat))
            news = await compact_now(choice, session, output)
        except BackendError as error:
            if len(seats) == 1:
                raise
            news = error.message
        told.append(news if len(seats) == 1 else f"- {seat.name}: {news}")
    return "\n".join(told)
