"""What the next model is told: history after ends of every kind, windows, other backends."""

from collections.abc import AsyncGenerator
from dataclasses import replace

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
    Usage,
)
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError, BackendUnavailable, ModelNotInstalled
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import MISSING, READY, fake, lacking_model, requests, saying
from tests.turn.output import FakeOutput
from tests.turn.talk import Talk, said

pytestmark = pytest.mark.anyio


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


async def test_the_model_that_is_shown_stays_whatever_the_default_becomes() -> None:
    backend = fake(models=[Model("first", "First"), Model("second", "Second")])
    talk = Talk(backend)
    await talk.say("one")
    backend.readiness = replace(backend.readiness, default_model="second")
    await talk.modes.refresh()
    await talk.say("two")
    assert [request.model for request in requests(backend)] == ["first", "first"]


async def test_a_stream_without_an_end_is_an_error() -> None:
    class Endless(FakeBackend):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
            yield TextDelta("half")

    talk = Talk(Endless())
    with pytest.raises(BackendError, match="without an end"):
        await talk.say("one")
    assert talk.history[1] == said("half", interrupted=True)


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
