"""Requests that come in: order of arrival, cancellation, errors, the end of input."""

import json
import logging
from typing import Any

import anyio
import pytest

from acp_agent.errors import InvalidParams, ParseError
from acp_agent.rpc.outbox import MAX_WAITING_ANSWERS
from acp_agent.rpc.peer import MAX_IN_FLIGHT, Call, Method
from tests.rpc.connection import LIMIT, Connection, cancel_request, connected, request

pytestmark = pytest.mark.anyio


async def echo(call: Call) -> Any:
    return call.params


async def never(call: Call) -> Any:
    await anyio.sleep_forever()


ECHO = {"echo": Method(echo)}
WAITING = {"echo": Method(echo), "wait": Method(never)}
PROMPT = {"echo": Method(echo), "prompt": Method(never, when_cancelled={"stop": "cancelled"})}


async def answered(connection: Connection, identifier: Any) -> Any:
    """The response's code, or its result."""
    answer = await connection.answer(identifier)
    assert set(answer) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"})
    return answer["error"]["code"] if "error" in answer else answer["result"]


async def nothing_more(connection: Connection, count: int) -> None:
    """Fails unless the agent has sent ``count`` messages and goes on serving."""
    connection.post(request("last", "echo"))
    assert await answered(connection, "last") == {}
    assert len(connection.seen) == count + 1


async def test_a_request_is_answered() -> None:
    async with connected(ECHO) as connection:
        connection.post(request(1, "echo", {"a": [1]}), request("b", "echo"))
        assert await answered(connection, 1) == {"a": [1]}
        assert await answered(connection, "b") == {}


async def test_a_slow_request_does_not_hold_up_the_next() -> None:
    async with connected(WAITING) as connection:
        connection.post(request(1, "wait"), request(2, "echo"))
        assert await answered(connection, 2) == {}


async def test_arrival_hooks_and_notifications_run_in_order_before_any_task() -> None:
    happened: list[str] = []

    async def work(call: Call) -> Any:
        happened.append(f"served {call.id}")

    method = Method(work, lambda call: happened.append(f"arrived {call.id}"))
    notifications = {"note": lambda params: happened.append(f"note {params['n']}")}  # pyright: ignore[reportUnknownLambdaType, reportUnknownVariableType]
    async with connected({"work": method}, notifications) as connection:  # pyright: ignore[reportUnknownArgumentType]
        connection.post(
            request(1, "work"),
            {"jsonrpc": "2.0", "method": "note", "params": {"n": 1}},
            request(2, "work"),
            {"jsonrpc": "2.0", "method": "note", "params": {"n": 2}},
        )
        await connection.answer(2)
    assert happened == ["arrived 1", "note 1", "arrived 2", "note 2", "served 1", "served 2"]


async def test_a_request_and_its_cancellation_in_one_write() -> None:
    async with connected(WAITING) as connection:
        connection.post(request(1, "wait"), cancel_request(1))
        assert await answered(connection, 1) == -32800
        await nothing_more(connection, 1)


async def test_a_running_request_is_cancelled() -> None:
    async with connected(WAITING) as connection:
        connection.post(request(1, "wait"), request("two", "wait"), request(3, "echo"))
        await connection.answer(3)
        connection.post(cancel_request("two"))
        assert await answered(connection, "two") == -32800
        connection.post(cancel_request(1))
        assert await answered(connection, 1) == -32800


async def test_a_method_may_have_a_result_for_being_cancelled() -> None:
    async with connected(PROMPT) as connection:
        connection.post(request(1, "prompt"), cancel_request(1))
        assert await answered(connection, 1) == {"stop": "cancelled"}


@pytest.mark.parametrize("identifier", [7, "1", True, 1.0, None, [], {}])
async def test_cancelling_what_does_not_run_changes_nothing(identifier: Any) -> None:
    async with connected(WAITING) as connection:
        connection.post(request(1, "wait"), cancel_request(identifier))
        connection.notify("$/cancel_request", {})
        connection.notify("$/cancel_request", [1])
        await nothing_more(connection, 0)


async def test_a_request_that_has_ended_cannot_be_cancelled() -> None:
    async with connected(ECHO) as connection:
        connection.post(request(1, "echo"))
        await connection.answer(1)
        connection.post(cancel_request(1))
        await nothing_more(connection, 1)


@pytest.mark.parametrize("method", ["other", "_ext/method", "", "note"])
async def test_an_unknown_method_is_not_found(method: str) -> None:
    async with connected(ECHO) as connection:
        connection.post(request(1, method, {}))
        assert await answered(connection, 1) == -32601


async def test_an_unknown_notification_is_ignored() -> None:
    async with connected(ECHO) as connection:
        connection.notify("other", {})
        connection.notify("$/progress", {"a": 1})
        connection.notify("echo", {})
        connection.post({"jsonrpc": "2.0", "method": "_ext"})
        await nothing_more(connection, 0)


async def test_a_notification_sent_as_a_request_is_served_and_answered() -> None:
    noted: list[Any] = []
    async with connected(ECHO, {"note": noted.append}) as connection:
        connection.post(request(1, "note", {"a": 1}))
        assert await answered(connection, 1) is None
    assert noted == [{"a": 1}]


