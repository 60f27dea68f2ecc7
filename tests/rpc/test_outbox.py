"""The bounded queue in front of the writer: order, bounds, merging, a broken reader."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from acp_agent.rpc.frames import MessageFrame, TextFrame
from acp_agent.rpc.outbox import (
    MAX_WAITING_ANSWERS,
    MAX_WAITING_BYTES,
    MAX_WAITING_FRAMES,
    Outbox,
)
from tests.rpc.writing import LIMIT, GatedWriter

pytestmark = pytest.mark.anyio

HEAD, TAIL = b'{"t":', b"}\n"
OTHER_HEAD = b'{"o":'


def message(number: int) -> MessageFrame:
    return MessageFrame({"n": number})


def text(piece: str, head: bytes = HEAD) -> TextFrame:
    return TextFrame(head, piece, TAIL)


def lines(writer: GatedWriter) -> list[object]:
    return [json.loads(line) for line in writer.written.splitlines()]


@asynccontextmanager
async def stuck_outbox(*, merge: bool = True) -> AsyncGenerator[tuple[Outbox, GatedWriter]]:
    """An outbox whose writer hangs in its first write, of the message 0."""
    writer = GatedWriter()
    writer.gate.clear()
    outbox = Outbox(writer, merge=merge)
    try:
        outbox.put(message(0))
        assert await anyio.to_thread.run_sync(writer.entered.wait, LIMIT)
        yield outbox, writer
    finally:
        writer.gate.set()
        await outbox.close(LIMIT)


async def closed(outbox: Outbox, writer: GatedWriter) -> list[object]:
    """What was written once the writer has let everything through."""
    writer.gate.set()
    with anyio.fail_after(LIMIT):
        await outbox.close(LIMIT)
    return lines(writer)


async def test_frames_are_written_in_the_order_they_came() -> None:
    writer = GatedWriter()
    outbox = Outbox(writer)
    with anyio.fail_after(LIMIT):
        for number in range(1000):
            await outbox.send(message(number))
    assert await closed(outbox, writer) == [{"n": number} for number in range(1000)]


async def test_offers_are_refused_at_64_frames() -> None:
    async with stuck_outbox() as (outbox, writer):
        taken = [outbox.offer(message(number)) for number in range(1, 101)]
        assert MAX_WAITING_FRAMES == 64
        assert taken == [True] * 64 + [False] * 36
        assert await closed(outbox, writer) == [{"n": number} for number in range(65)]


async def test_no_request_is_taken_in_while_too_many_answers_wait() -> None:
    async with stuck_outbox() as (outbox, writer):
        for number in range(MAX_WAITING_ANSWERS - 1):
            outbox.put(message(number))
        with anyio.fail_after(LIMIT):
            await outbox.wait_for_answers_to_leave()
        outbox.put(message(-1))
        with anyio.CancelScope() as waiting:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(outbox.wait_for_answers_to_leave)
                await anyio.wait_all_tasks_blocked()
                waiting.cancel()
        assert waiting.cancelled_caught
        writer.gate.set()
        with anyio.fail_after(LIMIT):
            await outbox.wait_for_answers_to_leave()


async def test_offers_are_refused_at_128_kib() -> None:
    async with stuck_outbox() as (outbox, writer):
        taken = [outbox.offer(text("x" * 50 * 1024)) for _ in range(5)]
        assert MAX_WAITING_BYTES == 128 * 1024
        assert taken == [True] * 3 + [False] * 2
        assert len(await closed(outbox, writer)) == 2


async def test_merged_frames_count_against_the_bound() -> None:
    async with stuck_outbox() as (outbox, writer):
        assert sum(outbox.offer(text("x")) for _ in range(100)) == 64
        assert await closed(outbox, writer) == [{"n": 0}, {"t": "x" * 64}]


async def test_a_sender_waits_for_room_and_goes_on_in_order() -> None:
    async with stuck_outbox() as (outbox, writer), anyio.create_task_group() as tasks:
        sent: list[int] = []

        async def send() -> None:
            for number in range(1, 201):
                await outbox.send(message(number))
                sent.append(number)

        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        assert sent == list(range(1, 65))
        writer.gate.set()
        with anyio.fail_after(LIMIT):
            while len(sent) < 200:
                await anyio.lowlevel.checkpoint()
        assert await closed(outbox, writer) == [{"n": number} for number in range(201)]


async def test_many_senders_all_get_their_room() -> None:
    async with stuck_outbox() as (outbox, writer):
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as tasks:
                for number in range(1, 501):
                    tasks.start_soon(outbox.send, message(number))
                await anyio.wait_all_tasks_blocked()
                writer.gate.set()
        found = await closed(outbox, writer)
        assert sorted(map(str, found)) == sorted(str({"n": number}) for number in range(501))


async def test_answers_go_over_the_bound() -> None:
    async with stuck_outbox() as (outbox, writer):
        for number in range(1, 65):
            assert outbox.offer(message(number))
        for number in range(65, 201):
            outbox.put(message(number))
        assert not outbox.offer(message(-1))
        assert await closed(outbox, writer) == [{"n": number} for number in range(201)]


async def test_neighbouring_text_is_merged_while_the_writer_is_busy() -> None:
    async with stuck_outbox() as (outbox, writer):
        outbox.put(text("a"))
        outbox.put(text("b"))
        outbox.put(text("c", OTHER_HEAD))
        outbox.put(text("d"))
        outbox.put(message(1))
        outbox.put(text("e"))
        outbox.put(text("f"))
        expected = [{"n": 0}, {"t": "ab"}, {"o": "c"}, {"t": "d"}, {"n": 1}, {"t": "ef"}]
        assert await closed(outbox, writer) == expected


async def test_text_is_not_merged_when_it_is_off() -> None:
    async with stuck_outbox(merge=False) as (outbox, writer):
        for piece in "abc":
            outbox.put(text(piece))
        assert await closed(outbox, writer) == [{"n": 0}, {"t": "a"}, {"t": "b"}, {"t": "c"}]


async def test_text_is_not_merged_into_what_is_being_written() -> None:
    writer = GatedWriter()
    writer.gate.clear()
    outbox = Outbox(writer)
    outbox.put(text("a"))
    assert await anyio.to_thread.run_sync(writer.entered.wait, LIMIT)
    outbox.put(text("b"))
    assert await closed(outbox, writer) == [{"t": "a"}, {"t": "b"}]


async def test_what_waits_is_one_write() -> None:
    async with stuck_outbox() as (outbox, writer):
        for number in range(1, 51):
            outbox.put(message(number))
        await closed(outbox, writer)
        assert len(writer.writes) == 2


async def test_a_reader_that_has_gone_wakes_senders_and_drops_their_frames() -> None:
    async with stuck_outbox() as (outbox, writer):
        for number in range(1, 65):
            outbox.put(message(number))
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as tasks:
                for number in range(3):
                    tasks.start_soon(outbox.send, message(number))
                await anyio.wait_all_tasks_blocked()
                writer.broken = True
                writer.gate.set()
            await outbox.wait_broken()
            for number in range(1000):
                await outbox.send(message(number))
            assert not outbox.offer(message(0))
            outbox.put(message(0))
            await outbox.close(LIMIT)
        assert writer.written == b""


async def test_sending_to_nobody_lets_other_tasks_run() -> None:
    async with stuck_outbox() as (outbox, writer), anyio.create_task_group() as tasks:
        writer.broken = True
        writer.gate.set()
        with anyio.fail_after(LIMIT):
            await outbox.wait_broken()
        ran = anyio.Event()

        async def other() -> None:
            ran.set()

        tasks.start_soon(other)
        for number in range(10):
            await outbox.send(message(number))
        assert ran.is_set()


async def test_close_writes_what_waits() -> None:
    writer = GatedWriter()
    outbox = Outbox(writer)
    for number in range(100):
        outbox.put(message(number))
    with anyio.fail_after(LIMIT):
        await outbox.close(LIMIT)
    assert lines(writer) == [{"n": number} for number in range(100)]


async def test_close_takes_nothing_more_and_wakes_senders() -> None:
    async with stuck_outbox() as (outbox, writer):
        for number in range(1, 65):
            outbox.put(message(number))
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(outbox.send, message(-1))
                await anyio.wait_all_tasks_blocked()
                await outbox.close(0)
        outbox.put(message(-2))
        assert await closed(outbox, writer) == [{"n": number} for number in range(65)]


async def test_close_does_not_wait_for_a_stuck_writer_for_ever() -> None:
    async with stuck_outbox() as (outbox, _):
        with anyio.fail_after(LIMIT):
            await outbox.close(0.01)


async def test_a_waiting_sender_can_be_cancelled_and_sends_nothing() -> None:
    async with stuck_outbox() as (outbox, writer):
        for number in range(1, 65):
            outbox.put(message(number))
        other: list[bool] = []

        async def send_another() -> None:
            await outbox.send(message(65))
            other.append(True)

        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send_another)
                async with anyio.create_task_group() as cancelled:
                    cancelled.start_soon(outbox.send, message(-1))
                    await anyio.wait_all_tasks_blocked()
                    cancelled.cancel_scope.cancel()
                assert not other
                writer.gate.set()
        assert other
        assert await closed(outbox, writer) == [{"n": number} for number in range(66)]
