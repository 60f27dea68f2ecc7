"""Making room in a model's window: one step, of which the user is told.

Owns when it is time, how much goes, and the step itself. Does not own what goes first
(``turn/elide``) nor the summary's request (``turn/summary``). Each step costs the reading
of a whole prompt, so that it frees at least half of the window; between two steps prompts
only grow.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from acp_agent.backends.base import Event, Notice, Usage
from acp_agent.conversation import Message
from acp_agent.errors import BackendError, BackendUnavailable, ContextOverflow, ModelNotInstalled
from acp_agent.sessions.context import Elision, ModelContext
from acp_agent.sessions.session import Session
from acp_agent.turn.choice import Choice
from acp_agent.turn.context import count_used, estimate_used, open_context
from acp_agent.turn.elide import Room, cost, plan, shorten_old
from acp_agent.turn.output import EventOutput
from acp_agent.turn.summary import explain_no_summary, summarise, summary_size

_ANSWER_SHARE = 4
"""One part in so many of the window is kept free for the answer."""

_LITTLE = 4
"""Where less than one part in so many of the window is used, there is no room to be made."""

_LEFT = 3
"""What the user wants shortened is shortened to one part in so many."""

_NO_SUMMARY = "Nothing was left out: the model gave no summary of older messages. {why}"

_SURELY = 3 / 8
"""An estimate counts three bytes a token; text hardly reaches eight."""


@dataclass(slots=True, frozen=True)
class Compaction:
    """Makes room for one request; ``is_wanted`` where the user asked for it."""

    choice: Choice
    session: Session
    context: ModelContext
    output: EventOutput
    count: Callable[[Event], None]
    is_wanted: bool = False

    async def make_room(self) -> str | None:
        """Frees half of the window if a request would not leave room for its answer.

        Returns what the user is to be told once the request is taken, None for nothing.

        Raises:
            ContextOverflow: the prompt cannot fit, with the figures.
            ModelNotInstalled, BackendUnavailable: the model cannot be asked for a summary, nor
                for anything.
        """
        window = self.window
        if window is None:
            return None
        limit = window - window // _ANSWER_SHARE
        if count_used(self.choice, self.context, self._messages) <= limit:
            return None
        fixed, density = self.context.fixed, self.context.density
        tokens = min((int(limit / density) - fixed) // 2, int(window / density) // 2 - fixed)
        planned = self._plan(tokens)
        self._refuse_hopeless(planned, window)
        return await self._apply(planned)

    async def halve(self) -> str | None:
        """Leaves out half of what is told, after the server refused it; None: it cannot be."""
        planned = self._plan(self._cost(self.context.elision) // 2)
        if planned == self.context.elision:
            return None
        return await self._apply(planned)

    async def shrink(self) -> str:
        """Leaves out most of what is told, no message without a summary; says what.

        Raises:
            BackendError: there is no summary, and nothing is left out.
        """
        tokens = self._cost(self.context.elision) // _LEFT
        planned = self._plan(tokens)
        kept = ""
        if planned.start > self.context.elision.start and not self._is_worth_summary(planned):
            planned = shorten_old(self._messages, self.context.elision, self._room(tokens))
            kept = explain_no_summary(self.window)
        news = await self._apply(planned) or "There is nothing to leave out."
        return f"{news} {kept}".rstrip()

    @property
    def window(self) -> int | None:
        """The model's window, as far as it is known."""
        return self.choice.window or self.context.window

    @property
    def _messages(self) -> list[Message]:
        return self.session.conversation.messages

    @property
    def _with_tools(self) -> bool:
        return self.choice.tools != "none"

    def _cost(self, elision: Elision) -> int:
        return cost(self._messages, elision, with_tools=self._with_tools)

    def _plan(self, tokens: int) -> Elision:
        return plan(self._messages, self.context.elision, self._room(tokens))

    def _room(self, tokens: int) -> Room:
        return Room(tokens, summary_size(self.window), self._with_tools)

    def _refuse_hopeless(self, planned: Elision, window: int) -> None:
        needed = self.context.fixed + self._cost(planned)
        if needed * _SURELY > window:
            raise ContextOverflow(explain_too_long(needed, window, self.choice.label))

    async def _apply(self, planned: Elision) -> str | None:
        before = self.context.elision
        if planned == before:
            return None
        news: str | None = self._describe(before, planned)
        if self._is_worth_summary(planned):
            if not self.is_wanted:  # who asked for it is told when it is done
                await self.output.emit(Notice(news))
                news = None
            planned = replace(planned, summary=await self._summarise(planned.start))
        self.context.elision = planned
        self.context.measured = None
        return news

    def _is_worth_summary(self, planned: Elision) -> bool:
        size = summary_size(self.window)
        if not size or planned.start <= self.context.elision.start:
            return False
        left = replace(planned, summary="")
        return self._cost(self.context.elision) - self._cost(left) > size

    async def _summarise(self, end: int) -> str:
        assert self.window is not None
        rest = self.choice, self.session, self.context, end, self.window
        try:
            return await summarise(*rest, self.output, self.count)
        except (ModelNotInstalled, BackendUnavailable):
            raise
        except BackendError as error:
            if self.is_wanted:
                raise BackendError(_NO_SUMMARY.format(why=error.message)) from error
            text = f"They are left out without a summary. {error.message}"
            await self.output.emit(Notice(text))
            return self.context.elision.summary

    def _describe(self, before: Elision, after: Elision) -> str:
        model = self.choice.label
        why = "" if self.is_wanted else f" do not fit the context window of {model} and"
        if after.start == before.start:
            return f"Older tool outputs of this session{why} are shortened from now on."
        how = "summed up" if self._is_worth_summary(after) else "left out"
        return f"The {after.start} oldest messages of this session{why} are {how} from now on."


def explain_too_long(needed: int, window: int, model: str) -> str:
    """Tells the user that a prompt cannot fit, with the figures in tokens."""
    return (
        f"This prompt needs about {needed:,} tokens, and the context window of {model} holds "
        f"{window:,}. Send less of it, or choose a model with a larger window."
    )


async def compact_now(choice: Choice, session: Session, output: EventOutput) -> str:
    """Makes room because the user wants it (``/compact``); what came of it, in a sentence.

    Raises:
        BackendError: the model cannot be asked, or gave no summary; nothing is left out.
    """
    context = await open_context(choice, session)
    messages = session.conversation.messages
    asked = choice, session, context, output
    compaction = Compaction(*asked, lambda event: None, is_wanted=True)
    before, estimate = (
        count_used(choice, context, messages),
        estimate_used(choice, context, messages),
    )
    window = compaction.window
    size = f" of {window:,}" if window else ""
    in_use = f"About {before:,}{size} tokens are in use."
    if window and before * _LITTLE < window:
        return f"{in_use} Nothing was left out: there is room enough."
    elision = context.elision
    news = await compaction.shrink()
    if context.elision == elision:
        return f"{news} {in_use}"
    # The server counted at most the one before: both are to be by the same measure.
    after = before * estimate_used(choice, context, messages) // max(estimate, 1)
    if window:
        await output.emit(Usage(after, 0, window))
    return f"{news} About {before:,} tokens were in use, now {after:,}{size}."
