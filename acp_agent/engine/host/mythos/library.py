"""The libraries behind the models, imported when the first one is loaded.

Owns saying that they are missing. Does not own what is done with them. Both take seconds to
import, and hundreds of megabytes of memory.
"""

from typing import Any

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.importing import import_alone


def load_torch() -> Any:
    """The module ``torch``.

    Raises:
        ApiError: 501, it is not installed.
    """
    return _load("torch")


def load_open_mythos() -> Any:
    """The module ``open_mythos``.

    Raises:
        ApiError: 501, it is not installed.
    """
    return _load("open_mythos")


def _load(name: str) -> Any:
    try:
        return import_alone(name)
    except ImportError as error:
        message = (
            f"Mode mythos needs the Python package {name}, which cannot be imported here: install "
            "acp-agent with its extra `mythos`, then stop the engine with `acp-agent engine stop`."
        )
        raise ApiError(501, "mythos_not_installed", message, param="mythos") from error
