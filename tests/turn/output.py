"""The editor's end of a turn, as a list. Owns nothing else."""

from collections.abc import Sequence

import anyio

from acp_agent.backends.base import Event, Notice, TextDelta
from acp_agent.permissions import Option
from acp_agent.turn.output import ShownCall, Source


class FakeOutput:
    """Notes what it is shown; ``answers`` are given to questions in turn.

    ``choices`` are the kinds of option that the user takes in turn when asked about calls
    (None: none), ``replies`` the user's answers in forms; without any there are no forms.
    An event is waited for before the next. ``cut_off`` are the calls that ended by settling.
    ``branches`` note what they are shown themselves and take the user's answers from the
    same lists.
    """

    def __init__(
        self,
        *answers: bool,
        choices: Sequence[str | anyio.Event | None] = (),
        replies: Sequence[str | None] = (),
    ) -> None:
        self.events: list[Event] = []
        self.asked: list[tuple[str, str]] = []
        self.asked_calls: list[tuple[ShownCall, Sequence[Option], str]] = []
        self.questions: list[tuple[str, Sequence[str]]] = []
        self.shown: list[ShownCall] = []
        self.settled = 0
        self.cut_off: set[str] = set()
        self.source: Source | None = None
        self.counts = True
        self.branches: list[FakeOutput] = []
        self.is_closed = False
        self._answers = list(answers)
        self._choices = list(choices)
        self._replies = list(replies)
        self.can_ask_user = bool(replies)

    @property
    def notices(self) -> Sequence[str]:
        """The texts of all notices."""
        return [event.text for event in self.events if isinstance(event, Notice)]

    @property
    def text(self) -> str:
        """The answer, without that of branches."""
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    def statuses(self, id: str) -> list[str]:
        """The states that the call ``id`` was shown in."""
        return [call.status for call in self.shown if call.id == id]

    async def emit(self, event: Event) -> None:
        if not self.is_closed:
            self.events.append(event)

    async def show(self, call: ShownCall) -> None:
        if not self.is_closed:
            self.shown.append(call)

    async def ask(self, title: str, detail: str) -> bool:
        if self.is_closed:
            return False
        self.asked.append((title, detail))
        return self._answers.pop(0)

    async def ask_call(self, call: ShownCall, options: Sequence[Option], reason: str) -> str | None:
        if self.is_closed:
            return None
        self.asked_calls.append((call, options, reason))
        choice = self._choices.pop(0)
        if isinstance(choice, anyio.Event):
            await choice.wait()
            choice = self._choices.pop(0)
        assert not isinstance(choice, anyio.Event)
        return next((option.id for option in options if option.kind == choice), choice)

    async def ask_user(self, question: str, choices: Sequence[str]) -> str | None:
        if self.is_closed:
            return None
        self.questions.append((question, choices))
        return self._replies.pop(0)

    def branch(self, source: Source, *, counts: bool = False) -> "FakeOutput":
        branch = FakeOutput()
        branch.source, branch.counts, branch.is_closed = source, counts, self.is_closed
        branch.can_ask_user = self.can_ask_user
        branch._answers, branch._choices = self._answers, self._choices
        branch._replies = self._replies
        self.branches.append(branch)
        return branch

    @property
    def running(self) -> list[str]:
        """The calls that have not ended."""
        last = {call.id: call.status for call in self.shown}
        ended = {"completed", "failed"}
        return [id for id, status in last.items() if {status, id}.isdisjoint(ended | self.cut_off)]

    async def settle(self) -> None:
        self.settled += 1
        self.cut_off.update(self.running)
        for branch in self.branches:
            if not branch.is_closed:
                await branch.settle()
                branch.is_closed = True
