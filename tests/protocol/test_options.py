"""Modes and options: setting either keeps both in step, and bad choices are explained."""

from dataclasses import replace
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import Done, Model, Readiness, TextDelta
from acp_agent.errors import InvalidParams
from acp_agent.protocol.options import permission_mode
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import READY, fake, requests, saying
from tests.protocol.client import NEW_SESSION, Client, RpcError, serving

pytestmark = pytest.mark.anyio

THINKER = Model("thinker", "Thinker", thought_levels=("low", "high"), thought_default="low")
PLAIN = Model("plain", "Plain")


def two_modes() -> list[FakeBackend]:
    return [
        fake(mode="one", models=[THINKER, PLAIN]),
        fake(mode="two", models=[Model("other", "Other")]),
    ]


def values(options: list[dict[str, Any]]) -> dict[str, str]:
    """All current values, without the one that every session has."""
    found = {option["id"]: option["currentValue"] for option in options}
    assert found.pop("permissions") == "ask"
    return found


async def choose(client: Client, session: str, option: str, value: Any) -> dict[str, str]:
    """Sets an option and returns all current values."""
    params = {"sessionId": session, "configId": option, "value": value}
    return values((await client.call("session/set_config_option", params))["configOptions"])


async def test_setting_the_mode_is_told_as_a_change_of_options() -> None:
    async with serving(*two_modes()) as client:
        session = await client.new_session()
        params = {"sessionId": session, "modeId": "two"}
        assert await client.call("session/set_mode", params) == {}
        (update,) = client.updates()
        assert update["sessionUpdate"] == "config_option_update"
        assert values(update["configOptions"]) == {"mode": "two", "model": "other"}


async def test_setting_the_mode_option_is_told_as_a_change_of_mode() -> None:
    async with serving(*two_modes()) as client:
        session = await client.new_session()
        assert await choose(client, session, "mode", "two") == {"mode": "two", "model": "other"}
        assert client.updates() == [
            {"sessionUpdate": "current_mode_update", "currentModeId": "two"}
        ]


async def test_the_change_is_told_before_the_answer() -> None:
    async with serving(*two_modes()) as client:
        session = await client.new_session()
        await client.call("session/set_mode", {"sessionId": session, "modeId": "two"})
        await choose(client, session, "mode", "one")
        kinds = [message.get("method") for message in client.seen[-4:]]
        assert kinds == ["session/update", None, "session/update", None]


async def test_setting_other_options_changes_what_is_asked_of_the_model() -> None:
    backend, _ = backends = two_modes()
    async with serving(*backends) as client:
        session = await client.new_session()
        chosen = await choose(client, session, "thought_level", "high")
        assert chosen == {"mode": "one", "model": "thinker", "thought_level": "high"}
        await client.prompt(session)
        chosen = await choose(client, session, "model", "plain")
        assert chosen == {"mode": "one", "model": "plain"}
        await client.prompt(session)
        assert not client.updates("current_mode_update", "config_option_update")
    asked = [(request.model, request.thought_level) for request in requests(backend)]
    assert asked == [("thinker", "high"), ("plain", None)]


async def test_each_mode_remembers_its_model() -> None:
    async with serving(*two_modes()) as client:
        session = await client.new_session()
        await choose(client, session, "model", "plain")
        await choose(client, session, "mode", "two")
        assert await choose(client, session, "mode", "one") == {"mode": "one", "model": "plain"}


async def test_requests_in_one_write_take_effect_in_order() -> None:
    backends = two_modes()
    async with serving(*backends) as client:
        session = await client.new_session()
        messages = [
            client.request("session/set_mode", {"sessionId": session, "modeId": mode})
            for mode in ("two", "one", "two")
        ]
        text = {"sessionId": session, "prompt": [{"type": "text", "text": "a"}]}
        client.post(*messages, client.request("session/prompt", text))
        await client.until(lambda m: m.get("result", {}).get("stopReason") == "end_turn")
        shown = [values(u["configOptions"])["mode"] for u in client.updates("config_option_update")]
    assert shown == ["two", "one", "two"]
    assert [len(requests(backend)) for backend in backends] == [0, 1]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("mode", "nine", ["mode", "'nine'", "one, two"]),
        ("model", "gpt", ["model", "'gpt'", "thinker, plain"]),
        ("thought_level", "huge", ["thought_level", "'huge'", "low, high"]),
        ("model", True, ["model", "True", "thinker, plain"]),
        ("colour", "red", ["configId", "'colour'", "mode, model, thought_level, permissions"]),
        ("model", 5, ["params.value"]),
        ("model", None, ["params.value"]),
    ],
)
async def test_a_bad_choice_lists_what_there_is(option: str, value: Any, words: list[str]) -> None:
    async with serving(*two_modes()) as client:
        session = await client.new_session()
        with pytest.raises(RpcError) as raised:
            await choose(client, session, option, value)
        assert raised.value.code == -32602
        for word in words:
            assert word in raised.value.message
        assert not client.updates()
        assert (await choose(client, session, "mode", "one"))["model"] == "thinker"


