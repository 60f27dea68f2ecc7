"""Measures with the built-in model: speed beside plain mlx_lm, cancel, a stalled reader.

Owns these measures. Needs the model in ``ACP_AGENT_TEST_HOME`` (``make bench`` sees to it).
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.driver import AGENTS, ROOT, Agent, acp_agent
from benchmarks.report import Row, print_rows

_MODEL = "smollm2-135m"
_PROMPT = "Write a story about a lighthouse keeper and his dog."
_TOKENS = 128


def tokens(rounds: int = 5) -> None:
    """Tokens a second through the agent and through ``mlx_lm.stream_generate``, in turn."""
    ours: list[dict[str, float]] = []
    plain: list[dict[str, float]] = []
    # Without the prompt cache: the reference has none.
    settings = {"ACP_AGENT_ENGINE_CACHE_MEMORY": "0", "ACP_AGENT_ENGINE_CACHE_DISK": "0"}
    _stop_engine()
    with (
        _agent(ACP_AGENT_MLX_MAX_TOKENS=str(_TOKENS), **settings) as agent,
        _plain() as reference,
    ):
        session = _session(agent)
        for turn in range(rounds + 1):
            agent_run, plain_run = _ours(agent, session), _reference(reference)
            session = _session(agent)
            if turn:
                ours.append(agent_run)
                plain.append(plain_run)
    print_rows(
        "tokens a second after the first", [_rates("acp-agent", ours), _rates("mlx_lm", plain)]
    )
    print_rows(
        "time to the first token",
        [
            Row("acp-agent", [run["first"] * 1000 for run in ours], "ms"),
            Row("mlx_lm", [run["first"] * 1000 for run in plain], "ms"),
        ],
    )


def cancel(rounds: int = 50) -> None:
    """From ``session/cancel`` to the answer, while the built-in model streams."""
    values: list[float] = []
    with _agent() as agent:
        for _ in range(rounds):
            session = _session(agent)
            prompt = agent.prompt(session, _PROMPT)
            for _ in range(4):
                agent.read_line()
            start = time.perf_counter()
            agent.send("session/cancel", {"sessionId": session}, answered=False)
            if agent.answer(prompt)["stopReason"] != "cancelled":
                raise RuntimeError("the turn was over before it was cancelled")
            values.append((time.perf_counter() - start) * 1000)
    print_rows("cancel to response, built-in model", [Row("acp-agent", values, "ms")])


def stall(seconds: float = 10.0) -> None:
    """A client that does not read for ``seconds``: the agent's memory, what arrives after."""
    count, size = 20_000, 100
    with Agent(acp_agent(ACP_AGENT_MERGE="0")) as agent:
        agent.initialize()
        session = agent.new_session()
        agent.answer(agent.send("session/set_mode", {"sessionId": session, "modeId": "scripted"}))
        before = agent.memory()
        agent.prompt(session, f"flood {count} {size}")
        time.sleep(seconds)
        growth = agent.memory() - before
        lines = agent.drain()
    print(
        f"\nstalled for {seconds:.0f} s: memory grew {growth / 1e6:.2f} MB, "
        f"then {lines} of {count} updates arrived"
    )


def _agent(**environ: str) -> Agent:
    home = os.environ.get("ACP_AGENT_TEST_HOME", str(ROOT / ".cache" / "home"))
    agent = Agent(acp_agent(ACP_AGENT_HOME=home, ACP_AGENT_MERGE="0", **environ))
    agent.initialize()
    return agent


def _stop_engine() -> None:
    """Ends an engine that other settings may have started."""
    home = os.environ.get("ACP_AGENT_TEST_HOME", str(ROOT / ".cache" / "home"))
    command = [sys.executable, "-m", "acp_agent", "engine", "stop"]
    subprocess.run(command, env={**os.environ, "ACP_AGENT_HOME": home}, check=False)


def _session(agent: Agent) -> str:
    session = agent.new_session()
    agent.answer(agent.send("session/set_mode", {"sessionId": session, "modeId": "mlx"}))
    return session


def _ours(agent: Agent, session: str) -> dict[str, float]:
    start = time.perf_counter()
    prompt = agent.prompt(session, _PROMPT)
    first, result = 0.0, None
    while result is None:
        message = agent.read_line()
        update: dict[str, Any] = message.get("params", {}).get("update", {})
        if update.get("sessionUpdate") == "agent_message_chunk" and not first:
            first = time.perf_counter() - start
        if message.get("id") == prompt and "method" not in message:
            result = message["result"]
    seconds = time.perf_counter() - start
    count = result["_meta"]["acp-agent"]["generatedTokens"]
    return {"tokens": count, "first": first, "seconds": seconds}


def _plain() -> "subprocess.Popen[str]":
    home = os.environ.get("ACP_AGENT_TEST_HOME", str(ROOT / ".cache" / "home"))
    folder = Path(home) / "models" / _MODEL
    process = subprocess.Popen(
        [sys.executable, str(AGENTS / "plain_mlx.py"), str(folder), str(_TOKENS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _reference(process: "subprocess.Popen[str]") -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(_PROMPT + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def _rates(label: str, runs: list[dict[str, float]]) -> Row:
    rates = [(run["tokens"] - 1) / (run["seconds"] - run["first"]) for run in runs]
    if len({run["tokens"] for run in runs}) > 1:
        print(f"  {label}: answers differ in length, median {statistics.median(rates):.2f}")
    return Row(label, rates, "/s")
