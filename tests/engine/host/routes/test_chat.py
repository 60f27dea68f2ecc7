"""Requests for answers: who asks, and clients that leave."""

from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.outputs import Text
from acp_agent.engine.host.routes import base
from acp_agent.engine.host.routes.chat import GUEST_REQUESTS
from acp_agent.engine.host.worker import Job
from tests.fixtures.fake_worker import ANSWER
from tests.fixtures.served_engine import CHAT, HI, Served, error_of

pytestmark = pytest.mark.anyio


async def test_guests_cannot_be_taken_for_an_editor(served: Served) -> None:
    for client in (served.unix, served.tcp):
        await client.post(CHAT, json={**HI, "prompt_cache_key": "one", "user": "me"})
        await client.post(CHAT, json=HI)
    requests = [job.request for job in served.worker.jobs if isinstance(job, Job)]
    keys = [request.prompt_cache_key for request in requests]
    assert keys == ["one", None, "tcp:one", None]
    assert [request.user for request in requests] == ["me", None, "tcp:me", "tcp:"]


async def test_guests_use_installed_models_only(served: Served, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    body = {**HI, "model": str(tmp_path)}
    assert (await served.unix.post(CHAT, json=body)).status_code == 200
    refused = await served.tcp.post(CHAT, json=body)
    assert refused.status_code == 404
    assert error_of(refused)["code"] == "model_not_found"


async def test_mythos_has_no_folder_and_no_guests(served: Served) -> None:
    body = {**HI, "model": "mythos_3b", "mythos": {"n_loops": 4}}
    assert (await served.unix.post(CHAT, json=body)).status_code == 200
    (job,) = served.worker.jobs
    assert job.model == Path("mythos_3b")
    refused = await served.tcp.post(CHAT, json=body)
    assert refused.status_code == 400
    assert error_of(refused)["param"] == "mythos"
    assert len(served.worker.jobs) == 1


async def test_client_that_leaves_withdraws_its_job(served: Served) -> None:
    for client in (served.unix, served.tcp):
        served.worker.outputs = [Text("Hi")]
        served.worker.left = anyio.Event()
        with anyio.fail_after(10):
            async with client.stream("POST", CHAT, json={**HI, "stream": True}) as answer:
                assert answer.status_code == 200
                assert served.service.idle_since is None
            await served.worker.left.wait()
    assert served.worker.withdrawn == served.worker.jobs


async def test_client_that_leaves_in_the_queue_withdraws_its_job(served: Served) -> None:
    served.worker.outputs = []

    async def ask() -> None:
        await served.unix.post(CHAT, json=HI)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await served.worker.arrived.wait()
            tasks.cancel_scope.cancel()
        await served.worker.left.wait()


async def test_guests_leave_room_for_the_editors(served: Served) -> None:
    served.worker.outputs = [Text("Hi")]
    body = {**HI, "stream": True}
    async with AsyncExitStack() as stack:
        with anyio.fail_after(20):
            streams = [served.tcp.stream("POST", CHAT, json=body) for _ in range(GUEST_REQUESTS)]
            answers = [await stack.enter_async_context(stream) for stream in streams]
            assert {answer.status_code for answer in answers} == {200}
            refused = await served.tcp.post(CHAT, json=body)
            assert refused.status_code == 429
            assert error_of(refused)["code"] == "too_many_requests"
            assert "16 requests over TCP are being answered" in error_of(refused)["message"]
            assert (await served.tcp.get("/health")).status_code == 200
            assert len(served.worker.jobs) == GUEST_REQUESTS
            served.worker.outputs = ANSWER
            assert (await served.unix.post(CHAT, json=HI)).status_code == 200
            served.worker.left = anyio.Event()
            await answers[0].aclose()
            await served.worker.left.wait()
            assert (await served.tcp.post(CHAT, json=HI)).status_code == 200


async def test_a_failed_request_is_no_longer_counted(served: Served) -> None:
    for _ in range(GUEST_REQUESTS + 1):
        assert (await served.tcp.post(CHAT, content=b"{")).status_code == 400
    assert (await served.tcp.post(CHAT, json=HI)).status_code == 200


async def test_use_is_noticed(served: Served) -> None:
    before = served.service.idle_since
    await served.unix.get("/health")
    await served.unix.get("/v1/models")
    assert before is not None
    assert served.service.idle_since == before
    await served.unix.post(CHAT, json=HI)
    after = served.service.idle_since
    assert after is not None
    assert after > before


async def test_refusal_of_the_worker_is_the_answer(served: Served) -> None:
    served.worker.refusal = ApiError(503, "engine_busy", "Try again later.")
    answer = await served.tcp.post(CHAT, json={**HI, "stream": True})
    assert answer.status_code == 503
    assert error_of(answer)["message"] == "Try again later."


@pytest.mark.parametrize("door", ["unix", "tcp"])
async def test_too_long_a_request_is_refused(
    served: Served, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "BODY_LIMIT", 1000)
    client = served.unix if door == "unix" else served.tcp
    answer = await client.post(CHAT, content=b"x" * 1001)
    assert answer.status_code == 400
    assert "1000 bytes" in error_of(answer)["message"]
