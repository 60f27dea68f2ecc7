"""The course of one answer, in a ``ModelThread``.

Owns opening the SDK's session, writing and counting the answer, and how it ends. Does not own
the thread, nor how a conversation is spelled.
"""

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager, suppress

from acp_agent.backends.apple import faults
from acp_agent.backends.apple.schema import spell_schema
from acp_agent.backends.apple.sdk import LanguageModel, Sdk, Session, open_model, window_of
from acp_agent.backends.apple.snapshots import Pieces
from acp_agent.backends.apple.spelling import spell, told_in_prompt, transcript_of
from acp_agent.backends.apple.thread import Stopped
from acp_agent.backends.base import Done, Event, ModelRequest, Notice, TextDelta, Usage

_log = logging.getLogger(__name__)

COUNT_LIMIT = 1.0
"""Seconds that counting the tokens may take; then no usage is told."""
_POLLS, _POLL = 100, 0.01
"""How often, and after how many seconds each, a session is asked whether it has stopped."""

Tell = Callable[[Event], None]


async def write_answer(load: Callable[[], Sdk], request: ModelRequest, tell: Tell) -> None:
    """Tells the events of the answer to ``request``, ``Done`` last.

    Raises:
        AgentError: the model is not to be had, or failed.
        Stopped: ``tell`` did; the model has been stopped.
    """
    sdk = load()
    model = open_model(sdk)
    writer = _Writer(sdk, model, request, tell)
    try:
        done = await writer.write()
    except Stopped:
        raise
    except Exception as error:
        done = writer.ending(error)
    tell(done)


class _Writer:
    """One answer of ``model`` to ``request``; what is told of it so far is ``_said``."""

    def __init__(self, sdk: Sdk, model: LanguageModel, request: ModelRequest, tell: Tell) -> None:
        self._sdk = sdk
        self._model = model
        self._request = request
        self._tell = tell
        self._window = window_of(model)
        self._said: list[str] = []

    async def write(self) -> Done:
        """Tells the answer and its usage; how it ended."""
        session = await self._guided() if self._request.response_schema else await self._plain()
        usage = await self._usage(session)
        if usage is None:
            return Done()
        self._tell(usage)
        limit = self._request.max_tokens
        # The SDK does not tell that the limit cut the answer; its length does.
        return Done("max_tokens" if limit and usage.output_tokens >= limit else "end_turn")

    def ending(self, error: Exception) -> Done:
        """How an answer ends that ``error`` cut off, where that is no failure.

        Raises:
            AgentError: it is one.
        """
        name = faults.name_of(error)
        if why := faults.REFUSALS.get(name):
            self._tell(Notice(why))
            return Done("refusal")
        if name == faults.OVERFLOW and self._said:
            return Done("max_tokens")  # the conversation did fit; the answer filled the rest
        raise faults.translate(error, self._window) from None

    async def _plain(self) -> Session:
        session, prompt = await self._open()
        pieces = Pieces()
        snapshots = session.stream_response(prompt, self._options())
        try:
            async for snapshot in snapshots:
                self._say(pieces.take(snapshot))
        except Stopped:
            await _let_go(session, snapshots)
            raise
        self._say(pieces.finish())
        return session

    async def _guided(self) -> Session:
        """Holds the model to the schema; without it where the SDK cannot use it."""
        session, prompt = await self._open()
        schema = spell_schema(self._request.response_schema or {})
        try:
            content = await session.respond(prompt, json_schema=schema, options=self._options())
        except Exception as error:
            if faults.name_of(error) not in faults.SCHEMA_REFUSED:
                raise
            _log.info("apple-fm-sdk took no schema: %s", error)
            return await self._plain()
        self._say(content.to_json())
        return session

    def _say(self, text: str) -> None:
        if text:
            self._said.append(text)
            self._tell(TextDelta(text))

    def _options(self) -> object:
        return self._sdk.GenerationOptions(
            temperature=self._request.temperature,
            maximum_response_tokens=self._request.max_tokens,
        )

    async def _open(self) -> tuple[Session, str]:
        """A session that knows what was said before, and the prompt for it.

        It gets no tools: ``stream_response`` never returns where a tool is called, as the tool
        would run on the loop that the stream blocks.
        """
        spelled = spell(self._request)
        instructions = spelled.instructions or None
        if not spelled.earlier:
            return self._sdk.LanguageModelSession(instructions, self._model), spelled.prompt
        try:
            transcript = await self._sdk.Transcript.from_dict(transcript_of(spelled))
            session = self._sdk.LanguageModelSession.from_transcript(transcript, self._model)
        except Exception as error:  # its form is Apple's to change
            _log.warning("apple-fm-sdk took no transcript: %s", error)
            session = self._sdk.LanguageModelSession(instructions, self._model)
            return session, told_in_prompt(spelled)
        return session, spelled.prompt

    async def _usage(self, session: Session) -> Usage | None:
        """The tokens of the conversation and of the answer; None where they are not told, as
        before macOS 26.4."""
        text = "".join(self._said)
        try:
            async with asyncio.timeout(COUNT_LIMIT):
                total = await self._model.token_count(session.transcript)
                written = await self._model.token_count(text) if text else 0
        except Exception:  # a count that fails spoils no answer
            return None
        return Usage(total - written, written, self._window) if total >= written else None


async def _let_go(session: Session, snapshots: AsyncGenerator[str, None]) -> None:
    """Stops the model: closing the stream does, and the session tells when it has happened.

    Up to a second; a cancel that arrives meanwhile changes nothing.
    """
    with _collector_paused():
        await snapshots.aclose()
        for _ in range(_POLLS):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(_POLL)
            if not session.is_responding:
                return


@contextmanager
def _collector_paused() -> Generator[None]:
    """Keeps the SDK's callback in memory, which macOS calls once more after the stream is closed.

    The callback is then a cycle that nobody refers to; were it collected, the call would end
    the process.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
