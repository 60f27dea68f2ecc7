"""Mode ``panel`` with samples of the built-in model, through an official SDK."""

import json
from pathlib import Path

import pytest

from acp_agent.config.paths import find_paths
from tests.e2e.agent_process import agent_environ
from tests.e2e.auto import source_of
from tests.e2e.python_client import python_editor
from tests.e2e.session import open_session

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_three_samples_vote_and_one_answers(model_home: Path) -> None:
    # At temperature 0 chance decides nothing: the samples are alike.
    environ = agent_environ(
        model_home,
        ACP_AGENT_PANEL_HEAD="mlx",
        ACP_AGENT_PANEL_SAMPLES="3",
        ACP_AGENT_PANEL_TEMPERATURE="0",
        ACP_AGENT_PANEL_MAX_TOKENS="24",
    )
    async with python_editor(environ) as editor:
        session = await open_session(editor, str(model_home), "panel")
        turn = await session.ask("What is the capital of France?")
        assert await turn.stop_reason() in ("end_turn", "max_tokens")
        calls = turn.updates("tool_call")
        assert [each["title"].partition(":")[0] for each in calls] == [
            f"Panel {number}/3" for number in (1, 2, 3)
        ]
        ends = [each for each in turn.updates("tool_call_update") if each.get("status")]
        assert [each["status"] for each in ends] == ["completed"] * 3
        answer = [each for each in turn.updates("agent_message_chunk") if source_of(each)]
        assert "Paris" in "".join(each["content"]["text"] for each in answer)
        assert len({each["messageId"] for each in answer}) == 1
        [usage] = turn.updates("usage_update")
        assert 0 < usage["used"] < usage["size"]
        assert any("answered" in each and "agree" in each for each in turn.notices)
        result = await turn.result()
        assert result["_meta"]["acp-agent"]["promptTokens"] > usage["used"]
        async with session.asking("Tell me a long story.") as cancelled:
            await cancelled.wait_for("tool_call")
            await session.cancel()
        assert await cancelled.stop_reason() == "cancelled"
        assert cancelled.late() == []
    log = find_paths({"ACP_AGENT_HOME": str(model_home)}).state / "panel.jsonl"
    text = log.read_text(encoding="utf-8")
    panels = [json.loads(line) for line in text.splitlines()]
    own = [each["cancelled"] for each in panels if each["session"] == session.id]
    assert own == [False, True]
    assert "France" not in text
