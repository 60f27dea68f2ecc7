"""Panels for tests of the vote: answers by name, a fake tester, texts that are alike."""

from typing import Any

from acp_agent.backends.base import StopReason
from acp_agent.config.panel_settings import PanelSettings, PanelStrategy
from acp_agent.turn.panel.strategies import make_strategy
from acp_agent.turn.panel.verdict import (
    Answered,
    AskHead,
    RunTest,
    Strategy,
    TestRun,
    Verdict,
)

NAMES = ("a", "b", "c", "d", "e")


def made(
    name: PanelStrategy,
    *,
    run_test: RunTest | None = None,
    ask_head: AskHead | None = None,
    **settings: Any,
) -> Strategy:
    values = PanelSettings(**settings)
    return make_strategy(name, values, candidates=NAMES, run_test=run_test, ask_head=ask_head)


def answers(*texts: str, stop: StopReason = "end_turn") -> list[Answered]:
    return [Answered(name, text, stop) for name, text in zip(NAMES, texts, strict=False)]


def python(code: str) -> str:
    return f"So:\n```python\n{code}\n```"


async def noted(strategy: Strategy, *texts: str) -> tuple[int, Verdict | None]:
    """After how many answers there is a verdict, and which."""
    for count, answer in enumerate(answers(*texts), 1):
        verdict = await strategy.note(answer)
        if verdict is not None:
            return count, verdict
    return len(texts), None


class FakeTester:
    """Gives the run for a code; counts how often it is asked."""

    def __init__(self, runs: dict[str, TestRun]) -> None:
        self.runs = runs
        self.asked: list[str] = []

    async def __call__(self, code: str, language: str) -> TestRun:
        assert language == "python"
        self.asked.append(code)
        return self.runs[code]


LOCKS = (
    "Bananas grow in warm places, and they are yellow when they are ripe enough to be eaten",
    "A lock keeps two threads from changing the same data at once, so that nothing is lost",
    "A lock keeps threads from changing the same data at once so that no change is lost",
    "The lock keeps two threads from changing the same data at once, so nothing gets lost",
)
"""All but the first say the same in other words."""
