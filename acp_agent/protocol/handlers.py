"""ACP's methods as one table, each with its handler.

Owns the order around ``initialize``: nothing before it, and what is sent behind it waits
for its answer. Does not own what the methods of a session do (``session_handlers``).
"""

from collections.abc import Awaitable, Callable

import anyio

from acp_agent.errors import InvalidRequest
from acp_agent.protocol.choices import Choices
from acp_agent.protocol.open_sessions import Loaded, OpenSessions
from acp_agent.protocol.prompts import Prompts
from acp_agent.protocol.session_handlers import SessionHandlers
from acp_agent.protocol.turns import Turns
from acp_agent.rpc.frames import Json, JsonObject
from acp_agent.rpc.outbox import Outbox
from acp_agent.rpc.peer import Call, Method, Notified, Peer

CANCELLED: JsonObject = {"stopReason": "cancelled"}


class Handlers:
    """Serves one client.

    Args:
        load: builds what sessions need, with the first one; may raise ConfigError.
    """

    def __init__(self, load: Callable[[], Awaitable[Loaded]]) -> None:
        self._open = OpenSessions(load)
        self._turns = Turns()
        self._last_initialize: anyio.Event | None = None
        self._initialized = False

    def connect(self, outbox: Outbox) -> Peer:
        """The connection that these handlers serve; once."""
        self._open.peer = Peer(outbox, self.methods(), self.notifications())
        return self._open.peer

    def methods(self) -> dict[str, Method]:
        """The requests a client may make."""
        sessions = SessionHandlers(self._open, self._turns)
        choices = Choices(self._open)
        prompts = Prompts(self._open, self._turns)
        return {
            "initialize": Method(self._initialize, self._on_initialize),
            "authenticate": self._gated(self._authenticate),
            "session/new": self._gated(sessions.new),
            "session/set_mode": self._gated(choices.set_mode),
            "session/set_config_option": self._gated(choices.set_config_option),
            "session/prompt": self._gated(prompts.prompt, self._turns.arrive, CANCELLED),
            "session/close": self._gated(sessions.close),
        }

    def notifications(self) -> dict[str, Notified]:
        """The notifications a client may send."""
        return {"session/cancel": self._turns.cancel}

    async def aclose(self) -> None:
        """Gives back what was loaded."""
        await self._open.aclose()

    def _gated(
        self,
        handle: Callable[[Call], Awaitable[Json]],
        on_arrival: Callable[[Call], None] | None = None,
        when_cancelled: Json = None,
    ) -> Method:
        behind: dict[Call, anyio.Event] = {}

        def arrived(call: Call) -> None:
            if self._last_initialize is not None:
                behind[call] = self._last_initialize
                call.on_settled.append(lambda: behind.pop(call, None))
            if on_arrival is not None:
                on_arrival(call)

        async def after_initialize(call: Call) -> Json:
            answered = behind.get(call)
            if answered is not None:
                await answered.wait()
            if answered is None or not self._initialized:
                raise InvalidRequest(f"Send initialize first, then {call.method}.")
            return await handle(call)

        return Method(after_initialize, arrived, when_cancelled)

    def _on_initialize(self, call: Call) -> None:
        answered = self._last_initialize = anyio.Event()
        call.on_settled.append(answered.set)

    async def _initialize(self, call: Call) -> Json:
        from acp_agent.protocol.initialize import initialize

        response, self._open.abilities = initialize(call.params)
        self._initialized = True
        return response

    async def _authenticate(self, call: Call) -> Json:
        from acp_agent.protocol.initialize import authenticate

        return authenticate(call.params)
