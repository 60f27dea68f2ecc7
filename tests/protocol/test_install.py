"""The offer to install a missing model, and every way it may end."""

from typing import Any

import anyio
import pytest

from acp_agent.backends.base import Progress
from acp_agent.errors import BackendError
from tests.protocol.backend import MISSING, fake, lacking_model, requests, saying
from tests.protocol.client import Client, RpcError, serving

pytestmark = pytest.mark.anyio

INSTALL = [
    Progress("fetch", "Fetching tiny", 0, 1_000_000, "B"),
    Progress("fetch", "Fetching tiny", 1_000_000, 1_000_000, "B", finished=True),
]


async def question(client: Client) -> dict[str, Any]:
    return await client.asked("session/request_permission")


def reply(asked: dict[str, Any], outcome: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked["id"], "result": {"outcome": outcome}}


def selected(option: str) -> dict[str, str]:
    return {"outcome": "selected", "optionId": option}


def ends(client: Client) -> dict[str, str]:
    """The last status of every tool call, by its title."""
    titles = {update["toolCallId"]: update["title"] for update in client.updates("tool_call")}
    found = [update for update in client.updates("tool_call_update") if "status" in update]
    assert {update["toolCallId"] for update in found} == set(titles)
    return {titles[update["toolCallId"]]: update["status"] for update in found}


async def test_an_allowed_install_is_shown_and_the_prompt_answered() -> None:
    backend = lacking_model(saying("installed"), install=INSTALL)
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        asked = await question(client)
        params = asked["params"]
        assert params["sessionId"] == session
        assert params["toolCall"]["title"] == "Install tiny (1 MB)"
        text = params["toolCall"]["content"][0]["content"]["text"]
        assert text == "Tiny is not installed."
        kinds = {option["optionId"]: option["kind"] for option in params["options"]}
        assert kinds == {"allow": "allow_once", "reject": "reject_once"}
        assert not backend.installed
        client.post(reply(asked, selected("allow")))
        assert (await client.result(prompt))["stopReason"] == "end_turn"
        assert client.text() == "installed"
        assert ends(client) == {"Install tiny (1 MB)": "completed", "Fetching tiny": "completed"}
        assert client.updates("tool_call")[0]["toolCallId"] == params["toolCall"]["toolCallId"]
    assert backend.installed == ["tiny"]
    assert len(requests(backend)) == 2
    assert requests(backend)[0].messages == requests(backend)[1].messages


@pytest.mark.parametrize(
    "outcome",
    [
        selected("reject"),
        selected("something"),
        {"outcome": "cancelled"},
        {"outcome": "postponed"},
        {},
        None,
    ],
)
async def test_anything_but_a_yes_installs_nothing(outcome: Any) -> None:
    backend = lacking_model(install=INSTALL)
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        client.post(reply(await question(client), outcome))
        with pytest.raises(RpcError, match="Tiny is not installed") as raised:
            await client.result(prompt)
        assert raised.value.data == {"model": "tiny"}
        assert ends(client) == {"Install tiny (1 MB)": "failed"}
    assert not backend.installed
    assert len(requests(backend)) == 1


async def test_a_client_that_cannot_ask_installs_nothing() -> None:
    backend = lacking_model(install=INSTALL)
    async with serving(backend) as client:
        prompt = client.start_prompt(await client.new_session())
        asked = await question(client)
        error = {"code": -32601, "message": "Method not found"}
        client.post({"jsonrpc": "2.0", "id": asked["id"], "error": error})
        with pytest.raises(RpcError, match="Tiny is not installed"):
            await client.result(prompt)
        assert ends(client) == {"Install tiny (1 MB)": "failed"}
    assert not backend.installed


async def test_an_offer_that_is_never_answered_can_be_cancelled() -> None:
    backend = lacking_model(install=INSTALL)
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        asked = await question(client)
        client.notify("session/cancel", {"sessionId": session})
        assert (await client.result(prompt))["stopReason"] == "cancelled"
        assert client.seen[-1]["id"] == prompt
        withdrawn = await client.asked("$/cancel_request")
        assert withdrawn["params"] == {"requestId": asked["id"]}
        assert ends(client) == {"Install tiny (1 MB)": "failed"}
        count = len(client.seen)
        client.post(reply(asked, selected("allow")))
        await client.new_session()
        assert len(client.seen) == count + 2  # the response and the command menu
    assert not backend.installed


async def test_an_install_can_be_cancelled() -> None:
    backend = lacking_model(install=[INSTALL[0], anyio.Event()])
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        client.post(reply(await question(client), selected("allow")))
        await client.update("tool_call", "Fetching tiny")
        client.notify("session/cancel", {"sessionId": session})
        assert (await client.result(prompt))["stopReason"] == "cancelled"
        assert ends(client) == {"Install tiny (1 MB)": "completed", "Fetching tiny": "failed"}
    assert not backend.installed


async def test_a_failed_install_says_why_and_is_offered_again() -> None:
    backend = lacking_model([MISSING], install=[INSTALL[0], BackendError("The network is down.")])
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        client.post(reply(await question(client), selected("allow")))
        with pytest.raises(RpcError, match="The network is down"):
            await client.result(prompt)
        assert ends(client) == {"Install tiny (1 MB)": "completed", "Fetching tiny": "failed"}
        again = client.start_prompt(session)
        asked = await client.until(
            lambda m: "id" in m and m.get("method") is not None and m["id"] != 0
        )
        client.post(reply(asked, selected("reject")))
        with pytest.raises(RpcError, match="Tiny is not installed"):
            await client.result(again)


async def test_the_mode_may_change_while_the_offer_is_open() -> None:
    first = lacking_model(install=INSTALL, mode="one")
    second = fake(saying("from two"), mode="two")
    async with serving(first, second, default="one") as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        asked = await question(client)
        await client.call("session/set_mode", {"sessionId": session, "modeId": "two"})
        client.post(reply(asked, selected("allow")))
        assert (await client.result(prompt))["stopReason"] == "end_turn"
        assert client.text() == "from two"
    assert first.installed == ["tiny"]
    assert [len(requests(backend)) for backend in (first, second)] == [1, 1]
