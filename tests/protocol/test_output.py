"""One turn's output while the client is behind: what was shown as running is always ended."""

import json
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
import pytest

from acp_agent.backends.base import Progress
from acp_agent.protocol.output import SessionOutput
from acp_agent.rpc.frames import MessageFrame
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.peer import Peer
from acp_agent.turn.output import ShownCall
from tests.protocol.sdk import check_message
from tests.rpc.writing import LIMIT, GatedWriter

pytestmark = pytest.mark.anyio

STARTED = Progress("a", "A", 0, 10)
FINISHED = Progress("a", "A", 10, 10, finished=True)
FILLER = {"jsonrpc": "2.0", "method": "filler"}


class Behind:
    """A client that reads nothing until the end."""

    def __init__(self) -> None:
        self._writer = GatedWriter()
        self._writer.gate.clear()
        self.outbox = Outbox(self._writer)
        self.output = SessionOutput(Peer(self.outbox, {}, {}), "s1")

    async def fill(self) -> None:
        """Leaves no room."""
        self.outbox.put(MessageFrame(FILLER))
        assert await anyio.to_thread.run_sync(self._writer.entered.wait, LIMIT)
        while self.outbox.offer(MessageFrame(FILLER)):
            continue

    async def read(self) -> list[dict[str, Any]]:
        """All updates."""
        self._writer.gate.set()
        await self.outbox.close(LIMIT)
        messages = [json.loads(line) for line in self._writer.written.splitlines()]
        found = [message for message in messages if message != FILLER]
        for message in found:
            check_message(message)
        return [message["params"]["update"] for message in found if "id" not in message]


@asynccontextmanager
async def behind() -> AsyncGenerator[Behind]:
    client = Behind()
    try:
        yield client
    finally:
        await client.read()


async def cancel(work: Awaitable[object]) -> None:
    """Cancels ``work`` where it waits."""
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                await work

            tasks.start_soon(run)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught


async def test_a_step_whose_end_could_not_be_sent_is_settled() -> None:
    async with behind() as client:
        await client.output.emit(STARTED)
        await client.fill()
        await cancel(client.output.emit(FINISHED))
        await client.output.settle()
        started, ended = await client.read()
    assert started["sessionUpdate"] == "tool_call"
    assert (ended["toolCallId"], ended["status"]) == (started["toolCallId"], "failed")


async def test_a_step_whose_start_could_not_be_sent_is_not_ended() -> None:
    async with behind() as client:
        await client.fill()
        await cancel(client.output.emit(STARTED))
        await client.output.settle()
        assert await client.read() == []


async def test_a_tool_call_whose_start_could_not_be_sent_is_not_ended() -> None:
    async with behind() as client:
        await client.fill()
        await cancel(client.output.show(ShownCall("c1", "look")))
        await client.output.settle()
        assert await client.read() == []


async def test_a_step_with_another_title_is_told() -> None:
    async with behind() as client:
        for ahead in ("3 ahead", "3 ahead", "2 ahead"):
            await client.output.emit(Progress("queue", ahead))
        started, moved = await client.read()
    assert started["title"] == "3 ahead"
    assert moved["title"] == "2 ahead"
    assert "status" not in moved


async def test_a_question_that_could_not_be_sent_is_not_ended() -> None:
    async with behind() as client:
        await client.fill()
        await cancel(client.output.ask("Install", ""))
        await client.output.settle()
        assert await client.read() == []


async def test_a_step_that_ended_is_not_settled_again() -> None:
    async with behind() as client:
        await client.output.emit(STARTED)
        await client.output.emit(FINISHED)
        await client.output.settle()
        started, ended = await client.read()
    assert (ended["toolCallId"], ended["status"]) == (started["toolCallId"], "completed")


async def test_a_step_may_be_shown_again_after_its_end() -> None:
    async with behind() as client:
        for event in (STARTED, FINISHED, STARTED):
            await client.output.emit(event)
        await client.output.settle()
        updates = await client.read()
    first, second = {update["toolCallId"]: update for update in updates}.values()
    assert (first["status"], second["status"]) == ("completed", "failed")


async def test_settling_does_not_wait_for_the_client() -> None:
    async with behind() as client:
        await client.output.emit(STARTED)
        await client.fill()
        with anyio.fail_after(LIMIT):
            await client.output.settle()
        assert len(await client.read()) == 2
