"""Addresses of Ollama servers as people write them, brought into one form.

Owns the syntax of ``OLLAMA_HOST`` and ``ollama.base_url``. Does not own requests, and does
not ask whether anything answers there.

Syntax of ``OLLAMA_HOST``: https://github.com/ollama/ollama/blob/main/envconfig/config.go
"""

import re

DEFAULT_PORT = 11434
"""Ollama's port, where an address names neither a scheme nor a port."""

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_HOST_NAME = re.compile(r"[\w.-]+")
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)
_LATER_PARTS = re.compile(r"[^\s?#\x00-\x1f\x7f\\]*")


def server_url(text: str) -> str:
    """The base URL of the server that ``text`` names: scheme, host, no slash at the end.

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
    tail = f"/{path}".rstrip("/")
    return f"{scheme}://{login}{at}{host}{'' if port is None else f':{port}'}{tail}"


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
    return f"[{_LOOPBACK.get(address, address)}]"


def _port(digits: str | None) -> int | None:
    if not digits:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) < 65_536:
        raise ValueError("must have a port from 1 to 65535")
    return int(digits)
