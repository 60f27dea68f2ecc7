"""The bounded way from the model's thread to the event loop."""

import threading

import anyio
import pytest
from anyio import to_thread

from acp_agent.engine.host.channel import Abandoned, Channel

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


async def test_producer_waits_for_the_reader() -> None:
    channel: Channel[int] = Channel(2)
    produced = 0
    full = threading.Event()

    def produce() -> None:
        nonlocal produced
        for number in range(5):
            if number == 2:
                full.set()
            channel.put(number)
            produced += 1
        channel.finish()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, produce)
        await to_thread.run_sync(full.wait)
        await anyio.wait_all_tasks_blocked()
        assert produced == 2
        with anyio.fail_after(10):
            assert await channel.receive() == [0, 1]
            while await channel.receive():
                pass
    assert produced == 5


async def test_abandoning_wakes_a_waiting_producer() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(0)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:

            async def produce() -> None:
                with pytest.raises(Abandoned):
                    await to_thread.run_sync(channel.put, 1)

            tasks.start_soon(produce)
            await anyio.wait_all_tasks_blocked()
            channel.abandon()
    with pytest.raises(Abandoned):
        channel.check()


async def test_what_came_before_the_end_is_still_read() -> None:
    channel: Channel[int] = Channel()
    channel.put(1)
    channel.finish()
    assert await channel.receive() == [1]
    assert await channel.receive() == []
    assert await channel.receive() == []
