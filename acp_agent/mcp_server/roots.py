"""The folders that a client has open: a call may name one of them, or one below.

Owns asking the client, in both of MCP's ways, and reading its answer. Does not own the check
(``routing/generate``).
Source: https://modelcontextprotocol.io/specification/2025-11-25/client/roots
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import (
    CallToolRequestParams,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    Root,
)
from mcp.types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

_log = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0
"""That a client has to name its roots."""
MOST_ROOTS = 100

_KEY = "roots"


async def find_roots(
    context: ServerRequestContext[Any], call: CallToolRequestParams
) -> list[Path] | InputRequiredResult:
    """The client's folders, links not followed; else the working directory.

    Since MCP 2026-07-28 a server cannot ask while a call runs: the result then is the
    question, and the client makes the call again with the answer.
    """
    capabilities = context.session.client_capabilities
    if capabilities is None or capabilities.roots is None:
        return _working_directory()
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return read_roots(await _ask(context))
    answer = (call.input_responses or {}).get(_KEY)
    if answer is None:
        return InputRequiredResult(input_requests={_KEY: ListRootsRequest()})
    return read_roots(answer.roots if isinstance(answer, ListRootsResult) else ())


async def _ask(context: ServerRequestContext[Any]) -> Sequence[Root]:
    try:
        answer = await context.session.send_request(
            ListRootsRequest(), ListRootsResult, request_read_timeout_seconds=ANSWER_SECONDS
        )
    except (MCPError, ValidationError) as error:
        _log.info("the client does not name its roots: %s", error)
        return ()
    return answer.roots


def read_roots(roots: Sequence[Root]) -> list[Path]:
    """The folders of this machine among ``roots``, which are ``file`` URIs."""
    found: list[Path] = []
    for root in roots[:MOST_ROOTS]:
        parts = urlsplit(str(root.uri))
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            path = Path(url2pathname(parts.path))
            if path.is_absolute() and "\0" not in str(path):
                found.append(path)
    return found


def _working_directory() -> list[Path]:
    """Where this process was started; the root of a disk is nobody's project."""
    try:
        folder = Path.cwd()
    except OSError:
        return []
    return [] if folder == Path(folder.anchor) else [folder]
