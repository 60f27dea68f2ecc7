"""A conversation in mode ``panel`` with fake backends.

Owns scripted candidates and a look at what was shown of them. Does not own the vote, which
is the real one.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import anyio

from acp_agent.backends.base import Done, Model, Readiness, TextDelta, Usage
from acp_agent.config.openai_settings import EndpointSettings
from acp_agent.config.panel_settings import PanelSettings
from acp_agent.conversation import Message, UserMessage
from acp_agent.sessions.session import Session
from acp_agent.tools.base import Toolbox
from acp_agent.tools.files.read_file import ReadFile
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes
from acp_agent.turn.panel.candidates import Roster
from acp_agent.turn.panel.mode import PanelMode
from acp_agent.turn.panel.record import PanelRecord
from acp_agent.turn.panel.services import PanelServices
from acp_agent.turn.panel.strategies import make_strategy
from acp_agent.turn.panel.turn import answer_panel
from tests.fixtures.fake_backend import FakeBackend, Step
from tests.fixtures.workspace import make_workspace
from tests.turn.output import FakeOutput

QUESTION = "What is six times seven?"
NAMES = ("one", "two", "three", "four", "five")
"""Modes of candidates of their own."""


class FakeLog:
    """Records in a list."""

    def __init__(self) -> None:
        self.records: list[PanelRecord] = []

    def append(self, record: PanelRecord) -> None:
        self.records.append(record)


def member(mode: str, window: int | None = 8192) -> FakeBackend:
    """A backend with one model."""
    name = f"Model {mode.capitalize()}"
    model = Model(f"{mode}-model", name, context_size=window, tools="native")
    readiness = Readiness(True, models=(model,), default_model=model.id)
    return FakeBackend(mode, mode.capitalize(), readiness=readiness)


def says(text: str, read: int = 100, written: int = 10) -> list[Step]:
    """A whole answer, with its figures."""
    return [TextDelta(text), Usage(read, written), Done()]


class PanelTalk:
    """A session in mode ``panel``: samples of one model, or a candidate for each of ``names``."""

    def __init__(
        self,
        *names: str,
        settings: PanelSettings | None = None,
        endpoints: Mapping[str, EndpointSettings] | None = None,
        backends: Sequence[FakeBackend] = (),
    ) -> None:
        made = backends or [member(name) for name in names or ("one",)]
        self.backends = {each.id: each for each in made}
        self.settings = settings or PanelSettings(members=list(names), samples=3)
        self.roster = Roster(
            self.settings, endpoints or {}, tuple(self.backends), tuple(self.backends)
        )
        self.modes = Modes(self.backends, (), None, [PanelMode(self.roster)])
        self.session = Session("s1", "/", "panel")
        self.session.workspace = make_workspace(Path("/"))
        self.session.toolbox = Toolbox([ReadFile()])
        self.output = FakeOutput()
        self.log = FakeLog()
        self.services = PanelServices(
            self.settings, self.roster, make_strategy, lambda session: None, self.log
        )
        self.meter = Meter()

    def __getitem__(self, name: str) -> FakeBackend:
        return self.backends[name]

    @property
    def one(self) -> FakeBackend:
        """The backend whose samples are asked."""
        return next(iter(self.backends.values()))

    def script(self, **answers: str) -> None:
        """What each candidate says."""
        for name, text in answers.items():
            self.backends[name].script(*says(text))

    async def say(self, text: str = QUESTION) -> str:
        """The end of a turn."""
        self.meter = Meter()
        prompt = UserMessage(text)
        return await answer_panel(
            self.session, prompt, self.modes, self.output, self.meter, self.services
        )

    @property
    def history(self) -> list[Message]:
        return self.session.conversation.messages

    @property
    def record(self) -> PanelRecord:
        """The last panel."""
        return self.log.records[-1]

    @property
    def outcomes(self) -> dict[str, str]:
        """What became of each candidate of the last panel."""
        return {each.name: each.outcome for each in self.record.candidates}

    @property
    def calls(self) -> dict[str, str]:
        """The last text of each candidate's call, by its title."""
        return {
            each.title: "".join(getattr(part, "text", "") for part in each.content)
            for each in self.output.shown
        }

    @property
    def statuses(self) -> dict[str, str]:
        """The last state of each candidate's call, by its name."""
        return {str((each.arguments or {})["candidate"]): each.status for each in self.output.shown}

    @property
    def answers(self) -> list[tuple[str, str]]:
        """Who wrote what of the answer: mode and text."""
        found: list[tuple[str, str]] = []
        for branch in self.output.branches:
            if branch.text and branch.source is not None:
                found.append((branch.source.mode, branch.text))
        return found

    def check(self) -> None:
        """Fails unless the session can go on: no call is open, no stream runs."""
        assert self.output.running == []
        for backend in self.backends.values():
            assert all(stream.stopped.is_set() for stream in backend.streams)

    async def go_on(self) -> None:
        """Fails unless the next prompt is answered."""
        assert await self.say("And now?") == "end_turn"
        self.check()


async def cancelled(talk: PanelTalk, reached: Callable[[], Awaitable[object]]) -> None:
    """Asks, and cancels when ``reached`` is."""
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say)
            await reached()
            tasks.cancel_scope.cancel()
