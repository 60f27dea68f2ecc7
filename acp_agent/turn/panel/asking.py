"""One candidate of a panel: asked, and gathered as it answers.

Owns the one request without tools, its bounds, and the prompt that all samples of a model
share. Does not own who is asked (``candidates``), the deadline and the vote (``turn``), nor
putting a request together (``turn/fitted``).
"""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import anyio

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    Notice,
    Progress,
    StopReason,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    Usage,
)
from acp_agent.config.panel_settings import PanelSettings
from acp_agent.conversation import AssistantMessage, estimate_tokens
from acp_agent.errors import BackendError, ContextOverflow
from acp_agent.sessions.context import Elision
from acp_agent.sessions.session import Session
from acp_agent.turn.choice import Choice, choose, open_stream, without_tools
from acp_agent.turn.fitted import CUTS, FittedPrompt, fit_prompt
from acp_agent.turn.modes import Modes, Seat
from acp_agent.turn.output import TurnOutput
from acp_agent.turn.panel.candidates import PanelCandidate
from acp_agent.turn.panel.record import CandidateRecord
from acp_agent.turn.panel.shown import Board, describe_progress

ANSWER_SIZE = 256 * 1024
"""Characters of one candidate's answer; a longer one is given up."""
_EVERY = 64
"""Pieces of an answer between two words on how long it is."""

_TOO_LONG = f"Its answer is longer than {ANSWER_SIZE:,} characters."
_NO_END = "It stopped without an end."
_STRAY = "It only asked for a tool, and a panel has none."
_NO_ROOM = "It reached its limit of tokens before it came to an answer (panel.max_tokens)."
_SILENT = "It said nothing."


@dataclass(slots=True)
class SharedPrompt:
    """The prompt as all candidates with ``seat`` are told it: made to fit once.

    ``count`` takes the figures of making room.
    """

    session: Session
    modes: Modes
    seat: Seat
    settings: PanelSettings
    board: Board
    count: Callable[[Event], None]
    names: list[str] = field(default_factory=list[str])
    choice: Choice | None = None
    _fitted: FittedPrompt | None = None
    _is_taken: bool = False
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def open(self) -> tuple[Choice, ModelRequest, Elision]:
        """Who is asked and with what, and what is left out of it.

        Raises:
            BackendError: it cannot be asked now.
            ContextOverflow: the prompt cannot fit.
        """
        async with self._lock:
            if self.choice is None:
                self.choice = self._as_candidate(await choose(self.session, self.modes, self.seat))
            if self._fitted is None:
                fitted = await fit_prompt(self.choice, self.session, self, self._count)
                await fitted.make_room()
                self._fitted = fitted
            sent = self.session.conversation.messages
            # No session: samples must not take over the line that a cache keeps for it.
            return self.choice, self._fitted.build(sent, session=""), self._fitted.told

    async def shorten(self, told: Elision, overflow: ContextOverflow) -> None:
        """Leaves more out, unless another candidate has done so since ``told``.

        Raises:
            ContextOverflow: nothing can be left out.
        """
        async with self._lock:
            if self._fitted is not None and self._fitted.told == told:
                await self._fitted.shorten(overflow)

    def tell_news(self) -> None:
        """Tells the user what is left out, now that the model takes it."""
        self._is_taken = True
        if self._fitted is not None:
            for text in self._fitted.news:
                self.board.notify(text)
            self._fitted.note_told()

    def restore_untaken(self) -> None:
        """If no candidate took the prompt, what was left out for it is told again."""
        if self._fitted is not None and not self._is_taken:
            self._fitted.restore()

    def note_answer(self, usage: Usage, answer: AssistantMessage, *, is_own: bool) -> None:
        """Keeps what the server counted; ``answer`` goes into the history, whether it is
        this model's own or another's."""
        if self._fitted is None:
            return
        if not is_own:
            usage = replace(usage, output_tokens=estimate_tokens(answer))
        self._fitted.count(usage, self.session.conversation.messages)

    def estimate(self, answer: AssistantMessage) -> Usage | None:
        """What is used of the window where the server does not tell."""
        if self._fitted is None:
            return None
        return self._fitted.estimate(self.session.conversation.messages, answer)

    async def emit(self, event: Event) -> None:
        """Takes the events of making room. Implements ``turn.output.EventOutput``."""
        if isinstance(event, Notice):
            self.board.notify(event.text)
        elif isinstance(event, Progress) and not event.finished:
            for name in self.names:
                self.board.tell(name, describe_progress(event))

    def _count(self, event: Event) -> None:
        if isinstance(event, Usage):
            self.count(event)

    def _as_candidate(self, choice: Choice) -> Choice:
        return replace(
            without_tools(choice),
            temperature=self.settings.temperature,
            max_tokens=self.settings.max_tokens,
        )


