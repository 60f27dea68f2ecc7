"""What the ollama backend says it can run, and pulling what it cannot."""

import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import ModelRequest, Progress, Readiness, Report
from acp_agent.backends.ollama.backend import OllamaBackend
from acp_agent.config.settings import OllamaSettings
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError, BackendUnavailable, ModelNotInstalled
from tests.backends.harness import collect, never_ask, text_of
from tests.backends.ollama_harness import PATIENCE
from tests.fixtures.ollama_model import Loaded, OllamaModel
from tests.fixtures.ollama_server import OllamaServer, Planted

pytestmark = pytest.mark.anyio

OLD = OllamaModel("old:latest", modified_at="2025-01-01T00:00:00Z", trained_context=8192)
NEW = OllamaModel(
    "new:8b", ("completion", "thinking"), 262_144, "qwen3", modified_at="2026-05-01T00:00:00Z"
)
GPT_OSS = OllamaModel("gpt-oss:20b", ("completion", "thinking"), family="gptoss")
EMBED = OllamaModel("embed:latest", ("embedding",), modified_at="2026-06-01T00:00:00Z")
CLOUD = OllamaModel(
    "big:cloud", size=384, modified_at="2026-07-01T00:00:00Z", remote_host="https://ollama.com"
)


@pytest.fixture(params=[False, True], ids=["show", "list"])
async def server(request: pytest.FixtureRequest) -> AsyncGenerator[OllamaServer]:
    """A server that tells capabilities in ``/api/show`` only, and one that lists them."""
    models = [OLD, NEW, GPT_OSS, EMBED]
    async with OllamaServer(models, rich_list=request.param).running() as server:
        yield server


@asynccontextmanager
async def backend_for(url: str, **settings: Any) -> AsyncGenerator[OllamaBackend]:
    backend = OllamaBackend(OllamaSettings(base_url=url, **settings))
    try:
        yield backend
    finally:
        await backend.aclose()


async def probe(url: str, **settings: Any) -> Readiness:
    async with backend_for(url, **settings) as backend:
        with anyio.fail_after(PATIENCE):
            return await backend.probe()


async def test_chat_models_are_listed_newest_first(server: OllamaServer) -> None:
    readiness = await probe(server.url, think=True)
    assert readiness.ready
    assert readiness.default_model == "new:8b"
    by_id = {model.id: model for model in readiness.models}
    assert list(by_id) == ["new:8b", "gpt-oss:20b", "old:latest"]
    assert by_id["old:latest"].name == "old"
    assert by_id["old:latest"].description == "7.6B, Q4_K_M, 4.7 GB"
    assert by_id["old:latest"].parameters == 7_600_000_000
    assert by_id["old:latest"].context_size == 8192
    assert by_id["old:latest"].thought_levels == ()
    assert by_id["new:8b"].context_size == 32_768
    assert by_id["new:8b"].thought_levels == ("off", "on")
    assert by_id["new:8b"].thought_default == "on"
    assert by_id["gpt-oss:20b"].thought_levels == ("low", "medium", "high")
    assert by_id["gpt-oss:20b"].thought_default == "medium"


async def test_details_are_asked_for_once(server: OllamaServer) -> None:
    async with backend_for(server.url) as backend:
        for _ in range(3):
            await backend.probe()
        await collect(backend.stream(ModelRequest((UserMessage("hi"),), "new:8b")))
        asked = len(server.bodies("/api/show"))
        assert asked == (0 if server.rich_list else 4)
        server.models[1] = OllamaModel("new:8b", size=1)
        await backend.probe()
        assert len(server.bodies("/api/show")) == (0 if server.rich_list else 5)


@pytest.mark.parametrize(
    ("configured", "loaded", "expected"),
    [
        (None, [], "new:8b"),
        (None, ["old:latest"], "old:latest"),
        (None, ["embed:latest"], "new:8b"),
        ("old", ["gpt-oss:20b"], "old:latest"),
        ("GPT-OSS:20b", [], "gpt-oss:20b"),
    ],
)
async def test_default_model(
    server: OllamaServer, configured: str | None, loaded: list[str], expected: str
) -> None:
    server.models.append(CLOUD)
    server.loaded = {name: Loaded(65_536, shift=False) for name in loaded}
    readiness = await probe(server.url, model=configured)
    assert readiness.default_model == expected
    assert readiness.installed
    by_id = {model.id: model for model in readiness.models}
    assert "not on this machine" in by_id["big:cloud"].description
    assert [each.id for each in readiness.models if each.is_remote] == ["big:cloud"]
    if expected in loaded:
        assert by_id[expected].context_size == 65_536


async def test_silent_details_are_tolerated(server: OllamaServer) -> None:
    """Details never come, and a load in progress holds ``/api/ps`` back."""
    server.rich_list = False
    async with backend_for(server.url) as backend:
        await backend.probe()
        server.holds = {"/api/show": anyio.Event(), "/api/ps": anyio.Event()}
        server.models += [
            OllamaModel("unknown:latest", modified_at="2026-08-01T00:00:00Z"),
            OllamaModel("more-vectors:latest", family="nomic-bert", capabilities=("embedding",)),
        ]
        with anyio.fail_after(3):
            readiness = await backend.probe()
    assert readiness.ready
    assert readiness.default_model == "new:8b"
    ids = [model.id for model in readiness.models]
    assert ids[-1] == "unknown:latest"
    assert readiness.models[-1].thought_levels == ()
    assert "more-vectors:latest" not in ids


