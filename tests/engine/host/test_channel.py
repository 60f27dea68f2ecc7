"""The way from the model's thread to the event loop."""

import anyio
import pytest
from anyio import to_thread

from acp_agent.engine.host.channel import Channel

pytestmark = pytest.mark.anyio


async def test_everything_arrives_in_order() -> None:
    channel: Channel[int] = Channel(3)
    received: list[int] = []

    def produce() -> None:
        for number in range(1000):
            channel.put(number)
        channel.finish()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, produce)
        with anyio.fail_after(10):
            while items := await channel.receive():
                received += items
    assert received == list(range(1000))


async def test_a_full_channel_says_so_and_takes_more() -> None:
    channel: Channel[int] = Channel(2)
    rooms: list[bool] = []
    channel.on_room = lambda: rooms.append(channel.has_room)
    channel.put(1)
    assert channel.has_room
    assert await channel.receive() == [1]
    assert rooms == []
    for number in range(3):
        channel.put(number)
    assert not channel.has_room
    assert await channel.receive() == [0, 1, 2]
    assert rooms == [True]


async def test_a_reader_that_waits_is_woken_from_a_thread() -> None:
    channel: Channel[int] = Channel()
    received: list[int] = []

    async def read() -> None:
        received.extend(await channel.receive())

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            await to_thread.run_sync(channel.put, 7)
    assert received == [7]


async def test_nothing_is_kept_for_a_reader_that_left() -> None:
    channel: Channel[int] = Channel()
    channel.put(1)
    assert not channel.abandoned
    channel.abandon()
    assert channel.abandoned
    channel.put(2)
    channel.finish()
    assert await channel.receive() == [1]
    assert await channel.receive() == []


async def test_what_came_before_the_end_is_still_read() -> None:
    channel: Channel[int] = Channel()
    channel.put(1)
    channel.finish()
    channel.put(2)
    assert await channel.receive() == [1]
    assert await channel.receive() == []
    assert await channel.receive() == []
