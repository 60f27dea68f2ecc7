"""The turn loop: one prompt of the user's, from model request to stop reason.

Owns the request to the backend, the history it leaves behind (also after a cancel or an
error) and the offer to install a missing model. Does not own the wire, nor any model.
"""

from contextlib import aclosing
from dataclasses import replace

import anyio

from acp_agent.backends.base import (
    Backend,
    Done,
    Event,
    Installer,
    ModelRequest,
    Notice,
    StopReason,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
)
from acp_agent.conversation import (
    AssistantMessage,
    Conversation,
    Fitted,
    Message,
    ToolCall,
    UserMessage,
    fit,
)
from acp_agent.errors import BackendError, ModelNotInstalled
from acp_agent.sessions.session import Session
from acp_agent.turn.modes import Modes
from acp_agent.turn.output import TurnOutput

_ANSWER_SHARE = 4
"""One part in so many of the window is kept free for the answer."""


class _Answer:
    """Gathers what the model says, for the history."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._thought: list[str] = []
        self._calls: list[ToolCall] = []
        self.stop_reason: StopReason | None = None

    def take(self, event: Event) -> None:
        if type(event) is TextDelta:
            self._text.append(event.text)
        elif type(event) is ThoughtDelta:
            self._thought.append(event.text)
        elif isinstance(event, ToolCallRequested):
            self._calls.append(event.call)
        elif isinstance(event, Done):
            self.stop_reason = event.stop_reason

    def message(self) -> AssistantMessage:
        return AssistantMessage(
            "".join(self._text),
            "".join(self._thought),
            tuple(self._calls),
            interrupted=self.stop_reason is None,
        )


async def run_turn(
    session: Session, prompt: UserMessage, modes: Modes, output: TurnOutput
) -> StopReason:
    """Answers ``prompt`` in the session's mode.

    Cancelling the caller stops the model; what was shown until then stays in the
    history, marked as interrupted.

    Raises:
        BackendError: the model failed, with what to do; the session goes on.
    """
    backend = await _ready_backend(session, modes)
    conversation = session.conversation
    before = len(conversation.messages)
    conversation.append(prompt)
    answer = _Answer()
    try:
        if session.greeting:
            greeting, session.greeting = session.greeting, None
            await output.emit(Notice(greeting))
            backend = await _ready_backend(session, modes)
        try:
            await _answer(backend, session, modes, output, answer)
        except ModelNotInstalled as missing:
            await _offer_install(backend, missing, output)
            # Asking takes as long as the user does; the mode may be another one by now.
            await modes.refresh(session.mode)
            backend = await _ready_backend(session, modes)
            await _answer(backend, session, modes, output, answer)
        if answer.stop_reason is None:
            raise BackendError("The model stopped without an end. Send the prompt again.")
    finally:
        conversation.append(answer.message())
        with anyio.CancelScope(shield=True):
            await output.settle()
    if answer.stop_reason == "refusal":
        # A refused prompt and what followed are not part of the next one (ACP, StopReason).
        del conversation.messages[before:]
    return answer.stop_reason


async def _ready_backend(session: Session, modes: Modes) -> Backend:
    if session.mode not in modes.readiness or not modes.readiness[session.mode].ready:
        await modes.refresh(session.mode)
    modes.check(session.mode)
    return modes.backends[session.mode]


async def _answer(
    backend: Backend, session: Session, modes: Modes, output: TurnOutput, answer: _Answer
) -> None:
    model = modes.model(session)
    if model is None:
        raise BackendError(f"Mode {session.mode} has no model: choose one with the model option.")
    details = modes.model_details(session)
    fitted = _fit(session.conversation, details.context_size if details else None)
    request = ModelRequest(
        tuple(_as_told(message) for message in fitted.messages),
        model,
        session=session.id,
        thought_level=modes.thought_level(session),
    )
    if fitted.dropped:
        await output.emit(_cut_notice(fitted.dropped, model))
    emit, take = output.emit, answer.take
    async with aclosing(backend.stream(request)) as events:
        async for event in events:
            take(event)
            await emit(event)


def _fit(conversation: Conversation, context_size: int | None) -> Fitted:
    if context_size is None:
        return Fitted(tuple(conversation.messages), 0)
    return fit(conversation.messages, context_size - context_size // _ANSWER_SHARE)


def _cut_notice(dropped: int, model: str) -> Notice:
    return Notice(
        f"The {dropped} oldest messages of this session do not fit the context window of "
        f"{model} and were left out of this request."
    )


def _as_told(message: Message) -> Message:
    """``message`` as the next model is told it: no thoughts, interruptions said in words."""
    if not isinstance(message, AssistantMessage):
        return message
    if not message.interrupted:
        return replace(message, thought="")
    said = f"{message.text}\n\n" if message.text else ""
    return AssistantMessage(f"{said}[This answer was interrupted here.]")


async def _offer_install(backend: Backend, missing: ModelNotInstalled, output: TurnOutput) -> None:
    if missing.title is None or not isinstance(backend, Installer):
        raise missing
    if not await output.ask(missing.title, missing.message):
        raise missing
    await backend.install(missing.model, output.emit)
