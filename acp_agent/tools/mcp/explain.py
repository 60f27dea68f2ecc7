"""Why a server cannot be used, in a sentence; pure.

Owns the translation of the libraries' exceptions. What they say of addresses, headers and
environments goes nowhere.
"""

from collections.abc import Iterator
from typing import cast

import httpx2
from mcp import MCPError
from mcp.types import CONNECTION_CLOSED
from pydantic import ValidationError

from acp_agent.tools.mcp.configured import ServerConfig, StdioServer
from acp_agent.tools.mcp.definitions import shorten

ANSWER_LIMIT = 500
"""Characters of what a server says of an error."""
_LOG = "acp-agent's log has what it wrote"


def explain_start(server: ServerConfig, error: BaseException, refused: int | None) -> str:
    """Why ``server`` did not start. ``refused`` is the HTTP status it answered with."""
    return f"The MCP server {server.name!r} {_explain(server, error, refused)}."


def _explain(server: ServerConfig, error: BaseException, refused: int | None) -> str:
    causes = list(_causes(error))
    if isinstance(server, StdioServer):
        return _explain_process(server, causes)
    if refused in (401, 403):
        return (
            f"wants a login (HTTP status {refused}): give it a token among its headers in the "
            "editor's settings"
        )
    if refused is not None:
        return f"answers with HTTP status {refused}: check its address in the editor's settings"
    if any(isinstance(each, httpx2.InvalidURL | httpx2.UnsupportedProtocol) for each in causes):
        return "has no valid address in the editor's settings"
    if any(isinstance(each, httpx2.LocalProtocolError | UnicodeEncodeError) for each in causes):
        return "has headers in the editor's settings that HTTP cannot carry"
    if any(isinstance(each, httpx2.TransportError) for each in causes):
        return "cannot be reached: check that it runs, and its address in the editor's settings"
    return _explain_answer(causes)


def _explain_process(server: StdioServer, causes: list[BaseException]) -> str:
    if not server.command:
        return "could not be started: the editor's settings name no program"
    for each in causes:
        if isinstance(each, FileNotFoundError):
            return f"could not be started: {_explain_missing(server, each)}"
        if isinstance(each, ValueError) and not isinstance(each, ValidationError):
            return (
                "could not be started: its command, arguments or environment in the editor's "
                "settings hold characters that none may have"
            )
        if isinstance(each, OSError):
            return f"could not be started: {(each.strerror or 'an error').lower()}"
        if isinstance(each, MCPError) and each.error.code == CONNECTION_CLOSED:
            return f"ended before it was ready; {_LOG}"
    return _explain_answer(causes)


def _explain_missing(server: StdioServer, error: FileNotFoundError) -> str:
    # Of a process, either the program is missing or the folder that it is to start in.
    if error.filename is not None and str(error.filename) != server.command:
        return "the session's folder does not exist"
    return f"there is no program {server.command!r}"


def _explain_answer(causes: list[BaseException]) -> str:
    for each in causes:
        if isinstance(each, MCPError):
            return f"refused to start: {shorten(each.error.message, ANSWER_LIMIT)}"
        if isinstance(each, ValidationError):
            return "does not follow the protocol: its answers cannot be read"
    return "failed to start; acp-agent's log has the reason where its level is debug"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error``, or what a group of them holds."""
    if isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _causes(each)
    else:
        yield error
