"""Measures of mode ``auto`` with the tiny gpt-oss: what a delegation costs, and its cancel.

Owns these measures. The tiny model is the large one; there is no small one, and what the
user asks for by name is delegated.
"""

import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager

import anyio

from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine.client import EngineClient
from acp_agent.routing.generate import NAME
from benchmarks.driver import Agent, acp_agent
from benchmarks.engine import MODEL
from benchmarks.report import Row, print_rows

_SHORT = "Use gpt-oss for this: Hello!"
_LONG = "Use gpt-oss for this: Count 40 sheep."
_TEXT = "agent_message_chunk"


def delegate(rounds: int = 30) -> None:
    """First sign and first word of a delegation, beside the same model in its own mode."""
    signs: list[float] = []
    words: dict[str, list[float]] = {"auto": [], "gptoss_20b": []}
    with _agent() as agent:
        for turn in range(rounds + 1):
            for mode, values in words.items():
                session = _session(agent, mode)
                start = time.perf_counter()
                prompt = agent.prompt(session, _SHORT)
                if mode == "auto":
                    _read_until(agent, NAME)
                    sign = time.perf_counter() - start
                    if turn:
                        signs.append(sign * 1000)
                _read_until(agent, _TEXT)
                if turn:
                    values.append((time.perf_counter() - start) * 1000)
                agent.answer(prompt)
    print_rows("prompt to the delegation's call", [Row("auto", signs, "ms")])
    print_rows("prompt to the first word", [Row(mode, xs, "ms") for mode, xs in words.items()])


def cancel(rounds: int = 50) -> None:
    """From ``session/cancel`` to the answer, while a delegation streams."""
    values: dict[str, list[float]] = {"auto": [], "gptoss_20b": []}
    with _agent() as agent:
        for _ in range(rounds):
            for mode, taken in values.items():
                taken.append(_cancel(agent, _session(agent, mode)))
    rows = [Row(mode, taken, "ms") for mode, taken in values.items()]
    print_rows("cancel to response, delegated", rows)


def _cancel(agent: Agent, session: str) -> float:
    prompt = agent.prompt(session, _LONG)
    for _ in range(4):
        _read_until(agent, _TEXT)
    start = time.perf_counter()
    agent.send("session/cancel", {"sessionId": session}, answered=False)
    if agent.answer(prompt)["stopReason"] != "cancelled":
        raise RuntimeError("the turn was over before it was cancelled")
    return (time.perf_counter() - start) * 1000


def _read_until(agent: Agent, text: str) -> None:
    """Reads to the next update of the kind ``text``, or of a call that is named so."""
    while True:
        message = agent.read_line()
        if "params" not in message:
            raise RuntimeError(f"the turn was over: {message}")
        update = message["params"].get("update", {})
        if update.get("sessionUpdate") == text or update.get("title", "").startswith(text):
            return


def _session(agent: Agent, mode: str) -> str:
    session = agent.new_session()
    agent.answer(agent.send("session/set_mode", {"sessionId": session, "modeId": mode}))
    return session


@contextmanager
def _agent() -> Generator[Agent]:
    """An agent with an engine of its own that has loaded the model."""
    home = tempfile.mkdtemp(prefix="acp-")
    contender = acp_agent(
        ACP_AGENT_HOME=home,
        ACP_AGENT_GPTOSS_MODEL=str(MODEL),
        ACP_AGENT_GPTOSS_TEMPERATURE="0",
        ACP_AGENT_AUTO_ORCHESTRATOR="none",
        OLLAMA_HOST="http://127.0.0.1:1",
    )
    try:
        with Agent(contender) as agent:
            agent.initialize()
            agent.answer(agent.prompt(_session(agent, "gptoss_20b"), _SHORT))
            yield agent
    finally:
        anyio.run(EngineClient(find_paths({"ACP_AGENT_HOME": home}), EngineSettings()).stop)
        shutil.rmtree(home, ignore_errors=True)