async def test_what_tools_may_do_without_asking_is_an_option_of_the_session() -> None:
    async with serving(fake()) as client:
        opened = await client.call("session/new", NEW_SESSION)
        option = opened["configOptions"][-1]
        assert (option["id"], option["currentValue"]) == ("permissions", "ask")
        assert "category" not in option
        offered = [choice["value"] for choice in option["options"]]
        assert offered == ["ask", "accept_edits", "read_only", "full"]
        params = {"sessionId": opened["sessionId"], "configId": "permissions"}
        for value in (*reversed(offered), "full"):
            params["value"] = value
            options = (await client.call("session/set_config_option", params))["configOptions"]
            assert options[-1]["currentValue"] == value
        with pytest.raises(RpcError, match="permissions cannot be 'all'; choose one of ask, "):
            await client.call("session/set_config_option", {**params, "value": "all"})


async def test_permissions_changed_by_a_command_are_told_as_an_option() -> None:
    async with serving(fake()) as client:
        session = await client.new_session()
        assert await client.prompt(session, "/permissions full") == "end_turn"
        (update,) = client.updates("config_option_update")
        assert update["configOptions"][-1]["currentValue"] == "full"
        assert client.seen[-1].get("result"), "the change is told before the answer"
        params = {"sessionId": session, "configId": "permissions", "value": "read_only"}
        await client.call("session/set_config_option", params)
        assert await client.prompt(session, "/permissions") == "end_turn"
        assert "Mode **read_only**" in client.text()
        assert len(client.updates("config_option_update")) == 1


@pytest.mark.parametrize("value", ["ask", "accept_edits", "read_only", "full"])
def test_a_value_of_permissions_is_taken_as_it_is(value: str) -> None:
    assert permission_mode(value) == value
    with pytest.raises(InvalidParams, match="permissions cannot be"):
        permission_mode(value.upper())


async def test_an_unknown_mode_lists_the_modes() -> None:
    async with serving(*two_modes()) as client:
        session = await client.new_session()
        with pytest.raises(RpcError, match="no mode 'nine'; choose one of one, two") as raised:
            await client.call("session/set_mode", {"sessionId": session, "modeId": "nine"})
        assert raised.value.code == -32602
        assert not client.updates()


@pytest.mark.parametrize("how", ["session/set_mode", "session/set_config_option"])
async def test_a_mode_that_is_not_ready_says_why_and_is_not_chosen(how: str) -> None:
    second = fake(mode="two", readiness=Readiness(False, "Start the server first."))
    async with serving(fake(mode="one"), second) as client:
        session = await client.new_session()
        params = {"sessionId": session, "modeId": "two", "configId": "mode", "value": "two"}
        with pytest.raises(RpcError, match=r"Mode two is not ready: Start the server first\."):
            await client.call(how, params)
        assert not client.updates()
        assert await client.prompt(session) == "end_turn"
        second.readiness = READY
        await client.call(how, params)
        await client.prompt(session)
        assert len(requests(second)) == 1


async def test_a_model_that_is_not_installed_is_shown_as_such() -> None:
    readiness = Readiness(True, "Not installed.", installed=False, default_model="tiny")
    async with serving(fake(readiness=readiness)) as client:
        options = (await client.call("session/new", NEW_SESSION))["configOptions"]
    model = next(option for option in options if option["id"] == "model")
    assert model["currentValue"] == "tiny"
    assert model["options"] == [
        {"value": "tiny", "name": "tiny", "description": "Not installed yet"}
    ]
    assert options[0]["options"][0]["description"] == "Plays scripts. Not installed."


async def test_a_mode_without_models_has_no_model_option_and_says_so() -> None:
    async with serving(fake(models=[])) as client:
        session = await client.call("session/new", NEW_SESSION)
        assert [option["id"] for option in session["configOptions"]] == ["mode", "permissions"]
        with pytest.raises(RpcError, match="Mode fake has no model"):
            await client.prompt(session["sessionId"])


async def test_a_change_during_a_turn_is_answered_at_once_and_holds_for_the_next_one() -> None:
    gate = anyio.Event()
    first = fake([TextDelta("from one"), gate, TextDelta(", still"), Done()], mode="one")
    second = fake(saying(", from two"), mode="two")
    async with serving(first, second) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        await client.update("agent_message_chunk")
        await client.call("session/set_mode", {"sessionId": session, "modeId": "two"})
        assert (await choose(client, session, "mode", "one"))["mode"] == "one"
        assert (await choose(client, session, "mode", "two"))["mode"] == "two"
        assert not [m for m in client.seen if m.get("id") == prompt]
        gate.set()
        assert (await client.result(prompt))["stopReason"] == "end_turn"
        await client.prompt(session, "next")
        assert client.text() == "from one, still, from two"
    assert len(requests(second)[0].messages) == 3


async def test_what_a_turn_changed_is_told_after_it() -> None:
    backend = fake(saying("a"), saying("b"))
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        await client.result(prompt)
        assert not client.updates("config_option_update")
        backend.readiness = replace(backend.readiness, reason="It is in memory.")
        await client.prompt(session)
        update = await client.update("config_option_update", has="It is in memory.")
    assert update["configOptions"][0]["id"] == "mode"
