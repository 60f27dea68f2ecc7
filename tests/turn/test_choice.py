"""What answers, and how long it may be silent."""

from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest

from acp_agent.backends.base import Done, Event, Model, ModelRequest, Progress, TextDelta
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError, BackendUnavailable
from acp_agent.sessions.session import Session
from acp_agent.turn.choice import RESULT_LIMIT, Choice, choose, open_stream
from acp_agent.turn.modes import Modes, Seat
from tests.fixtures.fake_backend import FakeBackend, Step
from tests.fixtures.fake_composed import FakeComposed
from tests.fixtures.fake_tool import FakeTool
from tests.fixtures.workspace import make_workspace
from tests.protocol.backend import fake

pytestmark = pytest.mark.anyio

REQUEST = ModelRequest((UserMessage("Hi"),), "models/m", "Hi")
SILENT = (
    "m gave no sign of life for 0.01 seconds and was given up. Send the prompt again, or raise "
    "auto.progress_timeout in the configuration."
)


def choice(backend: FakeBackend, patience: float | None) -> Choice:
    return Choice(backend, "models/m", None, None, patience=patience)


async def read(chosen: Choice) -> list[Event]:
    with anyio.fail_after(5):
        async with aclosing(open_stream(chosen, REQUEST)) as events:
            return [event async for event in events]


@pytest.mark.parametrize("patience", [None, 5.0])
async def test_events_pass_as_they_come(patience: float | None) -> None:
    backend = fake()
    playing = backend.script(TextDelta("a"), TextDelta("b"))
    assert await read(choice(backend, patience)) == [TextDelta("a"), TextDelta("b"), Done()]
    assert playing.stopped.is_set()


@pytest.mark.parametrize("before", [[], [TextDelta("a")]])
async def test_a_model_that_is_silent_for_too_long_is_given_up(before: list[Step]) -> None:
    backend = fake()
    playing = backend.script(*before, anyio.Event())
    with pytest.raises(BackendError) as raised:
        await read(choice(backend, 0.01))
    assert raised.value.message == SILENT
    assert playing.stopped.is_set()


async def test_the_sentence_names_the_setting_that_holds() -> None:
    backend = fake()
    backend.script(anyio.Event())
    with pytest.raises(BackendError, match=r"raise auto\.small_timeout in the configuration"):
        await read(replace(choice(backend, 0.01), patience_setting="auto.small_timeout"))


async def test_only_the_models_own_silence_counts() -> None:
    backend = fake()
    backend.script(TextDelta("a"), TextDelta("b"))
    async with aclosing(open_stream(choice(backend, 0.01), REQUEST)) as events:
        assert await anext(events) == TextDelta("a")
        with anyio.move_on_after(0.05):  # an editor that is behind
            await anyio.Event().wait()
        assert await anext(events) == TextDelta("b")


WAIT = Progress("queue", "2 prompts wait before this one")
STEP = Progress("load", "Loading", 1, 10, "B")


async def test_a_wait_is_no_silence() -> None:
    backend = fake()
    gate = anyio.Event()
    backend.script(WAIT, gate, TextDelta("a"))
    events = open_stream(choice(backend, 0.01), REQUEST)
    with anyio.fail_after(5):
        async with aclosing(events), anyio.create_task_group() as tasks:
            assert await anext(events) == WAIT

            async def wait() -> None:
                with anyio.move_on_after(0.05):
                    await anyio.Event().wait()
                gate.set()

            tasks.start_soon(wait)
            assert await anext(events) == TextDelta("a")


@pytest.mark.parametrize("steps", [[STEP], [WAIT, STEP], [WAIT, replace(WAIT, finished=True)]])
async def test_after_a_wait_silence_counts_again(steps: list[Step]) -> None:
    backend = fake()
    backend.script(*steps, anyio.Event())
    with pytest.raises(BackendError, match="gave no sign of life"):
        await read(choice(backend, 0.01))


async def test_whoever_stops_reading_stops_the_model() -> None:
    backend = fake()
    playing = backend.script(TextDelta("a"), anyio.Event())
    async with aclosing(open_stream(choice(backend, 5.0), REQUEST)) as events:
        await anext(events)
    assert playing.stopped.is_set()


async def test_a_cancel_goes_through() -> None:
    backend = fake()
    playing = backend.script(anyio.Event())
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read, choice(backend, 5.0))
            await playing.started.wait()
            tasks.cancel_scope.cancel()
    assert playing.stopped.is_set()


@pytest.mark.parametrize("error", [BackendUnavailable("It is gone."), TimeoutError("It is gone.")])
async def test_an_error_of_the_models_stays_what_it_is(error: Exception) -> None:
    backend = fake([error])
    with pytest.raises(type(error), match="It is gone"):
        await read(choice(backend, 5.0))


async def test_of_a_composed_mode_the_leader_answers() -> None:
    one, two = fake(mode="one"), fake(mode="two")
    modes = Modes({"one": one, "two": two}, (), None, [FakeComposed(["two", "one"])])
    session = Session("s", "/", "auto")
    found = await choose(session, modes)
    assert (found.backend, found.model) == (two, "tiny")
    seated = await choose(session, modes, Seat("one", "tiny"))
    assert seated.backend is one
    assert session.mode == "auto"


async def test_a_seat_has_the_sessions_thought_level_of_its_mode() -> None:
    thinking = Model("m", "M", thought_levels=("off", "high"), thought_default="off")
    modes = Modes({"one": fake(mode="one", models=[thinking])}, ())
    session = Session("s", "/", "one", thought_levels={"one": "high"})
    assert (await choose(session, modes, Seat("one", "m"))).level == "high"
    assert (await choose(session, modes, Seat("one", "gone"))).level is None


@dataclass
class Windowed:
    window: int | None
    limit: int


@pytest.mark.parametrize(
    "case",
    [
        Windowed(None, RESULT_LIMIT),
        Windowed(131_072, RESULT_LIMIT),
        Windowed(16_384, 12_288),
        Windowed(16_000, 6000),
        Windowed(1024, 1024),
    ],
    ids=lambda case: str(case.window),
)
async def test_results_are_limited_to_the_window(case: Windowed) -> None:
    model = Model("m", "M", context_size=case.window)
    modes = Modes({"one": fake(mode="one", models=[model])}, ())
    session = Session("s", "/", "one")
    session.workspace = make_workspace(Path("/"))
    await choose(session, modes)
    assert session.workspace.result_limit == case.limit


async def test_extra_tools_stand_behind_the_sessions_and_have_aliases() -> None:
    session = Session("s", "/", "one")
    session.toolbox = session.toolbox.extended([FakeTool("look")])
    chosen = Choice(
        fake(), "m", None, None, extra=(FakeTool("hand_on"),), aliases=(("hand.on", "hand_on"),)
    )
    toolbox = chosen.toolbox(session)
    assert [tool.name for tool in toolbox.tools] == ["look", "hand_on"]
    assert toolbox.find("hand.on") is toolbox.find("hand_on") is not None
    assert session.toolbox.find("hand_on") is None
    assert chosen.offer == "none+hand_on"
