"""A turn on the wire: content in, updates out, stop reasons, errors, busy sessions."""

import re
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    Plan,
    PlanStep,
    Progress,
    StopReason,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.conversation import UserMessage
from acp_agent.errors import BackendError
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import ended, fake, requests, saying
from tests.protocol.client import RpcError, prompt_params, serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "refusal"])
async def test_the_models_stop_reason_is_the_turns(reason: StopReason) -> None:
    async with serving(fake([TextDelta("a"), Done(reason)])) as client:
        assert await client.prompt(await client.new_session()) == reason


async def test_text_and_thoughts_arrive_in_order_as_chunks_of_their_message() -> None:
    script = [ThoughtDelta("hm, "), ThoughtDelta("ok"), *saying("Pa", "r\u00eds \U0001f5fc", "\n.")]
    async with serving(fake(script)) as client:
        session = await client.new_session()
        await client.prompt(session)
        assert client.text("agent_thought_chunk") == "hm, ok"
        assert client.text() == "Par\u00eds \U0001f5fc\n."
        kinds = [update["sessionUpdate"] for update in client.updates()]
        assert kinds == sorted(kinds, reverse=True)
        sent = [m["params"]["sessionId"] for m in client.seen if "method" in m]
        assert set(sent) == {session}


async def test_chunks_of_one_message_share_an_id_and_others_do_not() -> None:
    scripts = [[ThoughtDelta("t"), *saying("a", "b")], saying("c")]
    async with serving(fake(*scripts), greeting="Hi.") as client:
        session = await client.new_session()
        await client.prompt(session)
        first = client.updates()
        await client.prompt(session)
        second = client.updates()[len(first) :]
    groups = [
        [update for update in first if update["sessionUpdate"] == "agent_thought_chunk"],
        [update for update in first if "_meta" in update],
        first[-1:],
        second,
    ]
    ids: list[str] = []
    for group in groups:
        (shared,) = {update["messageId"] for update in group}
        ids.append(shared)
    assert len(set(ids)) == 4


async def test_a_surrogate_in_the_models_text_does_not_break_the_wire() -> None:
    async with serving(fake(saying("a\ud83d", "\ude00b"))) as client:
        await client.prompt(await client.new_session())
        assert re.fullmatch("a(\U0001f600|\ufffd\ufffd)b", client.text())


async def test_usage_and_plan_are_told() -> None:
    plan = Plan((PlanStep("Read", "completed"), PlanStep("Write")))
    script = [plan, *saying("a")[:-1], Usage(100, 20, 4096), Done()]
    async with serving(fake(script)) as client:
        await client.prompt(await client.new_session())
        assert client.updates("plan") == [
            {
                "sessionUpdate": "plan",
                "entries": [
                    {"content": "Read", "priority": "medium", "status": "completed"},
                    {"content": "Write", "priority": "medium", "status": "pending"},
                ],
            }
        ]
        assert client.updates("usage_update") == [
            {"sessionUpdate": "usage_update", "used": 120, "size": 4096}
        ]


async def test_progress_is_a_tool_call_that_settles() -> None:
    script = [
        Progress("load", "Loading tiny", 0, 2_000_000, "B"),
        Progress("load", "Loading tiny", 1_000_000, 2_000_000, "B"),
        Progress("load", "Loading tiny", 1_000_001, 2_000_000, "B"),
        Progress("load", "Loading tiny", 2_000_000, 2_000_000, "B", finished=True),
        *saying("a"),
    ]
    async with serving(fake(script)) as client:
        await client.prompt(await client.new_session())
        started, moved, ended = client.updates("tool_call", "tool_call_update")
    assert started["title"] == "Loading tiny"
    assert started["status"] == "in_progress"
    assert started["toolCallId"] == moved["toolCallId"] == ended["toolCallId"]
    assert moved["content"][0]["content"]["text"] == "50 % (1.0 MB of 2.0 MB)"
    assert ended["status"] == "completed"


@pytest.mark.parametrize("last", [Done(), BackendError("It broke.")])
async def test_progress_that_never_finished_is_settled_as_failed(last: Any) -> None:
    steps = [Progress("a", "A"), Progress("b", "B"), Progress("a", "A", finished=True)]
    async with serving(fake([*steps, last])) as client:
        prompt = client.start_prompt(await client.new_session())
        await client.answer(prompt)
        started = {u["title"]: u["toolCallId"] for u in client.updates("tool_call")}
        ends = {u["toolCallId"]: u["status"] for u in client.updates("tool_call_update")}
        assert client.seen[-1]["id"] == prompt
    assert ends == {started["A"]: "completed", started["B"]: "failed"}


