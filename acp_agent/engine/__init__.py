"""The engine: a process of its own that runs MLX models, and the way to reach it.

Owns the client side here (``client``, ``launch``, ``sse``) and the process itself in
``host``. Does not own modes (``backends``) or the installing of models (``models``).
Only ``host`` may import mlx and the web server; nothing outside may import ``host``
but the command line, since importing its parts belongs in the engine process.
"""

PROTOCOL = 1
"""Version of what agent and engine say to each other; ``client`` refuses another one."""
