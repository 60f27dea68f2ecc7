"""A mode made of others on the wire: its option, and choosing another mode by hand."""

from typing import get_args

import pytest

from acp_agent.backends.base import Readiness
from acp_agent.errors import InvalidParams
from acp_agent.protocol.options import delegation
from acp_agent.routing.rubric import SETTINGS
from acp_agent.sessions.session import Delegation, Session
from acp_agent.turn.auto.watch import MODE
from tests.fixtures.fake_composed import FakeComposed
from tests.protocol.backend import fake
from tests.protocol.client import NEW_SESSION, RpcError, serving
from tests.protocol.test_options import choose

pytestmark = pytest.mark.anyio

SET_MODE, SET_OPTION = "session/set_mode", "session/set_config_option"


def auto() -> FakeComposed:
    return FakeComposed(parts=["fake"])


async def test_mode_auto_is_listed_and_has_no_models_of_its_own() -> None:
    async with serving(fake(), composed=[auto()], default="auto") as client:
        opened = await client.call("session/new", NEW_SESSION)
    assert opened["modes"] == {
        "currentModeId": "auto",
        "availableModes": [
            {"id": "fake", "name": "Fake", "description": "Plays scripts"},
            {"id": "auto", "name": "Auto", "description": "Made of others"},
        ],
    }
    mode, option, permissions = opened["configOptions"]
    assert [choice["value"] for choice in mode["options"]] == ["fake", "auto"]
    assert permissions["id"] == "permissions"
    assert {key: option[key] for key in ("id", "name", "type", "currentValue")} == {
        "id": "delegation",
        "name": "Delegation",
        "type": "select",
        "currentValue": "balanced",
    }
    assert "category" not in option
    assert [choice["value"] for choice in option["options"]] == list(SETTINGS)
    assert all(choice["description"] for choice in option["options"])


async def test_the_option_is_there_in_mode_auto_only_and_keeps_its_value() -> None:
    async with serving(fake(), composed=[auto()]) as client:
        session = await client.new_session()
        with pytest.raises(RpcError, match="there is no option 'delegation' here"):
            await choose(client, session, "delegation", "eager")
        chosen = await choose(client, session, "mode", "auto")
        assert chosen == {"mode": "auto", "delegation": "balanced"}
        assert (await choose(client, session, "delegation", "frugal"))["delegation"] == "frugal"
        with pytest.raises(RpcError, match="choose one of eager, balanced, frugal"):
            await choose(client, session, "delegation", "often")
        assert "delegation" not in await choose(client, session, "mode", "fake")
        assert (await choose(client, session, "mode", "auto"))["delegation"] == "frugal"


def test_only_known_values_are_kept() -> None:
    assert tuple(map(delegation, SETTINGS)) == SETTINGS == get_args(Delegation)
    with pytest.raises(InvalidParams, match="choose one of eager, balanced, frugal"):
        delegation("often")
    assert auto().id == MODE


async def test_another_mode_that_is_chosen_by_hand_is_told() -> None:
    told: list[tuple[str, str, str]] = []

    def note(session: Session, before: str, now: str) -> None:
        assert session.mode == now
        told.append((session.id, before, now))

    async with serving(fake(), fake(mode="two"), composed=[auto()], mode_chosen=note) as client:
        session = await client.new_session()
        for mode in ("auto", "auto", "two"):
            await client.call(SET_MODE, {"sessionId": session, "modeId": mode})
        await choose(client, session, "model", "tiny")
        for mode in ("two", "auto"):
            await choose(client, session, "mode", mode)
    assert told == [
        (session, "fake", "auto"),
        (session, "auto", "two"),
        (session, "two", "auto"),
    ]


@pytest.mark.parametrize("how", [SET_MODE, SET_OPTION])
async def test_a_mode_that_is_refused_was_not_chosen(how: str) -> None:
    told: list[str] = []
    broken = FakeComposed(parts=["fake"], readiness=Readiness(False, "Nobody can answer."))

    def note(session: Session, before: str, now: str) -> None:
        told.append(now)

    async with serving(fake(), composed=[broken], mode_chosen=note) as client:
        session = await client.new_session()
        for mode in ("auto", "unheard-of"):
            params = {"sessionId": session, "modeId": mode, "configId": "mode", "value": mode}
            with pytest.raises(RpcError, match=r"Nobody can answer|choose one of fake, auto"):
                await client.call(how, params)
    assert told == []
