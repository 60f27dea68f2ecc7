"""The first exchange: versions, capabilities, authentication, and what waits behind it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from acp_agent import __version__
from acp_agent.errors import ConfigError
from acp_agent.protocol.handlers import Handlers
from acp_agent.protocol.session_handlers import Loaded
from tests.protocol.backend import fake
from tests.protocol.client import (
    NEW_SESSION,
    Client,
    RpcError,
    connected,
    handlers_for,
    loaded_with,
    serving,
)

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
SESSION_METHODS: list[tuple[str, dict[str, Any]]] = [
    ("session/new", NEW_SESSION),
    ("session/set_mode", {"sessionId": "s", "modeId": "fake"}),
    ("session/set_config_option", {"sessionId": "s", "configId": "mode", "value": "fake"}),
    ("session/prompt", {"sessionId": "s", "prompt": []}),
    ("session/close", {"sessionId": "s"}),
    ("authenticate", {"methodId": "local"}),
]
GOOD = {"protocolVersion": 1}


def fake_agent() -> Handlers:
    return handlers_for({"fake": fake()})


async def refused(client: Client, identifier: int, code: int) -> str:
    """The message of the error ``code`` with which a request was answered."""
    with pytest.raises(RpcError) as raised:
        await client.result(identifier)
    assert raised.value.code == code
    return raised.value.message


@pytest.mark.parametrize("version", [0, 1, 2, 65535])
async def test_every_version_is_answered_with_ours(version: int) -> None:
    async with connected(fake_agent()) as client:
        result = await client.call("initialize", {"protocolVersion": version})
    assert result["protocolVersion"] == 1


@pytest.mark.parametrize(
    "params",
    [None, {}, {"protocolVersion": "1"}, {"protocolVersion": None}, {"protocolVersion": 1.5}],
)
async def test_a_version_that_is_none_is_refused_by_name(params: Any) -> None:
    async with connected(fake_agent()) as client:
        message = await refused(client, client.start("initialize", params), -32602)
    assert "protocolVersion" in message


async def test_only_what_works_is_advertised() -> None:
    async with connected(fake_agent()) as client:
        result = await client.initialize()
    capabilities = result["agentCapabilities"]
    assert capabilities["loadSession"] is False
    assert capabilities["promptCapabilities"] == {
        "image": False,
        "audio": False,
        "embeddedContext": True,
    }
    assert capabilities["mcpCapabilities"] == {"http": True, "sse": True}
    assert capabilities["sessionCapabilities"] == {"additionalDirectories": {}, "close": {}}
    assert result["agentInfo"]["name"] == "acp-agent"
    assert result["agentInfo"]["version"] == __version__


async def test_nothing_of_the_clients_is_echoed() -> None:
    async with connected(fake_agent()) as client:
        plain = await client.call("initialize", GOOD)
        meta = {"_meta": {"trace": "1"}, "clientInfo": {"name": "editor", "version": "9"}}
        assert await client.call("initialize", {**GOOD, **meta}) == plain


async def test_unknown_fields_and_broken_options_are_tolerated() -> None:
    async with connected(fake_agent()) as client:
        params: dict[str, Any] = {
            **GOOD,
            "later": 1,
            "clientCapabilities": {"fs": 5, "x": []},
            "clientInfo": 3,
        }
        assert (await client.call("initialize", params))["protocolVersion"] == 1


@pytest.mark.parametrize(("method", "params"), SESSION_METHODS)
async def test_nothing_is_served_before_initialize(method: str, params: Any) -> None:
    async with connected(fake_agent()) as client:
        message = await refused(client, client.start(method, params), -32600)
        assert message == f"Send initialize first, then {method}."
        await client.initialize()
        await client.new_session()


async def test_requests_in_one_write_with_initialize_are_served_in_order() -> None:
    async with connected(fake_agent()) as client:
        requests = [
            client.request("initialize", GOOD),
            client.request("session/new", NEW_SESSION),
            client.request("authenticate", {"methodId": "local"}),
        ]
        client.post(*requests)
        for request in requests:
            await client.result(request["id"])
        assert client.seen[0]["id"] == requests[0]["id"]


async def test_requests_before_initialize_in_one_write_are_refused() -> None:
    async with connected(fake_agent()) as client:
        new, good = client.request("session/new", NEW_SESSION), client.request("initialize", GOOD)
        client.post(new, good)
        await refused(client, new["id"], -32600)
        await client.result(good["id"])


async def test_requests_behind_a_failed_initialize_are_refused() -> None:
    async with connected(fake_agent()) as client:
        bad, new = client.request("initialize", {}), client.request("session/new", NEW_SESSION)
        client.post(bad, new)
        await refused(client, bad["id"], -32602)
        await refused(client, new["id"], -32600)
        await client.initialize()
        assert await client.new_session()


async def test_a_failed_initialize_takes_nothing_back() -> None:
    async with connected(fake_agent()) as client:
        first = client.request("session/new", NEW_SESSION)
        second = client.request("session/new", NEW_SESSION)
        client.post(
            client.request("initialize", GOOD), first, client.request("initialize", {}), second
        )
        assert await client.result(first["id"])
        assert await client.result(second["id"])
        assert await client.new_session()


async def test_a_prompt_behind_initialize_can_be_cancelled_by_its_request_id() -> None:
    async with connected(fake_agent()) as client:
        prompt = client.request("session/prompt", {"sessionId": "s", "prompt": []})
        cancel = {
            "jsonrpc": "2.0",
            "method": "$/cancel_request",
            "params": {"requestId": prompt["id"]},
        }
        client.post(client.request("initialize", GOOD), prompt, cancel)
        assert (await client.result(prompt["id"]))["stopReason"] == "cancelled"


async def test_a_method_without_login_is_offered_and_gates_nothing() -> None:
    async with connected(fake_agent()) as client:
        methods = (await client.initialize())["authMethods"]
        assert methods
        assert all("type" not in method for method in methods)
        assert await client.new_session()
        assert await client.call("authenticate", {"methodId": methods[0]["id"]}) == {}
        message = await refused(
            client, client.start("authenticate", {"methodId": "github"}), -32602
        )
        assert "'local'" in message
        message = await refused(client, client.start("authenticate", {}), -32602)
        assert "methodId" in message


async def test_methods_we_do_not_have_are_not_found() -> None:
    async with serving(fake()) as client:
        for method in ("session/load", "session/list", "session/fork", "_acp/extra", "logout"):
            await refused(client, client.start(method, {}), -32601)


async def test_a_broken_configuration_is_told_when_a_session_starts_and_can_be_mended() -> None:
    broken = [True]

    async def load() -> Loaded:
        if broken:
            broken.clear()
            raise ConfigError("config.toml, line 2: there is no key 'modle'.")
        return loaded_with({"fake": fake()})

    async with connected(Handlers(load)) as client:
        await client.initialize()
        message = await refused(client, client.start("session/new", NEW_SESSION), -32603)
        assert message == "config.toml, line 2: there is no key 'modle'."
        assert await client.new_session()


def test_the_first_answer_needs_few_imports() -> None:
    names = "httpx2 mcp mlx mlx_lm transformers rich starlette jsonschema pathspec platformdirs"
    script = (
        "import sys\n"
        "import acp_agent.cli, acp_agent.cli.serve, acp_agent.app.agent\n"
        "from acp_agent.protocol.initialize import initialize\n"
        "initialize({'protocolVersion': 1})\n"
        f"print([n for n in {[*names.split(), 'tomllib']} if n in sys.modules])\n"
        "print('pydantic' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout.splitlines() == ["[]", "True"], result.stderr
