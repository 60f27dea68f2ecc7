"""Addresses of Ollama servers as people write them, brought into one form.

Owns the syntax of ``OLLAMA_HOST`` and ``ollama.base_url``. Does not own requests, and does
not ask whether anything answers there.

Syntax of ``OLLAMA_HOST``: https://github.com/ollama/ollama/blob/main/envconfig/config.go
"""

import re
from dataclasses import dataclass, field

DEFAULT_PORT = 11434
"""Ollama's port, where an address names neither a scheme nor a port."""

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_HOST_NAME = re.compile(r"[\w.-]+")
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)
_LATER_PARTS = re.compile(r"[^\s?#\x00-\x1f\x7f\\]*")


@dataclass(slots=True, frozen=True)
class Address:
    """A server's address in its parts.

    ``scheme`` is http or https; ``login`` is what stands before the ``@``, percent-encoded,
    None without one; ``host`` has no brackets; ``port`` is None for the scheme's own;
    ``path`` begins with a slash or is empty, and has none at its end.
    """

    scheme: str
    login: str | None = field(repr=False)
    host: str
    port: int | None
    path: str

    @property
    def public_url(self) -> str:
        """The URL without the login, fit to be shown."""
        return self._url_with("")

    @property
    def url(self) -> str:
        """The URL; ``parse_address`` makes the same address of it."""
        return self._url_with("" if self.login is None else f"{self.login}@")

    def _url_with(self, login: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{login}{host}{port}{self.path}"


def server_url(text: str) -> str:
    """``text``, an address as ``parse_address`` takes it, in the form of a URL.

    Raises:
        ValueError: as ``parse_address``.
    """
    return parse_address(text).url


def parse_address(text: str) -> Address:
    """The address of the server that ``text`` names.

    ``text`` is what Ollama takes: ``host``, ``host:port``, ``:port``, or an http(s) URL.
    Without a scheme the port defaults to 11434; a URL without a port keeps its scheme's
    (80 or 443), as in Ollama. An address to listen on (0.0.0.0, ::) means loopback here.

    Raises:
        ValueError: not such an address; the message completes "NAME ...".
    """
    address = text.strip().strip("\"'")
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "http", address
    scheme = scheme.lower()
    if scheme not in ("http", "https"):
        raise ValueError("must begin with http:// or https://, or be a host and port")
    authority, _, path = rest.partition("/")
    login, at, place = authority.rpartition("@")
    if not (_LATER_PARTS.fullmatch(path) and _LATER_PARTS.fullmatch(login)):
        raise ValueError("must be an address without spaces, query or fragment")
    host, port = _host_and_port(place)
    if port is None and not separator:
        port = DEFAULT_PORT
    return Address(scheme, login if at else None, host, port, f"/{path}".rstrip("/"))


def _host_and_port(place: str) -> tuple[str, int | None]:
    bracketed = _BRACKETED.fullmatch(place)
    if bracketed:
        return _ipv6(bracketed[1]), _port(bracketed[2])
    if place.count(":") > 1:
        return _ipv6(place), None
    host, _, digits = place.partition(":")
    port = _port(digits)
    if not host and port is not None:
        host = "127.0.0.1"
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("must name a server, such as http://127.0.0.1:11434")
    return _LOOPBACK.get(host, host), port


def _ipv6(text: str) -> str:
    import ipaddress

    try:
        address = ipaddress.IPv6Address(text).compressed
    except ValueError:
        address = "%"
    if "%" in address:
        raise ValueError("must name a server; this is no IPv6 address such as [::1]:11434")
    return _LOOPBACK.get(address, address)


def _port(digits: str | None) -> int | None:
    if not digits:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) < 65_536:
        raise ValueError("must have a port from 1 to 65535")
    return int(digits)
