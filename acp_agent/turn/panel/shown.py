"""A panel as the user sees it: a call per candidate, and what came of the vote.

Owns the words, and showing each candidate's latest state without making it wait for the
editor. Does not own the wire (``protocol/output``), asking (``asking``) nor the vote.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import anyio

from acp_agent.backends.base import Notice, Progress
from acp_agent.tools.shown import ShownText
from acp_agent.turn.output import CallStatus, ShownCall, TurnOutput
from acp_agent.turn.panel.candidates import LeftOut, Lineup, PanelCandidate
from acp_agent.turn.panel.record import CandidateRecord, PanelRecord
from acp_agent.turn.panel.verdict import Verdict

_QUOTED = 280
"""Characters of an answer in its summary."""

_FEW = {"failed": "failed", "late": "late", "empty": "without text", "refused": "refused"}


def begin_call(
    record: PanelRecord, candidate: PanelCandidate, number: int, count: int
) -> ShownCall:
    """The call that stands for ``candidate``, the ``number``-th of ``count``."""
    return ShownCall(
        f"panel-{record.id}-{number}",
        f"Panel {number}/{count}: {candidate.label}",
        kind="think",
        status="in_progress",
        arguments={
            "candidate": candidate.name,
            "model": candidate.seat.name,
            "strategy": record.strategy,
            "temperature": record.temperature,
            "deadline": record.deadline,
            "panel": record.id,
        },
    )


def summarise(text: str, record: CandidateRecord) -> str:
    """A candidate's answer in a few lines."""
    measured: list[str] = []
    if record.generated_tokens is not None:
        measured.append(f"{record.generated_tokens:,} tokens")
    if record.seconds is not None:
        measured.append(f"{record.seconds:.1f} s")
    told = f" ({', '.join(measured)})" if measured else ""
    said = " ".join(text.split())
    quoted = said if len(said) <= _QUOTED else f"{said[:_QUOTED]}…"
    return f"Answered{told}.\n{quoted}"


def describe_progress(progress: Progress) -> str:
    """A step in words."""
    if progress.done is None or not progress.total:
        return f"{progress.title} …"
    return f"{progress.title}: {min(100, 100 * progress.done // progress.total)} %"


def describe_left_out(left_out: Sequence[LeftOut]) -> str:
    """Who is not asked, and why."""
    return f"Left out of the panel: {' '.join(map(str, left_out))}"


def describe_vote(record: PanelRecord, verdict: Verdict, unneeded: int = 0) -> str:
    """What happened, in a line: who answered, how they voted, whose answer is shown.

    ``unneeded`` are answers that the verdict does not count.
    """
    asked = sum(each.outcome != "left_out" for each in record.candidates)
    answered = record.count("answered")
    if asked == 1:
        reason = f" {verdict.reason}" if record.strategy == "first_valid" else ""
        return f"One candidate was asked ({verdict.winner}), so there was no vote.{reason}"
    parts = [f"{answered} of {asked} answered"]
    if len(verdict.groups) > 0 and record.strategy == "majority":
        largest = next((each for each in verdict.groups if verdict.winner in each), ())
        parts.append(f"{len(largest)} {'agrees' if len(largest) == 1 else 'agree'}")
    parts += [
        f"{count} {word}"
        for outcome, word in _FEW.items()
        if (count := sum(each.outcome == outcome for each in record.candidates))
    ]
    if unneeded := unneeded + record.count("stopped"):
        parts.append(f"{unneeded} not needed")
    strategy = record.strategy.replace("_", " ")
    reason = f" {verdict.reason.rstrip('.')}." if verdict.reason else ""
    return f"{', '.join(parts)} ({strategy}); shown: {verdict.winner}.{reason}"


def explain_too_few(record: PanelRecord) -> str:
    """Why there is no vote, with what became of each candidate."""
    asked = [each for each in record.candidates if each.outcome != "left_out"]
    answered = record.count("answered")
    if not answered:
        head = "No candidate of the panel answered."
    else:
        head = (
            f"{answered} of {len(asked)} candidates answered, and {record.quorum} answers are "
            "needed (panel.quorum)."
        )
    reasons = _gather_problems(record)
    return f"{head} {reasons} Send the prompt again, or choose another mode."


def _gather_problems(record: PanelRecord) -> str:
    """What became of those who did not answer; once where it is the same of several."""
    names: dict[str, list[str]] = {}
    for each in record.candidates:
        if each.problem:
            names.setdefault(each.problem.rstrip("."), []).append(each.name)
    return " ".join(f"{', '.join(known)}: {problem}." for problem, known in names.items())


def explain_no_quorum(lineup: Lineup, quorum: int) -> str:
    """Why nobody is asked where too few can be."""
    count = len(lineup.candidates)
    said = (
        f"Only {count} {'candidate' if count == 1 else 'candidates'} can be asked, and {quorum} "
        "answers are needed (panel.quorum)."
    )
    return " ".join(
        (said, *map(str, lineup.left_out), "Choose another mode, or lower panel.quorum.")
    )


@dataclass(slots=True)
class Board:
    """The calls of a panel's candidates, by candidate.

    ``tell``, ``end`` and ``notify`` never wait: while the editor is behind, only the latest
    state of each call and the notices not told before are kept. ``run`` shows them.
    """

    output: TurnOutput
    _calls: dict[str, ShownCall] = field(default_factory=dict[str, ShownCall])
    _changed: dict[str, None] = field(default_factory=dict[str, None])
    _notices: list[str] = field(default_factory=list[str])
    _noted: set[str] = field(default_factory=set[str])
    _news: anyio.Event = field(default_factory=anyio.Event)
    _is_closed: bool = False

    async def begin(self, name: str, call: ShownCall) -> None:
        """Shows the call of candidate ``name`` for the first time."""
        self._calls[name] = call
        await self.output.show(call)

    def tell(self, name: str, text: str) -> None:
        """What candidate ``name`` does now."""
        self._change(name, replace(self._calls[name], content=(ShownText(text),)))

    def end(self, name: str, status: CallStatus, text: str) -> None:
        """What came of candidate ``name``; its call is over."""
        self._change(name, replace(self._calls[name], status=status, content=(ShownText(text),)))

    def notify(self, text: str) -> None:
        """Tells the user ``text``, once a panel."""
        if text not in self._noted:
            self._noted.add(text)
            self._notices.append(text)
            self._news.set()

    def close(self) -> None:
        """``run`` ends once all is shown."""
        self._is_closed = True
        self._news.set()

    async def run(self) -> None:
        """Shows what changes until ``close``."""
        while True:
            self._news = anyio.Event()
            await self._show_changes()
            if self._is_closed and not (self._changed or self._notices):
                return
            if not self._news.is_set():
                await self._news.wait()

    async def _show_changes(self) -> None:
        while self._notices:
            await self.output.emit(Notice(self._notices.pop(0)))
        while self._changed:
            name = next(iter(self._changed))
            call = self._calls[name]
            await self.output.show(call)
            if self._calls[name] is call:
                del self._changed[name]

    def _change(self, name: str, call: ShownCall) -> None:
        if call != self._calls[name] and self._calls[name].status == "in_progress":
            self._calls[name] = call
            self._changed[name] = None
            self._news.set()
