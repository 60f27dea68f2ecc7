"""Measures of the engine alone, with the tiny gpt-oss: cache reuse, company, stalled readers.

Owns these measures. They talk to an engine of their own, without an agent; the first
token is taken from the engine's stream.
"""

import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from acp_agent.config.paths import Paths, find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine.client import EngineClient
from benchmarks.driver import ROOT
from benchmarks.report import Row, print_rows

MODEL = ROOT / "tests" / "tiny_gptoss" / "model"
HISTORY = 4000
"""Tokens, about, that stand before the turn that is measured; a line has nine of them."""
ROUNDS = 5

Message = dict[str, Any]

_TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a text file.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}


def cache() -> None:
    """First token of a turn on a long history, with what was computed before and without."""
    anyio.run(_cache)


def company() -> None:
    """Tokens a second of four answers at the same time and one after the other."""
    anyio.run(_company)


def parked() -> None:
    """What a reader that does not read costs another answer."""
    anyio.run(_parked)


async def _cache() -> None:
    cold: list[float] = []
    rows: dict[str, list[float]] = {"next turn": [], "after a tool call": [], "after a cancel": []}
    rows["in a new engine"] = []
    async with own_engine(MODEL, _SETTINGS) as (client, paths):
        for number in range(ROUNDS):
            history = _history(number)
            key = f"session-{number}"
            cold.append(await _first_token(client, [*history, _user("Hello!")], "cold"))
            await client.forget("cold")
            told = await _answer(client, [*history, _user("Hello!")], key)
            turn = [*history, _user("Hello!"), told, _user("What is 2+2?")]
            rows["next turn"].append(await _first_token(client, turn, key))
            rows["after a tool call"].append(await _after_tool_call(client, history, key))
            cancelled, conversation = await _after_cancel(client, history, key)
            rows["after a cancel"].append(cancelled)
            rows["in a new engine"].append(await _in_new_engine(paths, conversation, key))
    labelled = [Row(label, values, "ms") for label, values in rows.items()]
    for row in labelled:
        print_rows(f"time to the first token, {row.label}", [row, Row("no reuse", cold, "ms")])


async def _after_tool_call(client: EngineClient, history: list[Message], key: str) -> float:
    prompt = [*history, _user("Read notes.txt and summarise it.")]
    called = await _answer(client, prompt, key)
    result = {"role": "tool", "tool_call_id": "", "content": "The release is on Friday."}
    for call in called.get("tool_calls", ()):
        result["tool_call_id"] = call["id"]
    return await _first_token(client, [*prompt, called, result], key)


async def _after_cancel(
    client: EngineClient, history: list[Message], key: str
) -> tuple[float, list[Message]]:
    """The milliseconds, and the conversation with the prompt that was measured."""
    prompt = [*history, _user("Count 40 sheep.")]
    text = ""
    async with aclosing(client.chat(_body(prompt, key))) as chunks:
        async for chunk in chunks:
            text += _text(chunk)
            if len(text) > 20:
                break
    turn = [*prompt, {"role": "assistant", "content": text}, _user("Hello!")]
    return await _first_token(client, turn, key), turn


async def _in_new_engine(paths: Paths, conversation: list[Message], key: str) -> float:
    """The model is loaded before the clock starts: it is the cache that is measured."""
    client = EngineClient(paths, _SETTINGS)
    told = await _answer(client, conversation, key)
    health = await client.health()
    await client.stop()
    if health is not None:
        await client.wait_ended(health["pid"])
    async for _ in client.load(str(MODEL)):
        pass
    return await _first_token(client, [*conversation, told, _user("Ping.")], key)


async def _company() -> None:
    together: list[float] = []
    apart: list[float] = []
    async with own_engine(MODEL, _SETTINGS) as (client, _):
        for number in range(ROUNDS):
            apart.append(await _rate_of(client, [f"apart-{number}-{each}" for each in range(4)]))
            keys = [f"together-{number}-{each}" for each in range(4)]
            together.append(await _rate_of(client, keys, at_once=True))
    print_rows(
        "tokens a second, four answers",
        [Row("at the same time", together, "/s"), Row("one after the other", apart, "/s")],
    )


