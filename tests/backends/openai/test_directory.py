"""What endpoints have: their models and windows, the default, and why one cannot be used."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from acp_agent.backends.openai.asking import name_program
from acp_agent.backends.openai.directory import Directory
from acp_agent.backends.openai.endpoints import find_endpoints
from acp_agent.backends.openai.listing import Listing
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

KEY = "sk-very-secret"


@asynccontextmanager
async def directory_of(
    tables: dict[str, dict[str, Any]],
    settings: OpenAISettings | None = None,
    environ: dict[str, str] | None = None,
) -> AsyncGenerator[Directory]:
    """A directory of the endpoints in ``tables``, looked at once; nothing is searched for."""
    settings = settings or OpenAISettings()
    endpoints = {name: EndpointSettings.model_validate(table) for name, table in tables.items()}
    directory = Directory(find_endpoints(settings, endpoints, environ or {}), settings, ports=())
    try:
        with anyio.fail_after(PATIENCE):
            await directory.refresh()
            yield directory
    finally:
        await directory.aclose()


def ids(directory: Directory) -> list[str]:
    return [model.id for model in directory.models()]


async def test_models_of_all_endpoints_are_listed_in_order() -> None:
    async with serve_models("a", "b").running() as one, serve_models("c").running() as two:
        tables = {"two": {"base_url": two.url}, "one": {"base_url": one.url, "tools": "none"}}
        async with directory_of(tables) as directory:
            assert ids(directory) == ["two/c", "one/a", "one/b"]
            assert directory.default_model() == "two/c"
            assert [model.tools for model in directory.models()] == ["native", "none", "none"]
            found = directory.find("one/a")
            assert found is not None
            assert (found[0].url, found[1]) == (one.url, "a")


@pytest.mark.parametrize("model_id", ["one", "one/", "three/a", "a", ""])
async def test_other_ids_name_nothing(model_id: str) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    async with directory_of({"one": {"base_url": url}}) as directory:
        assert directory.find(model_id) is None
        assert directory.context_size(model_id) is None


@pytest.mark.parametrize(
    ("wanted", "default"),
    [("b", "one/b"), ("one/b", "one/b"), ("c", "two/c"), ("two/x", "two/x"), ("nowhere", "one/a")],
)
async def test_the_configured_model_is_the_default(wanted: str, default: str) -> None:
    async with serve_models("a", "b").running() as one, serve_models("c").running() as two:
        tables = {"one": {"base_url": one.url}, "two": {"base_url": two.url}}
        async with directory_of(tables, OpenAISettings(model=wanted)) as directory:
            assert directory.default_model() == default
            assert default in ids(directory)
            assert ("nowhere" in directory.problem()) is (wanted == "nowhere")


async def test_an_endpoints_own_default_comes_first_whether_listed_or_not() -> None:
    async with serve_models("a", "b").running() as server:
        async with directory_of({"one": {"base_url": server.url, "model": "b"}}) as directory:
            assert ids(directory) == ["one/b", "one/a"]
        async with directory_of({"one": {"base_url": server.url, "model": "x"}}) as directory:
            assert directory.default_model() == "one/x"


async def test_a_named_model_does_without_a_list() -> None:
    async with PageServer().running() as server:
        async with directory_of({"one": {"base_url": server.url, "model": "x"}}) as directory:
            assert ids(directory) == ["one/x"]
        async with directory_of({"one": {"base_url": server.url}}) as directory:
            assert ids(directory) == []
            assert "does not list models" in directory.problem()
            assert "/v1" in directory.problem()


async def test_the_window_is_the_servers_unless_the_user_said_another() -> None:
    async with serve_models("a", owner="vllm", max_model_len=4096).running() as server:
        async with directory_of({"one": {"base_url": server.url}}) as directory:
            assert directory.context_size("one/a") == 4096
            assert directory.models()[0].context_size == 4096
        tables = {"one": {"base_url": server.url, "context_size": 2048}}
        async with directory_of(tables) as directory:
            assert directory.context_size("one/a") == 2048
            assert directory.models()[0].context_size == 2048
        assert "/props" not in server.asked


async def test_llama_cpp_tells_the_window_of_a_slot() -> None:
    server = serve_models("a", meta={"n_ctx_train": 131_072})
    server.pages["/props"] = Page({"default_generation_settings": {"n_ctx": 4096}})
    async with server.running(), directory_of({"one": {"base_url": server.url}}) as directory:
        assert directory.context_size("one/a") == 4096
    assert server.asked == ["/v1/models", "/props"]


async def test_lm_studio_tells_windows_and_which_models_chat() -> None:
    server = serve_models("chat", "vectors", owner="organization_owner")
    server.pages["/api/v0/models"] = Page(
        {
            "data": [
                {"id": "chat", "type": "llm", "max_context_length": 32_768},
                {"id": "vectors", "type": "embeddings", "max_context_length": 512},
            ]
        }
    )
    async with server.running(), directory_of({"one": {"base_url": server.url}}) as directory:
        assert ids(directory) == ["one/chat"]
        assert directory.context_size("one/chat") == 32_768


async def test_a_window_that_was_told_is_kept_when_details_come_late() -> None:
    server = serve_models("a", "b", meta={"n_ctx_train": 131_072}, owner="organization_owner")
    entries = [{"id": "a", "type": "llm", "loaded_context_length": 4096}]
    server.pages["/api/v0/models"] = Page({"data": entries})
    async with server.running(), directory_of({"one": {"base_url": server.url}}) as directory:
        server.pages["/api/v0/models"] = Page({}, 500)
        await directory.refresh()
        assert directory.context_size("one/a") == 4096
        assert directory.context_size("one/b") == 131_072
        server.pages["/v1/models"] = listing("a", max_model_len=2048)
        await directory.refresh()
        assert directory.context_size("one/a") == 2048


async def test_details_that_never_come_are_done_without() -> None:
    server = serve_models("a", meta={"n_ctx_train": 131_072})
    server.pages["/props"] = Page({}, gate=anyio.Event())
    async with server.running(), directory_of({"one": {"base_url": server.url}}) as directory:
        assert directory.context_size("one/a") == 131_072


@pytest.mark.parametrize("body", [b"", b'{"object": "list", "data": [{"id": "hub/m"}]}'])
async def test_mlx_lm_server_answers_with_the_model_it_was_started_with(body: bytes) -> None:
    page = Page(body, headers={"Server": "BaseHTTP/0.6 Python/3.12"})
    server = PageServer({"/v1/models": page})
    async with server.running(), directory_of({"one": {"base_url": server.url}}) as directory:
        assert directory.default_model() == "one/default_model"
        assert directory.program(directory.endpoints()[0]) == "mlx"


async def test_an_empty_page_is_no_list() -> None:
    server = PageServer({"/v1/models": Page(b"")})
    async with server.running(), directory_of({"one": {"base_url": server.url}}) as directory:
        assert "does not list models" in directory.problem()
        assert directory.program(directory.endpoints()[0]) == ""


async def test_the_key_is_sent_and_is_in_no_message() -> None:
    server = PageServer({"/v1/models": Page({"error": f"wrong key {KEY}"}, 401)})
    async with server.running():
        tables = {"one": {"base_url": server.url, "key_env": "ONE_KEY"}}
        async with directory_of(tables, environ={"ONE_KEY": KEY}) as directory:
            assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
            assert "refuses the key" in directory.problem()
            assert KEY not in directory.problem() + repr(directory.endpoints())


async def test_a_redirect_is_not_followed() -> None:
    async with serve_models("a").running() as other:
        server = PageServer({"/v1/models": Page(b"", 307)})
        async with server.running():
            tables = {"one": {"base_url": server.url, "key_env": "ONE_KEY"}}
            async with directory_of(tables, environ={"ONE_KEY": KEY}) as directory:
                assert ids(directory) == []
        assert other.asked == []


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page({"error": "who are you"}, 401), "asks for a key"),
        (Page({"error": {"message": "Loading model"}}, 503), "may be loading"),
        (Page(b"<html>"), "does not list models"),
        (listing(), "no model that can chat"),
    ],
)
async def test_what_is_wrong_with_an_endpoint_is_said(page: Page, said: str) -> None:
    server = PageServer({"/v1/models": page})
    async with server.running(), directory_of({"one": {"base_url": server.url}}) as directory:
        assert said in directory.problem()
        assert "one" in directory.problem()
        assert directory.models() == ()
        assert directory.default_model() is None


async def test_one_that_is_down_is_told_beside_those_that_are_up() -> None:
    async with serve_models("a").running() as server:
        tables = {
            "down": {"base_url": f"http://127.0.0.1:{free_port()}/v1"},
            "locked": {"base_url": server.url, "key_env": "MISSING_KEY"},
            "up": {"base_url": server.url},
        }
        async with directory_of(tables) as directory:
            assert ids(directory) == ["up/a"]
            assert "Endpoint down does not answer" in directory.problem()
            assert "MISSING_KEY is not set" in directory.problem()
            out = {each.name: directory.is_out(each) for each in directory.endpoints()}
            assert out["down"]
            assert not out["up"]
    assert all("authorization" not in request.headers for request in server.requests)


async def test_many_that_are_down_are_told_in_few_words() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    async with directory_of({f"e{n}": {"base_url": url} for n in range(9)}) as directory:
        assert "e2" in directory.problem()
        assert "e3" not in directory.problem()
        assert "6 more endpoints" in directory.problem()


async def test_all_are_asked_at_once() -> None:
    server = serve_models("a")
    server.release_at = 9
    async with server.running():
        tables = {f"e{n}": {"base_url": server.url} for n in range(9)}
        async with directory_of(tables) as directory:
            assert len(ids(directory)) == 9


async def test_one_that_never_answers_does_not_hold_the_others() -> None:
    silent = PageServer({"/v1/models": Page({}, gate=anyio.Event())})
    async with silent.running(), serve_models("a").running() as server:
        tables = {"silent": {"base_url": silent.url}, "up": {"base_url": server.url}}
        async with directory_of(tables) as directory:
            assert ids(directory) == ["up/a"]
            assert "Endpoint silent does not answer" in directory.problem()


async def test_a_busy_server_on_this_machine_is_there_if_its_model_is_named() -> None:
    busy = PageServer({"/v1/models": Page({}, gate=anyio.Event())})
    async with busy.running():
        async with directory_of({"busy": {"base_url": busy.url, "model": "own"}}) as directory:
            assert directory.default_model() == "busy/own"
            assert not directory.is_out(directory.endpoints()[0])
        async with directory_of({"busy": {"base_url": busy.url}}) as directory:
            assert ids(directory) == []
            assert "Endpoint busy does not answer" in directory.problem()


async def test_an_address_that_cannot_be_used_is_told() -> None:
    tables = {"one": {"base_url": "http://999.999.999.999/v1"}}
    async with directory_of(tables) as directory:
        assert "Endpoint one cannot be asked" in directory.problem()


async def test_a_proxy_that_is_not_supported_harms_no_other_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    async with serve_models("a").running() as server:
        tables = {"far": {"base_url": "http://192.0.2.1/v1"}, "up": {"base_url": server.url}}
        async with directory_of(tables) as directory:
            assert ids(directory) == ["up/a"]
            assert "Endpoint far cannot be asked" in directory.problem()
            assert "SOCKS" in directory.problem()


@pytest.mark.parametrize(
    ("owner", "headers", "program"),
    [
        ("openai", {"x-litellm-version": "1"}, "litellm"),
        ("", {"server": "llama.cpp"}, "llamacpp"),
        ("", {"server": "BaseHTTP/0.6 Python/3.12"}, "mlx"),
        ("organization_owner", {}, "lmstudio"),
        ("openai", {"server": "uvicorn"}, "gateway"),
        ("somebody", {"server": "uvicorn"}, ""),
    ],
)
def test_programs_are_told_apart(owner: str, headers: dict[str, str], program: str) -> None:
    assert name_program(Listing((), owner), headers) == program
