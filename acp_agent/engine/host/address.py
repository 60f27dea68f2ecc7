"""The TCP address that the engine listens at beside its socket, as the user wrote it.

Owns reading and writing ``HOST:PORT``. Does not own listening (``listening``) or who may
come in (``auth``). Imports little: the command's options are read with it.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from acp_agent.errors import AgentError

LOOPBACK = "127.0.0.1"
_HIGHEST_PORT = 65535


@dataclass(slots=True, frozen=True)
class Address:
    """A host (a name or an IP address, without brackets) and a port; 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


def parse_address(text: str) -> Address:
    """The address in ``text``: ``PORT`` on the loopback address, ``HOST:PORT`` or ``[IPv6]:PORT``.

    Raises:
        AgentError: it is none of these.
    """
    host, colon, port = text.strip().rpartition(":")
    if not colon:
        host = LOOPBACK
    elif host.startswith("[") and host.endswith("]") and _is_ipv6(host[1:-1]):
        host = host[1:-1]
    elif not host or any(mark in host for mark in ":[]/@ "):
        raise _unreadable(text)
    if not (port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT):
        raise _unreadable(text)
    return Address(host.lower(), int(port))


def bracketed(host: str) -> str:
    """``host`` as it stands in a URL and in a ``Host`` header."""
    return f"[{host}]" if _is_ipv6(host) else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the IP address ``host``."""
    return ip_address(host).is_loopback


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def _unreadable(text: str) -> AgentError:
    return AgentError(
        f"--listen {text!r} is no address; write HOST:PORT, as 127.0.0.1:8080 or [::1]:8080 "
        "(port 0 takes any free one)."
    )
