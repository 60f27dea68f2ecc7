"""A prompt as one model is told it, made to fit its window.

Owns putting a request together, making room before it and after a refusal, and what is
counted of it. Does not own sending it (``turn/request``, ``turn/panel``), how history is
spelled (``turn/history``), nor how room is made (``turn/compact``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from acp_agent.backends.base import Event, ModelRequest, Usage
from acp_agent.conversation import AssistantMessage, Message, UserMessage, estimate_tokens
from acp_agent.errors import ContextOverflow
from acp_agent.sessions.context import Elision, Measured
from acp_agent.sessions.session import Session
from acp_agent.turn.choice import Choice
from acp_agent.turn.compact import Compaction, explain_too_long
from acp_agent.turn.context import count_used, note_usage, open_context
from acp_agent.turn.elide import elide
from acp_agent.turn.history import as_told
from acp_agent.turn.output import EventOutput

CUTS = 4
"""Times a request that did not fit is cut to half and tried again."""


async def fit_prompt(
    choice: Choice, session: Session, output: EventOutput, count: Callable[[Event], None]
) -> "FittedPrompt":
    """The conversation of ``session`` for ``choice``, as it was told last; ``output`` and
    ``count`` take the events of making room."""
    context = await open_context(choice, session)
    return FittedPrompt(Compaction(choice, session, context, output, count))


@dataclass(slots=True)
class FittedPrompt:
    """The conversation as a model is told it; what is left out of it is kept in the context."""

    compaction: Compaction
    _before: tuple[Elision, Measured | None, str] = field(init=False)

    def __post_init__(self) -> None:
        context = self.compaction.context
        self._before = context.elision, context.measured, context.cut

    @property
    def told(self) -> Elision:
        """What is left out now."""
        return self.compaction.context.elision

    @property
    def news(self) -> list[str]:
        """What the user is to be told once the model takes the request."""
        context = self.compaction.context
        return [*context.news, *([context.cut] if context.cut else [])]

    def note_told(self) -> None:
        """The user was told the news."""
        context = self.compaction.context
        context.news.clear()
        context.cut = ""

    async def make_room(self) -> None:
        """Leaves room for the answer, as ``Compaction.make_room``."""
        context = self.compaction.context
        context.cut = await self.compaction.make_room() or context.cut

    async def shorten(self, overflow: ContextOverflow) -> None:
        """Leaves out half of what is told, after the server refused it with ``overflow``.

        Raises:
            ContextOverflow: nothing can be left out, with the figures.
        """
        context = self.compaction.context
        told = context.elision
        context.cut = await self.compaction.halve() or context.cut
        if context.elision == told:
            raise self._too_long(overflow) from overflow

    def restore(self) -> None:
        """The prompt is refused: what was left out to make room for it is told again."""
        context = self.compaction.context
        context.elision, context.measured, context.cut = self._before

    def build(self, sent: Sequence[Message], session: str) -> ModelRequest:
        """The request for ``sent``, the whole conversation, by which ``session`` is known to
        the backend: its own id, or empty where nothing is to be kept for it."""
        choice, context = self.compaction.choice, self.compaction.context
        messages = elide(sent, context.elision, context.preamble)
        return ModelRequest(
            as_told(messages, with_tools=choice.tools != "none"),
            choice.model,
            prompt=[each.text for each in sent if isinstance(each, UserMessage)][-1],
            session=session,
            instructions=context.instructions,
            tools=context.tools,
            thought_level=choice.level,
            temperature=choice.temperature,
            max_tokens=choice.max_tokens,
            options=choice.options,
        )

    def count(self, usage: Usage, sent: Sequence[Message]) -> Usage:
        """``usage`` of a request with ``sent``, with the window where the server left it out."""
        if usage.context_size is None:
            usage.context_size = self.compaction.window
        note_usage(self.compaction.choice, self.compaction.context, sent, usage)
        return usage

    def estimate(self, sent: Sequence[Message], answer: AssistantMessage) -> Usage | None:
        """What ``sent`` and ``answer`` take of the window by estimate; None where that is
        unknown."""
        window = self.compaction.window
        if window is None:
            return None
        used = count_used(self.compaction.choice, self.compaction.context, sent)
        return Usage(used, estimate_tokens(answer), window)

    def _too_long(self, overflow: ContextOverflow) -> ContextOverflow:
        """``overflow`` of a prompt from which nothing can be left out, with the figures."""
        compaction = self.compaction
        window = compaction.window
        next_step = "Send less of it, or choose a model with a larger window."
        if window is not None and "context_size" not in (overflow.data or {}):
            messages = compaction.session.conversation.messages
            used = count_used(compaction.choice, compaction.context, messages)
            next_step = explain_too_long(used, window, compaction.choice.label)
        return ContextOverflow(
            f"{overflow.message} This prompt alone is too long. {next_step}", data=overflow.data
        )
