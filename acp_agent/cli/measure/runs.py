"""Runs of a model through the engine, measured as a client sees them.

Owns what one run does and which times it takes. Does not own the report or the targets
(``report``), nor the engine. Times are in seconds, sizes in bytes.
"""

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import anyio

from acp_agent.errors import AgentError

ANSWER_TOKENS = 200
UNLOAD_LIMIT = 60.0
"""Seconds that giving the memory back may take."""
BUSY_LIMIT = 5.0
"""Seconds after which an engine at work is taken to be at work for somebody else."""

_LOOK_AGAIN = 0.05
_LINES = 40
_TASK = "Explain in detail, with an example, what each of these files may be for."
_SECOND_TASK = "Now name the three most important ones and say why."


class Engine(Protocol):
    """What is asked of the engine; ``engine/client.EngineClient`` has it."""

    async def status(self) -> dict[str, Any] | None: ...
    def load(self, model: str) -> AsyncGenerator[dict[str, Any], None]: ...
    def chat(self, body: Mapping[str, object]) -> AsyncGenerator[dict[str, Any], None]: ...
    async def unload(self, model: str | None = None) -> bool: ...
    async def forget(self, prompt_cache_key: str) -> bool: ...


Tell = Callable[[str], None]


@dataclass(slots=True, frozen=True)
class Answer:
    """One answer; ``rate`` is tokens a second, None where there was only one piece."""

    text: str
    first_token: float
    rate: float | None
    prompt_tokens: int
    cached_tokens: int
    memory_peak: int


@dataclass(slots=True, frozen=True)
class Run:
    """One load, a first turn, a second turn on its cache, and the unload.

    ``unloaded`` is None where the engine does not know its size.
    """

    load: float
    cold: Answer
    warm: Answer
    peak: int
    unloaded: int | None


async def measure_run(engine: Engine, model: str, tell: Tell) -> Run:
    """Loads ``model`` (an id or a folder's path), asks twice, unloads.

    Raises:
        AgentError: another client uses the engine, or the engine failed.
    """
    await unload_all(engine)
    began = time.perf_counter()
    async with aclosing(engine.load(model)) as chunks:
        async for chunk in chunks:
            _look_at(chunk, tell)
    load = time.perf_counter() - began
    # Nothing of an earlier run may be reused: another session, and another beginning.
    key = f"bench-{secrets.token_hex(8)}"
    try:
        messages: list[dict[str, str]] = [{"role": "user", "content": _prompt(key)}]
        cold = await ask(engine, _body(model, key, messages), tell)
        messages.append({"role": "assistant", "content": cold.text or "(nothing)"})
        messages.append({"role": "user", "content": _SECOND_TASK})
        warm = await ask(engine, _body(model, key, messages), tell)
        loaded = await _resident(engine) or 0
    finally:
        with anyio.CancelScope(shield=True):
            await engine.forget(key)
    await unload_all(engine)
    peak = max(cold.memory_peak, warm.memory_peak, loaded)
    return Run(load, cold, warm, peak, await _resident(engine))


async def ask(engine: Engine, body: Mapping[str, object], tell: Tell) -> Answer:
    """The answer to ``body``.

    Raises:
        AgentError: there was none, another client uses the engine, or the engine failed.
    """
    began = first = last = time.perf_counter()
    texts: list[str] = []
    figures: dict[str, Any] = {}
    answered = False
    async with aclosing(engine.chat(body)) as chunks:
        async for chunk in chunks:
            _look_at(chunk, tell)
            for delta in (choice["delta"] for choice in chunk.get("choices", ())):
                if any(delta.get(name) for name in ("content", "reasoning_content", "tool_calls")):
                    last = time.perf_counter()
                    first, answered = (first if answered else last), True
                texts.append(delta.get("content") or "")
            figures = chunk if "usage" in chunk else figures
    if not answered or not figures:
        raise AgentError("The model gave no answer, so there is nothing to measure.")
    usage, timings = _table(figures, "usage"), _table(figures, "timings")
    return Answer(
        text="".join(texts),
        first_token=first - began,
        rate=_rate(usage, timings, last - first),
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=_table(usage, "prompt_tokens_details").get("cached_tokens", 0),
        memory_peak=timings.get("memory_peak", 0),
    )


async def unload_all(engine: Engine) -> None:
    """Returns once no model is in the engine's memory.

    Raises:
        AgentError: another client uses the engine, or it takes too long.
    """
    await _wait_until_free(engine)
    if not await engine.unload():
        return
    try:
        with anyio.fail_after(UNLOAD_LIMIT):
            await _wait_until_unloaded(engine)
    except TimeoutError:
        raise AgentError(
            f"The engine kept its model for more than {UNLOAD_LIMIT:.0f} seconds; "
            "`acp-agent engine status` shows what it does."
        ) from None


async def _wait_until_free(engine: Engine) -> None:
    """Returns once the engine does nothing; what just ended may take a moment to be over."""
    with anyio.move_on_after(BUSY_LIMIT):
        while True:
            status = await engine.status() or {}
            if status.get("state") not in ("busy", "loading"):
                return
            await anyio.sleep(_LOOK_AGAIN)
    raise _in_use()


async def _wait_until_unloaded(engine: Engine) -> None:
    while True:
        status = await engine.status() or {}
        if not status.get("models"):
            return
        await anyio.sleep(_LOOK_AGAIN)


async def _resident(engine: Engine) -> int | None:
    """What the engine's process occupies; 0 where none runs."""
    status = await engine.status()
    return 0 if status is None else _table(status, "memory").get("rss")


def _rate(usage: Mapping[str, Any], timings: Mapping[str, Any], seconds: float) -> float | None:
    """Tokens a second: as the engine measured them, else from the pieces' times."""
    if timings.get("predicted_ms"):
        return timings["predicted_n"] / timings["predicted_ms"] * 1000
    return (usage["completion_tokens"] - 1) / seconds if seconds > 0 else None


def _table(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    return content.get(name) or {}


def _look_at(chunk: Mapping[str, Any], tell: Tell) -> None:
    if sentence := chunk.get("engine_wait"):
        tell(str(sentence))
    if _table(chunk, "queue_progress").get("ahead"):
        raise _in_use()


def _in_use() -> AgentError:
    return AgentError(
        "The engine is at work for an editor, which would spoil the measurement: try again "
        "when no window waits for an answer."
    )


def _prompt(start: str) -> str:
    files = [f"src/part{number % 7}/module_{number:02}.py" for number in range(_LINES)]
    return "\n".join([start, "These files are in a project:", *files, _TASK])


def _body(model: str, key: str, messages: list[dict[str, str]]) -> dict[str, object]:
    return {
        "model": model,
        "messages": messages,
        "temperature": 0,
        "max_tokens": ANSWER_TOKENS,
        "reasoning_effort": "low",
        "prompt_cache_key": key,
        "return_progress": True,
    }