async def _rate_of(client: EngineClient, keys: Sequence[str], *, at_once: bool = False) -> float:
    counts: list[int] = []

    async def ask(key: str) -> None:
        counts.append(await _count(client, key))

    start = time.perf_counter()
    if at_once:
        async with anyio.create_task_group() as tasks:
            for key in keys:
                tasks.start_soon(ask, key)
    else:
        for key in keys:
            await ask(key)
    return sum(counts) / (time.perf_counter() - start)


async def _parked() -> None:
    alone: list[float] = []
    beside: list[float] = []
    async with own_engine(MODEL, _SETTINGS) as (client, _):
        for number in range(ROUNDS):
            alone.append(await _rate(client, f"alone-{number}"))
            async with aclosing(client.chat(_body([_user("Count 40 sheep.")], "idle"))) as idle:
                async for chunk in idle:
                    if _text(chunk):
                        break
                await _until_parked(client)
                beside.append(await _rate(client, f"beside-{number}"))
    print_rows(
        "tokens a second beside a reader that does not read",
        [Row("beside it", beside, "/s"), Row("alone", alone, "/s")],
    )


async def _until_parked(client: EngineClient) -> None:
    while True:
        status = await client.status() or {}
        if any(model["parked"] for model in status.get("models", ())):
            return
        await anyio.sleep(0.05)


async def _rate(client: EngineClient, key: str) -> float:
    start = time.perf_counter()
    return await _count(client, key) / (time.perf_counter() - start)


async def _count(client: EngineClient, key: str) -> int:
    """The tokens of a long answer."""
    usage: Mapping[str, Any] = {}
    async with aclosing(client.chat(_body([_user("Count 40 sheep.")], key))) as chunks:
        async for chunk in chunks:
            usage = chunk.get("usage") or usage
    return usage["completion_tokens"]


_SETTINGS = EngineSettings(start_timeout=60.0)


@asynccontextmanager
async def own_engine(
    model: Path, settings: EngineSettings
) -> AsyncGenerator[tuple[EngineClient, Paths]]:
    """A new engine that has loaded the model in the folder ``model``; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="acp-") as home:
        paths = find_paths({"ACP_AGENT_HOME": home})
        client = EngineClient(paths, settings)
        async for _ in client.load(str(model)):
            pass
        try:
            yield client, paths
        finally:
            health = await client.health()
            await client.stop()
            if health is not None:
                await client.wait_ended(health["pid"])


def _history(number: int) -> list[Message]:
    """Turns of about ``HISTORY`` tokens, different for each ``number`` from the start on."""
    lines = "\n".join(f"{number} line {index} of the file" for index in range(HISTORY // 9))
    return [_user(lines), {"role": "assistant", "content": "I see."}]


async def _first_token(client: EngineClient, messages: Sequence[Message], key: str) -> float:
    """Milliseconds from the request to the first thought or text."""
    start = time.perf_counter()
    async with aclosing(client.chat(_body(messages, key, max_tokens=8))) as chunks:
        async for chunk in chunks:
            if any(_says(choice["delta"]) for choice in chunk.get("choices", ())):
                return (time.perf_counter() - start) * 1000
    raise RuntimeError("the model said nothing")


async def _answer(client: EngineClient, messages: Sequence[Message], key: str) -> Message:
    """The answer as an agent sends it back."""
    text = ""
    calls: dict[int, Message] = {}
    async with aclosing(client.chat(_body(messages, key))) as chunks:
        async for chunk in chunks:
            text += _text(chunk)
            for choice in chunk.get("choices", ()):
                for piece in choice["delta"].get("tool_calls") or ():
                    _add_piece(calls, piece)
    message: Message = {"role": "assistant", "content": text}
    return message | ({"tool_calls": list(calls.values())} if calls else {})


def _add_piece(calls: dict[int, Message], piece: Message) -> None:
    if piece["index"] not in calls:
        calls[piece["index"]] = piece
        return
    function: Message = piece.get("function") or {}
    calls[piece["index"]]["function"]["arguments"] += function.get("arguments") or ""


def _says(delta: Mapping[str, Any]) -> bool:
    return bool(delta.get("content") or delta.get("reasoning_content"))


def _text(chunk: Mapping[str, Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in chunk.get("choices", ()))


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _body(messages: Sequence[Message], key: str, max_tokens: int = 2000) -> Message:
    return {
        "model": str(Path(MODEL)),
        "messages": list(messages),
        "tools": [_TOOL],
        "prompt_cache_key": key,
        "temperature": 0,
        "max_tokens": max_tokens,
    }
