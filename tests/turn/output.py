"""The editor's end of a turn, as a list. Owns nothing else."""

from collections.abc import Sequence

from acp_agent.backends.base import Event, Notice
from acp_agent.turn.output import ShownCall


class FakeOutput:
    """Notes what it is shown; ``answers`` are given to questions in turn."""

    def __init__(self, *answers: bool) -> None:
        self.events: list[Event] = []
        self.asked: list[tuple[str, str]] = []
        self.shown: list[ShownCall] = []
        self.settled = 0
        self._answers = list(answers)

    @property
    def notices(self) -> Sequence[str]:
        """The texts of all notices."""
        return [event.text for event in self.events if isinstance(event, Notice)]

    async def emit(self, event: Event) -> None:
        self.events.append(event)

    async def show(self, call: ShownCall) -> None:
        self.shown.append(call)

    async def ask(self, title: str, detail: str) -> bool:
        self.asked.append((title, detail))
        return self._answers.pop(0)

    async def settle(self) -> None:
        self.settled += 1
