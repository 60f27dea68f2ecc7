"""The address of the Ollama server, with its password kept out of every message.

Owns what follows from the address for a connection. Does not own how it is written
(``config/address``) nor connections.
"""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import unquote

from acp_agent.config.address import parse_address

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


def find_endpoint(base_url: str) -> Endpoint:
    """The endpoint at ``base_url``, which the settings have checked.

    Raises:
        ValueError: it is no address after all.
    """
    address = parse_address(base_url)
    user, _, password = (address.login or "").partition(":")
    return Endpoint(
        url=address.public_url,
        host=address.host,
        port=address.port or _SCHEME_PORTS[address.scheme],
        is_loopback=_is_loopback(address.host.lower()),
        credentials=None if address.login is None else (unquote(user), unquote(password)),
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