async def test_server_from_before_capabilities(server: OllamaServer) -> None:
    server.rich_list = False
    server.models = [
        OllamaModel("plain:latest", None, 4096),
        OllamaModel("vectors:latest", None, family="nomic-bert"),
    ]
    readiness = await probe(server.url)
    assert [(model.id, model.context_size) for model in readiness.models] == [
        ("plain:latest", 4096)
    ]


async def test_no_chat_model(server: OllamaServer) -> None:
    server.models = [EMBED]
    readiness = await probe(server.url)
    assert not readiness.ready
    assert "ollama pull" in readiness.reason


async def test_configured_model_that_is_missing_is_offered(server: OllamaServer) -> None:
    server.library = [OllamaModel("fresh:latest", size=2_000_000_000)]
    async with backend_for(server.url, model="fresh:latest") as backend:
        readiness = await backend.probe()
        assert readiness.ready
        assert not readiness.installed
        assert readiness.default_model == "fresh:latest"
        assert "fresh:latest" in readiness.reason
        request = ModelRequest((UserMessage("hi"),), "fresh:latest")
        with anyio.fail_after(PATIENCE), pytest.raises(ModelNotInstalled) as raised:
            await collect(backend.stream(request))
        assert raised.value.model == "fresh:latest"
        assert raised.value.title == "Pull fresh:latest with Ollama"
        assert "ollama pull fresh:latest" in raised.value.message
        with anyio.fail_after(PATIENCE):
            steps: list[Progress] = []
            await backend.install("fresh:latest", noting(steps), never_ask)
        title = "Pulling fresh:latest"
        assert steps[0] == Progress("pull", title, 0, None, "B")
        assert steps[-1] == Progress("pull", title, 2_000_000_000, 2_000_000_000, "B", True)
        done = [step.done or 0 for step in steps]
        assert done == sorted(done)
        shares = [(step.done or 0) / step.total for step in steps if step.total]
        assert shares == sorted(shares)
        assert text_of(await collect(backend.stream(request))) == "You said: hi"


def noting(steps: list[Progress]) -> Report:
    async def report(step: Progress) -> None:
        steps.append(step)

    return report


async def test_pull_of_an_unknown_model(server: OllamaServer) -> None:
    async with backend_for(server.url) as backend:
        with anyio.fail_after(PATIENCE), pytest.raises(BackendError, match="no model nonsense"):
            await backend.install("nonsense", noting([]), never_ask)


async def test_cancelling_a_pull_stops_it_at_the_server(server: OllamaServer) -> None:
    server.library, server.pull_gate = [OllamaModel("fresh:latest")], anyio.Event()
    async with backend_for(server.url) as backend:
        with anyio.fail_after(PATIENCE):
            with anyio.CancelScope() as pulling:

                async def stop_at_first_bytes(step: Progress) -> None:
                    if step.done:
                        pulling.cancel()

                await backend.install("fresh:latest", stop_at_first_bytes, never_ask)
            await server.wait_left("/api/pull")
    assert server.find("fresh:latest") is None


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port at which connections are accepted (by the kernel) and nothing is answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def test_absent_server(closed_port: int) -> None:
    url = f"http://user:secret@127.0.0.1:{closed_port}"
    readiness = await probe(url)
    assert not readiness.ready
    assert f"does not answer at http://127.0.0.1:{closed_port}." in readiness.reason
    assert "ollama serve" in readiness.reason
    assert "secret" not in readiness.reason
    async with backend_for(url) as backend:
        assert "secret" not in backend.description
        with pytest.raises(BackendUnavailable) as raised:
            await collect(backend.stream(ModelRequest((UserMessage("hi"),), "x")))
        assert "ollama serve" in raised.value.message
        assert "secret" not in raised.value.message


async def test_silent_server_costs_a_bounded_time(silent_port: int) -> None:
    async with backend_for(f"http://127.0.0.1:{silent_port}") as backend:
        with anyio.fail_after(PATIENCE):
            await backend.probe()
        with anyio.fail_after(2):
            readiness = await backend.probe()
    assert not readiness.ready
    assert "does not answer" in readiness.reason


@pytest.mark.parametrize(
    "planted",
    [
        Planted(200, b"<html>router login</html>", "text/html"),
        Planted(404, b"<html>not here</html>", "text/html"),
        Planted(200, b'{"object": "list", "data": []}'),
        Planted(200, b"Ollama is running", "text/plain"),
    ],
    ids=["page", "missing", "openai", "text"],
)
async def test_other_servers_are_told_apart(server: OllamaServer, planted: Planted) -> None:
    server.planted["/api/tags"] = planted
    readiness = await probe(server.url)
    assert not readiness.ready
    assert "does not speak Ollama's API" in readiness.reason


async def test_proxies_are_not_used_for_this_machine(
    server: OllamaServer, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    assert (await probe(server.url)).ready


async def test_login_goes_into_a_header(server: OllamaServer) -> None:
    url = server.url.replace("http://", "http://me:s%20t@")
    assert (await probe(url)).ready
    assert {headers["authorization"] for headers in server.headers} == {"Basic bWU6cyB0"}
    assert all("@" not in headers["host"] for headers in server.headers)
