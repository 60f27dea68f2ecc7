"""A conversation in mode ``auto`` with fake backends."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import anyio

from acp_agent.backends.base import Event, Model, Readiness, TextDelta, ToolCallRequested
from acp_agent.config.settings import AutoSettings
from acp_agent.conversation import AssistantMessage, Message, ToolCall, ToolResult, UserMessage
from acp_agent.routing.decisions import DecisionRecord, Feedback, Origin
from acp_agent.routing.gates import Load
from acp_agent.routing.weights import load_weights
from acp_agent.sessions.session import Session
from acp_agent.telemetry.turns import TurnRecord
from acp_agent.tools.base import RunnableTool, Toolbox
from acp_agent.turn.auto.mode import AutoMode
from acp_agent.turn.auto.services import AutoServices
from acp_agent.turn.auto.turn import answer_auto
from acp_agent.turn.auto.watch import Watch
from acp_agent.turn.meter import Meter
from acp_agent.turn.modes import Modes
from tests.fixtures.fake_backend import FakeBackend
from tests.fixtures.workspace import make_workspace
from tests.turn.output import FakeOutput

LIGHT = "Translate this word into French: thanks"
HEAVY = (
    "Refactor the parser in src/parser.py and src/lexer.py so that both are concurrent, migrate "
    "the tests, run them, and debug what fails."
)
PARAMETERS = 1_500_000_000
DOWN = Readiness(False, "The engine cannot run here: it needs a Mac or Linux.")
NO_OLLAMA = Readiness(False, "Ollama does not run: start it.")
HASTY = AutoSettings(propose="never", small_timeout=0.01, progress_timeout=0.01)
LARGE, SMALL = "gptoss_20b/gpt-oss-20b", "ollama/tiny"
SILENT = (
    "gpt-oss-20b gave no sign of life for 0.01 seconds and was given up. Send the prompt again, "
    "or raise auto.progress_timeout in the configuration."
)


class FakeLog:
    """Decisions in a list."""

    def __init__(self) -> None:
        self.records: list[DecisionRecord] = []
        self.feedback: list[Feedback] = []
        self.problem: str | None = None
        self.is_prepared = False

    def prepare(self) -> None:
        self.is_prepared = True

    def hash_prompt(self, text: str) -> str:
        return f"hash of {len(text)}"

    def write(self, record: DecisionRecord) -> None:
        self.records.append(record)

    def mark(self, feedback: Feedback) -> bool:
        self.feedback.append(feedback)
        return True


def small_backend(tools: str = "native", window: int | None = 32_768) -> FakeBackend:
    """An Ollama with one small model."""
    model = Model("tiny", "Tiny", context_size=window, parameters=PARAMETERS, tools=tools)  # type: ignore[arg-type]
    return FakeBackend("ollama", "Ollama", readiness=ready(model))


def large_backend(window: int | None = 131_072) -> FakeBackend:
    """A gptoss_20b that is installed."""
    model = Model("gpt-oss-20b", "GPT-OSS 20B", context_size=window, tools="native")
    return FakeBackend("gptoss_20b", "GPT-OSS 20B", readiness=ready(model))


def unready(backend: FakeBackend, readiness: Readiness) -> FakeBackend:
    backend.readiness = readiness
    return backend


def ready(*models: Model) -> Readiness:
    return Readiness(True, models=models, default_model=models[0].id)


class AutoTalk:
    """A session in mode ``auto`` with a small and a large model, None for one that is not
    among the modes."""

    def __init__(
        self,
        small: FakeBackend | None = None,
        large: FakeBackend | None = None,
        *others: FakeBackend,
        settings: AutoSettings | None = None,
        tools: Sequence[RunnableTool] = (),
        root: Path = Path("/"),
    ) -> None:
        self.small = small or small_backend()
        self.large = large or large_backend()
        self.settings = settings or AutoSettings(propose="never")
        backends = {each.id: each for each in (self.large, self.small, *others)}
        mode = AutoMode(self.settings, backends)
        self.modes = Modes(backends, (), None, [mode])
        self.session = Session("s1", "/", "auto")
        self.session.toolbox = Toolbox(tools)
        self.session.workspace = make_workspace(root)
        self.output = FakeOutput()
        self.log = FakeLog()
        self.load = Load()
        self.forgotten: list[str] = []
        self.figures: list[TurnRecord] = []
        self.services = AutoServices(
            settings=self.settings,
            read_weights=load_weights,
            log=self.log,
            threshold=lambda: None,
            read_load=self._read_load,
            forget=self._forget,
            record=self.figures.append,
            watch=Watch(self.log.mark),
        )

    async def say(self, text: str) -> str:
        """The end of a turn."""
        self.meter = Meter()
        return await answer_auto(
            self.session, UserMessage(text), self.modes, self.output, self.meter, self.services
        )

    @property
    def record(self) -> DecisionRecord:
        """The one decision of the log."""
        [record] = self.log.records
        return record

    @property
    def delegation(self) -> str:
        """The id of the call that stands for the first decision's delegation."""
        return f"delegation-{self.log.records[0].id}"

    @property
    def history(self) -> list[Message]:
        return self.session.conversation.messages

    def told(self, call: str) -> list[str]:
        """What the call was shown with, a text a state."""
        shown = [each for each in self.output.shown if each.id == call]
        return ["".join(getattr(part, "text", "") for part in each.content) for each in shown]

    def calls(self, origin: Origin = "tool_call") -> list[DecisionRecord]:
        """The logged decisions on what came by ``origin``."""
        return [each for each in self.log.records if each.origin == origin]

    @property
    def results(self) -> list[ToolResult]:
        """What the small model was told of its calls."""
        return [each for each in self.history if isinstance(each, ToolResult)]

    def check(self, mode: str = "auto") -> None:
        """Fails unless the session can go on: shown calls have ended, calls have results,
        no stream runs, and the mode is ``mode``."""
        assert self.session.mode == mode
        for output in (self.output, *self.output.branches):
            assert output.running == []
        for backend in (self.small, self.large):
            assert all(stream.stopped.is_set() for stream in backend.streams)
        made = [each for each in self.history if isinstance(each, AssistantMessage)]
        calls = [call.id for each in made for call in each.tool_calls]
        assert [each.call_id for each in self.results] == calls

    async def go_on(self) -> None:
        """Fails unless the next prompt is answered, by the small model if it is there."""
        before = len(self.log.records)
        state = self.small.readiness
        answerer = self.small if state.ready and state.models else self.large
        assert await self.say(LIGHT) == "end_turn"
        assert answerer.streams[-1].request is not None
        assert LIGHT in answerer.streams[-1].request.messages[-1].text
        assert self.history[-1] == AssistantMessage("ok")
        assert len(self.log.records) == before + 1
        self.check()

    async def _read_load(self, model: str) -> Load:
        return self.load

    async def _forget(self, session: str) -> None:
        self.forgotten.append(session)


def says(*texts: str) -> list[Event]:
    return [TextDelta(text) for text in texts]


def generates(prompt: str, id: str = "c1", name: str = "gptoss_generate", extra: str = "") -> Event:
    """A call of the small model's."""
    return ToolCallRequested(ToolCall(id, name, f'{{"user_prompt": "{prompt}"{extra}}}'))


async def cancelled(talk: AutoTalk, text: str, reached: Callable[[], Awaitable[object]]) -> None:
    """Says ``text``, and cancels when ``reached`` is."""
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, text)
            await reached()
            tasks.cancel_scope.cancel()
