"""Importing the libraries behind the models, one thread at a time.

Owns the lock. Does not own which libraries are needed, or saying that one is missing. MLX's
thread and PyTorch's import packages that share some, as transformers, whose modules cannot
be imported by two threads at once: one of them would find a half of it and fail.
"""

import importlib
import sys
import threading
from types import ModuleType
from typing import Any

LOCK = threading.Lock()
"""Held by who imports."""


def import_alone(name: str, *, without: str | None = None) -> ModuleType:
    """The module ``name``; no other thread imports such a library meanwhile.

    Args:
        without: a library that is not to come with it, if it is not there yet.

    Raises:
        ImportError: and whatever else the module's own code raises.
    """
    modules: dict[str, Any] = sys.modules
    with LOCK:
        if without is None or without in modules:
            return importlib.import_module(name)
        modules[without] = None  # is taken to be not installed
        try:
            return importlib.import_module(name)
        finally:
            del modules[without]
