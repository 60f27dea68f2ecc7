"""One request to a model: which one, with what, cut to its window.

Owns choosing backend, model and level for a turn, fitting the conversation, trying again
with less, and the offer to install a missing model. Does not own the rounds of a turn
(``turn/loop``) nor how history is spelled (``turn/history``).
"""

import json
from contextlib import aclosing
from dataclasses import dataclass

from acp_agent.backends.base import Backend, Installer, Model, ModelRequest, Notice
from acp_agent.conversation import Conversation, Fitted, Tool, UserMessage, estimate_tokens, fit
from acp_agent.errors import BackendError, ContextOverflow, ModelNotInstalled
from acp_agent.sessions.session import Session
from acp_agent.tools.base import Toolbox
from acp_agent.turn.history import Answer, as_told
from acp_agent.turn.modes import Modes
from acp_agent.turn.output import TurnOutput

INSTRUCTIONS = (
    "You are a coding agent in the user's editor. Your tools work in the user's project folder; "
    "paths are relative to it. Look at files before you speak about them. Be brief."
)
"""What models with tools are told first; the same for all sessions, so that they share it."""

_ANSWER_SHARE = 4
"""One part in so many of the window is kept free for the answer."""

_CUTS = 4
"""Times a request that did not fit is cut to half and tried again."""

_BYTES_PER_TOKEN = 3


@dataclass(slots=True, frozen=True)
class Choice:
    """What answers a turn: the same for all its requests."""

    backend: Backend
    model: str
    details: Model | None
    level: str | None

    @property
    def calls_tools(self) -> bool:
        """Whether the model is offered tools."""
        return self.details is not None and self.details.calls_tools


async def choose(session: Session, modes: Modes) -> Choice:
    """What the session's mode offers now.

    Raises:
        BackendUnavailable: the mode is not ready.
        BackendError: it has no model.
    """
    if session.mode not in modes.readiness or not modes.readiness[session.mode].ready:
        await modes.refresh(session.mode)
    modes.check(session.mode)
    modes.pin(session)
    model = modes.model(session)
    if model is None:
        raise BackendError(f"Mode {session.mode} has no model: choose one with the model option.")
    backend = modes.backends[session.mode]
    return Choice(backend, model, modes.model_details(session), modes.thought_level(session))


async def offer_install(choice: Choice, missing: ModelNotInstalled, output: TurnOutput) -> None:
    """Installs the model that is ``missing`` if the user allows it.

    Raises:
        ModelNotInstalled: the user does not, or the backend cannot.
        BackendError: it could not be installed.
    """
    backend = choice.backend
    if missing.title is None or not isinstance(backend, Installer):
        raise missing
    if not await output.ask(missing.title, missing.message):
        raise missing
    await backend.install(missing.model, output.emit, output.ask)


async def request_answer(
    choice: Choice, session: Session, toolbox: Toolbox, output: TurnOutput, answer: Answer
) -> None:
    """One model request; cut further where the server counts more than was estimated."""
    tools = toolbox.tools if choice.calls_tools else ()
    instructions = INSTRUCTIONS if tools else ""
    told_from = session.told_from.get((choice.backend.id, choice.model), 0)
    fitted = _fit(session.conversation, choice.details, _cost(instructions, tools), told_from)
    for cuts in range(_CUTS + 1):
        is_new = fitted.dropped > told_from
        told_from = session.told_from[choice.backend.id, choice.model] = fitted.dropped
        request = ModelRequest(
            as_told(fitted.messages, with_tools=choice.calls_tools),
            choice.model,
            prompt=_last_prompt(fitted),
            session=session.id,
            instructions=instructions,
            tools=tools,
            thought_level=choice.level,
        )
        notice = _cut_notice(fitted.dropped, choice.model) if is_new else None
        try:
            await _stream(choice.backend, request, notice, output, answer)
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
    async with aclosing(backend.stream(request)) as events:
        async for event in events:
            if notice is not None:
                first, notice = notice, None
                await output.emit(first)
            answer.take(event)
            await output.emit(event)


def _cost(instructions: str, tools: tuple[Tool, ...]) -> int:
    """An upper-side estimate of the tokens that stand before the messages."""
    size = len(instructions.encode())
    for tool in tools:
        size += len(tool.name) + len(tool.description.encode())
        size += len(json.dumps(dict(tool.parameters)))
    return size // _BYTES_PER_TOKEN


def _fit(conversation: Conversation, details: Model | None, cost: int, told_from: int) -> Fitted:
    """The messages from ``told_from`` on, or where those do not fit, half of what would.

    So the beginning stays the same for many requests, and with it what backends keep.
    """
    size = details.context_size if details else None
    whole = Fitted(tuple(conversation.messages[told_from:]), told_from)
    if size is None:
        return whole
    budget = size - size // _ANSWER_SHARE - cost
    if sum(map(estimate_tokens, whole.messages)) <= budget:
        return whole
    return fit(conversation.messages, budget // 2)


def _last_prompt(fitted: Fitted) -> str:
    prompts = [message.text for message in fitted.messages if isinstance(message, UserMessage)]
    return prompts[-1]


def _cut(conversation: Conversation, fitted: Fitted) -> Fitted:
    """Half of what ``fitted`` holds, by the same estimate."""
    return fit(conversation.messages, sum(map(estimate_tokens, fitted.messages)) // 2)


def _cut_notice(dropped: int, model: str) -> Notice:
    return Notice(
        f"The {dropped} oldest messages of this session do not fit the context window of "
        f"{model.rpartition('/')[2]} and are left out from now on."
    )


def _too_long(overflow: ContextOverflow) -> ContextOverflow:
    return ContextOverflow(
        f"{overflow.message} This prompt alone is too long: send less of it, or choose a model "
        "with a larger window.",
        data=overflow.data,
    )
