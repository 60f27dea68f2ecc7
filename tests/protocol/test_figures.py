"""A turn's figures: with its response, and kept."""

import anyio
import pytest

from acp_agent.backends.base import Done, TextDelta, Usage
from acp_agent.errors import BackendError
from acp_agent.telemetry.turns import TurnRecord
from tests.protocol.backend import fake, saying
from tests.protocol.client import RpcError, serving

pytestmark = pytest.mark.anyio


async def test_the_turns_figures_come_with_its_answer_and_are_kept() -> None:
    usage = Usage(100, 20, cached_tokens=60, prompt_seconds=2.0, answer_seconds=4.0, n_loops=8)
    scripts = [TextDelta("a"), usage, Done()], saying("a"), [BackendError("It broke.")]
    kept: list[TurnRecord] = []
    async with serving(fake(*scripts), record=kept.append) as client:
        session = await client.new_session()
        answer = await client.result(client.start_prompt(session))
        figures = answer["_meta"]["acp-agent"]
        assert figures["promptTokens"] == 100
        assert figures["cachedTokens"] == 60
        assert figures["generatedTokens"] == 20
        assert figures["prefillRate"] == 20.0
        assert figures["decodeRate"] == 5.0
        assert figures["nLoops"] == 8
        assert figures["firstTokenSeconds"] <= figures["totalSeconds"]
        answer = await client.result(client.start_prompt(session))
        assert not {"promptTokens", "nLoops"} & {*answer["_meta"]["acp-agent"]}
        with pytest.raises(RpcError):
            await client.prompt(session)
        # Without a known window there is no usage_update.
        assert not client.updates("usage_update")
    assert [(each.stop_reason, each.cancelled) for each in kept] == [
        ("end_turn", False),
        ("end_turn", False),
        (None, False),
    ]
    assert kept[0].model == "tiny"
    assert kept[0].prompt_tokens == 100


async def test_a_cancelled_turn_is_kept_as_such() -> None:
    kept: list[TurnRecord] = []
    async with serving(fake([TextDelta("a"), anyio.Event()]), record=kept.append) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        await client.update("agent_message_chunk")
        client.notify("session/cancel", {"sessionId": session})
        assert (await client.result(prompt))["stopReason"] == "cancelled"
    (record,) = kept
    assert record.cancelled
    assert record.stop_reason is None
