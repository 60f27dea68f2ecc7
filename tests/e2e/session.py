"""A session in an editor, and one prompt of it with all that it brought.

Owns reading a recording: which updates belong to a prompt, and what they say together.
Does not own the recording (``editor``).
"""

import copy
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from tests.e2e.editor import LIMIT, CallFailed, Editor, Json


class Turn:
    """One prompt in a session, from its first update to its response."""

    def __init__(self, editor: Editor, session_id: str, text: str) -> None:
        self._editor = editor
        self._session_id = session_id
        self._text = text
        self._start = len(editor.received)
        self._number = len(self._prompts())
        self._ended = anyio.Event()
        self._result: Json = {}
        self._error: CallFailed | None = None

    async def run(self) -> None:
        """Sends the prompt and waits for its response."""
        try:
            self._result = await self._editor.prompt(self._session_id, self._text)
        except CallFailed as error:
            self._error = error
        self._ended.set()

    async def result(self) -> Json:
        """The response's result; raises ``CallFailed``."""
        await self._end_of_turn()
        if self._error is not None:
            raise self._error
        return self._result

    async def stop_reason(self) -> str:
        """Why the turn ended."""
        return (await self.result())["stopReason"]

    async def error(self) -> CallFailed:
        """The error that the turn ended with."""
        await self._end_of_turn()
        assert self._error is not None, self._result
        return self._error

    async def wait_for_chunks(self, count: int) -> None:
        """Returns once so many pieces of the answer have come."""
        await self._editor.wait_until(lambda: len(self.chunks) >= count)

    async def wait_for(self, kind: str, **fields: object) -> None:
        """Returns once an update ``kind`` with ``fields`` has come."""

        def came() -> bool:
            return any(
                all(update.get(key) == value for key, value in fields.items())
                for update in self.updates(kind)
            )

        await self._editor.wait_until(came)

    def updates(self, kind: str = "") -> list[Json]:
        """The updates (of one kind) before the response."""
        return self._updates(self._start, self._end(), kind)

    def late(self) -> list[Json]:
        """What came of the turn after the response; the session's options are not its."""
        found = self._updates(self._end() + 1, len(self._editor.received))
        return [each for each in found if each["sessionUpdate"] != "config_option_update"]

    @property
    def chunks(self) -> list[Json]:
        """The pieces of the model's answer, without the agent's own notices."""
        return [each for each in self.updates("agent_message_chunk") if "_meta" not in each]

    @property
    def notices(self) -> list[str]:
        """The sentences that the agent itself said."""
        chunks = self.updates("agent_message_chunk")
        return [each["content"]["text"] for each in chunks if "_meta" in each]

    @property
    def answer(self) -> str:
        """The text of the model's answer."""
        return _joined(self.chunks)

    @property
    def thought(self) -> str:
        """The text of the model's reasoning."""
        return _joined(self.updates("agent_thought_chunk"))

    async def _end_of_turn(self) -> None:
        with anyio.fail_after(LIMIT):
            await self._ended.wait()

    def _updates(self, start: int, end: int, kind: str = "") -> list[Json]:
        params = [each["params"] for each in self._editor.received[start:end] if _is_update(each)]
        updates = [each["update"] for each in params if each["sessionId"] == self._session_id]
        return [each for each in updates if kind in ("", each["sessionUpdate"])]

    def _prompts(self) -> list[Json]:
        sent = [each for each in self._editor.sent if each.get("method") == "session/prompt"]
        return [each for each in sent if each["params"]["sessionId"] == self._session_id]

    def _end(self) -> int:
        """Where the response is in what was received; the end while there is none."""
        received, prompts = self._editor.received, self._prompts()
        if len(prompts) > self._number:
            request = prompts[self._number]["id"]
            for index in range(self._start, len(received)):
                if received[index].get("id") == request and "method" not in received[index]:
                    return index
        return len(received)


class OpenSession:
    """A session of ``editor``; ``response`` is what ``session/new`` gave."""

    def __init__(self, editor: Editor, response: Json) -> None:
        self.editor = editor
        self.response = copy.deepcopy(response)
        self.id: str = response["sessionId"]

    def turn(self, text: str) -> Turn:
        """A turn that is not started."""
        return Turn(self.editor, self.id, text)

    async def ask(self, text: str) -> Turn:
        """A turn that is over."""
        turn = self.turn(text)
        await turn.run()
        return turn

    @asynccontextmanager
    async def asking(self, text: str) -> AsyncGenerator[Turn, None]:
        """A turn that runs; leaving waits for its end."""
        turn = self.turn(text)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(turn.run)
            yield turn

    async def choose(self, mode: str) -> None:
        """``session/set_mode``."""
        await self.editor.set_mode(self.id, mode)

    async def cancel(self) -> None:
        """``session/cancel``."""
        await self.editor.cancel(self.id)


async def open_session(editor: Editor, cwd: str, mode: str = "") -> OpenSession:
    """A new session after ``initialize``, in ``mode`` if one is named."""
    await editor.initialize()
    session = OpenSession(editor, await editor.new_session(cwd))
    if mode:
        await session.choose(mode)
    return session


def _joined(chunks: list[Json]) -> str:
    return "".join(each["content"]["text"] for each in chunks)


def _is_update(message: Json) -> bool:
    return message.get("method") == "session/update"
