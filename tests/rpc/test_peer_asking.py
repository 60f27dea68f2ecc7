"""Requests that go out to the client: answers, errors, withdrawal."""

from typing import Any

import anyio
import anyio.to_thread
import pytest

from acp_agent.errors import ClientError
from acp_agent.rpc.outgoing import OnLate
from acp_agent.rpc.peer import Call, Method
from tests.rpc.connection import LIMIT, Connection, cancel_request, connected, request

pytestmark = pytest.mark.anyio


async def echo(call: Call) -> Any:
    return call.params


ECHO = {"echo": Method(echo)}


class Question:
    """One request to the client, asked beside the test."""

    def __init__(self, connection: Connection, on_late: OnLate | None = None) -> None:
        self._connection = connection
        self._on_late = on_late
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self.result: Any = None
        self.error: ClientError | None = None

    async def ask(self) -> None:
        try:
            with self.scope:
                self.result = await self._connection.peer.request("ask", {"q": 1}, self._on_late)
        except ClientError as error:
            self.error = error
        finally:
            self.ended.set()

    async def start(self) -> Any:
        """Asks, and returns the request's id once the client has seen it."""
        self._connection.peer.start_soon(self.ask)
        message = await self._connection.asked("ask")
        assert message["params"] == {"q": 1}
        return message["id"]

    async def end(self) -> None:
        with anyio.fail_after(LIMIT):
            await self.ended.wait()


def response(identifier: Any, **outcome: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, **outcome}


async def test_the_clients_result_comes_back() -> None:
    async with connected(ECHO) as connection:
        question = Question(connection)
        connection.post(response(await question.start(), result={"a": 1}))
        await question.end()
        assert question.result == {"a": 1}
        assert not [m for m in connection.seen if m.get("method") == "$/cancel_request"]


@pytest.mark.parametrize("result", [None, [], "text", 5])
async def test_a_result_that_is_no_object_counts_as_empty(result: Any) -> None:
    async with connected(ECHO) as connection:
        question = Question(connection)
        connection.post(response(await question.start(), result=result))
        await question.end()
        assert question.result == {}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"code": -32000, "message": "not now"}, "The editor refused ask: not now"),
        ({"code": 1}, "The editor refused ask: no reason given"),
        ("broken", "The editor refused ask: no reason given"),
    ],
)
async def test_the_clients_error_is_raised(error: Any, text: str) -> None:
    async with connected(ECHO) as connection:
        question = Question(connection)
        connection.post(response(await question.start(), error=error))
        await question.end()
        assert question.error is not None
        assert question.error.message == text


async def test_a_cancelled_question_is_withdrawn_and_its_late_answer_ignored() -> None:
    async with connected(ECHO) as connection:
        question = Question(connection)
        identifier = await question.start()
        question.scope.cancel()
        notice = await connection.asked("$/cancel_request")
        assert notice == cancel_request(identifier)
        connection.post(response(identifier, result={"a": 1}), request(1, "echo"))
        await connection.answer(1)
        assert question.result is None
        assert len(connection.seen) == 3


LATE: list[tuple[dict[str, Any], list[Any]]] = [
    ({"result": {"a": 1}}, [{"a": 1}]),
    ({"result": None}, [{}]),
    ({"result": None, "error": None}, [{}]),
    ({"error": {"code": -32800, "message": "cancelled"}}, [None]),
]


@pytest.mark.parametrize(("outcome", "expected"), LATE)
async def test_a_late_result_goes_to_who_wants_it_once(
    outcome: dict[str, Any], expected: list[Any]
) -> None:
    late: list[Any] = []
    async with connected(ECHO) as connection:
        question = Question(connection, late.append)
        identifier = await question.start()
        question.scope.cancel()
        await connection.asked("$/cancel_request")
        answer = response(identifier, **outcome)
        connection.post(answer, answer, request(1, "echo"))
        await connection.answer(1)
        await question.end()
    assert late == expected


