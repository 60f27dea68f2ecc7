"""The backend of mode ``openai``.

Owns which endpoint a request goes to, how its model takes tools, and what is remembered of
each server. Does not own the course of a request (``chat``), endpoints (``endpoints``) nor
what they have (``directory``).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from acp_agent.backends.base import Event, Model, ModelRequest, Readiness, ToolSupport
from acp_agent.backends.openai.chat import Chat, Server, Sleep, ToolsRefused
from acp_agent.backends.openai.directory import Directory
from acp_agent.backends.openai.endpoints import Endpoint, find_endpoints
from acp_agent.backends.openai.health import watch
from acp_agent.backends.openai.thinking import DEFAULT_LEVEL, thought_levels
from acp_agent.backends.text_tools import recover_calls, stream_with_text_tools
from acp_agent.errors import BackendUnavailable

if TYPE_CHECKING:
    from acp_agent.config.openai_settings import EndpointSettings, OpenAISettings

_TELLING = ("llamacpp", "acp-agent")
"""Programs that take ``return_progress``."""


class OpenAIBackend:
    """Models of the servers that the settings name, and of those found on this machine.

    A model's id is ``ENDPOINT/MODEL``. Connections are opened on first use. Keys are read
    from ``environ`` once.

    Args:
        watched: names of endpoints whose health is looked at whether they are used or not.
        directory: knows the endpoints; by default those of the settings.
        sleep: waits for so many seconds between two attempts.
    """

    id = "openai"
    name = "OpenAI-compatible"
    description = "Models of llama.cpp, LM Studio, vLLM and other servers with OpenAI's API"

    def __init__(
        self,
        settings: "OpenAISettings",
        endpoints: "Mapping[str, EndpointSettings]",
        environ: Mapping[str, str],
        *,
        watched: Collection[str] = (),
        directory: Directory | None = None,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        self._settings = settings
        self._directory = directory or Directory(
            find_endpoints(settings, endpoints, environ), settings, watched=watched
        )
        self._sleep = sleep
        self._servers: dict[str, Server] = {}
        self._refused_tools: set[str] = set()

    async def probe(self) -> Readiness:
        """As ``Backend.probe``: 300 ms for servers that do not answer, as long again for the
        details of those that do."""
        await self._directory.refresh()
        models = tuple(self._corrected(model) for model in self._directory.models())
        reason = self._directory.problem()
        reason = reason[:1].upper() + reason[1:]
        if not models:
            return Readiness(False, reason)
        return Readiness(True, reason, True, models, self._directory.default_model())

    async def watch(self, changed: Callable[[], Awaitable[None]]) -> None:
        """As ``Watched.watch``."""
        await watch(self._directory, changed)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """As ``Backend.stream``. Steps before the first token are the progress ``retry``,
        ``busy``, ``queue``, ``load`` and ``prefill``.

        A model that is given no tools by its server is told of them in words. Calls that a
        model writes into its text, as some do that have tools, are calls all the same.
        """
        endpoint, model = await self._find(request.model)
        async with aclosing(self._events(request, endpoint, model)) as events:
            try:
                async for event in events:
                    yield event
                return
            except ToolsRefused:
                self._refused_tools.add(request.model)
        async with aclosing(stream_with_text_tools(self, request)) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Closes the connections."""
        servers, self._servers = self._servers, {}
        for server in servers.values():
            await server.client.aclose()
        await self._directory.aclose()

    async def _find(self, model_id: str) -> tuple[Endpoint, str]:
        place = self._directory.find(model_id)
        if place is None:
            await self._directory.refresh()
            place = self._directory.find(model_id)
        if place is None:
            name = model_id.partition("/")[0]
            raise BackendUnavailable(
                f"There is no endpoint {name} now. Start its server, name it in the configuration "
                f"as [endpoints.{name}], or choose another model."
            )
        if place[0].problem:
            raise BackendUnavailable(place[0].problem)
        return place

    def _events(
        self, request: ModelRequest, endpoint: Endpoint, model: str
    ) -> AsyncGenerator[Event, None]:
        """The stream that suits the model's tools."""
        if not request.tools:
            return self._chat(request, endpoint, model)
        support = self._tools(request.model, endpoint.tools)
        if support == "none":
            return self._chat(replace(request, tools=()), endpoint, model)
        if support == "text":
            return stream_with_text_tools(self, request)
        return recover_calls(self._chat(request, endpoint, model), request.tools)

    async def _chat(
        self, request: ModelRequest, endpoint: Endpoint, model: str
    ) -> AsyncGenerator[Event, None]:
        server = self._server(endpoint)
        chat = Chat(
            server,
            request,
            model,
            self._settings,
            context_size=self._directory.context_size(request.model),
            tells_progress=server.client.is_llamacpp
            or self._directory.program(endpoint) in _TELLING,
            sleep=self._sleep,
        )
        try:
            async with aclosing(chat.events()) as events:
                async for event in events:
                    yield event
        except BackendUnavailable:
            self._directory.note_silent(endpoint)
            raise
        finally:
            if chat.has_answered:
                self._directory.note_alive(endpoint)

    def _server(self, endpoint: Endpoint) -> Server:
        if endpoint.name not in self._servers:
            from acp_agent.backends.openai.client import ChatClient

            self._servers[endpoint.name] = Server(ChatClient(endpoint))
        return self._servers[endpoint.name]

    def _tools(self, model_id: str, told: ToolSupport) -> ToolSupport:
        return "text" if told == "native" and model_id in self._refused_tools else told

    def _corrected(self, model: Model) -> Model:
        """``model`` with what its name tells, and without what its server has refused."""
        levels = model.thought_levels or thought_levels(model.id)
        return replace(
            model,
            tools=self._tools(model.id, model.tools),
            thought_levels=levels,
            thought_default=model.thought_default or (DEFAULT_LEVEL if levels else None),
        )
