"""The engine: a process of its own that runs MLX models, and the way to reach it.

Owns the client side here (``client``, ``connection``, ``handover``, ``launch``, ``sse``),
the process itself in ``host``, and which versions of the two fit together. Does not own
modes (``backends``) or the installing of models (``models``).
Only ``host`` may import mlx and the web server; nothing outside may import ``host``
but the command line, since importing its parts belongs in the engine process.
"""

from collections.abc import Mapping

PROTOCOL = 2
"""Version of what agent and engine say to each other.

Raised with every change that an older peer would misread. All versions have ``GET /health``
with ``protocol`` and ``pid``; from 2 on all have ``POST /v1/engine/drain`` and
``POST /v1/engine/stop``, and ``draining`` in the health, so that an agent of any version can
ask an engine of any other to make room.
"""


def is_compatible(health: Mapping[str, object]) -> bool:
    """Whether the engine that says ``health`` of itself speaks our protocol: it is equal."""
    return health.get("protocol") == PROTOCOL
