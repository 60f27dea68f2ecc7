"""What the next model is told: history after ends of every kind, windows, other backends."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    ModelRequest,
    Notice,
    Progress,
    Readiness,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    Usage,
)
from acp_agent.conversation import AssistantMessage, Message, ToolCall, UserMessage
from acp_agent.errors import BackendError, BackendUnavailable, ModelNotInstalled
from acp_agent.sessions.session import Session
from acp_agent.turn.loop import run_turn
from acp_agent.turn.modes import Modes
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import MISSING, READY, ended, fake, lacking_model, requests, saying
from tests.turn.output import FakeOutput

pytestmark = pytest.mark.anyio

INTERRUPTED = "[This answer was interrupted here.]"


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


async def test_a_turn_passes_events_on_and_keeps_the_answer() -> None:
    script = [ThoughtDelta("hm"), TextDelta("Par"), TextDelta("is."), Usage(5, 2, 100), Done()]
    talk = Talk(fake(script))
    assert await talk.say("Capital?") == "end_turn"
    assert talk.output.events == script
    assert talk.output.settled == 1
    assert talk.history == [UserMessage("Capital?"), said("Paris.", "hm")]


async def test_the_model_is_told_the_conversation_without_its_thoughts() -> None:
    backend = fake([ThoughtDelta("hm"), *saying("Paris.")])
    talk = Talk(backend)
    await talk.say("Capital?")
    await talk.say("Sure?")
    request = requests(backend)[1]
    assert request.messages == (UserMessage("Capital?"), said("Paris."), UserMessage("Sure?"))
    assert (request.model, request.session, request.thought_level) == ("tiny", "s1", None)


async def test_after_an_error_the_history_keeps_what_was_shown() -> None:
    backend = fake([TextDelta("half"), BackendError("It broke.")])
    talk = Talk(backend)
    with pytest.raises(BackendError, match="It broke"):
        await talk.say("one")
    assert talk.output.settled == 1
    assert talk.history == [UserMessage("one"), said("half", interrupted=True)]
    await talk.say("two")
    assert requests(backend)[1].messages == (
        UserMessage("one"),
        said(f"half\n\n{INTERRUPTED}"),
        UserMessage("two"),
    )


async def test_after_an_error_before_the_first_token_the_interruption_is_told() -> None:
    backend = fake([BackendError("It broke.")])
    talk = Talk(backend)
    with pytest.raises(BackendError):
        await talk.say("one")
    await talk.say("two")
    assert requests(backend)[1].messages[1] == said(INTERRUPTED)


async def test_after_a_cancel_the_history_keeps_what_was_shown() -> None:
    backend = fake([ThoughtDelta("hm"), TextDelta("half"), anyio.Event()])
    talk = Talk(backend)
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, "one")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert ended(backend) == 1
    assert talk.output.settled == 1
    assert talk.history == [UserMessage("one"), said("half", "hm", interrupted=True)]
    await talk.say("two")
    assert requests(backend)[1].messages[1] == said(f"half\n\n{INTERRUPTED}")


async def test_a_refused_prompt_and_its_answer_are_forgotten() -> None:
    backend = fake(saying("fine"), [TextDelta("I cannot."), Done("refusal")])
    talk = Talk(backend)
    await talk.say("one")
    assert await talk.say("bad") == "refusal"
    await talk.say("three")
    assert requests(backend)[2].messages == (UserMessage("one"), said("fine"), UserMessage("three"))


async def test_an_answer_cut_at_its_limit_stays_as_it_is() -> None:
    talk = Talk(fake([TextDelta("long"), Done("max_tokens")]))
    assert await talk.say("one") == "max_tokens"
    assert talk.history[1] == said("long")


async def test_a_stream_without_an_end_is_an_error() -> None:
    class Endless(FakeBackend):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
            yield TextDelta("half")

    talk = Talk(Endless())
    with pytest.raises(BackendError, match="without an end"):
        await talk.say("one")
    assert talk.history[1] == said("half", interrupted=True)


async def test_tool_calls_are_kept_with_the_answer() -> None:
    call = ToolCall("c1", "read", '{"path":"a"}')
    talk = Talk(fake([TextDelta("a"), ToolCallRequested(call), Done()]))
    await talk.say("one")
    assert talk.history[1] == AssistantMessage("a", tool_calls=(call,))


async def test_another_backend_gets_the_whole_conversation_without_thoughts() -> None:
    first = fake([ThoughtDelta("secret"), *saying("one says")], mode="one")
    second = fake(mode="two", models=[Model("other", "Other")])
    talk = Talk(first, second)
    await talk.say("a")
    talk.session.mode = "two"
    await talk.say("b")
    (request,) = requests(second)
    assert request.messages == (UserMessage("a"), said("one says"), UserMessage("b"))
    assert request.model == "other"
    assert not talk.output.notices
    assert talk.history[1] == said("one says", "secret")


async def test_a_smaller_window_gets_the_latest_messages_and_the_user_a_notice() -> None:
    large = fake(*(saying("x" * 300) for _ in range(5)), mode="large")
    small = fake(mode="small", models=[Model("s", "S", context_size=600)])
    talk = Talk(large, small)
    for number in range(5):
        await talk.say(f"question {number}")
    assert not talk.output.notices
    talk.session.mode = "small"
    await talk.say("last")
    (request,) = requests(small)
    # Three quarters of 600 hold the last prompt and three pairs of about 120 tokens each.
    assert [m.text for m in request.messages if isinstance(m, UserMessage)] == [
        "question 2",
        "question 3",
        "question 4",
        "last",
    ]
    (notice,) = talk.output.notices
    assert notice.startswith("The 4 oldest messages of this session do not fit")
    assert "of s and were left out" in notice
    assert isinstance(talk.output.events[-3], Notice)
    assert len(talk.history) == 12


async def test_a_mode_that_is_not_ready_is_asked_again_and_leaves_no_history() -> None:
    backend = fake(readiness=Readiness(False, "Start it."))
    talk = Talk(backend)
    with pytest.raises(BackendUnavailable, match=r"Start it\."):
        await talk.say("one")
    assert talk.history == []
    backend.readiness = READY
    assert await talk.say("one") == "end_turn"


async def test_a_greeting_is_told_once_before_the_answer() -> None:
    talk = Talk(fake())
    talk.session.greeting = "Welcome."
    await talk.say("one")
    await talk.say("two")
    assert talk.output.events[0] == Notice("Welcome.")
    assert talk.output.notices == ["Welcome."]


async def test_the_choices_of_the_session_reach_the_backend() -> None:
    thinker = Model("b", "B", thought_levels=("low", "high"), thought_default="low")
    backend = fake(models=[Model("a", "A"), thinker])
    talk = Talk(backend)
    await talk.say("one")
    talk.session.models["fake"] = "b"
    await talk.say("two")
    talk.session.thought_levels["fake"] = "high"
    await talk.say("three")
    asked = [(request.model, request.thought_level) for request in requests(backend)]
    assert asked == [("a", None), ("b", "low"), ("b", "high")]


INSTALL = (Progress("f", "Fetching"), Progress("f", "Fetching", finished=True))


async def test_an_allowed_install_is_followed_by_the_answer() -> None:
    backend = lacking_model(saying("hello"), install=INSTALL)
    talk = Talk(backend)
    talk.output = FakeOutput(True)
    assert await talk.say("one") == "end_turn"
    assert talk.output.asked == [("Install tiny (1 MB)", "Tiny is not installed.")]
    assert talk.output.events == [*INSTALL, TextDelta("hello"), Done()]
    assert talk.history == [UserMessage("one"), said("hello")]


async def test_a_rejected_install_is_the_error() -> None:
    backend = lacking_model(install=INSTALL)
    talk = Talk(backend)
    talk.output = FakeOutput(False)
    with pytest.raises(ModelNotInstalled):
        await talk.say("one")
    assert not backend.installed
    assert talk.output.settled == 1


async def test_a_model_without_a_title_is_not_offered() -> None:
    talk = Talk(fake([ModelNotInstalled("Pull it.", model="tiny")]))
    with pytest.raises(ModelNotInstalled, match=r"Pull it\."):
        await talk.say("one")
    assert not talk.output.asked


async def test_what_the_backend_cannot_install_is_not_offered() -> None:
    class NoInstaller(FakeBackend):
        install = None  # pyright: ignore[reportAssignmentType]

    backend = NoInstaller()
    backend.script(MISSING)
    talk = Talk(backend)
    with pytest.raises(ModelNotInstalled):
        await talk.say("one")
    assert not talk.output.asked


async def test_an_install_that_did_not_help_is_an_error_and_no_second_question() -> None:
    talk = Talk(lacking_model([MISSING], install=INSTALL))
    talk.output = FakeOutput(True)
    with pytest.raises(ModelNotInstalled):
        await talk.say("one")
    assert len(talk.output.asked) == 1


async def test_a_mode_changed_during_the_greeting_is_asked_with_its_own_model() -> None:
    first = fake(mode="one", models=[Model("m1", "M1")])
    second = fake(mode="two", models=[Model("m2", "M2")])
    talk = Talk(first, second)
    await talk.modes.refresh()

    class Switching(FakeOutput):
        async def emit(self, event: object) -> None:
            talk.session.mode = "two"

    talk.output = Switching()
    talk.session.greeting = "Welcome."
    await talk.say("one")
    asked = [(request.model, b.id) for b in (first, second) for request in requests(b)]
    assert asked == [("m2", "two")]
