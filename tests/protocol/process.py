"""The real agent in a process of its own, on descriptors that a test chooses.

Owns starting it, lines in, lines out, and its end. A test reads only when it asks to, with
a time limit. POSIX only. Mode ``scripted`` is the default.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.protocol.sdk import check_message, is_notice

Message = dict[str, Any]
Ends = tuple[int, int, int, int]
"""Descriptors: the agent's input and output, then ours to write and to read."""

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 30.0
"""Seconds to wait for a line or for the end; only a failing test waits so long."""
NO_SERVER = "http://127.0.0.1:1"


def pipes() -> Ends:
    """Input and output over pipes, as most editors have them."""
    agent_in, to_agent = os.pipe()
    from_agent, agent_out = os.pipe()
    return agent_in, agent_out, to_agent, from_agent


def sockets() -> Ends:
    """Input and output over a socket pair each, as Node makes them."""
    (ours_in, agent_in), (ours_out, agent_out) = socket.socketpair(), socket.socketpair()
    return agent_in.detach(), agent_out.detach(), ours_in.detach(), ours_out.detach()


def terminal() -> Ends:
    """Input and output over one terminal in raw mode."""
    import tty

    ours, agents = os.openpty()
    tty.setraw(agents)
    return agents, os.dup(agents), ours, os.dup(ours)


class AgentProcess:
    """A running agent."""

    def __init__(self, process: "subprocess.Popen[bytes]", to_agent: int, from_agent: int) -> None:
        self.process = process
        self.seen: list[Message] = []
        self.from_agent = from_agent
        self._to_agent = to_agent
        self._rest = b""
        self._methods: dict[Any, str] = {}

    def write(self, data: bytes) -> None:
        """Writes all of ``data``; waits where the agent does not read."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._to_agent, view) :]

    def request(self, method: str, params: Any) -> Message:
        """A request with a new id, not sent yet."""
        number = len(self._methods) + 1
        self._methods[number] = method
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

    def prompt(self, session: str, text: str) -> Message:
        """A ``session/prompt``, not sent yet."""
        block = {"type": "text", "text": text}
        return self.request("session/prompt", {"sessionId": session, "prompt": [block]})

    def post(self, *messages: Message) -> None:
        """Sends ``messages`` in one write."""
        self.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def read(self) -> Message:
        """The next message.

        Raises:
            EOFError: the agent has closed its output.
        """
        *whole, last = self._rest.split(b"\n", 1)
        parts = [last]
        while not whole:
            data = self._read_some()
            *whole, last = data.split(b"\n", 1)
            parts.append(whole[0] if whole else data)
        line = b"".join(parts) if len(parts) > 1 else whole[0]
        self._rest = last
        message: Message = json.loads(line)
        check_message(message, self._methods.get(message.get("id")))
        self.seen.append(message)
        return message

    def _read_some(self) -> bytes:
        ready, _, _ = select.select([self.from_agent], [], [], LIMIT)
        assert ready, "the agent wrote nothing"
        with suppress(OSError):
            if data := os.read(self.from_agent, 1 << 20):
                return data
        raise EOFError

    def answer(self, request: Message) -> Message:
        """The response to ``request``, past all that comes before it."""
        while (message := self.read()).get("id") != request["id"] or "method" in message:
            continue
        return message

    def call(self, method: str, params: Any) -> Any:
        """The result of a request."""
        request = self.request(method, params)
        self.post(request)
        return self.answer(request)["result"]

    def open_session(self) -> str:
        """The id of a new session, after ``initialize``; its command menu has come."""
        self.call("initialize", {"protocolVersion": 1})
        session = self.call("session/new", {"cwd": str(ROOT), "mcpServers": []})["sessionId"]
        while self.read()["params"]["update"]["sessionUpdate"] != "available_commands_update":
            continue
        return session

    def say(self, session: str, text: str) -> str:
        """Prompts, and returns the answer's text."""
        request, start = self.prompt(session, text), len(self.seen)
        self.post(request)
        assert self.answer(request)["result"]["stopReason"] == "end_turn"
        return self.text(start)

    def text(self, start: int = 0) -> str:
        """The model's text in what was read from ``start`` on."""
        updates = [m["params"]["update"] for m in self.seen[start:] if "params" in m]
        chunks = [u for u in updates if u["sessionUpdate"] == "agent_message_chunk"]
        return "".join(chunk["content"]["text"] for chunk in chunks if not is_notice(chunk))

    def end_input(self) -> None:
        """Closes the agent's input."""
        os.close(self._to_agent)
        self._to_agent = -1

    def rest(self) -> list[Message]:
        """All messages up to the end of the agent's output."""
        start = len(self.seen)
        with suppress(EOFError):
            while True:
                self.read()
        return self.seen[start:]

    def wait(self, seconds: float = LIMIT) -> int:
        """The exit status, which must come within ``seconds``."""
        return self.process.wait(seconds)

    def release(self) -> None:
        """Ends what still runs and closes our descriptors."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for descriptor in (self._to_agent, self.from_agent):
            if descriptor >= 0:
                os.close(descriptor)


@contextmanager
def agent(
    make: Callable[[], Ends] = pipes,
    *,
    arguments: Sequence[str] = (),
    stderr: int = subprocess.DEVNULL,
    environ: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Generator[AgentProcess]:
    """An agent on the descriptors that ``make`` gives.

    Args:
        environ: its whole environment; else ours without a server, and mode ``scripted``.
        settings: environment variables over that.
    """
    if environ is None:
        defaults = {"ACP_AGENT_SCRIPTED": "1", "ACP_AGENT_DEFAULT_MODE": "scripted"}
        environ = {**os.environ, **defaults, "OLLAMA_HOST": NO_SERVER}
    agent_in, agent_out, to_agent, from_agent = make()
    process = subprocess.Popen(
        [sys.executable, "-m", "acp_agent", *arguments],
        stdin=agent_in,
        stdout=agent_out,
        stderr=stderr,
        cwd=ROOT,
        env={**environ, **(settings or {})},
    )
    os.close(agent_in)
    os.close(agent_out)
    running = AgentProcess(process, to_agent, from_agent)
    try:
        yield running
    finally:
        running.release()


def wait_until(true: Callable[[], bool]) -> None:
    """Asks again and again; fails after ``LIMIT`` seconds."""
    end = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
