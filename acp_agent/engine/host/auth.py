"""Who may come in over TCP: other programs of the user, never a page in a browser.

Owns the token and the checks before any route: it is compared in constant time, the
``Host`` header must name us (else a page whose name was rebound to this machine could
speak to us), and a request with an ``Origin`` comes from a page. There are no CORS
headers. Does not own the routes. The Unix socket needs none of this: its file is for
this user only.
"""

import hmac
import logging
import os
from collections.abc import Mapping
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from acp_agent.engine.host.address import bracketed
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.listening import comes_over_unix
from acp_agent.errors import AgentError

_LOG = logging.getLogger(__name__)
_SHORT = 16
"""A token of fewer characters can be guessed."""
_HTTP_PORT = 80


def read_token(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """The token in environment variable ``name``, without white space around it.

    Raises:
        AgentError: there is none, or no header can carry it.
    """
    token = environment.get(name, "").strip()
    if not token:
        raise AgentError(
            f"The environment variable {name} is not set, or empty; put a long random token "
            "into it (`openssl rand -hex 32` makes one), or leave out --listen."
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise AgentError(
            f"The token in the environment variable {name} has characters that HTTP cannot "
            "carry; use letters, digits and punctuation only."
        )
    if len(token) < _SHORT:
        _LOG.warning("the token in %s is short enough to be guessed; take a longer one", name)
    return token


class TokenGate:
    """Lets requests with the token through to ``app``.

    Args:
        host: what the user had us listen at: a name or an IP address.
    """

    def __init__(self, app: ASGIApp, token: str, *, host: str) -> None:
        self._app = app
        self._digest = _digest(token.encode())
        self._names = {"localhost", "127.0.0.1", "[::1]", bracketed(host).lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what may not come in itself, before any of its body is read."""
        refusal = self._refuse(scope, Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send)
            return
        challenge = {"www-authenticate": "Bearer"} if refusal.status == 401 else {}
        headers = {**challenge, "connection": "close"}
        response = JSONResponse(refusal.body(), status_code=refusal.status, headers=headers)
        await response(scope, receive, send)

    def _refuse(self, scope: Scope, headers: Headers) -> ApiError | None:
        if not self._names_us(scope, headers.getlist("host")):
            message = "The Host header does not name the address that the engine listens at."
            return ApiError(421, "wrong_host", message)
        if "origin" in headers:
            return ApiError(403, "browser_refused", "The engine does not serve web pages.")
        if not self._has_token(headers.getlist("authorization")):
            message = "Send the engine's token, as `Authorization: Bearer TOKEN`."
            return ApiError(401, "invalid_api_key", message)
        return None

    def _names_us(self, scope: Scope, hosts: list[str]) -> bool:
        address, port = scope["server"]
        # A rebound page comes with its own name, so the address that was reached is safe.
        names = self._names | {bracketed(address)}
        allowed = {f"{name}:{port}" for name in names}
        if port == _HTTP_PORT:
            allowed |= names
        return len(hosts) == 1 and hosts[0].lower() in allowed

    def _has_token(self, values: list[str]) -> bool:
        scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        is_right = hmac.compare_digest(_digest(token.strip().encode("latin-1")), self._digest)
        return is_right and scheme.lower() == "bearer"


class ByTransport:
    """Leads requests over the Unix socket to ``unix``, all others to ``tcp``."""

    def __init__(self, unix: ASGIApp, tcp: ASGIApp) -> None:
        self._unix = unix
        self._tcp = tcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        app = self._unix if comes_over_unix(scope) else self._tcp
        await app(scope, receive, send)


def _digest(token: bytes) -> bytes:
    # Of equal length, so that comparing tells nothing of the token's.
    return sha256(token).digest()
