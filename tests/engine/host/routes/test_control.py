"""Health, status and control."""

import os
from pathlib import Path

import pytest

from acp_agent import __version__
from acp_agent.engine import PROTOCOL
from tests.fixtures.served_engine import CHAT, CONTROL, Served, error_of

pytestmark = pytest.mark.anyio


async def test_health_says_who_it_is(served: Served) -> None:
    served.worker.models = [{"id": "tiny", "state": "ready", "memory": 5}]
    health = (await served.unix.get("/health")).json()
    assert health["status"] == "ok"
    assert (health["protocol"], health["version"]) == (PROTOCOL, __version__)
    assert health["pid"] == os.getpid()
    assert health["draining"] is False
    assert health["models"] == ["tiny"]
    assert health["active_requests"] == 1
    assert health["queued_requests"] == 2
    assert health["decoded_tokens"] == 3
    assert "memory" not in health


async def test_status_is_the_workers(served: Served) -> None:
    served.worker.models = [{"id": "tiny", "state": "ready", "memory": 5}]
    for client in (served.unix, served.tcp):
        status = (await client.get("/v1/engine/status")).json()
        assert status["state"] == "idle"
        assert status["models"] == served.worker.models
        assert status["memory"] == {"total": 6}
        assert status["pid"] == os.getpid()


async def test_control_reaches_the_worker_and_the_process(served: Served) -> None:
    for path, body in CONTROL[1:]:
        answer = await served.unix.post(path, json=body)
        assert answer.status_code == 202
    for name in (None, "gone", "/elsewhere/tiny", "/elsewhere/x/../tiny"):
        await served.unix.post("/v1/models/unload", json={"model": name})
    elsewhere = Path("/elsewhere/tiny")
    assert served.worker.unloaded == [
        served.models / "tiny",
        None,
        Path("gone"),
        elsewhere,
        elsewhere,
    ]
    assert served.worker.forgotten == ["one"]
    assert served.life.told == ["drain", "stop"]


@pytest.mark.parametrize(
    ("path", "content", "param"),
    [
        ("/v1/models/load", b"{}", "model"),
        ("/v1/models/load", b'{"model": ""}', "model"),
        ("/v1/models/load", b'{"model": 5}', "model"),
        ("/v1/models/load", b"[]", None),
        ("/v1/models/load", b"[" * 200_000, None),
        ("/v1/models/load", b"\xff", None),
        ("/v1/models/unload", b'{"model": []}', "model"),
        ("/v1/caches/forget", b"", "prompt_cache_key"),
        (CHAT, b"{}", "model"),
        (CHAT, b"{", None),
    ],
)
async def test_bad_requests_are_explained(
    served: Served, path: str, content: bytes, param: str | None
) -> None:
    answer = await served.unix.post(path, content=content)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "invalid_request"
    assert error_of(answer)["param"] == param
