"""``session/cancel`` at every moment, through the official SDKs."""

from pathlib import Path

import anyio
import pytest

from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import LIMIT, Editor, Spawn
from tests.e2e.engine_probe import EngineProbe
from tests.e2e.raw_client import raw_client
from tests.e2e.session import OpenSession, Turn, open_session

STORY = "Write a long story about a lighthouse keeper and his dog."
LONG = " ".join(f"Item {number} is of colour {number * 7}." for number in range(400))


async def assert_nothing_follows(turn: Turn, editor: Editor) -> None:
    """Fails if updates of a turn come after its response."""
    await editor.authenticate("local")
    assert turn.late() == []


async def assert_answers(session: OpenSession) -> None:
    """Fails unless the model answers in ``session``; does not wait for the whole answer."""
    async with session.asking("Say hello.") as turn:
        await turn.wait_for_chunks(1)
        await session.cancel()
        await turn.result()


async def assert_stopped(engine: EngineProbe) -> None:
    """Fails unless the engine has stopped, and long before the answer's end."""
    before = await engine.decoded()
    assert (await engine.until_still())["decoded_tokens"] == before


@pytest.mark.anyio
@pytest.mark.slow
async def test_in_the_middle_of_an_answer(spawn: Spawn, model_home: Path) -> None:
    engine = EngineProbe(model_home)
    before = await engine.decoded()
    async with spawn(agent_environ(model_home)) as editor:
        session = await open_session(editor, str(model_home), "mlx")
        async with session.asking(STORY) as turn:
            await turn.wait_for_chunks(4)
            await session.cancel()
            assert await turn.stop_reason() == "cancelled"
        await assert_stopped(engine)
        await assert_nothing_follows(turn, editor)
        assert 4 <= await engine.decoded() - before < 200
        await assert_answers(session)


@pytest.mark.anyio
async def test_right_behind_the_prompt(spawn: Spawn, model_home: Path) -> None:
    engine = EngineProbe(model_home)
    async with spawn(agent_environ(model_home)) as editor:
        session = await open_session(editor, str(model_home), "mlx")
        async with session.asking(STORY) as turn:
            await editor.wait_until(lambda: editor.sent[-1].get("method") == "session/prompt")
            await session.cancel()
            assert await turn.stop_reason() == "cancelled"
        await engine.until_idle()
        await assert_nothing_follows(turn, editor)


@pytest.mark.anyio
async def test_in_one_write_with_the_prompt(model_home: Path) -> None:
    engine = EngineProbe(model_home)
    before = await engine.decoded()
    environ = agent_environ(model_home, ACP_AGENT_MLX_MAX_TOKENS="4")
    async with raw_client(environ) as client:
        session = await client.open_session("mlx")
        request = client.prompt_request(session, STORY)
        cancel = {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}}
        client.send(request, cancel)
        with anyio.fail_after(LIMIT):
            response = await client.response(request)
        assert response["result"]["stopReason"] == "cancelled"
        assert await engine.decoded() == before
        assert await client.prompt(session, "Say hello.")


@pytest.mark.anyio
@pytest.mark.slow
async def test_while_the_model_reads_the_prompt(spawn: Spawn, model_home: Path) -> None:
    engine = EngineProbe(model_home)
    before = await engine.until_idle()
    async with spawn(agent_environ(model_home)) as editor:
        session = await open_session(editor, str(model_home), "mlx")
        async with session.asking(LONG) as turn:
            await turn.wait_for("tool_call", title="Reading the prompt")
            await session.cancel()
            assert await turn.stop_reason() == "cancelled"
        await assert_stopped(engine)
        await assert_nothing_follows(turn, editor)
        after = await engine.health()
        assert after["decoded_tokens"] == before["decoded_tokens"]
        assert 0 < after["prefilled_tokens"] - before["prefilled_tokens"] < len(LONG.split())
        assert turn.updates("tool_call_update")[-1]["status"] == "failed"


@pytest.mark.anyio
async def test_of_a_scripted_answer(spawn: Spawn, isolated_home: Path) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        session = await open_session(editor, str(isolated_home), "scripted")
        async with session.asking("slow 100000 1") as turn:
            await turn.wait_for_chunks(3)
            await session.cancel()
            assert await turn.stop_reason() == "cancelled"
        await assert_nothing_follows(turn, editor)
        assert (await session.ask("say on")).answer == "on"


@pytest.mark.anyio
async def test_when_idle(spawn: Spawn, isolated_home: Path) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        session = await open_session(editor, str(isolated_home), "scripted")
        await session.cancel()
        turn = await session.ask("say one")
        await session.cancel()
        assert await turn.stop_reason() == "end_turn"
        await assert_nothing_follows(turn, editor)
        assert await (await session.ask("say two")).stop_reason() == "end_turn"


@pytest.mark.anyio
async def test_one_session_leaves_the_other_alone(spawn: Spawn, isolated_home: Path) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        first = await open_session(editor, str(isolated_home), "scripted")
        second = await open_session(editor, str(isolated_home), "scripted")
        async with (
            first.asking("slow 100000 1") as one,
            second.asking("slow 200 1\nsay end") as two,
        ):
            await one.wait_for_chunks(2)
            await two.wait_for_chunks(2)
            await first.cancel()
            assert await one.stop_reason() == "cancelled"
            assert await two.stop_reason() == "end_turn"
        assert two.answer == "." * 200 + "end"
