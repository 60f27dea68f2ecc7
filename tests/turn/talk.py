"""A conversation with fake backends, for the tests of the turn."""

from collections.abc import Sequence

from acp_agent.conversation import AssistantMessage, Message, UserMessage
from acp_agent.sessions.session import Session
from acp_agent.tools.base import RunnableTool, Toolbox
from acp_agent.turn.loop import run_turn
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes
from tests.fixtures.fake_backend import FakeBackend
from tests.turn.output import FakeOutput

INTERRUPTED = "(Your answer above was interrupted.)"


class Talk:
    """A session with ``backends``, the first of which is its mode."""

    def __init__(self, *backends: FakeBackend, tools: Sequence[RunnableTool] = ()) -> None:
        self.modes = Modes({backend.id: backend for backend in backends}, ())
        self.session = Session("s1", "/", backends[0].id)
        self.output = FakeOutput()
        self.toolbox = Toolbox(tools)

    async def say(self, text: str) -> str:
        prompt = UserMessage(text)
        self.meter = Meter()
        turn = self.session, prompt, self.modes, self.output, self.toolbox, self.meter
        return await run_turn(*turn)

    @property
    def history(self) -> list[Message]:
        return self.session.conversation.messages


def said(text: str, thought: str = "", *, interrupted: bool = False) -> AssistantMessage:
    return AssistantMessage(text, thought, interrupted=interrupted)
