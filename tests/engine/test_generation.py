"""The engine over its real socket: answers, errors, cancelling, company, holding back.

One process serves all these tests, as it serves all editors of a user.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from acp_agent.errors import ContextOverflow, ModelNotInstalled
from tests.fixtures.engine_process import PATIENCE, EngineProcess, request, text_of
from tests.fixtures.tiny_llama import TEXT, TEXT_TOKENS, said_by

pytestmark = pytest.mark.anyio

PREFILL_STEP = 16
LONG_PROMPT = "x" * 200_000
HELD_BACK = 250
"""Tokens that may be decoded for a client that does not read: as many as buffers hold."""
MAX_SEQUENCES = 2


@pytest.fixture(scope="module")
async def engine(run_folder: Path, tiny_models: Path) -> AsyncGenerator[EngineProcess, None]:
    shared = EngineProcess(run_folder / "shared")
    shared.use_models(tiny_models)
    options = ("--prefill-step", str(PREFILL_STEP), "--max-sequences", str(MAX_SEQUENCES))
    await shared.start("--progress-after", "0", *options)
    yield shared
    await shared.stop()


async def test_streams_an_answer(engine: EngineProcess) -> None:
    chunks = await engine.collect(max_tokens=100)
    assert text_of(chunks) == said_by(100)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]][-2:] == [None, "length"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 100
    assert chunks[-1]["usage"]["prompt_tokens"] > len("hello")
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1


async def test_every_chunk_holds_whole_characters(engine: EngineProcess) -> None:
    chunks = await engine.collect(max_tokens=TEXT_TOKENS - 3)
    assert text_of(chunks) == TEXT.split("😀")[0]
    assert not any("\N{REPLACEMENT CHARACTER}" in text_of([chunk]) for chunk in chunks)


async def test_ends_with_the_models_own_end(engine: EngineProcess) -> None:
    chunks = await engine.collect(model="brief")
    assert text_of(chunks) == TEXT
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(("stop", "end"), [("z é", "y"), (["q", "c"], "b")])
async def test_stop_texts_end_it_and_stay_out(
    engine: EngineProcess, stop: object, end: str
) -> None:
    chunks = await engine.collect(stop=stop)
    assert text_of(chunks) == TEXT[: TEXT.index(end) + 1]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


async def test_whole_answer_without_streaming(engine: EngineProcess) -> None:
    response = await engine.post(request(max_tokens=TEXT_TOKENS))
    answer = response.json()
    assert response.status_code == 200
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == TEXT
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == TEXT_TOKENS


async def test_seed_makes_sampling_repeatable(engine: EngineProcess) -> None:
    answers = [
        text_of(await engine.collect(model="random", max_tokens=40, temperature=1, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert answers[0] == answers[1] != answers[2]


async def test_progress_is_told_when_asked_for(engine: EngineProcess) -> None:
    await engine.client.unload(None)
    await engine.wait_until(lambda health: not health["models"])
    chunks = await engine.collect(content="x" * 500, max_tokens=1, return_progress=True)
    loads = [chunk["load_progress"] for chunk in chunks if "load_progress" in chunk]
    reads = [chunk["prompt_progress"] for chunk in chunks if "prompt_progress" in chunk]
    assert loads[0] == {"processed": 0, "total": 0}
    assert loads[-1]["processed"] == loads[-1]["total"] > 0
    assert reads[-1]["processed"] == reads[-1]["total"] > 500
    assert text_of(chunks) == "a"
    again = await engine.collect(content="y" * 500, max_tokens=1)
    assert not any("prompt_progress" in chunk or "load_progress" in chunk for chunk in again)


async def test_models_are_listed_and_several_stay_in_memory(engine: EngineProcess) -> None:
    async with engine.connect() as http:
        listed = (await http.get("/v1/models")).json()
    assert {"endless", "brief"} <= {entry["id"] for entry in listed["data"]}
    await engine.collect(max_tokens=1)
    await engine.collect(model=str(engine.paths.models / "brief"))
    models = {model["id"]: model for model in await loaded_models(engine)}
    assert {"endless", "brief"} <= models.keys()
    assert models["brief"]["memory"] > 0


async def test_the_next_turn_reads_what_is_new(engine: EngineProcess) -> None:
    for length in (100, 130):
        chunks = await engine.collect("x" * length, max_tokens=3, prompt_cache_key="turns")
    usage, timings = chunks[-1]["usage"], chunks[-1]["timings"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    assert cached > 100
    assert timings["cache_n"] == cached
    assert timings["prompt_n"] == usage["prompt_tokens"] - cached


async def test_unknown_model_is_named(engine: EngineProcess) -> None:
    response = await engine.post(request(model="nonesuch"))
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    with pytest.raises(ModelNotInstalled, match="acp-agent models install"):
        await engine.collect(model="../tiny/endless")


async def test_too_long_a_conversation_gives_the_figures(engine: EngineProcess) -> None:
    response = await engine.post(request(model="narrow", content="x" * 80))
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["code"] == "context_length_exceeded"
    assert error["context_size"] == 64
    assert error["prompt_tokens"] > 80
    with pytest.raises(ContextOverflow, match="64"):
        await engine.collect(model="narrow", content="x" * 80)
    assert text_of(await engine.collect(model="narrow", content="x" * 10)).startswith("abc")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b"{}", "model"),
        ({"model": "endless", "prompt": "hello"}, "messages"),
        ({"model": "endless", "messages": []}, "messages"),
        (request(temperature=3), "temperature"),
        (request(max_tokens=0), "max_tokens"),
        (request(tools=["any"]), "tools.0"),
        ({"model": "endless", "messages": [{"role": "user", "content": [1, 2]}]}, "messages"),
    ],
)
async def test_bad_requests_are_refused(
    engine: EngineProcess, body: dict[str, object] | bytes, param: str | None
) -> None:
    response = await engine.post(body)
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert (error["param"] or "").startswith(param or "")


async def test_cancel_while_answering_stops_decoding(engine: EngineProcess) -> None:
    with anyio.fail_after(PATIENCE):
        async with aclosing(engine.client.chat(request())) as chunks:
            async for chunk in chunks:
                if "c" in text_of([chunk]):
                    break
    stopped = await engine.wait_until(lambda health: not health["active_requests"])
    assert await engine.wait_settled("decoded_tokens") == stopped["decoded_tokens"]


async def test_cancel_while_the_prompt_is_read_stops_reading(engine: EngineProcess) -> None:
    before = await engine.health()
    started = before["prefilled_tokens"] + 10 * PREFILL_STEP
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_exhaust, engine, LONG_PROMPT)
        await engine.wait_until(lambda health: health["prefilled_tokens"] > started)
        tasks.cancel_scope.cancel()
    stopped = await engine.wait_until(lambda health: not health["active_requests"])
    assert await engine.wait_settled("prefilled_tokens") == stopped["prefilled_tokens"]
    assert stopped["prefilled_tokens"] - before["prefilled_tokens"] < len(LONG_PROMPT)
    assert stopped["decoded_tokens"] == before["decoded_tokens"]


async def test_leaving_an_unstreamed_request_stops_it(engine: EngineProcess) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.post, request())
        await engine.wait_until(lambda health: health["active_requests"] == 1)
        tasks.cancel_scope.cancel()
    stopped = await engine.wait_until(lambda health: not health["active_requests"])
    assert await engine.wait_settled("decoded_tokens") == stopped["decoded_tokens"]


async def test_leaving_the_queue_takes_the_request_out(engine: EngineProcess) -> None:
    async with anyio.create_task_group() as holders:
        await occupy(engine, holders)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_exhaust, engine, "waits")
            await engine.wait_until(lambda health: health["queued_requests"] == 1)
            tasks.cancel_scope.cancel()
        health = await engine.wait_until(lambda health: health["queued_requests"] == 0)
        assert health["active_requests"] == MAX_SEQUENCES
        holders.cancel_scope.cancel()


async def test_a_request_that_waits_for_others_says_so(engine: EngineProcess) -> None:
    alone = await engine.collect(max_tokens=3, return_progress=True)
    assert not [chunk for chunk in alone if "queue_progress" in chunk]
    waiting = request(max_tokens=3, return_progress=True)
    rest: list[dict[str, Any]] = []
    async with anyio.create_task_group() as holders:
        [first, *others] = await occupy(engine, holders)
        async with aclosing(engine.client.chat(waiting)) as chunks:
            with anyio.fail_after(PATIENCE):
                while "queue_progress" not in (chunk := await anext(chunks)):
                    continue
                first.cancel()
                rest += [chunk, *[chunk async for chunk in chunks]]
        for other in others:
            other.cancel()
    told = [chunk["queue_progress"]["ahead"] for chunk in rest if "queue_progress" in chunk]
    assert told == [1, 0]
    assert text_of(rest) == said_by(3)


async def test_answers_at_the_same_time_are_those_alone(engine: EngineProcess) -> None:
    texts: dict[str, str] = {}

    async def ask(name: str, tokens: int) -> None:
        texts[name] = text_of(await engine.collect(content=name, max_tokens=tokens))

    async with anyio.create_task_group() as tasks:
        for name, tokens in (("one", 300), ("two", 20), ("three", 10)):
            tasks.start_soon(ask, name, tokens)
    assert texts == {"one": said_by(300), "two": said_by(20), "three": said_by(10)}


async def test_a_reader_that_stops_does_not_hold_others_up(engine: EngineProcess) -> None:
    async with aclosing(engine.client.chat(request("slow", max_tokens=2000))) as chunks:
        read = [await anext(chunks), await anext(chunks)]
        with anyio.fail_after(PATIENCE):
            while not any(model["parked"] for model in await loaded_models(engine)):
                continue
        for number in range(2):
            others = await engine.collect(str(number), max_tokens=200)
            assert text_of(others) == said_by(200)
        with anyio.fail_after(PATIENCE):
            read += [chunk async for chunk in chunks]
    assert text_of(read) == said_by(2000)


async def test_reader_that_stops_holds_decoding_back(engine: EngineProcess) -> None:
    before = (await engine.health())["decoded_tokens"]
    async with aclosing(engine.client.chat(request(max_tokens=2000))) as chunks:
        read = [await anext(chunks), await anext(chunks)]
        held = await engine.wait_settled("decoded_tokens")
        assert 1 < held - before < HELD_BACK
        assert (await engine.health())["active_requests"] == 1
        with anyio.fail_after(PATIENCE):
            read += [chunk async for chunk in chunks]
    assert text_of(read) == said_by(2000)


async def test_leaving_while_held_back_frees_the_engine(engine: EngineProcess) -> None:
    async with aclosing(engine.client.chat(request())) as chunks:
        await anext(chunks)
        await engine.wait_settled("decoded_tokens")
    await engine.wait_until(lambda health: not health["active_requests"])


async def loaded_models(engine: EngineProcess) -> list[dict[str, Any]]:
    """What the engine says of the models in memory."""
    status = await engine.client.status()
    assert status is not None
    return status["models"]


async def occupy(engine: EngineProcess, tasks: TaskGroup) -> list[anyio.CancelScope]:
    """Keeps the engine writing as many answers as it may; each ends with its scope."""
    scopes = [anyio.CancelScope() for _ in range(MAX_SEQUENCES)]

    async def hold(scope: anyio.CancelScope) -> None:
        with scope:
            await _exhaust(engine, "hold")

    for scope in scopes:
        tasks.start_soon(hold, scope)
    await engine.wait_until(lambda health: health["active_requests"] == MAX_SEQUENCES)
    return scopes


async def _exhaust(engine: EngineProcess, content: str) -> None:
    async for _ in engine.client.chat(request(content)):
        pass
