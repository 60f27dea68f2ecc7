"""Requests of one session in one write, and selectors that change behind the user's back."""

from dataclasses import replace
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import Done, Model, Readiness, TextDelta
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import MODEL, fake, requests, saying
from tests.protocol.client import Client, RpcError, prompt_params, serving

pytestmark = pytest.mark.anyio


def two_modes() -> list[FakeBackend]:
    return [fake(saying("one says"), mode="one"), fake(saying("two says"), mode="two")]


def set_mode(client: Client, session: str, mode: str) -> dict[str, Any]:
    return client.request("session/set_mode", {"sessionId": session, "modeId": mode})


def set_option(client: Client, session: str, option: str, value: str) -> dict[str, Any]:
    params = {"sessionId": session, "configId": option, "value": value}
    return client.request("session/set_config_option", params)


def prompt(client: Client, session: str, text: str = "hello") -> dict[str, Any]:
    return client.request("session/prompt", prompt_params(session, text))


def cancel(session: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}}


def set_mode_option(client: Client, session: str, mode: str) -> dict[str, Any]:
    return set_option(client, session, "mode", mode)


@pytest.mark.parametrize("setter", [set_mode, set_mode_option])
async def test_a_prompt_behind_a_change_of_mode_goes_to_the_new_mode(setter: Any) -> None:
    one, two = two_modes()
    async with serving(one, two) as client:
        session = await client.new_session()
        asked = prompt(client, session)
        client.post(setter(client, session, "two"), asked)
        await client.result(asked["id"])
        assert client.text() == "two says"
    assert not requests(one)


async def test_the_last_of_two_changes_in_one_write_counts() -> None:
    async with serving(*two_modes()) as client:
        session = await client.new_session()
        last = set_mode(client, session, "one")
        client.post(set_option(client, session, "mode", "two"), last)
        await client.result(last["id"])
        assert await client.prompt(session) == "end_turn"
        assert client.text() == "one says"


async def test_nothing_follows_a_close_in_the_same_write() -> None:
    async with serving(*two_modes()) as client:
        session = await client.new_session()
        changed = set_mode(client, session, "two")
        closed = client.request("session/close", {"sessionId": session})
        late = set_mode(client, session, "one")
        client.post(changed, closed, late)
        with pytest.raises(RpcError, match="no open session") as raised:
            await client.result(late["id"])
        assert raised.value.code == -32002
        seen = [message.get("id") for message in client.seen]
        assert seen.index(changed["id"]) < seen.index(closed["id"])
        after = client.seen[seen.index(closed["id"]) :]
        assert not [message for message in after if message.get("method") == "session/update"]


async def test_a_prompt_sent_with_the_cancel_of_the_one_before_is_answered() -> None:
    backend = fake([TextDelta("a"), anyio.Event()], saying("second"))
    async with serving(backend) as client:
        session = await client.new_session()
        first = client.start_prompt(session, "one")
        await client.update("agent_message_chunk")
        second, third = prompt(client, session, "two"), prompt(client, session, "three")
        client.post(cancel(session), second, third)
        assert (await client.result(first))["stopReason"] == "cancelled"
        assert (await client.result(second["id"]))["stopReason"] == "end_turn"
        with pytest.raises(RpcError, match="still answering"):
            await client.result(third["id"])
        assert client.text() == "asecond"


async def test_a_cancel_stops_the_prompt_that_waits_for_a_cancelled_one() -> None:
    backend = fake([TextDelta("a"), anyio.Event()])
    async with serving(backend) as client:
        session = await client.new_session()
        first = client.start_prompt(session, "one")
        await client.update("agent_message_chunk")
        second = prompt(client, session, "two")
        client.post(cancel(session), second, cancel(session))
        assert (await client.result(first))["stopReason"] == "cancelled"
        assert (await client.result(second["id"]))["stopReason"] == "cancelled"
    assert len(requests(backend)) == 1


async def test_selectors_that_changed_during_a_turn_are_told_before_its_answer() -> None:
    backend = fake(readiness=Readiness(False, "Start it.", installed=False))
    other = fake(mode="other")
    async with serving(other, backend) as client:
        session = await client.new_session()
        backend.readiness = Readiness(True, models=(MODEL,), default_model=MODEL.id)
        await client.result(set_and_post(client, session))
        before = len(client.updates("config_option_update"))
        backend.readiness = replace(backend.readiness, models=(MODEL, Model("new", "New")))
        await client.new_session()
        await client.prompt(session)
        updates = client.updates("config_option_update")
        assert len(updates) == before + 1
        assert "New" in str(updates[-1])
        assert client.seen[-2]["params"]["update"] == updates[-1]
        await client.prompt(session)
        assert len(client.updates("config_option_update")) == before + 1


def set_and_post(client: Client, session: str) -> int:
    message = set_mode(client, session, "fake")
    client.post(message)
    return message["id"]


async def test_a_model_that_came_since_can_be_chosen() -> None:
    backend = fake()
    async with serving(backend) as client:
        session = await client.new_session()
        backend.readiness = replace(backend.readiness, models=(MODEL, Model("new", "New")))
        message = set_option(client, session, "model", "new")
        client.post(message)
        await client.result(message["id"])
        await client.prompt(session)
    assert requests(backend)[0].model == "new"


async def test_an_option_of_a_server_that_has_gone_says_why() -> None:
    backend = fake()
    async with serving(backend) as client:
        session = await client.new_session()
        backend.readiness = Readiness(False, "Start the server.")
        await client.new_session()
        message = set_option(client, session, "model", "other")
        client.post(message)
        with pytest.raises(RpcError, match="Start the server"):
            await client.result(message["id"])


async def test_a_cancel_in_the_last_step_of_a_turn_still_counts() -> None:
    backend = fake([Done()])
    async with serving(backend) as client:
        session = await client.new_session()
        asked = prompt(client, session)
        client.post(asked, cancel(session))
        assert (await client.result(asked["id"]))["stopReason"] == "cancelled"


async def test_an_unknown_method_is_named_with_the_next_step() -> None:
    async with serving(fake()) as client:
        with pytest.raises(RpcError, match="no method 'session/fly'") as raised:
            await client.call("session/fly", {})
        assert (raised.value.code, raised.value.data) == (-32601, {"method": "session/fly"})
        assert "initialize" in raised.value.message