@pytest.mark.parametrize("params", [None, [1]])
async def test_a_notification_without_an_object_gets_an_empty_one(params: Any) -> None:
    noted: list[Any] = []
    async with connected(ECHO, {"note": noted.append}) as connection:
        connection.post({"jsonrpc": "2.0", "method": "note", "params": params})
        await nothing_more(connection, 0)
    assert noted == [{}]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"id":[],"method":"echo","jsonrpc":"2.0"}', -32600),
        (b"garbage", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"echo"', -32700),
        (b"[" * 5000, -32700),
        (b"17", -32600),
        (b"null", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","result":{}}', -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"echo"}]', -32600),
        (b"[]", -32600),
    ],
)
async def test_what_is_no_request_is_one_error_with_id_null(line: bytes, code: int) -> None:
    served: list[Any] = []
    method = Method(echo, served.append)
    async with connected({"echo": method}) as connection:
        connection.post(line)
        assert await answered(connection, None) == code
        assert not served
        await nothing_more(connection, 1)


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":7,"method":"echo","params":5}',
        b'{"jsonrpc":"1.0","id":7,"method":"echo"}',
        b'{"id":7,"method":"echo"}',
        b'{"jsonrpc":"2.0","id":7,"method":5}',
    ],
)
async def test_a_bad_request_is_refused_under_its_id_where_it_has_one(line: bytes) -> None:
    async with connected({"echo": Method(echo)}) as connection:
        connection.post(line)
        assert await answered(connection, 7) == -32600
        await nothing_more(connection, 1)


async def test_an_id_in_use_is_refused_and_the_first_goes_on() -> None:
    async with connected(PROMPT) as connection:
        connection.post(request(1, "prompt"), request(1, "echo"))
        assert await answered(connection, None) == -32600
        connection.post(cancel_request(1))
        assert await answered(connection, 1) == {"stop": "cancelled"}
        connection.post(request(1, "echo"))
        await connection.until(lambda m: m["id"] == 1 and m.get("result") == {})


async def test_more_requests_than_allowed_are_refused_under_their_id() -> None:
    async with connected(PROMPT) as connection:
        numbers = range(MAX_IN_FLIGHT + 2)
        connection.post(*(request(number, "prompt") for number in numbers))
        assert await answered(connection, MAX_IN_FLIGHT) == -32600
        assert await answered(connection, MAX_IN_FLIGHT + 1) == -32600
        connection.post(cancel_request(0))
        await connection.answer(0)
        connection.post(request("more", "echo"))
        assert await answered(connection, "more") == {}


async def test_positional_params_are_refused() -> None:
    async with connected(ECHO) as connection:
        connection.post(request(1, "echo", [1]))
        assert await answered(connection, 1) == -32602


async def test_an_error_with_data_goes_out_as_it_is() -> None:
    async def fail(call: Call) -> Any:
        raise InvalidParams("params.x: field required", data={"field": "x"})

    async with connected({"fail": Method(fail)}) as connection:
        connection.post(request(1, "fail"))
        error = (await connection.answer(1))["error"]
    assert error == {"code": -32602, "message": "params.x: field required", "data": {"field": "x"}}


async def test_an_unforeseen_error_tells_nothing_private(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(call: Call) -> Any:
        raise RuntimeError("/home/me/secret-token")

    with caplog.at_level(logging.ERROR):
        async with connected({"fail": Method(fail), **ECHO}) as connection:
            connection.post(request(1, "fail"))
            answer = await connection.answer(1)
            await nothing_more(connection, 1)
    assert answer["error"]["code"] == -32603
    assert "secret" not in json.dumps(answer)
    assert "Traceback" not in json.dumps(answer)
    assert "secret-token" in caplog.text


async def test_a_line_that_could_not_be_read_is_answered() -> None:
    async with connected(ECHO) as connection:
        connection.post(request(1, "echo"), ParseError("This line is too long."))
        assert await answered(connection, 1) == {}
        assert await answered(connection, None) == -32700


async def test_what_was_asked_before_the_end_of_input_is_answered() -> None:
    async with connected(PROMPT) as connection:
        connection.post(request(1, "echo"), request(2, "prompt"))
        connection.close()
        with anyio.fail_after(LIMIT):
            await connection.ended.wait()
        assert await answered(connection, 1) == {}
        assert await answered(connection, 2) == {"stop": "cancelled"}


async def test_a_request_that_never_ends_does_not_hold_up_the_end() -> None:
    async with connected(WAITING) as connection:
        connection.post(request(1, "wait"))
        connection.close()
        with anyio.fail_after(LIMIT):
            await connection.ended.wait()


async def test_a_client_that_stops_reading_for_good_ends_the_connection() -> None:
    stopped = anyio.Event()

    async def wait(call: Call) -> Any:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    async with connected({"wait": Method(wait), **ECHO}) as connection:
        connection.post(request(1, "wait"), request(2, "echo"))
        await connection.answer(2)
        connection.gone = True
        connection.post(request(3, "echo"))
        with anyio.fail_after(LIMIT):
            await connection.ended.wait()
        assert stopped.is_set()


async def test_a_client_that_only_writes_is_not_served_without_end() -> None:
    served: list[Call] = []
    async with connected({"echo": Method(echo, served.append)}) as connection:
        connection.reading.clear()
        for start in range(0, 4 * MAX_WAITING_ANSWERS, 64):
            connection.post(*(request(start + number, "echo") for number in range(64)))
            await anyio.wait_all_tasks_blocked()
        assert len(served) < 2 * MAX_WAITING_ANSWERS
        connection.reading.set()
        await connection.answer(4 * MAX_WAITING_ANSWERS - 1)