async def test_content_blocks_reach_the_model_in_order() -> None:
    blocks = [
        {"type": "text", "text": "Look at "},
        {"type": "resource_link", "uri": "file:///a.py", "name": "a.py"},
        {"type": "text", "text": " and"},
        {"type": "resource", "resource": {"uri": "file:///b.py", "text": "x = 1"}},
    ]
    backend = fake()
    async with serving(backend) as client:
        params = {"sessionId": await client.new_session(), "prompt": blocks}
        await client.call("session/prompt", params)
    expected = "Look at [a.py](a.py) and\n\nfile:///b.py\n```\nx = 1\n```\n\n"
    assert requests(backend)[0].messages == (UserMessage(expected),)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([{"type": "image", "data": "", "mimeType": "image/png"}], ["prompt[0]", "image"]),
        ([{"type": "audio", "data": "", "mimeType": "audio/wav"}], ["prompt[0]", "audio"]),
        ([{"type": "text", "text": "a"}, {"type": "hologram"}], ["prompt[1]", "hologram"]),
        (
            [{"type": "resource", "resource": {"uri": "file:///b.bin", "blob": "AA=="}}],
            ["prompt[0]", "file:///b.bin", "resource_link"],
        ),
        ([], ["prompt", "text"]),
        ([{"type": "text", "text": " \n"}], ["prompt", "text"]),
        ([{"type": "text"}], ["params.prompt[0].text", "field required"]),
        ([{"text": "a"}], ["params.prompt[0].type"]),
        ("hello", ["params.prompt", "array"]),
        (None, ["params.prompt", "array"]),
    ],
)
async def test_content_we_cannot_take_is_refused(blocks: Any, words: list[str]) -> None:
    backend = fake()
    async with serving(backend) as client:
        session = await client.new_session()
        with pytest.raises(RpcError) as raised:
            await client.call("session/prompt", {"sessionId": session, "prompt": blocks})
        assert raised.value.code == -32602
        for word in words:
            assert word in raised.value.message
        assert not requests(backend)
        assert await client.prompt(session) == "end_turn"
    assert len(requests(backend)[0].messages) == 1


async def test_a_second_prompt_is_refused_and_the_first_goes_on() -> None:
    gate = anyio.Event()
    backend = fake([TextDelta("a"), gate, *saying("b")])
    async with serving(backend) as client:
        session = await client.new_session()
        first = client.start_prompt(session)
        await client.update("agent_message_chunk")
        with pytest.raises(RpcError, match="still answering") as raised:
            await client.prompt(session, "second")
        assert raised.value.code == -32600
        gate.set()
        assert (await client.result(first))["stopReason"] == "end_turn"
        assert client.text() == "ab"
        assert await client.prompt(session, "third") == "end_turn"
    assert "second" not in str(requests(backend))


async def test_of_two_prompts_in_one_write_the_second_is_refused() -> None:
    async with serving(fake()) as client:
        session = await client.new_session()
        first = client.request("session/prompt", prompt_params(session, "a"))
        second = client.request("session/prompt", prompt_params(session, "b"))
        client.post(first, second)
        assert (await client.result(first["id"]))["stopReason"] == "end_turn"
        with pytest.raises(RpcError, match="still answering"):
            await client.result(second["id"])


async def test_sessions_answer_at_the_same_time() -> None:
    gate = anyio.Event()
    async with serving(fake([gate, *saying("slow")], saying("fast"))) as client:
        slow = client.start_prompt(await client.new_session())
        assert await client.prompt(await client.new_session()) == "end_turn"
        assert client.text() == "fast"
        gate.set()
        assert (await client.result(slow))["stopReason"] == "end_turn"


async def test_a_backends_error_is_the_answer_and_the_session_goes_on() -> None:
    backend = fake([TextDelta("half"), BackendError("The server is gone: start it.")])
    async with serving(backend) as client:
        session = await client.new_session()
        with pytest.raises(RpcError, match=r"The server is gone: start it\.") as raised:
            await client.prompt(session)
        assert raised.value.code == -32603
        assert client.text() == "half"
        assert await client.prompt(session) == "end_turn"
    assert ended(backend) == 2


async def test_a_crash_in_a_backend_tells_nothing_private() -> None:
    async with serving(fake([ValueError("/home/me/key")])) as client:
        session = await client.new_session()
        with pytest.raises(RpcError) as raised:
            await client.prompt(session)
        assert raised.value.code == -32603
        assert "/home" not in str(raised.value)
        assert await client.prompt(session) == "end_turn"


async def test_a_client_that_does_not_read_stops_the_model_and_then_gets_everything() -> None:
    taken = 0

    class Counting(FakeBackend):
        async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
            nonlocal taken
            for number in range(2000):
                taken += 1
                yield TextDelta(f"{number} ")
            yield Done()

    async with serving(Counting()) as client:
        session = await client.new_session()
        client.reading.clear()
        prompt = client.start_prompt(session)
        await anyio.wait_all_tasks_blocked()
        assert 64 <= taken <= 2 * 64 + 2
        client.reading.set()
        assert (await client.result(prompt))["stopReason"] == "end_turn"
        assert client.text() == "".join(f"{number} " for number in range(2000))
        assert len(client.updates()) < 2000
