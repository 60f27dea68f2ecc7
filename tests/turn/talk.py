"""A conversation with fake backends, for the tests of the turn."""

from acp_agent.conversation import AssistantMessage, Message, UserMessage
from acp_agent.sessions.session import Session
from acp_agent.turn.loop import run_turn
from acp_agent.turn.modes import Modes
from tests.fixtures.fake_backend import FakeBackend
from tests.turn.output import FakeOutput

INTERRUPTED = "(Your answer above was interrupted.)"


class Talk:
    """A session with ``backends``, the first of which is its mode."""

    def __init__(self, *backends: FakeBackend) -> None:
        self.modes = Modes({backend.id: backend for backend in backends}, ())
        self.session = Session("s1", "/", backends[0].id)
        self.output = FakeOutput()

    async def say(self, text: str) -> str:
        return await run_turn(self.session, UserMessage(text), self.modes, self.output)

    @property
    def history(self) -> list[Message]:
        return self.session.conversation.messages


def said(text: str, thought: str = "", *, interrupted: bool = False) -> AssistantMessage:
    return AssistantMessage(text, thought, interrupted=interrupted)