@dataclass(slots=True)
class Asked:
    """A candidate that is asked: what it has said so far, and what came of it.

    ``output`` is where its answer goes if it wins.
    """

    candidate: PanelCandidate
    record: CandidateRecord
    prompt: SharedPrompt
    board: Board
    output: TurnOutput
    pieces: list[str] = field(default_factory=list[str])
    size: int = 0
    thought: int = 0
    events: int = 0
    strays: int = 0
    read: int | None = None
    usage: Usage | None = None
    stop_reason: StopReason | None = None

    @property
    def text(self) -> str:
        """The answer."""
        return "".join(self.pieces)

    @property
    def figures(self) -> Usage | None:
        """What it used, as far as that is known; of one that was cut off what was read."""
        if self.usage is None and self.read is not None:
            return Usage(self.read, 0)
        return self.usage

    async def ask(self) -> None:
        """Asks it, with less while the prompt does not fit.

        Raises:
            BackendError: it failed.
        """
        for cuts in range(CUTS + 1):
            choice, request, told = await self.prompt.open()
            try:
                await self._gather(choice, request)
                return
            except ContextOverflow as overflow:
                if self.pieces or self.thought or cuts == CUTS:
                    raise
                await self.prompt.shorten(told, overflow)

    def explain_empty(self) -> str:
        """Why there is no text, where there is none; else empty."""
        if self.text.strip():
            return ""
        if self.strays:
            return _STRAY
        return _NO_ROOM if self.stop_reason == "max_tokens" else _SILENT

    async def _gather(self, choice: Choice, request: ModelRequest) -> None:
        self.events = 0
        async with aclosing(open_stream(choice, request)) as events:
            async for event in events:
                self._take(event)
        if self.stop_reason is None:
            raise BackendError(_NO_END)

    def _take(self, event: Event) -> None:
        """Notes ``event``; never waits. Calls of tools are ignored: there are none."""
        if not self.events:
            self.prompt.tell_news()
        self.events += 1
        match event:
            case TextDelta():
                self._take_text(event.text)
            case ThoughtDelta():
                self.thought += len(event.text)
                self._tell_every(f"Thinking: {self.thought:,} characters so far.")
            case Progress() if not event.finished:
                if event.unit == "tokens":
                    self.read = event.total
                self.board.tell(self.candidate.name, describe_progress(event))
            case Usage():
                self.usage = event
            case Notice():
                self.board.notify(event.text)
            case ToolCallRequested():
                self.strays += 1
            case Done():
                self.stop_reason = event.stop_reason
            case _:
                return

    def _take_text(self, text: str) -> None:
        self.size += len(text)
        if self.size > ANSWER_SIZE:
            raise BackendError(_TOO_LONG)
        if not self.pieces:
            self.board.tell(self.candidate.name, "Answering.")
        self.pieces.append(text)
        self._tell_every(f"Answering: {self.size:,} characters so far.")

    def _tell_every(self, text: str) -> None:
        if self.events % _EVERY == 0:
            self.board.tell(self.candidate.name, text)
