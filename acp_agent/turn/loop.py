"""The turn loop: one prompt of the user's, from model request to stop reason.

Owns the request to the backend, cutting it to the window, the offer to install a missing
model, and what stays of a turn that was cut off. Does not own how history is spelled
(``turn/history``), nor the wire, nor any model.
"""

from contextlib import aclosing

import anyio

from acp_agent.backends.base import Backend, Installer, ModelRequest, Notice, StopReason
from acp_agent.conversation import Conversation, Fitted, UserMessage, estimate_tokens, fit
from acp_agent.errors import AgentError, BackendError, ContextOverflow, ModelNotInstalled
from acp_agent.sessions.session import Session
from acp_agent.turn.history import Answer, as_told
from acp_agent.turn.modes import Modes
from acp_agent.turn.output import TurnOutput

_ANSWER_SHARE = 4
"""One part in so many of the window is kept free for the answer."""

_CUTS = 4
"""Times a request that did not fit is cut to half and tried again."""


async def run_turn(
    session: Session, prompt: UserMessage, modes: Modes, output: TurnOutput
) -> StopReason:
    """Answers ``prompt`` in the session's mode.

    Cancelling the caller stops the model; what was shown until then stays in the
    history, marked as interrupted. A prompt that failed with nothing shown leaves
    nothing behind, so that it can be sent again.

    Raises:
        BackendError: the model failed, with what to do; the session goes on.
    """
    await _ready_backend(session, modes)
    conversation = session.conversation
    before = len(conversation.messages)
    conversation.append(prompt)
    answer = Answer()
    try:
        if session.greeting:
            greeting, session.greeting = session.greeting, None
            await output.emit(Notice(greeting))
        await _answer(session, modes, output, answer)
        if answer.stop_reason is None:
            raise BackendError("The model stopped without an end. Send the prompt again.")
    except AgentError:
        if not answer.has_begun:
            del conversation.messages[before:]
        raise
    finally:
        if answer.has_begun:
            conversation.append(answer.message())
        with anyio.CancelScope(shield=True):
            await output.settle()
    if answer.stop_reason == "refusal":
        # A refused prompt and what followed are not part of the next one (ACP, StopReason).
        del conversation.messages[before:]
    elif answer.is_empty:
        await output.emit(_nothing_said(answer))
    return answer.stop_reason


async def _ready_backend(session: Session, modes: Modes) -> Backend:
    if session.mode not in modes.readiness or not modes.readiness[session.mode].ready:
        await modes.refresh(session.mode)
    modes.check(session.mode)
    modes.pin(session)
    return modes.backends[session.mode]


async def _answer(session: Session, modes: Modes, output: TurnOutput, answer: Answer) -> None:
    """One answer, after an installation if need be.

    The mode is looked at anew after each wait: it may be another one by then.
    """
    backend = await _ready_backend(session, modes)
    try:
        await _request(backend, session, modes, output, answer)
    except ModelNotInstalled as missing:
        await _offer_install(backend, missing, output)
        await modes.refresh(session.mode)
        backend = await _ready_backend(session, modes)
        await _request(backend, session, modes, output, answer)


async def _request(
    backend: Backend, session: Session, modes: Modes, output: TurnOutput, answer: Answer
) -> None:
    """One model request; cut further where the server counts more than was estimated."""
    model = modes.model(session)
    if model is None:
        raise BackendError(f"Mode {session.mode} has no model: choose one with the model option.")
    details = modes.model_details(session)
    level = modes.thought_level(session)
    fitted = _fit(session.conversation, details.context_size if details else None)
    for cuts in range(_CUTS + 1):
        request = ModelRequest(
            as_told(fitted.messages),
            model,
            prompt=_last_prompt(fitted),
            session=session.id,
            thought_level=level,
        )
        notice = _cut_notice(fitted.dropped, model) if fitted.dropped else None
        try:
            await _stream(backend, request, notice, output, answer)
            return
        except ContextOverflow as overflow:
            smaller = _cut(session.conversation, fitted)
            if smaller.dropped == fitted.dropped:
                raise _too_long(overflow) from overflow
            if answer.has_begun or cuts == _CUTS:
                raise
            fitted = smaller


async def _stream(
    backend: Backend,
    request: ModelRequest,
    notice: Notice | None,
    output: TurnOutput,
    answer: Answer,
) -> None:
    emit, take = output.emit, answer.take
    async with aclosing(backend.stream(request)) as events:
        async for event in events:
            if notice is not None:
                first, notice = notice, None
                await emit(first)
            take(event)
            await emit(event)


def _fit(conversation: Conversation, context_size: int | None) -> Fitted:
    if context_size is None:
        return Fitted(tuple(conversation.messages), 0)
    return fit(conversation.messages, context_size - context_size // _ANSWER_SHARE)


def _last_prompt(fitted: Fitted) -> str:
    prompts = [message.text for message in fitted.messages if isinstance(message, UserMessage)]
    return prompts[-1]


def _cut(conversation: Conversation, fitted: Fitted) -> Fitted:
    """Half of what ``fitted`` holds, by the same estimate."""
    return fit(conversation.messages, sum(map(estimate_tokens, fitted.messages)) // 2)


def _cut_notice(dropped: int, model: str) -> Notice:
    return Notice(
        f"The {dropped} oldest messages of this session do not fit the context window of "
        f"{model} and were left out of this request."
    )


def _too_long(overflow: ContextOverflow) -> ContextOverflow:
    return ContextOverflow(
        f"{overflow.message} This prompt alone is too long: send less of it, or choose a model "
        "with a larger window.",
        data=overflow.data,
    )


def _nothing_said(answer: Answer) -> Notice:
    if answer.wanted_tools:
        names = ", ".join(answer.wanted_tools)
        return Notice(f"The model asked for the tool {names}, which it does not have here.")
    return Notice("The model said nothing. Send the prompt again, or choose another model.")


async def _offer_install(backend: Backend, missing: ModelNotInstalled, output: TurnOutput) -> None:
    if missing.title is None or not isinstance(backend, Installer):
        raise missing
    if not await output.ask(missing.title, missing.message):
        raise missing
    await backend.install(missing.model, output.emit)
