"""A session at work that is cancelled, and what must hold after each cancel.

Owns the checks. Does not own what is cancelled (``test_cancel_tools``).
"""

import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.e2e.agent_process import agent_environ
from tests.e2e.full_editor import joined
from tests.e2e.holding_editor import HoldingEditor
from tests.e2e.session import OpenSession, Turn, open_session
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Reply, Step
from tests.fixtures.ollama_server import OllamaServer

OLD = "x = 0\n" * 1000 + "one = 1\n"
MARK = "ACCEPTANCE_MARK"


@dataclass
class Work:
    """A session at work on a prompt, what it works on, and who answers."""

    server: OllamaServer
    editor: HoldingEditor
    session: OpenSession
    project: Path
    mark: str
    reply: Reply = field(default_factory=Reply)
    """The answer that is cancelled."""

    @asynccontextmanager
    async def asking(self, *steps: Step, text: str = "Do it.") -> AsyncGenerator[Turn, None]:
        """A turn in which the model says ``steps``; leaving cancels it and checks."""
        self.reply = Reply(steps)
        self.server.queue.append(self.reply)
        before = children(self.editor)
        async with self.session.asking(text) as turn:
            yield turn
            await self.session.cancel()
            assert await turn.stop_reason() == "cancelled"
            assert children(self.editor) <= before
            assert marked(self.mark) == []
            assert self.editor.released == list(self.editor.terminals)
        assert_settled(turn)
        assert [path.name for path in self.project.iterdir()] == ["a.py"]
        await self.editor.authenticate("local")
        assert turn.late() == []

    @property
    def content(self) -> str:
        """What the file holds."""
        return (self.project / "a.py").read_text()

    async def assert_goes_on(self) -> None:
        """Fails unless the next prompt is answered, and the model knows how each call ended."""
        self.server.queue.clear()
        turn = await self.session.ask("And now?")
        assert await turn.stop_reason() == "end_turn"
        assert turn.answer
        messages = self.server.chats[-1]["messages"]
        asked = [call["id"] for each in messages for call in each.get("tool_calls", ())]
        told = [each["tool_call_id"] for each in messages if each["role"] == "tool"]
        assert asked == told


def children(editor: HoldingEditor) -> set[int]:
    """All that the agent has started and that runs."""
    return {each.pid for each in psutil.Process(editor.pid).children(recursive=True)}


def marked(mark: str) -> list[str]:
    """The programs that run with ``mark``, whoever their parent is now."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.name())
        except psutil.Error:
            continue
    return found


def assert_settled(turn: Turn) -> None:
    """Fails if a call is left open, or changed after its end."""
    states: dict[str, list[str]] = {}
    for update in turn.updates():
        if update["sessionUpdate"] in ("tool_call", "tool_call_update") and "status" in update:
            states.setdefault(update["toolCallId"], []).append(update["status"])
    for each in states.values():
        assert each[-1] in ("completed", "failed")
        assert not {"completed", "failed"} & set(each[:-1])


@asynccontextmanager
async def working(
    home: Path,
    editor: HoldingEditor,
    environ: Mapping[str, str] | None = None,
    *,
    permissions: str = "full",
    context: int = 131_072,
) -> AsyncGenerator[Work, None]:
    """A session in a project with one file; its model says what the test has queued."""
    model = OllamaModel("m:latest", ("completion", "tools", "thinking"), context)
    project = home / "project"
    project.mkdir()
    (project / "a.py").write_text(OLD)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(OllamaServer(models=[model]).running())
        settings = {"OLLAMA_HOST": server.url, **(environ or {})}
        running = joined(editor, agent_environ(home, **settings))
        editor = await stack.enter_async_context(running)
        session = await open_session(editor, str(project), "ollama")
        await editor.set_config_option(session.id, "permissions", permissions)
        yield Work(server, editor, session, project, uuid.uuid4().hex)
