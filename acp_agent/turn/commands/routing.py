"""``/routing``: what answers here and why, and what was decided.

Owns the command's words, and marking a decision as wrong. Does not own deciding, the log
(``routing/decision_log``), how a decision reads (``decided``), nor the modes
(``turn/modes``).
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread

from acp_agent.backends.base import Readiness
from acp_agent.sessions.session import Session
from acp_agent.turn.commands.services import CommandServices, Decisions

if TYPE_CHECKING:
    from acp_agent.routing.decisions import Logged

MOST = 20
"""Decisions that are shown at a time."""
_FEW = 3
"""Decisions that are shown beside the rest."""

_NONE_KEPT = "Decisions are not logged: set `log = true` under `[auto]` in the configuration."
_HOW_TO_MARK = "`/routing wrong` says that the one on this session's last prompt was wrong."
_NONE_TO_MARK = "`/routing wrong` is about this session's decisions only: there is none to mark."


async def answer(argument: str, session: Session, services: CommandServices) -> str:
    """The answer to ``/routing`` with ``argument`` behind it."""
    words = argument.split()
    if not words:
        return await _describe(session, services)
    if words == ["wrong"]:
        return await _mark(session, services.decisions)
    if len(words) == 1 and words[0].isdecimal() and 1 <= int(words[0]) <= MOST:
        return await _list(int(words[0]), session, services.decisions)
    return (
        f"`/routing {argument}` is not understood: it takes nothing, `wrong`, or how many "
        f"decisions to show, 1 to {MOST}."
    )


async def _describe(session: Session, services: CommandServices) -> str:
    """What answers in ``session`` and why, what would in a new one, the last decisions."""
    modes = services.modes
    await modes.refresh()
    rows = [f"- {name}: {value}" for name, value in modes.describe(session)]
    parts = ["**This session**", "", *rows, ""]
    parts += ["**A new session**", "", _why_default(services), ""]
    parts += ["**The modes, best first**", ""]
    known = [mode for mode in services.preference if mode in modes.listing]
    for mode in [*known, *(mode for mode in modes.listing if mode not in known)]:
        parts.append(f"- {mode}: {_describe_state(modes.readiness[mode])}")
    parts += ["", "A session keeps its mode and model until you choose others in its options."]
    if panel := services.last_panel(session.id):
        parts += ["", "**The last panel**", "", f"- {panel}"]
    if services.decisions is not None:
        read = await _read(_FEW, session, services.decisions)
        if read.decisions or read.problem:
            parts += ["", read.describe().rstrip("\n")]
    return "\n".join(parts) + "\n"


def _why_default(services: CommandServices) -> str:
    mode = services.modes.default()
    if services.configured_mode == mode:
        return f"It starts in mode {mode}, which the configuration names (`default_mode`)."
    state = services.modes.readiness[mode]
    if state.ready and state.installed:
        return f"It starts in mode {mode}, the best one that is ready and has its model."
    return f"It starts in mode {mode}: no mode is ready and has its model."


def _describe_state(state: Readiness) -> str:
    word = "not ready" if not state.ready else "ready" if state.installed else "not installed"
    reason = state.reason
    if reason.lower().startswith(word):
        return word + reason[len(word) :].rstrip(". ") + "."
    return f"{word}. {reason}".rstrip(". ") + "."


@dataclass(slots=True, frozen=True)
class _Read:
    """What was found in the log; ``is_own``: the decisions are this session's."""

    decisions: "list[Logged]"
    is_own: bool
    problem: str | None

    def describe(self) -> str:
        """The decisions in Markdown, the newest last."""
        from acp_agent.turn.commands.decided import describe_decision

        parts = [self.problem, ""] if self.problem else []
        if self.decisions:
            parts += [f"**{self._title()}**", ""]
            parts += map(describe_decision, self.decisions)
            parts += ["", _HOW_TO_MARK if self.is_own else _NONE_TO_MARK]
        elif not self.problem:
            parts.append("Nothing was decided yet: that is done in mode `auto`.")
        return "\n".join(parts).rstrip("\n") + "\n"

    def _title(self) -> str:
        if self.is_own:
            return "The last decisions of this session"
        return "The last decisions of other sessions; this one has none"


async def _read(count: int, session: Session, log: Decisions) -> _Read:
    """The last ``count`` decisions of ``session``; of all where it has none."""

    def read() -> _Read:
        own = list(log.last(count, session.id))
        return _Read(own or list(log.last(count)), bool(own), log.problem)

    return await anyio.to_thread.run_sync(read)


async def _list(count: int, session: Session, log: Decisions | None) -> str:
    return _NONE_KEPT if log is None else (await _read(count, session, log)).describe()


async def _mark(session: Session, log: Decisions | None) -> str:
    """Marks the decision on the last prompt of ``session`` as wrong."""
    from acp_agent.routing.decisions import Feedback
    from acp_agent.telemetry.turns import timestamp
    from acp_agent.turn.commands.decided import name_decision

    if log is None:
        return _NONE_KEPT
    own = await anyio.to_thread.run_sync(partial(log.last, MOST, session.id))
    # Calibration learns from decisions on prompts only, not from those on calls made for one.
    prompts = [each for each in own if each.record.origin == "prompt"]
    if not prompts:
        return "There is no decision of this session to mark."
    last = prompts[-1]
    name = f"The decision on this session's last prompt ({name_decision(last.record)})"
    if last.was_wrong:
        return f"{name} is marked as wrong already."
    feedback = Feedback(decision=last.record.id, when=timestamp(), verdict="wrong")
    if not await anyio.to_thread.run_sync(log.mark, feedback):
        return f"The decision was not marked. {log.problem or ''}".strip()
    return (
        f"{name} is marked as wrong. It counts when you run "
        "`acp-agent routing calibrate`; until then nothing is decided otherwise. To be answered "
        "differently now, choose another mode or say so in the prompt."
    )
