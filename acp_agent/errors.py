"""The one error tree: every failure that may reach the wire, with its code.

Owns the mapping from failure to JSON-RPC error code. Does not own wording for a
particular backend or method; whoever raises writes a sentence with the next step.

Codes: https://agentclientprotocol.com/protocol/v1/error (JSON-RPC 2.0 plus ACP's
-32000 authentication required, -32002 resource not found, -32800 cancelled).
"""

from collections.abc import Mapping
from typing import ClassVar


class AgentError(Exception):
    """A failure whose message is fit for the user to read.

    Args:
        message: a sentence that says what happened and what to do next; it is sent
            to the client as it stands, so it holds no path, key or traceback of ours.
        data: optional machine-readable details (JSON values only).
    """

    code: ClassVar[int] = -32603

    def __init__(self, message: str, *, data: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class ParseError(AgentError):
    """What arrived is not JSON, or not UTF-8, or too long to read."""

    code = -32700


class InvalidRequest(AgentError):
    """Well-formed JSON that is no JSON-RPC request, or a request out of turn."""

    code = -32600


class MethodNotFound(AgentError):
    """A method this agent does not have."""

    code = -32601


class InvalidParams(AgentError):
    """A missing or mistyped parameter; the message names the field."""

    code = -32602


class InternalError(AgentError):
    """Something unforeseen on our side; the details are in the log, not on the wire."""


class ResourceNotFound(AgentError):
    """A session (or, later, a file) that does not exist."""

    code = -32002


class RequestCancelled(AgentError):
    """The request was withdrawn with ``$/cancel_request``."""

    code = -32800


class ConfigError(AgentError):
    """The configuration is not usable; the message names file, key and line."""


class ClientError(AgentError):
    """The client answered a request of ours with an error, or not at all.

    Args:
        reason: the client's own words; empty where it has none.
        refused_with: the JSON-RPC code of its error; None where there was none.
    """

    def __init__(self, message: str, *, reason: str = "", refused_with: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.refused_with = refused_with


class BackendError(AgentError):
    """The model behind a mode failed; the session goes on."""


class BackendUnavailable(BackendError):
    """The server, engine or platform behind a mode is not there."""


class ContextOverflow(BackendError):
    """The conversation does not fit the model's context window."""


class InstallError(BackendError):
    """A model could not be installed: it is not listed, and what arrived waits for a retry.

    Args:
        output: the end of what the tool printed that failed. It may name paths and
            servers of the user's, so it is for the log and the terminal, never the wire.
    """

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class ModelNotInstalled(BackendError):
    """The chosen model is not on this machine.

    Args:
        model: the model's id within the backend.
        title: what installing means in a few words, as ``Install smollm2-135m (92 MB)``;
            None where the backend cannot install it.
    """

    def __init__(self, message: str, *, model: str, title: str | None = None) -> None:
        super().__init__(message, data={"model": model})
        self.model = model
        self.title = title
