"""The search for servers that nobody named, on this machine only.

Owns the customary ports, which of them somebody listens at, and what a server found there is
called. Does not own what it has (``asking``). No other machine is looked at.
"""

from collections.abc import Collection, Iterable

import anyio

from acp_agent.backends.openai.asking import ANSWER_LIMIT
from acp_agent.backends.openai.endpoints import Endpoint, discovered_endpoint

HOST = "127.0.0.1"

WELL_KNOWN_PORTS = (
    1234,  # LM Studio
    8080,  # llama.cpp, mlx_lm.server, llama-swap
    9931,  # llama.cpp, which moves there (ggml-org/llama.cpp#26508)
    8000,  # vLLM, Ray Serve LLM
    30000,  # SGLang
    52415,  # exo
    1337,  # Jan
    4000,  # LiteLLM
)
"""Where such servers answer unless told otherwise. Ollama (11434) has a mode of its own."""

GATEWAYS = frozenset({"gateway", "litellm"})
"""Programs that hand requests on, perhaps to other machines."""
OTHER_MODES = frozenset({"ollama"})
"""Programs that have a mode of their own."""

_CUSTOMARY = {1234: "lmstudio", 1337: "jan", 4000: "litellm", 52415: "exo"}
"""Ports that only one of these programs uses."""


async def is_open(host: str, port: int, limit: float = ANSWER_LIMIT) -> bool:
    """Whether a connection to ``port`` of a server on this machine is accepted.

    Costs a millisecond, and no library for HTTP. A refused connection takes two seconds on
    Windows, hence the limit.
    """
    try:
        with anyio.fail_after(limit):
            stream = await anyio.connect_tcp(host, port)
    except (OSError, TimeoutError):
        return False
    await stream.aclose()
    return True


async def open_ports(places: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    """Those of ``places`` (host and port) that accept a connection; asked all at once."""
    found: set[tuple[str, int]] = set()

    async def ask(host: str, port: int) -> None:
        if await is_open(host, port):
            found.add((host, port))

    async with anyio.create_task_group() as tasks:
        for host, port in set(places):
            tasks.start_soon(ask, host, port)
    return frozenset(found)


def ports_to_search(ports: Iterable[int], named: Iterable[Endpoint]) -> tuple[int, ...]:
    """``ports`` without those where the user has named an endpoint on this machine."""
    taken = {each.port for each in named if each.is_loopback}
    return tuple(port for port in ports if port not in taken)


def find_program(program: str, port: int) -> str:
    """What answers at ``port``: what it says, else what customarily does; empty if unknown."""
    return program or _CUSTOMARY.get(port, "")


def name_server(program: str, port: int, taken: Collection[str]) -> str:
    """A name for the server at ``port``, unlike those that are ``taken``."""
    name = program or f"local-{port}"
    while name in taken:
        name = f"{name}-{port}"
    return name


def unnamed(port: int) -> Endpoint:
    """The endpoint at ``port`` before it is known what answers there."""
    return discovered_endpoint(f"local-{port}", port)
