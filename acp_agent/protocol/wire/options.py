"""Session modes and session options, and the requests that set them.

Owns the types of https://agentclientprotocol.com/protocol/v1/session-modes and
https://agentclientprotocol.com/protocol/v1/session-config-options.
"""

from typing import Annotated, Literal

from acp_agent.protocol.wire.base import Items, Lenient, OneOf, Open, Saying, WireModel

SessionConfigOptionCategory = Literal["mode", "model", "model_config", "thought_level"]


class SessionMode(WireModel):
    """A mode on offer."""

    id: str
    name: str
    description: Lenient[str | None] = None


class SessionModeState(WireModel):
    """The mode in force and those on offer."""

    current_mode_id: str
    available_modes: Items[SessionMode]


class SessionConfigSelectOption(WireModel):
    """A value of a ``select`` option."""

    value: str
    name: str
    description: Lenient[str | None] = None


class SessionConfigSelectGroup(WireModel):
    """Values of a ``select`` option under one heading."""

    group: str
    name: str
    options: Items[SessionConfigSelectOption]


class _ConfigOption(WireModel):
    id: str
    name: str
    description: Lenient[str | None] = None
    category: Lenient[Open[SessionConfigOptionCategory] | None] = None


class SessionConfigSelect(_ConfigOption):
    """An option with one value out of several."""

    type: Literal["select"] = "select"
    current_value: str
    options: list[SessionConfigSelectOption] | list[SessionConfigSelectGroup]


class SessionConfigBoolean(_ConfigOption):
    """An option that is on or off."""

    type: Literal["boolean"] = "boolean"
    current_value: bool


SessionConfigOption = Annotated[SessionConfigSelect | SessionConfigBoolean, OneOf("type")]


class SetSessionModeRequest(WireModel):
    """Asks for a mode of ``SessionModeState.available_modes``."""

    session_id: str
    mode_id: str


class SetSessionModeResponse(WireModel):
    """The mode is in force."""


class SetSessionConfigOptionRequest(WireModel):
    """Asks for a value of an option: a bool (``type`` is ``boolean``) or a value's id.

    A value that does not suit the option is for the handler to refuse.
    """

    session_id: str
    config_id: str
    value: Annotated[bool | str, Saying("must be true, false or a string")]
    type: Lenient[Open[Literal["boolean"]] | None] = None


class SetSessionConfigOptionResponse(WireModel):
    """All options as they are now: setting one may change others."""

    config_options: Items[SessionConfigOption]
