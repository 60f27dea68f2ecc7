"""Checks that what the agent sends is what the official SDK's models say.

Owns the check of one message, and telling notices from answers. Every message that a test
of ours sees on the wire goes through it. A message that the models would change on the way
through (unknown fields, values that they replace by a default) is a failure as well.
"""

from typing import Any

import acp.schema
from pydantic import BaseModel

Json = Any

RESULTS: dict[str, type[BaseModel]] = {
    "initialize": acp.schema.InitializeResponse,
    "authenticate": acp.schema.AuthenticateResponse,
    "session/new": acp.schema.NewSessionResponse,
    "session/set_mode": acp.schema.SetSessionModeResponse,
    "session/set_config_option": acp.schema.SetSessionConfigOptionResponse,
    "session/prompt": acp.schema.PromptResponse,
    "session/close": acp.schema.CloseSessionResponse,
}
REQUESTS: dict[str, type[BaseModel]] = {
    "session/request_permission": acp.schema.RequestPermissionRequest,
    "elicitation/create": acp.schema.CreateFormSessionElicitationRequest,
    "fs/read_text_file": acp.schema.ReadTextFileRequest,
    "fs/write_text_file": acp.schema.WriteTextFileRequest,
    "terminal/create": acp.schema.CreateTerminalRequest,
    "terminal/kill": acp.schema.KillTerminalRequest,
    "terminal/output": acp.schema.TerminalOutputRequest,
    "terminal/release": acp.schema.ReleaseTerminalRequest,
    "terminal/wait_for_exit": acp.schema.WaitForTerminalExitRequest,
}
NOTIFICATIONS: dict[str, type[BaseModel]] = {
    "session/update": acp.schema.SessionNotification,
    "$/cancel_request": acp.schema.CancelRequestNotification,
}


def check_message(message: dict[str, Json], method: str | None = None) -> None:
    """Fails unless ``message`` is a message that an agent may send.

    Args:
        method: of the request that a response answers; None where it answers none.
    """
    assert message["jsonrpc"] == "2.0"
    if "method" in message:
        _check_call(message)
    elif "error" in message:
        assert set(message) == {"jsonrpc", "id", "error"}
        _check(acp.schema.Error, message["error"])
        assert message["error"]["message"]
    else:
        assert set(message) == {"jsonrpc", "id", "result"}
        assert method is not None, f"a result for no request of ours: {message}"
        _check(RESULTS[method], message["result"])


def is_notice(update: dict[str, Json]) -> bool:
    """Whether a session update is a sentence of the agent's own, and no model's."""
    return "notice" in update.get("_meta", {}).get("acp-agent", {})


def _check_call(message: dict[str, Json]) -> None:
    models = REQUESTS if "id" in message else NOTIFICATIONS
    assert set(message) == {"jsonrpc", "method", "params"} | ({"id"} & set(message))
    _check(models[message["method"]], message["params"])


def _check(model: type[BaseModel], value: Json) -> None:
    read = model.model_validate(value)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == value
