"""The lines of a streamed HTTP answer, as they come.

Owns the limits of time and size, and closing at once when nobody listens. Does not own what
the lines mean.

Nothing is read ahead of the consumer but what the socket's buffers hold.
"""

from typing import TYPE_CHECKING

import anyio

from acp_agent.backends.http.connection import BODY_LIMIT, CLOSE_LIMIT, Faults, translated
from acp_agent.engine.lines import LineBuffer, LineTooLong

if TYPE_CHECKING:
    import httpx2

LINE_LIMIT = 16 * 1024 * 1024
"""Bytes of one line; a longer one is refused."""


class ResponseLines:
    """The lines of ``response``, pulled one at a time.

    ``deadline`` is the point of the event loop's clock until which the next bytes must come;
    without one it is ``stall_limit`` seconds, anew for each wait.
    """

    def __init__(
        self,
        response: "httpx2.Response",
        faults: Faults,
        deadline: float | None,
        stall_limit: float,
    ) -> None:
        self.deadline = deadline
        self.stall_limit = stall_limit
        self._response = response
        self._faults = faults
        self._chunks = response.aiter_bytes()
        self._buffer = LineBuffer(LINE_LIMIT)
        self._ended = False

    async def next_line(self) -> bytes | None:
        """The next line, which may be blank; None at the end of the stream.

        Raises:
            TimeoutError: ``deadline`` has passed.
            BackendError: the stream stalled or broke off, or a line is too long.
        """
        try:
            while (line := self._buffer.pop()) is None:
                if self._ended:
                    return self._buffer.rest() or None
                await self._read()
        except LineTooLong:
            raise self._faults.too_long(LINE_LIMIT) from None
        return line

    async def rest(self) -> bytes:
        """What is left until the end of the stream, in one piece.

        Raises:
            TimeoutError, BackendError: as ``next_line``.
        """
        content = bytearray(self._buffer.rest())
        while not self._ended:
            await self._read()
            content += self._buffer.rest()
            if len(content) > BODY_LIMIT:
                raise self._faults.too_long(BODY_LIMIT)
        return bytes(content)

    async def aclose(self) -> None:
        """Closes the connection unless the answer was read to its end; waits for nobody."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LIMIT):
            await self._chunks.aclose()
            await self._response.aclose()

    async def _read(self) -> None:
        deadline, limit = self.deadline, self.stall_limit
        if deadline is not None:
            limit = max(0.0, deadline - anyio.current_time())
        try:
            with translated(self._faults), anyio.fail_after(limit):
                data = await anext(self._chunks, None)
        except TimeoutError:
            if deadline is not None:
                raise
            raise self._faults.stalled(self.stall_limit) from None
        if data is None:
            self._ended = True
        else:
            self._buffer.feed(data)
