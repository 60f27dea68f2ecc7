"""Servers on this machine that nobody named are found, and other programs left alone."""

import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from acp_agent.backends.openai.asking import Found
from acp_agent.backends.openai.directory import STRANGER_PAUSE, Directory
from acp_agent.backends.openai.discovery import WELL_KNOWN_PORTS, find_program, ports_to_search
from acp_agent.backends.openai.endpoints import discovered_endpoint, find_endpoints
from acp_agent.backends.openai.health import Health
from acp_agent.backends.openai.known import Known, choose_default, make_models
from acp_agent.backends.openai.listing import Listed, Listing
from acp_agent.config.settings import EndpointSettings, OpenAISettings
from tests.backends.openai.pages import (
    PATIENCE,
    Page,
    PageServer,
    free_port,
    listing,
    serve_models,
)

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def searching(
    *servers: PageServer, extra: Sequence[int] = (), settings: OpenAISettings | None = None
) -> AsyncGenerator[Directory]:
    """A directory that searches the ports of ``servers`` and those of ``extra``."""
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server.running())
        ports = [*(server.port for server in servers), *extra]
        found = Directory([], settings or OpenAISettings(), ports=ports)
        stack.push_async_callback(found.aclose)
        with anyio.fail_after(PATIENCE):
            await found.refresh()
            yield found


def ids(directory: Directory) -> list[str]:
    return [model.id for model in directory.models()]


def test_ollama_is_not_searched_for() -> None:
    assert 11434 not in WELL_KNOWN_PORTS
    assert len(set(WELL_KNOWN_PORTS)) == len(WELL_KNOWN_PORTS)


def test_ports_of_named_endpoints_are_not_searched() -> None:
    tables = {
        "mine": EndpointSettings(base_url="http://localhost:8080/v1"),
        "far": EndpointSettings(base_url="http://far.example:8000/v1"),
    }
    named = find_endpoints(OpenAISettings(), tables, {})
    assert ports_to_search((8080, 8000, 1234), named) == (8000, 1234)


@pytest.mark.parametrize(
    ("owner", "program"),
    [("llamacpp", "llamacpp"), ("vllm", "vllm"), ("sglang", "sglang"), ("exo", "exo")],
)
async def test_a_server_is_called_what_it_says_it_is(owner: str, program: str) -> None:
    server = serve_models("qwen", owner=owner)
    async with searching(server) as directory:
        assert ids(directory) == [f"{program}/qwen"]
        (endpoint,) = directory.endpoints()
        assert endpoint.discovered
        assert endpoint.is_loopback
        assert endpoint.url == server.url
        assert directory.default_model() == f"{program}/qwen"
        assert directory.problem() == ""


async def test_a_server_that_says_nothing_is_called_by_its_port() -> None:
    server = serve_models("org/qwen", owner="somebody")
    async with searching(server) as directory:
        assert ids(directory) == [f"local-{server.port}/org/qwen"]
        assert directory.models()[0].name == f"qwen (local-{server.port})"


@pytest.mark.parametrize(("said", "port", "program"), [("", 1234, "lmstudio"), ("", 8080, "")])
def test_some_ports_belong_to_one_program(said: str, port: int, program: str) -> None:
    assert find_program(said, port) == program
    assert find_program("vllm", port) == "vllm"


async def test_two_servers_of_a_kind_have_two_names() -> None:
    one, two = serve_models("a"), serve_models("b")
    async with searching(one, two) as directory:
        assert ids(directory) == ["llamacpp/a", f"llamacpp-{two.port}/b"]


async def test_no_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    server = serve_models("a")
    async with searching(server):
        assert server.asked[0] == "/v1/models"
        assert all("authorization" not in request.headers for request in server.requests)


