"""Opening and closing sessions, and session ids that are none."""

from typing import Any

import anyio
import pytest

from acp_agent.backends.base import Model, Readiness, TextDelta
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import READY, ended, fake, requests, saying
from tests.protocol.client import NEW_SESSION, RpcError, prompt_params, serving

pytestmark = pytest.mark.anyio

UNKNOWN = {"sessionId": "nobody"}


async def test_a_session_shows_its_modes_and_options() -> None:
    models = [
        Model("small", "Small", thought_levels=("low", "high"), thought_default="low"),
        Model("large", "Large", "8 billion parameters"),
    ]
    backends = [fake(mode="one", models=models), fake(mode="two")]
    async with serving(*backends) as client:
        session = await client.call("session/new", NEW_SESSION)
    assert session["modes"]["currentModeId"] == "one"
    assert [mode["id"] for mode in session["modes"]["availableModes"]] == ["one", "two"]
    options = {option["id"]: option for option in session["configOptions"]}
    assert list(options) == ["mode", "model", "thought_level", "permissions"]
    categories = {name: option.get("category") for name, option in options.items()}
    assert categories == {**{name: name for name in options}, "permissions": None}
    values = {name: option["currentValue"] for name, option in options.items()}
    assert values == {"mode": "one", "model": "small", "thought_level": "low", "permissions": "ask"}
    assert [choice["value"] for choice in options["mode"]["options"]] == ["one", "two"]
    assert options["model"]["options"] == [
        {"value": "small", "name": "Small"},
        {"value": "large", "name": "Large", "description": "8 billion parameters"},
    ]
    assert [choice["value"] for choice in options["thought_level"]["options"]] == ["low", "high"]


async def test_sessions_have_their_own_ids_choices_and_conversations() -> None:
    backend = fake(mode="one")
    async with serving(backend, fake(mode="two")) as client:
        first, second = await client.new_session(), await client.new_session()
        assert first != second
        await client.call("session/set_mode", {"sessionId": second, "modeId": "two"})
        await client.prompt(first, "a")
        await client.prompt(second, "b")
        await client.prompt(first, "c")
    assert [len(request.messages) for request in requests(backend)] == [1, 3]
    assert {request.session for request in requests(backend)} == {first}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"cwd": "src", "mcpServers": []}, ["cwd", "'src'", "absolute"]),
        ({"cwd": "", "mcpServers": []}, ["cwd", "absolute"]),
        ({"cwd": "./a", "mcpServers": []}, ["cwd", "absolute"]),
        ({"cwd": "/"}, ["params.mcpServers", "field required"]),
        ({"cwd": "/", "mcpServers": {}}, ["params.mcpServers", "array"]),
        ({"mcpServers": []}, ["params.cwd", "field required"]),
        ({"cwd": 7, "mcpServers": []}, ["params.cwd", "string"]),
        ({"cwd": "/a\0b", "mcpServers": []}, ["params.cwd", "cannot be a folder"]),
        (
            {"cwd": "/", "mcpServers": [], "additionalDirectories": ["/", "src"]},
            ["params.additionalDirectories[1]", "'src'", "absolute"],
        ),
    ],
)
async def test_bad_params_are_refused_by_name(params: Any, words: list[str]) -> None:
    async with serving(fake()) as client:
        with pytest.raises(RpcError) as raised:
            await client.call("session/new", params)
    assert raised.value.code == -32602
    for word in words:
        assert word in raised.value.message


async def test_mcp_servers_and_unknown_fields_are_accepted() -> None:
    server: dict[str, Any] = {"name": "x", "command": "/bin/x", "args": [], "env": []}
    params: dict[str, Any] = {
        "cwd": "/",
        "mcpServers": [server, {"type": "later"}],
        "additionalDirectories": 1,
    }
    async with serving(fake()) as client:
        assert await client.call("session/new", {**params, "_meta": {"a": 1}})


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("session/prompt", prompt_params("nobody", "hello")),
        ("session/set_mode", {**UNKNOWN, "modeId": "fake"}),
        ("session/set_config_option", {**UNKNOWN, "configId": "mode", "value": "fake"}),
        ("session/close", UNKNOWN),
    ],
)
async def test_a_session_that_is_not_open_is_an_error_with_a_next_step(
    method: str, params: Any
) -> None:
    async with serving(fake()) as client:
        with pytest.raises(RpcError, match="session/new") as raised:
            await client.call(method, params)
        assert raised.value.code == -32002
        assert "'nobody'" in raised.value.message
        assert await client.prompt(await client.new_session()) == "end_turn"


