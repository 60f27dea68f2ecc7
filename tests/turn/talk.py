"""A conversation with fake backends, for the tests of the turn."""

from collections.abc import Sequence
from pathlib import Path

from acp_agent.conversation import AssistantMessage, Message, UserMessage
from acp_agent.sessions.session import Session
from acp_agent.tools.base import RunnableTool, Toolbox
from acp_agent.turn.loop import run_turn
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes
from tests.fixtures.fake_backend import FakeBackend
from tests.fixtures.workspace import make_workspace
from tests.turn.output import FakeOutput

INTERRUPTED = "(Your answer above was interrupted.)"


class Talk:
    """A session with ``backends``, the first of which is its mode."""

    def __init__(
        self, *backends: FakeBackend, tools: Sequence[RunnableTool] = (), root: Path = Path("/")
    ) -> None:
        self.modes = Modes({backend.id: backend for backend in backends}, ())
        self.session = Session("s1", "/", backends[0].id)
        self.session.toolbox = Toolbox(tools)
        self.session.workspace = make_workspace(root)
        self.output = FakeOutput()

    async def say(self, text: str) -> str:
        prompt = UserMessage(text)
        self.meter = Meter()
        return await run_turn(self.session, prompt, self.modes, self.output, self.meter)

    @property
    def history(self) -> list[Message]:
        return self.session.conversation.messages


def said(text: str, thought: str = "", *, interrupted: bool = False) -> AssistantMessage:
    return AssistantMessage(text, thought, interrupted=interrupted)
