"""How the tests start the real agent: its command and its environment.

Owns both, for every client here. Does not own pipes or the protocol.
"""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

NO_SERVER = "http://127.0.0.1:1"
"""An address at which nothing listens."""

SHORT_LIFE = {"ACP_AGENT_ENGINE_IDLE_TIMEOUT": "1", "ACP_AGENT_ENGINE_UNLOAD_AFTER": "1s"}
"""Settings with which an engine leaves soon after its last use."""

_SCRIPT = shutil.which("acp-agent", path=str(Path(sys.executable).parent))
_KEPT = ("HOME", "LANG", "PATH", "PYTEST_RUN_FOLDER", "SYSTEMROOT", "TEMP", "TMPDIR")


def agent_command() -> list[str]:
    """The console script of the environment that runs the tests, else the module."""
    return [_SCRIPT] if _SCRIPT else [sys.executable, "-m", "acp_agent"]


def agent_environ(home: Path, **settings: str) -> dict[str, str]:
    """The whole environment of an agent that keeps everything below ``home``.

    No Ollama server is in sight and mode ``scripted`` is listed; ``settings`` go over it.
    """
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if _SCRIPT is None:
        environ["PYTHONPATH"] = str(ROOT)
    return {
        **environ,
        "ACP_AGENT_HOME": str(home),
        "ACP_AGENT_SCRIPTED": "1",
        "OLLAMA_HOST": NO_SERVER,
        **settings,
    }