async def test_a_closed_session_is_gone() -> None:
    async with serving(fake()) as client:
        session, other = await client.new_session(), await client.new_session()
        assert await client.call("session/close", {"sessionId": session}) == {}
        with pytest.raises(RpcError) as raised:
            await client.prompt(session)
        assert raised.value.code == -32002
        with pytest.raises(RpcError):
            await client.call("session/close", {"sessionId": session})
        assert await client.prompt(other) == "end_turn"


async def test_what_is_kept_elsewhere_goes_with_the_session() -> None:
    forgotten: list[str] = []
    async with serving(fake(), forgotten=forgotten) as client:
        session = await client.new_session()
        await client.new_session()
        await client.call("session/close", {"sessionId": session})
    assert forgotten == [session]


async def test_closing_a_session_cancels_its_turn_first() -> None:
    backend = fake([TextDelta("a"), anyio.Event()])
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        await client.update("agent_message_chunk")
        close = client.start("session/close", {"sessionId": session})
        assert await client.result(close) == {}
        assert (await client.result(prompt))["stopReason"] == "cancelled"
        assert ended(backend) == 1
        assert [m["id"] for m in client.seen[-2:]] == [prompt, close]


async def test_a_prompt_and_its_sessions_end_in_one_write() -> None:
    backend = fake([anyio.Event()])
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.request("session/prompt", prompt_params(session, "a"))
        close = client.request("session/close", {"sessionId": session})
        client.post(prompt, close)
        assert await client.result(close["id"]) == {}
        assert (await client.result(prompt["id"]))["stopReason"] == "cancelled"


async def test_new_sessions_ask_what_is_ready_now() -> None:
    first = fake(mode="first", readiness=Readiness(False, "Start it."))
    async with serving(first, fake(mode="second")) as client:
        session = await client.call("session/new", NEW_SESSION)
        assert session["modes"]["currentModeId"] == "second"
        described = session["modes"]["availableModes"][0]
        assert described["description"] == "Not ready: Start it."
        first.readiness = READY
        session = await client.call("session/new", NEW_SESSION)
        assert session["modes"]["currentModeId"] == "first"
        assert session["modes"]["availableModes"][0]["description"] == "Plays scripts"


async def test_the_configured_default_mode_is_taken_even_where_it_is_not_ready() -> None:
    second = fake(mode="second", readiness=Readiness(False, "Start it."))
    async with serving(fake(mode="first"), second, default="second") as client:
        session = await client.call("session/new", NEW_SESSION)
        assert session["modes"]["currentModeId"] == "second"
        with pytest.raises(RpcError, match=r"Mode second is not ready: Start it\."):
            await client.prompt(session["sessionId"])
        second.readiness = READY
        assert await client.prompt(session["sessionId"]) == "end_turn"


async def test_a_new_session_is_greeted_once_and_the_greeting_is_no_history() -> None:
    backend = fake(saying("one"), saying("two"))
    async with serving(backend, greeting="Welcome.") as client:
        session = await client.new_session()
        await client.prompt(session)
        await client.prompt(session)
        assert client.notices() == "*Welcome.*\n\n"
        assert client.text() == "onetwo"
        assert "Welcome" in client.updates("agent_message_chunk")[0]["content"]["text"]
    assert "Welcome" not in str(requests(backend))


async def test_backends_are_given_back_at_the_end() -> None:
    backend = fake()
    async with serving(backend) as client:
        await client.new_session()
        assert not backend.is_closed
    assert backend.is_closed


async def test_a_cancelled_session_new_is_answered_as_cancelled() -> None:
    asked, never = anyio.Event(), anyio.Event()

    class Slow(FakeBackend):
        async def probe(self) -> Readiness:
            asked.set()
            await never.wait()
            return self.readiness

    async with serving(Slow()) as client:
        new = client.start("session/new", NEW_SESSION)
        await asked.wait()
        client.notify("$/cancel_request", {"requestId": new})
        with pytest.raises(RpcError) as raised:
            await client.result(new)
        assert raised.value.code == -32800
