"""The engine's API as other tools see it: the real process over TCP, with the tiny llama."""

import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from tests.fixtures.engine_process import PATIENCE, EngineProcess, request, text_of, wait_exit
from tests.fixtures.tiny_llama import said_by

pytestmark = pytest.mark.anyio

TOKEN = "a-long-and-random-token"
CHAT = "/v1/chat/completions"
HELD_BACK = 5000
"""Tokens that may be decoded for a tool that does not read: its kernel holds most of them."""


@pytest.fixture(scope="module")
async def engine(run_folder: Path, tiny_models: Path) -> AsyncGenerator[EngineProcess, None]:
    shared = EngineProcess(run_folder / "listening")
    shared.use_models(tiny_models)
    shared.environment["TOKEN"] = TOKEN
    await shared.start("--listen", "127.0.0.1:0", "--token-env", "TOKEN")
    yield shared
    await shared.stop()


@pytest.fixture
async def tcp(engine: EngineProcess) -> AsyncGenerator[httpx2.AsyncClient, None]:
    log = engine.paths.engine_log_file.read_text()
    found = re.search(r"listens at (http://127\.0\.0\.1:\d+)\n", log)
    assert found, log
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(
        base_url=found[1], headers=headers, verify=False, timeout=PATIENCE
    ) as client:
        yield client


def events_of(text: str) -> list[dict[str, Any]]:
    *events, last = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert last == "[DONE]"
    return [json.loads(event) for event in events]


async def test_both_doors_lead_to_one_model(engine: EngineProcess, tcp: httpx2.AsyncClient) -> None:
    texts: dict[str, str] = {}

    async def ask_as_tool() -> None:
        answer = await tcp.post(CHAT, json=request(stream=True, max_tokens=50))
        chunks = events_of(answer.text)
        texts["tool"] = text_of(chunks)
        assert chunks[-1]["usage"]["completion_tokens"] == 50
        assert chunks[-1]["timings"]["predicted_n"] == 50
        assert chunks[-1]["timings"]["predicted_ms"] > 0

    async def ask_as_editor() -> None:
        texts["editor"] = text_of(await engine.collect(max_tokens=60))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask_as_tool)
        tasks.start_soon(ask_as_editor)
    assert texts == {"tool": said_by(50), "editor": said_by(60)}
    status = (await tcp.get("/v1/engine/status")).json()
    assert [model["id"] for model in status["models"]] == ["endless"]
    (entry,) = [
        model
        for model in (await tcp.get("/v1/models")).json()["data"]
        if model["state"] != "unloaded"
    ]
    assert entry["id"] == "endless"


async def test_a_tool_that_leaves_stops_its_answer(
    engine: EngineProcess, tcp: httpx2.AsyncClient
) -> None:
    async with tcp.stream("POST", CHAT, json=request(stream=True)) as answer:
        async for _ in answer.aiter_lines():
            break
    await engine.wait_until(lambda health: not health["active_requests"])


async def test_a_tool_that_does_not_read_is_held_back(
    engine: EngineProcess, tcp: httpx2.AsyncClient
) -> None:
    before = (await engine.health())["decoded_tokens"]
    async with tcp.stream("POST", CHAT, json=request(stream=True)):
        held = await engine.wait_settled("decoded_tokens")
        assert 0 < held - before < HELD_BACK
        assert text_of(await engine.collect(max_tokens=5)) == "abcde"
    await engine.wait_until(lambda health: not health["active_requests"])


async def test_loading_and_unloading_over_the_socket(engine: EngineProcess) -> None:
    async with engine.connect() as http:
        assert (await http.post("/v1/models/unload", json={})).status_code == 202
        await wait_for_models(http, [])
        first = events_of((await http.post("/v1/models/load", json={"model": "brief"})).text)
        again = events_of((await http.post("/v1/models/load", json={"model": "brief"})).text)
        assert first[-1] == {"loaded": "brief"}
        assert again == [{"loaded": "brief"}]
        loads = [event["load_progress"] for event in first[:-1]]
        assert loads[-1]["processed"] == loads[-1]["total"] > 0
        await wait_for_models(http, ["brief"])
        await http.post("/v1/models/unload", json={"model": "brief"})
        await wait_for_models(http, [])


async def wait_for_models(http: httpx2.AsyncClient, names: list[str]) -> None:
    with anyio.fail_after(PATIENCE):
        while True:
            status = (await http.get("/v1/engine/status")).json()
            if [model["id"] for model in status["models"]] == names:
                return


async def test_without_a_token_it_does_not_start(isolated_home: Path) -> None:
    engine = EngineProcess(isolated_home)
    process = engine.spawn("--listen", "127.0.0.1:0", "--token-env", "NO_TOKEN")
    assert await wait_exit(process) != 0
    assert "NO_TOKEN is not set" in engine.paths.engine_log_file.read_text()
    assert not engine.paths.engine_socket.exists()