async def test_who_waits_for_a_late_result_is_told_of_the_end_of_the_connection() -> None:
    late: list[Any] = []
    async with connected(ECHO) as connection:
        question = Question(connection, late.append)
        await question.start()
        question.scope.cancel()
        await connection.asked("$/cancel_request")
        assert late == []
    assert late == [None]


async def test_a_result_in_time_is_not_late() -> None:
    late: list[Any] = []
    async with connected(ECHO) as connection:
        question = Question(connection, late.append)
        connection.post(response(await question.start(), result={"a": 1}))
        await question.end()
    assert (question.result, late) == ({"a": 1}, [])


async def test_a_refusal_has_the_clients_words_and_code() -> None:
    async with connected(ECHO) as connection:
        for code, expected in ((-32601, -32601), ("x", None), (True, None)):
            question = Question(connection)
            connection.seen.clear()
            error = {"code": code, "message": "no such thing"}
            connection.post(response(await question.start(), error=error))
            await question.end()
            assert question.error is not None
            assert (question.error.reason, question.error.refused_with) == (
                "no such thing",
                expected,
            )


async def test_a_question_that_was_never_sent_is_not_withdrawn() -> None:
    async with connected(ECHO) as connection:
        connection.reading.clear()
        outbox = connection.peer.outbox
        outbox.put(_filler())
        assert await anyio.to_thread.run_sync(connection.writing.wait, LIMIT)
        while outbox.offer(_filler()):
            pass
        question = Question(connection)
        connection.peer.start_soon(question.ask)
        await anyio.wait_all_tasks_blocked()
        question.scope.cancel()
        await question.end()
        connection.reading.set()
        connection.post(request(1, "echo"))
        await connection.answer(1)
        assert {m.get("method") for m in connection.seen} == {None, "filler"}


def _filler() -> Any:
    from acp_agent.rpc.frames import MessageFrame

    return MessageFrame({"jsonrpc": "2.0", "method": "filler", "params": {}})


async def test_questions_at_the_same_time_get_their_own_answers() -> None:
    async with connected(ECHO) as connection:
        questions = [Question(connection) for _ in range(3)]
        for question in questions:
            connection.peer.start_soon(question.ask)
        await connection.until(lambda _: len(connection.seen) == 3)
        ids = [message["id"] for message in connection.seen]
        assert len(set(ids)) == 3
        connection.post(*(response(i, result={"to": i}) for i in reversed(ids)))
        for question in questions:
            await question.end()
        assert [question.result["to"] for question in questions] == ids


async def test_only_the_first_of_two_answers_counts() -> None:
    async with connected(ECHO) as connection:
        question = Question(connection)
        identifier = await question.start()
        connection.post(
            response(identifier, result={"a": 1}), response(identifier, result={"a": 2})
        )
        await question.end()
        assert question.result == {"a": 1}


@pytest.mark.parametrize("identifier", [17, "0", False, 0.0, None, [], {}])
async def test_an_answer_to_no_question_is_ignored(identifier: Any) -> None:
    async with connected(ECHO) as connection:
        question = Question(connection)
        assert await question.start() == 0
        connection.post(response(identifier, result={"a": 1}), request(1, "echo"))
        await connection.answer(1)
        assert not question.ended.is_set()
        assert len(connection.seen) == 2


async def test_an_open_question_ends_with_the_connection() -> None:
    async with connected(ECHO) as connection:
        question = Question(connection)
        await question.start()
        connection.close()
        with anyio.fail_after(LIMIT):
            await connection.ended.wait()
        assert question.ended.is_set()
        assert question.error is not None
        assert question.error.message == "The editor has closed the connection."


async def test_a_question_after_the_end_is_not_waited_for() -> None:
    async with connected(ECHO) as connection:
        connection.close()
        with anyio.fail_after(LIMIT):
            await connection.ended.wait()
            with pytest.raises(ClientError, match="has closed the connection"):
                await connection.peer.request("ask", {"q": 1})


async def test_a_notification_goes_out() -> None:
    async with connected(ECHO) as connection:
        await connection.peer.send(_filler())
        message = await connection.asked("filler")
        assert message == {"jsonrpc": "2.0", "method": "filler", "params": {}}
