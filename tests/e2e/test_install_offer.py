"""The first use of mode ``mlx`` on a machine without a model: asked, refused, cancelled."""

import os
from pathlib import Path

import pytest

from acp_agent.engine.launch import explain_unsupported
from tests.e2e.agent_process import agent_environ
from tests.e2e.editor import Json, Spawn
from tests.e2e.session import open_session

pytestmark = pytest.mark.skipif(
    explain_unsupported() is not None, reason="no engine here, so nothing is offered"
)


def option_of_kind(params: Json, kind: str) -> str:
    """The id of the option that the user means by ``kind``."""
    return next(each["optionId"] for each in params["options"] if each["kind"] == kind)


@pytest.mark.anyio
async def test_rejected_it_is_an_error_that_says_what_to_do(
    spawn: Spawn, isolated_home: Path
) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        session = await open_session(editor, str(isolated_home), "mlx")
        async with session.asking("Hello") as turn:
            question = await editor.next_question()
            call = question.params["toolCall"]
            assert "smollm2-135m" in call["title"]
            assert "MB" in call["title"]
            question.choose(option_of_kind(question.params, "reject_once"))
            error = await turn.error()
        assert "not installed" in error.message
        assert "acp-agent models install smollm2-135m" in error.message
        last = turn.updates("tool_call_update")[-1]
        assert (last["toolCallId"], last["status"]) == (call["toolCallId"], "failed")
        await session.choose("scripted")
        assert (await session.ask("say fine")).answer == "fine"


@pytest.mark.anyio
async def test_cancelled_while_the_user_has_not_answered(spawn: Spawn, isolated_home: Path) -> None:
    async with spawn(agent_environ(isolated_home)) as editor:
        session = await open_session(editor, str(isolated_home), "mlx")
        async with session.asking("Hello") as turn:
            question = await editor.next_question()
            await session.cancel()
            assert await turn.stop_reason() == "cancelled"
        [asked] = [each for each in editor.received if "id" in each and "method" in each]
        assert editor.notices("$/cancel_request") == [{"requestId": asked["id"]}]
        assert turn.updates("tool_call_update")[-1]["status"] == "failed"
        # An answer that comes too late changes nothing.
        question.choose(option_of_kind(question.params, "allow_once"))
        await editor.authenticate("local")
        assert turn.late() == []
        await session.choose("scripted")
        assert (await session.ask("say fine")).answer == "fine"
        assert not (isolated_home / "models").exists()


@pytest.mark.anyio
async def test_allowed_without_a_way_to_the_index_it_fails_in_words(
    spawn: Spawn, isolated_home: Path
) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    environ = agent_environ(isolated_home, PIP_CONFIG_FILE=os.devnull, **nowhere)
    async with spawn(environ) as editor:
        session = await open_session(editor, str(isolated_home), "mlx")
        async with session.asking("Hello") as turn:
            question = await editor.next_question()
            question.choose(option_of_kind(question.params, "allow_once"))
            error = await turn.error()
        assert "could not download" in error.message
        assert "try again" in error.message
        assert str(isolated_home) not in error.message
        started = {each["toolCallId"] for each in turn.updates("tool_call")}
        ended = {
            each["toolCallId"]
            for each in turn.updates("tool_call_update")
            if each.get("status") in ("completed", "failed")
        }
        assert started == ended
        await session.choose("scripted")
        assert (await session.ask("say fine")).answer == "fine"