@pytest.mark.parametrize(
    "page",
    [
        Page(b"<html>My homepage</html>"),
        Page({"hello": "world"}),
        Page(["a", "b"]),
        Page(b"Not Found", 404),
        Page({"error": "key"}, 401),
        Page({"detail": "Not authenticated"}, 403),
        Page({}, 302),
        listing("llama3:latest", owner="library"),
    ],
)
async def test_other_programs_are_left_out_quietly(page: Page) -> None:
    stranger = PageServer({"/v1/models": page})
    async with searching(stranger) as directory:
        assert ids(directory) == []
        assert directory.problem() == (await nothing_found())


async def nothing_found() -> str:
    async with searching(extra=[free_port()]) as directory:
        return directory.problem()


async def test_where_nothing_is_found_the_user_is_told_what_to_do() -> None:
    assert "llama-server" in await nothing_found()
    assert "[endpoints.NAME]" in await nothing_found()


async def test_a_stranger_is_not_asked_again_and_again() -> None:
    now = 0.0
    stranger = PageServer({})
    async with stranger.running():
        health = Health(lambda: now)
        directory = Directory([], OpenAISettings(), ports=[stranger.port], health=health)
        for _ in range(3):
            await directory.refresh()
            await directory.check()
        assert stranger.asked == ["/v1/models"]
        now += STRANGER_PAUSE
        await directory.check()
        assert stranger.asked == ["/v1/models"]
        await directory.refresh()
        assert stranger.asked == ["/v1/models", "/v1/models"]
        await directory.aclose()


def test_a_search_that_finds_nothing_loads_no_http_library() -> None:
    """It would take a tenth of a second of every start."""
    program = f"""
import sys
import anyio
from acp_agent.backends.openai.directory import Directory
from acp_agent.config.settings import OpenAISettings
directory = Directory([], OpenAISettings(), ports=[{free_port()}])
anyio.run(directory.refresh)
anyio.run(directory.check)
sys.exit(", ".join({{"httpx2", "h11"}} & set(sys.modules)) or 0)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


async def test_the_search_can_be_switched_off() -> None:
    server = serve_models("a")
    async with searching(server, settings=OpenAISettings(discover=False)) as directory:
        assert ids(directory) == []
        assert server.asked == []
        assert "No endpoint is named" in directory.problem()


def test_a_gateway_that_was_found_comes_last() -> None:
    """What answers there may send prompts to any machine."""
    settings = OpenAISettings()
    found = Found(Listing((Listed("big"),)), find_program("", 4000))
    gateway = Known(discovered_endpoint("litellm", 4000), found)
    (model,) = make_models([gateway], settings)
    assert model.is_remote
    assert "another machine" in model.description
    assert choose_default([gateway], settings) == "litellm/big"
    local = Known(discovered_endpoint("llamacpp", 8080), Found(Listing((Listed("m"),))))
    assert choose_default([gateway, local], settings) == "llamacpp/m"
    assert choose_default([gateway, local], OpenAISettings(model="big")) == "litellm/big"
    named = Known(replace(gateway.endpoint, name="mine", discovered=False), found)
    assert not make_models([named], settings)[0].is_remote
    assert choose_default([gateway, named], settings) == "mine/big"


def test_models_on_other_machines_are_chosen_by_the_user_only() -> None:
    tables = {"far": EndpointSettings(base_url="http://far.example:8000/v1")}
    (endpoint,) = find_endpoints(OpenAISettings(), tables, {})
    far = Known(endpoint, Found(Listing((Listed("m", 4096, parameters=7),))))
    (model,) = make_models([far], OpenAISettings())
    assert model.is_remote
    assert (model.context_size, model.parameters) == (4096, 7)
    assert choose_default([far], OpenAISettings()) == "far/m"


async def test_a_servers_name_stays_when_it_comes_back() -> None:
    server = serve_models("a")
    async with server.running() as first:
        port = first.port
        directory = Directory([], OpenAISettings(), ports=[port])
        await directory.refresh()
        assert ids(directory) == ["llamacpp/a"]
    await directory.refresh()
    assert ids(directory) == []
    assert directory.find("llamacpp/a") is not None
    async with serve_models("b").running(port):
        await directory.refresh()
        assert ids(directory) == ["llamacpp/b"]
    await directory.aclose()
