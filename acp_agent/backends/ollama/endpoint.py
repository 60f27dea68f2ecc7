"""The address of the Ollama server, with its password kept out of every message.

Owns what can be read off the address. Does not own how users may write it
(``config/address`` brings it into one form) nor connections.
"""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from acp_agent.errors import BackendUnavailable

_SCHEME_PORTS = {"http": 80, "https": 443}


@dataclass(slots=True, frozen=True)
class Endpoint:
    """Where the server answers.

    ``url`` is fit to be shown: it holds no credentials. ``credentials`` are user and
    password for HTTP basic authentication.
    """

    url: str
    host: str
    port: int
    is_loopback: bool
    credentials: tuple[str, str] | None = field(default=None, repr=False)


def parse_endpoint(base_url: str) -> Endpoint:
    """The endpoint that ``base_url`` names, an http(s) URL.

    Raises:
        BackendUnavailable: it is no such URL; the value is not repeated.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port or _SCHEME_PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise _unreadable() from None
    if not parts.hostname:
        raise _unreadable()
    login, at, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    return Endpoint(
        url=f"{parts.scheme}://{place}{parts.path.rstrip('/')}",
        host=parts.hostname,
        port=port,
        is_loopback=_is_loopback(parts.hostname),
        credentials=(unquote(user), unquote(password)) if at else None,
    )


def _unreadable() -> BackendUnavailable:
    return BackendUnavailable(
        "The address of Ollama cannot be read. Set base_url in the [ollama] section to one "
        "like http://127.0.0.1:11434."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
