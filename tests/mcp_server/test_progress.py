"""That a client which reads slowly is waited for, and what a notification holds."""

from pathlib import Path

import anyio
import pytest

from acp_agent.backends.base import Progress, TextDelta
from acp_agent.mcp_server.call import answer_call
from acp_agent.mcp_server.progress import CHARACTERS_APART, PIECES_APART, TAIL, ProgressTeller
from acp_agent.routing.generate import GenerateArguments
from tests.mcp_server.harness import PATIENCE, Heard, Stage

pytestmark = pytest.mark.anyio


async def test_the_model_is_not_read_ahead_of_the_client() -> None:
    stage = Stage()
    playing = stage.own.script(*[TextDelta("x")] * 10_000)
    blocked, gate = anyio.Event(), anyio.Event()
    reports = 0

    async def report(progress: float, total: float | None, message: str | None) -> None:
        nonlocal reports
        reports += 1
        if reports == 2:
            blocked.set()
            await gate.wait()

    async def call() -> None:
        arguments = GenerateArguments(user_prompt="Long.")
        result = await answer_call(stage.services(), arguments, list[Path](), report)
        assert not result.is_error

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await blocked.wait()
            await anyio.wait_all_tasks_blocked()
            assert len(playing.yielded) == PIECES_APART + 1
            gate.set()
    assert reports == 1 + (10_000 - 1) // PIECES_APART


async def test_long_pieces_are_told_sooner_and_only_their_end() -> None:
    heard = Heard()
    teller = ProgressTeller(heard)
    for letter in "abc":
        await teller.tell_text(letter * CHARACTERS_APART)
    assert heard.numbers == [1, 2, 3]
    assert heard.messages == [letter * TAIL for letter in "abc"]


async def test_phases_after_the_first_token_are_not_told() -> None:
    heard = Heard()
    teller = ProgressTeller(heard)
    await teller.tell_phase(Progress("load", "Loading", finished=True))
    assert heard.messages == []
    await teller.tell_text("a")
    await teller.tell_phase(Progress("load", "Loading"))
    await teller.tell("A notice")
    assert heard.messages == ["a"]
