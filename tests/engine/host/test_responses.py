"""Errors before and after the first event, and clients that stall or leave."""

import json

import anyio
import pytest

from acp_agent.engine.host.errors import ApiError, bad_request
from acp_agent.engine.host.outputs import (
    Failed,
    Finished,
    Output,
    Progress,
    Queued,
    Text,
)
from tests.fixtures.asgi_client import Sent, answer, deltas, respond, run
from tests.fixtures.fake_worker import FIGURES, FakeWorker

pytestmark = pytest.mark.anyio

END = Finished("stop", FIGURES)
FAILURE = Failed(ApiError(500, "model_failed", "It broke; try again."))


@pytest.mark.parametrize("stream", [True, False])
async def test_error_at_first_is_a_status(stream: bool) -> None:
    error = bad_request("messages: too many.", param="messages")
    sent = await answer((Queued(1), Progress("load", 1, 2), Failed(error)), stream=stream)
    assert sent.status == 400
    assert sent.json["error"]["code"] == "invalid_request"
    assert sent.json["error"]["param"] == "messages"


async def test_error_later_is_an_event_and_the_end() -> None:
    texts = (await answer((Text("Hi"), FAILURE), stream=True)).texts
    assert json.loads(texts[-1])["error"]["message"] == "It broke; try again."
    assert json.loads(texts[-2])["choices"][0]["delta"] == {"content": "Hi"}


async def test_error_after_told_progress_is_an_event() -> None:
    sent = await answer((Queued(1), FAILURE), stream=True, return_progress=True)
    assert json.loads(sent.texts[-1])["error"]["code"] == "model_failed"


async def test_error_later_leaves_no_half_of_a_whole_answer() -> None:
    sent = await answer((Text("Hi"), FAILURE))
    assert sent.status == 500
    assert sent.json["error"]["type"] == "server_error"


async def test_refused_job_is_a_status_and_never_withdrawn() -> None:
    worker, sent = FakeWorker(), Sent()
    worker.refusal = ApiError(503, "engine_busy", "Try again later.")
    await run(respond(worker, stream=True), sent)
    assert sent.status == 503
    assert sent.json["error"]["code"] == "engine_busy"
    assert worker.withdrawn == []


@pytest.mark.parametrize("first", [(), (Text("Hi"),)])
async def test_engine_that_leaves_says_so(first: tuple[Output, ...]) -> None:
    worker, sent = FakeWorker(first), Sent()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, respond(worker, stream=True), sent)
            await worker.arrived.wait()
            worker.jobs[0].channel.finish()
    if first:
        assert json.loads(sent.texts[-1])["error"]["code"] == "engine_stopping"
    else:
        assert sent.status == 503


@pytest.mark.parametrize("stream", [True, False])
async def test_client_that_leaves_withdraws_the_job(stream: bool) -> None:
    worker, sent = FakeWorker([Text("Hi")]), Sent()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, respond(worker, stream=stream), sent)
            await worker.arrived.wait()
            await anyio.wait_all_tasks_blocked()
            assert not worker.withdrawn
            sent.leave.set()
            await worker.left.wait()
    assert worker.withdrawn == worker.jobs
    assert not sent.whole


async def test_client_that_leaves_in_a_stalled_write_withdraws_the_job() -> None:
    worker, sent = FakeWorker([Text("Hi")]), Sent(blocked=anyio.Event())
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, respond(worker, stream=True), sent)
            await sent.wrote.wait()
            sent.leave.set()
            await worker.left.wait()


async def test_nothing_is_taken_for_a_client_that_stalls() -> None:
    worker, sent = FakeWorker([Text("a")]), Sent(blocked=anyio.Event())
    assert sent.blocked
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, respond(worker, stream=True), sent)
            await sent.wrote.wait()
            channel = worker.jobs[0].channel
            for letter in "bcd":
                channel.put(Text(letter))
            await anyio.wait_all_tasks_blocked()
            assert sent.writes == 1
            waiting = await channel.receive()
            assert waiting == [Text("b"), Text("c"), Text("d")]
            channel.put(END)
            sent.blocked.set()
    assert deltas(sent.events)[1:] == [{"content": "a"}, {}]


async def test_load_that_the_engine_gives_up_to_leave_is_an_error() -> None:
    worker, sent = FakeWorker([Progress("load", 1, 2)]), Sent()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, respond(worker, loads=True), sent)
            await sent.wrote.wait()
            worker.jobs[0].channel.abandon()
            worker.jobs[0].channel.finish()
    assert json.loads(sent.texts[-1])["error"]["code"] == "engine_stopping"


async def test_load_that_fails_at_once_is_a_status() -> None:
    error = ApiError(503, "memory_short", "Close other programs.")
    assert (await answer([Failed(error)], loads=True)).status == 503


async def test_load_that_fails_later_is_an_event() -> None:
    texts = (await answer((Progress("load", 1, 2), FAILURE), loads=True)).texts
    assert json.loads(texts[-1])["error"]["code"] == "model_failed"
