"""Session modes and configuration options as ACP shows them; pure.

Owns the option ids and what the editor may choose from. Does not own what is ready
(``turn/modes``) nor the session's choices.

Source: https://agentclientprotocol.com/protocol/v1/session-config-options
"""

from collections.abc import Mapping
from typing import Final, TypeVar

from acp_agent.backends.base import Readiness
from acp_agent.errors import InvalidParams
from acp_agent.protocol.wire.options import (
    SessionConfigOption,
    SessionConfigOptionCategory,
    SessionConfigSelect,
    SessionConfigSelectOption,
    SessionMode,
    SessionModeState,
)
from acp_agent.sessions.session import Delegation, Session
from acp_agent.tools.actions import PermissionMode
from acp_agent.turn.modes import Modes

ValueT = TypeVar("ValueT", bound=str)

MODE: Final = "mode"
MODEL: Final = "model"
THOUGHT_LEVEL: Final = "thought_level"
PERMISSIONS: Final = "permissions"
DELEGATION: Final = "delegation"

_AUTO: Final = "auto"
"""The mode in which a small model delegates to a larger one."""

_PERMISSION_MODES: Final[Mapping[PermissionMode, tuple[str, str]]] = {
    "ask": ("Ask", "Reading in the project is free; edits, commands and fetches ask"),
    "accept_edits": ("Accept edits", "Edits in the project are free too; the rest asks"),
    "read_only": ("Read only", "Nothing is changed, run or fetched"),
    "full": ("Full", "Nothing asks, but for what is never free"),
}

_DELEGATIONS: Final[Mapping[Delegation, tuple[str, str]]] = {
    "eager": ("Eager", "The larger model answers unless a prompt is plainly light"),
    "balanced": ("Balanced", "The larger model answers what looks heavy"),
    "frugal": ("Frugal", "The larger model answers only what is plainly heavy"),
}


def mode_state(modes: Modes, session: Session) -> SessionModeState:
    """The ``modes`` of a session response."""
    available = [
        SessionMode(id=mode, name=listed.name, description=_describe(modes, mode))
        for mode, listed in modes.listing.items()
    ]
    return SessionModeState(current_mode_id=session.mode, available_modes=available)


def config_options(modes: Modes, session: Session) -> list[SessionConfigOption]:
    """All options with their values, the most important first."""
    options: list[SessionConfigOption] = [_mode_option(modes, session)]
    if (model := _model_option(modes, session)) is not None:
        options.append(model)
    if (level := _thought_option(modes, session)) is not None:
        options.append(level)
    if session.mode == _AUTO:
        options.append(_delegation_option(session))
    options += _model_options(modes, session)
    options.append(_permissions_option(session))
    return options


def check_choice(modes: Modes, session: Session, option_id: str, value: object) -> str:
    """``value`` if option ``option_id`` offers it in this session.

    Raises:
        InvalidParams: no such option, or no such value; the message lists what there is.
    """
    options = {option.id: option for option in config_options(modes, session)}
    option = options.get(option_id)
    if not isinstance(option, SessionConfigSelect):
        raise InvalidParams(
            f"params.configId: there is no option {option_id!r} here; "
            f"there is {', '.join(options)}."
        )
    values = [
        choice.value for choice in option.options if isinstance(choice, SessionConfigSelectOption)
    ]
    if not isinstance(value, str) or value not in values:
        raise InvalidParams(
            f"params.value: {option_id} cannot be {value!r}; choose one of {', '.join(values)}."
        )
    return value


def permission_mode(value: str) -> PermissionMode:
    """The value of the option ``permissions`` as sessions keep it.

    Raises:
        InvalidParams: there is no such value.
    """
    return _known(PERMISSIONS, value, _PERMISSION_MODES)


def delegation(value: str) -> Delegation:
    """The value of the option ``delegation`` as sessions keep it.

    Raises:
        InvalidParams: there is no such value.
    """
    return _known(DELEGATION, value, _DELEGATIONS)


def _known(option: str, value: str, choices: Mapping[ValueT, object]) -> ValueT:
    for choice in choices:
        if choice == value:
            return choice
    raise InvalidParams(
        f"params.value: {option} cannot be {value!r}; choose one of {', '.join(choices)}."
    )


def _describe(modes: Modes, mode: str) -> str:
    listed, state = modes.listing[mode], modes.readiness.get(mode, Readiness(True))
    if not state.ready:
        return f"Not ready: {state.reason}"
    about = listed.description.rstrip(".")
    return f"{about}. {state.reason}" if state.reason else about


def _mode_option(modes: Modes, session: Session) -> SessionConfigSelect:
    choices = [
        _choice(mode, listed.name, _describe(modes, mode)) for mode, listed in modes.listing.items()
    ]
    return _select(MODE, "Mode", "Which of your models answers", session.mode, choices, "mode")


def _model_option(modes: Modes, session: Session) -> SessionConfigSelect | None:
    current = modes.model(session)
    if current is None:
        return None
    models = modes.models(session)
    choices = [_choice(model.id, model.name, model.description) for model in models]
    if all(model.id != current for model in models):
        is_missing = not modes.readiness[session.mode].installed
        about = "Not installed yet" if is_missing else "Not there now"
        choices.append(_choice(current, current, about))
    return _select(MODEL, "Model", "The model of this mode", current, choices, "model")


def _thought_option(modes: Modes, session: Session) -> SessionConfigSelect | None:
    details, current = modes.model_details(session), modes.thought_level(session)
    if details is None or current is None:
        return None
    choices = [_choice(level, level.capitalize(), "") for level in details.thought_levels]
    about = "How much the model thinks first"
    return _select(THOUGHT_LEVEL, "Thinking", about, current, choices, "thought_level")


def _model_options(modes: Modes, session: Session) -> list[SessionConfigSelect]:
    offered = modes.options(session)
    values = modes.option_values(session, session.mode, offered)
    return [
        _select(
            each.id,
            each.name,
            each.description,
            values[each.id],
            [_choice(value, label, "") for value, label in each.values.items()],
            "model_config",
        )
        for each in offered
    ]


def _delegation_option(session: Session) -> SessionConfigSelect:
    choices = [_choice(value, *words) for value, words in _DELEGATIONS.items()]
    about = "How readily the larger model answers"
    return _select(DELEGATION, "Delegation", about, session.delegation, choices)


def _permissions_option(session: Session) -> SessionConfigSelect:
    choices = [_choice(mode, *words) for mode, words in _PERMISSION_MODES.items()]
    about = "What tools may do without asking"
    return _select(PERMISSIONS, "Permissions", about, session.permissions, choices)


def _select(
    id: str,
    name: str,
    description: str,
    value: str,
    choices: list[SessionConfigSelectOption],
    category: SessionConfigOptionCategory | None = None,
) -> SessionConfigSelect:
    return SessionConfigSelect(
        id=id,
        name=name,
        description=description,
        category=category,
        current_value=value,
        options=choices,
    )


def _choice(value: str, name: str, description: str) -> SessionConfigSelectOption:
    return SessionConfigSelectOption(value=value, name=name, description=description or None)
