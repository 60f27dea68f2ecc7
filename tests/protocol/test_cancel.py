"""Cancellation at every moment of a turn: one answer, ``cancelled``, and nothing after it."""

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.backends.base import Done, Progress, Readiness, TextDelta
from acp_agent.conversation import AssistantMessage, UserMessage
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import ended, fake, requests, saying
from tests.protocol.client import Client, prompt_params, serving

pytestmark = pytest.mark.anyio

INTERRUPTED = "(Your answer above was interrupted.)"


def cancel(session: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}}


async def answered_last(client: Client, prompt: int) -> None:
    """Fails unless the prompt was cancelled and its answer is the agent's last message."""
    assert (await client.result(prompt))["stopReason"] == "cancelled"
    assert client.seen[-1]["id"] == prompt
    count = len(client.seen)
    await client.new_session()
    assert len(client.seen) == count + 2  # the response and the command menu


async def test_before_the_first_token() -> None:
    backend = fake([anyio.Event()])
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        with anyio.fail_after(20):
            while not requests(backend):
                await anyio.lowlevel.checkpoint()
        client.post(cancel(session))
        await answered_last(client, prompt)
    assert ended(backend) == 1


async def test_mid_stream() -> None:
    backend = fake([TextDelta("a"), anyio.Event(), TextDelta("never")])
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        await client.update("agent_message_chunk")
        client.post(cancel(session))
        await answered_last(client, prompt)
        assert client.text() == "a"
    assert ended(backend) == 1


async def test_in_the_write_of_the_prompt() -> None:
    backend = fake()
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.request("session/prompt", prompt_params(session, "a"))
        client.post(prompt, cancel(session))
        await answered_last(client, prompt["id"])
        assert not requests(backend)
        assert await client.prompt(session, "b") == "end_turn"


async def test_while_the_mode_is_asked_whether_it_is_ready() -> None:
    asked, gate = anyio.Event(), anyio.Event()

    class Slow(FakeBackend):
        async def probe(self) -> Readiness:
            if asked.is_set():
                await gate.wait()
            return Readiness(False, "Start it.")

    async with serving(Slow()) as client:
        session = await client.new_session()
        asked.set()
        prompt = client.start_prompt(session)
        await anyio.wait_all_tasks_blocked()
        client.post(cancel(session))
        assert (await client.result(prompt))["stopReason"] == "cancelled"
        gate.set()
        await answered_last(client, prompt)


async def test_while_the_client_does_not_read() -> None:
    async with serving(fake(saying(*["text"] * 1000))) as client:
        session = await client.new_session()
        client.reading.clear()
        prompt = client.start_prompt(session)
        await anyio.wait_all_tasks_blocked()
        client.post(cancel(session))
        await anyio.wait_all_tasks_blocked()
        client.reading.set()
        await answered_last(client, prompt)


async def test_running_steps_are_settled_before_the_answer() -> None:
    async with serving(fake([Progress("a", "A"), anyio.Event()])) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        call = await client.update("tool_call")
        client.post(cancel(session))
        await answered_last(client, prompt)
        (ended,) = client.updates("tool_call_update")
    assert (ended["toolCallId"], ended["status"]) == (call["toolCallId"], "failed")


async def test_by_the_prompts_request_id() -> None:
    async with serving(fake([TextDelta("a"), anyio.Event()])) as client:
        prompt = client.start_prompt(await client.new_session())
        await client.update("agent_message_chunk")
        client.notify("$/cancel_request", {"requestId": prompt})
        await answered_last(client, prompt)


async def test_twice_and_both_ways() -> None:
    async with serving(fake([TextDelta("a"), anyio.Event()])) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session)
        await client.update("agent_message_chunk")
        client.post(cancel(session), cancel(session))
        client.notify("$/cancel_request", {"requestId": prompt})
        await answered_last(client, prompt)


@pytest.mark.parametrize("params", [{"sessionId": "nobody"}, {}, {"sessionId": 5}, [], None])
async def test_of_no_session_changes_nothing(params: Any) -> None:
    gate = anyio.Event()
    async with serving(fake([TextDelta("a"), gate, *saying("b")])) as client:
        prompt = client.start_prompt(await client.new_session())
        await client.update("agent_message_chunk")
        client.notify("session/cancel", params)
        await client.new_session()
        gate.set()
        assert (await client.result(prompt))["stopReason"] == "end_turn"
        assert client.text() == "ab"


async def test_of_an_idle_session_does_not_touch_the_next_prompt() -> None:
    async with serving(fake()) as client:
        session = await client.new_session()
        client.post(cancel(session))
        assert await client.prompt(session) == "end_turn"
        client.post(cancel(session))
        assert await client.prompt(session) == "end_turn"


async def test_of_one_session_leaves_the_others_alone() -> None:
    gate = anyio.Event()
    backend = fake([TextDelta("a"), gate, Done()], [TextDelta("b"), anyio.Event()])
    async with serving(backend) as client:
        first, second = await client.new_session(), await client.new_session()
        stays = client.start_prompt(first)
        await client.update("agent_message_chunk", '"a"')
        stops = client.start_prompt(second)
        await client.update("agent_message_chunk", '"b"')
        client.post(cancel(second))
        assert (await client.result(stops))["stopReason"] == "cancelled"
        gate.set()
        assert (await client.result(stays))["stopReason"] == "end_turn"


async def test_what_was_shown_stays_in_the_history_as_interrupted() -> None:
    backend = fake([TextDelta("half an ans"), anyio.Event()])
    async with serving(backend) as client:
        session = await client.new_session()
        prompt = client.start_prompt(session, "one")
        await client.update("agent_message_chunk")
        client.post(cancel(session))
        await client.result(prompt)
        await client.prompt(session, "two")
    assert requests(backend)[1].messages == (
        UserMessage("one"),
        AssistantMessage("half an ans"),
        UserMessage(f"{INTERRUPTED}\n\ntwo"),
    )


async def test_the_end_of_input_is_a_cancellation() -> None:
    backend = fake([TextDelta("a"), anyio.Event()])
    async with serving(backend) as client:
        prompt = client.start_prompt(await client.new_session())
        await client.update("agent_message_chunk")
        client.close()
        assert (await client.result(prompt))["stopReason"] == "cancelled"
        with anyio.fail_after(20):
            await client.ended.wait()
    assert ended(backend) == 1


async def test_in_a_loop_every_prompt_is_answered_once() -> None:
    backend = fake(*([TextDelta("a"), anyio.Event()] for _ in range(50)))
    async with serving(backend) as client:
        session = await client.new_session()
        for number in range(50):
            prompt = client.start_prompt(session)
            for _ in range(number):
                await anyio.lowlevel.checkpoint()
            client.post(cancel(session))
            assert (await client.result(prompt))["stopReason"] == "cancelled"
        answers = [m["id"] for m in client.seen if "method" not in m]
    assert len(answers) == len(set(answers)) == 52
    assert ended(backend) == len(requests(backend))
