"""The endpoints that the user has named, with their keys kept out of every message.

Owns what follows from the settings and the environment for a connection. Does not own the
search for servers (``discovery``), what they have (``directory``) nor connections.

A key belongs to one endpoint: ``OPENAI_API_KEY`` to that of ``openai.base_url``, and
``key_env`` of an endpoint to that endpoint. Nothing else is ever sent one.
"""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from acp_agent.backends.base import ToolSupport
from acp_agent.config.address import parse_address
from acp_agent.config.settings import EndpointSettings, OpenAISettings

DEFAULT_NAME = "default"
"""The endpoint of ``openai.base_url``."""
DEFAULT_KEY = "OPENAI_API_KEY"
"""The variable with the key of that endpoint."""

_SCHEME_PORTS = {"http": 80, "https": 443}


@dataclass(slots=True, frozen=True)
class Endpoint:
    """Where a server with OpenAI's API answers.

    ``name`` holds no slash. ``url`` is fit to be shown and ends with the path before
    ``/chat/completions``, as ``http://127.0.0.1:8080/v1``. ``model``, ``context_size`` (in
    tokens) and ``tools`` are what the user said of it. ``discovered``: nobody named it, it was
    found on this machine. ``problem`` says in sentences why it cannot be used as it is
    configured; empty where it can.
    """

    name: str
    url: str
    host: str
    port: int
    is_loopback: bool
    model: str | None = None
    context_size: int | None = None
    tools: ToolSupport = "native"
    discovered: bool = False
    problem: str = ""
    header: str = "Authorization"
    key: str | None = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        """The header with the key; none where there is no key."""
        if self.key is None:
            return {}
        is_bearer = self.header.lower() == "authorization"
        return {self.header: f"Bearer {self.key}" if is_bearer else self.key}


def find_endpoints(
    settings: OpenAISettings, endpoints: Mapping[str, EndpointSettings], environ: Mapping[str, str]
) -> list[Endpoint]:
    """The endpoints that the user has named: that of ``openai.base_url`` first, then the tables
    in the order of the file. A table ``[endpoints.default]`` stands for the first.
    """
    found: list[Endpoint] = []
    if settings.base_url is not None and DEFAULT_NAME not in endpoints:
        default = EndpointSettings(base_url=settings.base_url)
        found.append(_endpoint(DEFAULT_NAME, default, environ, DEFAULT_KEY, must_be_set=False))
    for name, each in endpoints.items():
        found.append(_endpoint(name, each, environ, each.key_env, must_be_set=True))
    return found


def discovered_endpoint(name: str, port: int) -> Endpoint:
    """The endpoint of a server that was found at ``port`` of this machine. It gets no key."""
    return Endpoint(
        name=name,
        url=f"http://127.0.0.1:{port}/v1",
        host="127.0.0.1",
        port=port,
        is_loopback=True,
        discovered=True,
    )


def _endpoint(
    name: str,
    settings: EndpointSettings,
    environ: Mapping[str, str],
    variable: str | None,
    *,
    must_be_set: bool,
) -> Endpoint:
    address = parse_address(settings.base_url)
    key, problem = None, ""
    if variable is not None:
        key, problem = _read_key(name, variable, environ, must_be_set=must_be_set)
    return Endpoint(
        name=name,
        url=address.public_url,
        host=address.host,
        port=address.port or _SCHEME_PORTS[address.scheme],
        is_loopback=_is_loopback(address.host.lower()),
        model=settings.model,
        context_size=settings.context_size,
        tools=settings.tools,
        problem=problem,
        header=settings.header,
        key=key,
    )


def _read_key(
    name: str, variable: str, environ: Mapping[str, str], *, must_be_set: bool
) -> tuple[str | None, str]:
    """The key in ``variable``, and what is wrong with it."""
    key = environ.get(variable, "").strip()
    if not key and must_be_set:
        return None, (
            f"Endpoint {name} needs a key, and the environment variable {variable} is not set. "
            f"Set it where the editor is started, or take key_env out of [endpoints.{name}]."
        )
    if not (key.isascii() and key.isprintable()):
        return None, (
            f"The key of endpoint {name}, in the environment variable {variable}, has characters "
            "that no header can carry. Set it again."
        )
    return key or None, ""


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _is_loopback_name(host.removesuffix("."))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _is_loopback_name(host: str) -> bool:
    """Whether ``host``, no address as it is usually written, is this machine all the same."""
    try:
        return socket.inet_aton(host)[0] == 127  # as 127.1
    except OSError:
        return host == "localhost" or host.endswith(".localhost")
