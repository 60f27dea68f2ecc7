"""Requests to the client that wait for their answers.

Owns their ids, their withdrawal and answers that come too late. Does not own the client's
own requests (``rpc/peer``), nor time limits, which are the caller's.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import anyio

from acp_agent.errors import ClientError
from acp_agent.rpc.frames import Json, JsonObject, MessageFrame, as_object
from acp_agent.rpc.outbox import Outbox

_log = logging.getLogger(__name__)

CANCEL_REQUEST: Final = "$/cancel_request"

_ENDED = "The editor has closed the connection."

OnLate = Callable[[JsonObject | None], None]
"""Takes the result of a request whose caller has gone, None once it is known that there will
be none; must not block or raise."""


@dataclass(slots=True, eq=False)
class _Waiting:
    answered: anyio.Event = field(default_factory=anyio.Event)
    message: JsonObject = field(default_factory=dict[str, Json])


class Outgoing:
    """The requests of one connection that are open."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waiting: dict[int, _Waiting] = {}
        self._late: dict[int, OnLate] = {}
        self._next_id = 0
        self._closed = False

    async def request(
        self, method: str, params: JsonObject, on_late: OnLate | None = None
    ) -> JsonObject:
        """As ``Peer.request``."""
        identifier, waiting = self._next_id, _Waiting()
        self._next_id += 1
        body = {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}
        try:
            await self._outbox.send(MessageFrame(body))
        except BaseException:
            # Cancelled in there, it was not sent, and there is nothing to withdraw.
            if on_late is not None:
                on_late(None)
            raise
        if self._closed:
            raise _ended()
        self._waiting[identifier] = waiting
        try:
            await waiting.answered.wait()
        except BaseException:
            self._abandon(identifier, waiting, on_late)
            raise
        finally:
            del self._waiting[identifier]
        if not waiting.message:
            raise _ended()
        return _result_of(method, waiting.message)

    def close(self) -> None:
        """No answers come any more: what waits for one fails, and what is asked from now on."""
        self._closed = True
        for waiting in self._waiting.values():
            waiting.answered.set()
        while self._late:
            self._late.popitem()[1](None)

    def take(self, message: JsonObject) -> None:
        """Hands a response to whoever waits for it; one that nobody waits for is ignored."""
        identifier = message["id"]
        # type(), because True would be found as 1.
        known = identifier if type(identifier) is int else -1
        waiting, late = self._waiting.get(known), self._late.pop(known, None)
        if waiting is not None and not waiting.message:
            waiting.message = message
            waiting.answered.set()
        elif late is not None:
            _hand_over(message, late)
        else:
            _log.info("ignored a response to no open request: id %r", identifier)

    def _abandon(self, identifier: int, waiting: _Waiting, on_late: OnLate | None) -> None:
        if not waiting.message:
            self._outbox.put(_cancel_notice(identifier))
            if on_late is not None and self._closed:
                on_late(None)
            elif on_late is not None:
                self._late[identifier] = on_late
        elif on_late is not None:
            # The answer and the cancel came together: the caller does not see the answer.
            _hand_over(waiting.message, on_late)


def _hand_over(message: JsonObject, on_late: OnLate) -> None:
    has_failed = message.get("error") is not None
    on_late(None if has_failed else as_object(message.get("result")) or {})


def _ended() -> ClientError:
    return ClientError(_ENDED, reason=_ENDED)


def _cancel_notice(identifier: int) -> MessageFrame:
    params = {"requestId": identifier}
    return MessageFrame({"jsonrpc": "2.0", "method": CANCEL_REQUEST, "params": params})


def _result_of(method: str, message: JsonObject) -> JsonObject:
    error: Json = message.get("error")
    if error is not None:
        details = as_object(error) or {}
        reason, code = details.get("message"), details.get("code")
        raise ClientError(
            f"The editor refused {method}: {reason or 'no reason given'}",
            reason=reason if isinstance(reason, str) else "",
            refused_with=code if type(code) is int else None,
        )
    return as_object(message.get("result")) or {}
