"""Questions to the user through the client: may this call be made, what do you want.

Owns the requests and what counts as an answer: whatever is not one of the offered
answers is none, and none is never a yes. Does not own what is asked, or when.
Cancelling the caller withdraws the request (``rpc/peer``).

Sources: https://agentclientprotocol.com/protocol/v1/tool-calls#requesting-permission and
https://agentclientprotocol.com/protocol/v1/schema#elicitation-create
"""

import logging
from collections.abc import Sequence

from acp_agent.errors import AgentError
from acp_agent.permissions import Option
from acp_agent.protocol.wire import client
from acp_agent.protocol.wire.elicitation import (
    CreateElicitationRequest,
    CreateElicitationResponse,
    ElicitationSchema,
)
from acp_agent.protocol.wire.tool_calls import ToolCallUpdate
from acp_agent.rpc.peer import Peer

_log = logging.getLogger(__name__)

_FIELD = "answer"


class Questions:
    """Asks the user of ``session_id``."""

    def __init__(self, peer: Peer, session_id: str) -> None:
        self._peer = peer
        self._session_id = session_id

    async def permission(self, call: ToolCallUpdate, options: Sequence[Option]) -> str | None:
        """The id of the option that the user chose; None where there is no such answer."""
        request = client.RequestPermissionRequest(
            session_id=self._session_id,
            tool_call=call,
            options=[
                client.PermissionOption(option_id=each.id, name=each.name, kind=each.kind)
                for each in options
            ],
        )
        try:
            result = await self._peer.request("session/request_permission", request.to_wire())
            outcome = client.RequestPermissionResponse.from_result(result).outcome
        except AgentError as error:
            _log.warning("permission was not answered: %s", error.message)
            return None
        if not isinstance(outcome, client.SelectedPermissionOutcome):
            return None
        if all(outcome.option_id != each.id for each in options):
            _log.warning("permission was answered with an option that was not offered")
            return None
        return outcome.option_id

    async def form(self, question: str, choices: Sequence[str]) -> str | None:
        """The user's answer, one of ``choices`` where there are any; None: there is none.

        Raises:
            AgentError: the client answered with an error, or with what cannot be read.
        """
        field: dict[str, object] = {"type": "string", "title": "Your answer"}
        if choices:
            field["enum"] = list(choices)
        request = CreateElicitationRequest(
            session_id=self._session_id,
            message=question,
            requested_schema=ElicitationSchema(properties={_FIELD: field}, required=[_FIELD]),
        )
        try:
            result = await self._peer.request("elicitation/create", request.to_wire())
            response = CreateElicitationResponse.from_result(result)
        except AgentError as error:
            _log.warning("a question was not answered: %s", error.message)
            raise
        answer = (response.content or {}).get(_FIELD)
        if response.action != "accept" or not isinstance(answer, str) or not answer.strip():
            return None
        return answer if not choices or answer in choices else None
