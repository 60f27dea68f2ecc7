"""Which routes stand behind which socket, and requests that fail."""

from typing import Any

import httpx2
import pytest

from tests.fixtures.served_engine import CHAT, CONTROL, HI, Doors, Served, error_of

pytestmark = pytest.mark.anyio


async def test_answers_by_both_doors(served: Served) -> None:
    for client in (served.unix, served.tcp):
        whole = (await client.post(CHAT, json=HI)).json()
        assert whole["choices"][0]["message"]["content"] == "Hello"
        streamed = await client.post(CHAT, json={**HI, "stream": True})
        assert streamed.headers["content-type"] == "text/event-stream"
        assert streamed.headers["cache-control"] == "no-store"
        assert '"content":"Hello"' in streamed.text
        assert streamed.text.endswith("data: [DONE]\n\n")
    assert len(served.worker.withdrawn) == len(served.worker.jobs) == 4


async def test_a_page_and_a_stranger_stay_outside(served: Served) -> None:
    url = served.tcp.base_url
    async with httpx2.AsyncClient(base_url=url, verify=False) as stranger:
        for path in ("/health", "/v1/models", "/v1/engine/status", "/nowhere"):
            assert (await stranger.get(path)).status_code == 401
        answer = await stranger.post(CHAT, json=HI)
    assert error_of(answer)["code"] == "invalid_api_key"
    page = await served.tcp.post(CHAT, json=HI, headers={"origin": "https://evil.example"})
    rebound = await served.tcp.post(CHAT, json=HI, headers={"host": "evil.example"})
    assert (page.status_code, rebound.status_code) == (403, 421)
    assert served.worker.jobs == []


async def test_preflight_of_a_page_gets_no_leave(served: Served) -> None:
    asks = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = await served.tcp.request("OPTIONS", CHAT, headers=asks)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(("path", "body"), CONTROL)
async def test_control_stays_with_the_user(served: Served, path: str, body: dict[str, str]) -> None:
    for known in (path, path + "/", path.upper(), path.replace("/v1/", "/v1//")):
        assert (await served.tcp.post(known, json=body)).status_code == 404
    worker, life = served.worker, served.life
    worker.outputs, worker.finishes = [], True
    assert (worker.jobs, worker.unloaded, worker.forgotten, life.told) == ([], [], [], [])
    assert (await served.unix.post(path, json=body)).status_code < 300


async def test_without_a_token_tcp_is_shut(served: Served, doors: Doors) -> None:
    doors.app = served.service.app()
    served.tcp.headers["authorization"] = "Bearer None"
    assert (await served.tcp.get("/health")).status_code == 403
    assert (await served.unix.get("/health")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nowhere"), ("GET", CHAT), ("POST", "/health"), ("GET", "/health/")],
)
async def test_unknown_routes_are_openais_errors(served: Served, method: str, path: str) -> None:
    answer = await served.unix.request(method, path)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "not_found"
    assert error_of(answer)["type"] == "invalid_request_error"


async def test_failure_of_ours_says_nothing_private(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> dict[str, Any]:
        raise RuntimeError("/private/path")

    monkeypatch.setattr(served.worker, "status", fail)
    answer = await served.tcp.get("/v1/engine/status")
    assert answer.status_code == 500
    assert error_of(answer)["code"] == "internal_error"
    assert "private" not in answer.text
    assert "/private/path" in caplog.text
