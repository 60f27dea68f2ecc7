"""``/compact`` in mode ``panel``: it shortens what the candidates are told."""

import pytest

from acp_agent.backends.base import Done, Model, Readiness, TextDelta
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError
from acp_agent.turn.panel.compacting import compact_panel
from acp_agent.turn.panel.mode import PanelMode
from tests.fixtures.fake_backend import FakeBackend
from tests.turn.commands.asking import Asking
from tests.turn.panel.talk import PanelTalk, member

pytestmark = pytest.mark.anyio


async def filled(*names: str) -> PanelTalk:
    """A session of which every model was told some 4,000 tokens."""
    talk = PanelTalk(*names)
    for number in range(5):
        for backend in talk.backends.values():
            for _ in range(1 if names else talk.settings.samples):
                backend.script(TextDelta("a" * 900), Done())
        await talk.say(f"{number} " + "p" * 900)
    return talk


async def compact(talk: PanelTalk) -> str:
    mode = talk.modes.composed["panel"]
    assert isinstance(mode, PanelMode)
    return await compact_panel(mode, talk.session, talk.modes, talk.output)


async def test_the_next_prompt_is_shorter_for_the_candidates() -> None:
    talk = await filled()
    talk.one.script(TextDelta("A summary."))
    assert "are summed up from now on" in await compact(talk)
    await talk.say("Next.")
    told = [stream.request for stream in talk.one.streams[-3:]]
    assert all(each is not None and "A summary." in each.messages[0].text for each in told)
    assert talk.history[0] == UserMessage("0 " + "p" * 900)


async def test_each_model_is_told_less_and_one_that_fails_keeps_nobody_else() -> None:
    talk = await filled("one", "two", "three")
    talk["one"].script(TextDelta("A summary."))
    talk["two"].script(BackendError("It is out."))
    talk["three"].script(TextDelta("Another."))
    lines = (await compact(talk)).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "- one/one-model",
        "- two/two-model",
        "- three/three-model",
    ]
    assert "summed up" in lines[0]
    assert "It is out." in lines[1]
    assert "summed up" in lines[2]


async def test_the_sessions_model_is_the_one() -> None:
    models = tuple(Model(each, each, context_size=8192) for each in ("big", "small"))
    backend = FakeBackend(
        "one", "One", readiness=Readiness(True, models=models, default_model="big")
    )
    talk = PanelTalk(backends=[backend])
    talk.session.models["one"] = "small"
    await compact(talk)
    assert {model for _, model, _ in talk.session.contexts} == {"small"}


async def test_a_single_model_without_a_summary_says_why() -> None:
    talk = await filled()
    talk.one.script(BackendError("It is out."))
    with pytest.raises(BackendError, match="It is out"):
        await compact(talk)


async def test_the_command_does_it() -> None:
    backend = member("one")
    talk = PanelTalk(backends=[backend])
    asking = Asking([backend], composed=[PanelMode(talk.roster)])
    asking.session.mode = "panel"
    assert "Nothing was left out" in await asking.read("/compact")
    assert {offer for _, _, offer in asking.session.contexts} == {"none"}
