"""A summary of what a model will no longer be told, by the model itself.

Owns the one request that asks for it and its bounds. Does not own when it is asked for, nor
what is left out (``turn/compact``).
"""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from acp_agent.backends.base import Event, ModelRequest, Notice, Progress, TextDelta, Usage
from acp_agent.conversation import Message, UserMessage, estimate_text, text_of
from acp_agent.errors import BackendError
from acp_agent.sessions.context import ModelContext
from acp_agent.sessions.session import Session
from acp_agent.turn.choice import Choice, open_stream
from acp_agent.turn.elide import Room, cost, elide, plan
from acp_agent.turn.history import as_told
from acp_agent.turn.output import EventOutput

SMALLEST_WINDOW = 4096
"""Tokens below which a summary would cost more than it is worth."""

_SHARE = 16
"""One part in so many of the window is what a summary may take."""

_MOST = 1024
_ROOM_TO_THINK = 1024

_ASK = (
    "Sum up our conversation so far for yourself: you will not see it again. Call no tool. In at "
    "most {words} words and plain text: what the user wants, what was found (files, names, "
    "facts), what was changed, what was decided, what failed, what is still to do."
)
_INTRODUCTION = "[What was said and done before, summed up to save room:]"
_STEP = Progress("compaction", "Summing up the conversation")
_STEP_DONE = replace(_STEP, finished=True)


def summary_size(window: int | None) -> int:
    """The tokens that a summary may take; 0 where none is to be made."""
    if window is None or window < SMALLEST_WINDOW:
        return 0
    return min(window // _SHARE, _MOST)


def explain_no_summary(window: int | None) -> str:
    """Why older messages are not summed up, empty where they can be."""
    if window is None:
        return (
            "Older messages stay: the model's context window is not known, so that there can be "
            "no summary of them."
        )
    if window < SMALLEST_WINDOW:
        return f"Older messages stay: a window of {window:,} tokens is too small for a summary."
    return ""


async def summarise(
    choice: Choice,
    session: Session,
    context: ModelContext,
    end: int,
    window: int,
    output: EventOutput,
    count: Callable[[Event], None],
) -> str:
    """A summary of the conversation before the message ``end``, as it is to be told.

    The request begins as the ones before it did, so that what backends keep is used. Its
    figures go to the user and to ``count``. Cancelling stops the model.

    Raises:
        BackendError: the model failed, or said nothing.
    """
    size = summary_size(window)
    request = _request(choice, session, context, end, window)
    await output.emit(_STEP)
    text: list[str] = []
    try:
        async with aclosing(open_stream(choice, request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    text.append(event.text)
                if isinstance(event, Usage):
                    event.context_size = event.context_size or window
                if isinstance(event, Usage | Progress | Notice):
                    count(event)
                    await output.emit(event)
    except BackendError:
        await output.emit(_STEP_DONE)
        raise
    await output.emit(_STEP_DONE)
    summary = _cut("".join(text).strip(), text_of(size) - len(_INTRODUCTION))
    if not summary:
        raise BackendError("The model said nothing.")
    return f"{_INTRODUCTION}\n{summary}"


def _request(
    choice: Choice, session: Session, context: ModelContext, end: int, window: int
) -> ModelRequest:
    size = summary_size(window)
    ask = _ASK.format(words=size // 2)
    limit = size + (_ROOM_TO_THINK if choice.level is not None else 0)
    spare = window - limit - estimate_text(ask)
    messages = _fit(session.conversation.messages[:end], choice, context, spare)
    with_tools = choice.tools != "none"
    return ModelRequest(
        as_told([*messages, UserMessage(ask)], with_tools=with_tools),
        choice.model,
        prompt=ask,
        session=session.id,
        instructions=context.instructions,
        tools=context.tools,
        thought_level=choice.level,
        max_tokens=limit,
    )


def _fit(
    messages: Sequence[Message], choice: Choice, context: ModelContext, spare: int
) -> list[Message]:
    """``messages`` as the model was told them; less where that does not fit into ``spare``."""
    with_tools = choice.tools != "none"
    elision, measured = context.elision, context.measured
    if measured is not None and len(messages) <= measured.count:
        total = measured.tokens
    else:
        total = int(
            (context.fixed + cost(messages, elision, with_tools=with_tools)) * context.density
        )
    if total > spare:
        tokens = int(spare / context.density) - context.fixed
        elision = plan(messages, elision, Room(tokens // 2, with_tools=with_tools))
    return elide(messages, elision, context.preamble)


def _cut(text: str, size: int) -> str:
    """``text`` in at most ``size`` bytes."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= size else data[:size].decode("utf-8", "ignore").rstrip() + " ..."
