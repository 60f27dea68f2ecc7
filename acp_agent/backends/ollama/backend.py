"""The backend of mode ``ollama``.

Owns the course of a request: which window, whether the model must be loaded first, where
it runs, the answer. Does not own HTTP (``client``), the spelling (``chat``) nor what the
server has (``models``).
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from acp_agent.backends.base import Ask, Event, ModelRequest, Notice, Progress, Readiness, Report
from acp_agent.backends.http.abandoned import Abandoned
from acp_agent.backends.http.connection import is_listening
from acp_agent.backends.ollama import faults
from acp_agent.backends.ollama.client import LineStream, OllamaClient, Refused, open_client
from acp_agent.backends.ollama.endpoint import find_endpoint
from acp_agent.backends.ollama.models import Catalogue, canonical, default_model, human_size
from acp_agent.backends.text_tools import recover_calls, stream_with_text_tools
from acp_agent.errors import BackendError

if TYPE_CHECKING:
    from acp_agent.backends.ollama.chat import Answer
    from acp_agent.backends.ollama.models import Details
    from acp_agent.backends.ollama.wire import LoadedModel
    from acp_agent.config.settings import OllamaSettings

ANSWER_LIMIT = 0.3
"""Seconds a server may take to answer at all before it counts as absent."""
DETAIL_LIMIT = 0.7
"""Seconds more in which its models are described; what is missing then stays unknown."""
_DRAIN_LIMIT = 0.25


class _ToolsRefused(Exception):
    """The server takes no tools for the model, whatever it told of it."""


@dataclass(slots=True)
class _Server:
    client: OllamaClient
    catalogue: Catalogue


@dataclass(slots=True, frozen=True)
class _Plan:
    """What was found out before a request: its body, and whether the model gets loaded."""

    body: Mapping[str, object]
    num_ctx: int
    loaded: "LoadedModel | None"
    load: Progress | None


class OllamaBackend:
    """Models of the Ollama server that ``settings`` name.

    A backend and an installer (it pulls). Connections are opened on first use.
    """

    id = "ollama"
    name = "Ollama"

    def __init__(self, settings: "OllamaSettings") -> None:
        self._settings = settings
        self._endpoint = find_endpoint(settings.base_url)
        self.description = f"Models of the Ollama server at {self._endpoint.url}"
        self._server: _Server | None = None
        self._placement_told: set[str] = set()
        self._abandoned = Abandoned()

    async def probe(self) -> Readiness:
        """As ``Backend.probe``: 300 ms for an absent server, about 1 s with many models."""
        try:
            return await self._probe()
        except BackendError as error:
            return Readiness(False, error.message)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """As ``Backend.stream``. A load is reported as the progress ``load``, a server that may
        still read a cancelled prompt as ``busy``.

        A model that the server gives no tools is told of them in words. Calls that a model
        writes into its text, as some do that have tools, are calls all the same.
        """
        async with aclosing(await self._events(request)) as events:
            try:
                async for event in events:
                    yield event
                return
            except _ToolsRefused:
                self._open().catalogue.note_tools_refused(request.model)
        async with aclosing(stream_with_text_tools(self, request)) as events:
            async for event in events:
                yield event

    async def _events(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """The stream that suits the model's tools."""
        if not request.tools:
            return self._chat(request)
        catalogue = self._open().catalogue
        await self._learn(request.model)
        if catalogue.tools(request.model) == "text":
            return stream_with_text_tools(self, request)
        return recover_calls(self._chat(request), request.tools)

    async def _chat(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        plan = await self._plan(request)
        if plan.load:
            yield plan.load
        elif notice := self._placement_notice(request.model, plan.loaded):
            yield notice
        if busy := None if plan.load else self._abandoned.take_wait():
            yield busy
        with self._abandoned.watching(lambda: False):
            lines = await self._open_chat(request.model, plan.body)
        try:
            answer = self._answer(request.model, plan.num_ctx)
            with self._abandoned.watching(lambda: False):
                line = await self._first_line(request.model, lines)
            if busy:
                yield replace(busy, finished=True)
            if plan.load:
                yield replace(plan.load, finished=True)
                if notice := await self._notice_after_load(request.model):
                    yield notice
            while line is not None and not answer.is_done:
                for event in answer.events(line):
                    yield event
                line = None if answer.is_done else await lines.next_line()
            if not answer.is_done:
                raise faults.broken_off(self._endpoint)
            for event in await _drained(lines, answer):
                yield event
            for event in answer.closing_events():
                yield event
        finally:
            await lines.aclose()

    async def install(self, model: str, report: Report, ask: Ask) -> None:
        """As ``Installer.install``: Ollama pulls ``model`` from its library."""
        from acp_agent.backends.ollama.pull import pull

        pulling = pull(self._open().client, model, self._settings.stall_timeout)
        async with aclosing(pulling) as steps:
            async for step in steps:
                await report(step)

    async def aclose(self) -> None:
        """Closes the connections."""
        server, self._server = self._server, None
        if server is not None:
            await server.client.aclose()

    def _open(self) -> _Server:
        if self._server is None:
            client = open_client(self._endpoint)
            self._server = _Server(client, Catalogue(client))
        return self._server

    async def _probe(self) -> Readiness:
        endpoint = self._endpoint
        try:
            with anyio.fail_after(ANSWER_LIMIT) as limit:
                if not await is_listening(endpoint):
                    raise faults.unavailable(endpoint)
            left = limit.deadline - anyio.current_time()
            catalogue = self._open().catalogue  # imports, which takes no time from the server
            with anyio.fail_after(left):
                await catalogue.refresh()
        except TimeoutError:
            raise faults.unavailable(endpoint) from None
        loaded: Mapping[str, LoadedModel] = {}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(catalogue.describe_all, DETAIL_LIMIT)
            loaded = await catalogue.loaded()
        return self._readiness(catalogue, loaded)

    def _readiness(self, catalogue: Catalogue, loaded: "Mapping[str, LoadedModel]") -> Readiness:
        configured = self._settings.model
        models = catalogue.models(self._settings, loaded)
        remote = frozenset(name for name, entry in catalogue.listed.items() if entry.remote_host)
        chosen = default_model(configured, models, remote, list(loaded))
        if configured and canonical(configured) not in {canonical(model.id) for model in models}:
            reason = f"Ollama does not have {configured} yet; the first message offers to pull it."
            return Readiness(True, reason, False, models, chosen)
        if not models:
            reason = (
                "Ollama runs but has no chat model. Get one, for example with "
                "`ollama pull gemma4`; https://ollama.com/search lists more."
            )
            return Readiness(False, reason)
        return Readiness(True, "", True, models, chosen)

    async def _learn(self, model: str) -> "Details":
        catalogue = self._open().catalogue
        if canonical(model) not in catalogue.listed:
            with anyio.move_on_after(ANSWER_LIMIT):
                await catalogue.refresh()
        return await catalogue.details(model)

    async def _plan(self, request: ModelRequest) -> _Plan:
        from acp_agent.backends.ollama.chat import chat_body

        details = await self._learn(request.model)
        catalogue = self._open().catalogue
        name = canonical(request.model)
        loaded = (await catalogue.loaded()).get(name)
        if loaded is None:
            self._placement_told.discard(name)
        num_ctx = details.window(self._settings.num_ctx, loaded)
        entry = catalogue.listed.get(name)
        size = f" ({human_size(entry.size)})" if entry and entry.size else ""
        is_remote = entry is not None and bool(entry.remote_host)
        load = Progress("load", f"Loading {request.model}{size}")
        body = chat_body(request, self._settings, details, num_ctx)
        return _Plan(body, num_ctx, loaded, None if loaded or is_remote else load)

    async def _open_chat(self, model: str, body: Mapping[str, object]) -> LineStream:
        try:
            return await self._open().client.open_lines(
                "/api/chat",
                body,
                first_limit=self._settings.load_timeout,
                stall_limit=self._settings.stall_timeout,
            )
        except Refused as refusal:
            if "tools" in body and faults.refuses_tools(refusal.error):
                raise _ToolsRefused from None
            raise faults.refused(model, refusal.error, status=refusal.status) from None
        except TimeoutError:
            raise faults.not_loaded(model, self._settings.load_timeout) from None

    def _answer(self, model: str, num_ctx: int) -> "Answer":
        from acp_agent.backends.ollama.chat import Answer

        return Answer(model, num_ctx, self._endpoint)

    async def _first_line(self, model: str, lines: LineStream) -> bytes | None:
        try:
            return await lines.next_line()
        except TimeoutError:
            raise faults.not_loaded(model, self._settings.load_timeout) from None

    async def _notice_after_load(self, model: str) -> Notice | None:
        loaded = await self._open().catalogue.loaded()
        return self._placement_notice(model, loaded.get(canonical(model)))

    def _placement_notice(self, model: str, loaded: "LoadedModel | None") -> Notice | None:
        """Says once per load which share of the model runs on the CPU."""
        name = canonical(model)
        if loaded is None or not loaded.size or name in self._placement_told:
            return None
        self._placement_told.add(name)
        share = round(100 * (1 - (loaded.size_vram or 0) / loaded.size))
        if share < 1:
            return None
        part = "all" if share == 100 else f"{share}%"
        window = f" (now {loaded.context_length:,})" if loaded.context_length else ""
        return Notice(
            f"Ollama runs {part} of {model} on the CPU, which is slow. A smaller model, or a "
            f"lower num_ctx{window} in the [ollama] section, leaves more to the GPU."
        )


async def _drained(lines: LineStream, answer: "Answer") -> list[Event]:
    """What follows the end of the answer, for servers that end it twice.

    Reading to the end of the stream also lets the connection be used again.
    """
    late: list[Event] = []
    with anyio.move_on_after(_DRAIN_LIMIT):
        try:
            while (line := await lines.next_line()) is not None:
                late.extend(answer.events(line))
        except BackendError:
            return late  # the answer is complete; what comes after it cannot spoil it
    return late
