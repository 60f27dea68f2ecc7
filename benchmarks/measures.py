"""What is measured, each against the official SDKs in the same run.

Owns the measures and how often they are taken. Does not own the driver or the printing.
"""

import time
from collections.abc import Callable

from benchmarks.driver import Agent, Contender, acp_agent, python_sdk, typescript_sdk
from benchmarks.report import Row, print_rows


def startup(rounds: int = 15) -> None:
    """From spawn to the answer to ``initialize``, and the memory then."""
    contenders = _contenders()
    seconds: dict[str, list[float]] = {contender.label: [] for contender in contenders}
    memory: dict[str, list[float]] = {contender.label: [] for contender in contenders}
    for turn in range(rounds + 1):
        for contender in contenders:
            with Agent(contender) as agent:
                agent.initialize()
                elapsed = time.perf_counter() - agent.started
                if turn:
                    seconds[contender.label].append(elapsed * 1000)
                    memory[contender.label].append(agent.memory() / 1e6)
    print_rows("spawn to initialize", [Row(label, xs, "ms") for label, xs in seconds.items()])
    print_rows("memory after initialize", [Row(label, xs, "MB") for label, xs in memory.items()])


def updates(rounds: int = 5, count: int = 20_000, size: int = 100) -> None:
    """Microseconds an update of ``flood``, merging off."""
    _compare(
        f"flood {count} {size}, an update",
        _contenders(ACP_AGENT_MERGE="0"),
        rounds,
        lambda contender: _flood(contender, count, size),
        "us",
    )


def cancel(rounds: int = 50) -> None:
    """From ``session/cancel`` to the answer ``cancelled``, while updates stream."""
    _compare(
        "cancel to response while streaming",
        [acp_agent(), python_sdk()],
        rounds,
        _cancel,
        "ms",
    )


def _contenders(**environ: str) -> list[Contender]:
    found = [acp_agent(**environ), python_sdk(), typescript_sdk()]
    return [contender for contender in found if contender is not None]


def _compare(
    title: str,
    contenders: list[Contender],
    rounds: int,
    measure: Callable[[Contender], float],
    unit: str,
) -> None:
    values: dict[str, list[float]] = {contender.label: [] for contender in contenders}
    for turn in range(rounds + 1):
        for contender in contenders:
            value = measure(contender)
            if turn:
                values[contender.label].append(value)
    print_rows(title, [Row(label, xs, unit) for label, xs in values.items()])


def _flood(contender: Contender, count: int, size: int) -> float:
    with Agent(contender) as agent:
        agent.initialize()
        session = _scripted_session(agent, contender)
        start = time.perf_counter()
        agent.prompt(session, f"flood {count} {size}")
        lines = agent.drain()
        elapsed = time.perf_counter() - start
    if lines != count:
        raise RuntimeError(f"{contender.label} sent {lines} updates for {count}")
    return elapsed / lines * 1e6


def _cancel(contender: Contender) -> float:
    with Agent(contender) as agent:
        agent.initialize()
        session = _scripted_session(agent, contender)
        prompt = agent.prompt(session, "slow 10000 5")
        for _ in range(5):
            agent.read_line()
        start = time.perf_counter()
        agent.send("session/cancel", {"sessionId": session}, answered=False)
        result = agent.answer(prompt)
        elapsed = time.perf_counter() - start
    if result["stopReason"] != "cancelled":
        raise RuntimeError(f"{contender.label} ended with {result['stopReason']}")
    return elapsed * 1000


def _scripted_session(agent: Agent, contender: Contender) -> str:
    session = agent.new_session()
    if contender.label == "acp-agent":
        mode = {"sessionId": session, "modeId": "scripted"}
        agent.answer(agent.send("session/set_mode", mode))
    return session
