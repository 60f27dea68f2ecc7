"""Real servers with OpenAI's API, each in a process of its own: what tests hold of them.

Owns starting, killing and replacing them, and what a server shows of its work. Does not own
what is asked of them (``openai_real``).
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx2
import psutil

from acp_agent.backends.openai.backend import OpenAIBackend
from acp_agent.config.settings import EndpointSettings, OpenAISettings
from tests.e2e.engine_probe import until, until_quiet
from tests.fixtures import llama_server

PATIENCE = 60.0
"""Seconds after which a server is taken not to start or to end."""
KEY = "a-long-and-random-key-for-tests"
KEY_VARIABLE = "REAL_SERVER_KEY"

_LOOK = 0.02


class RealServer:
    """A server at ``port`` of this machine (0: any free one), started by ``start``.

    ``folder`` is for its log and whatever else it writes; ``key`` is what it asks for.
    """

    key: str = KEY

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.port = free_port(port)
        self.log = folder / f"server-{self.port}.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What a user writes as ``base_url``."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def process(self) -> psutil.Process:
        """Its process, which must have been started."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def command(self) -> list[str]:
        """What starts it at ``port``."""
        raise NotImplementedError

    def environ(self) -> dict[str, str]:
        """What its environment has beside ours."""
        return {}

    def requests(self) -> int:
        """A number that grows with every chat request that the server has begun."""
        raise NotImplementedError

    async def wait_idle(self) -> None:
        """Returns once the server computes nothing."""
        raise NotImplementedError

    async def wait_requested(self, before: int) -> None:
        """Returns once ``requests`` is more than ``before``."""

        async def came() -> bool:
            return self.requests() > before

        await until(came, _LOOK)

    def start(self) -> None:
        """Starts it; returns once it is ready to answer."""
        with self.log.open("ab") as output:
            process = self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **self.environ()},
            )
        for _ in range(int(PATIENCE / _LOOK)):
            if self._is_ready():
                return
            try:
                process.wait(_LOOK)
            except subprocess.TimeoutExpired:
                continue
            break
        raise AssertionError(self.log.read_text(errors="replace")[-4000:])

    def kill(self) -> None:
        """Ends it as ``kill -9`` does."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait(PATIENCE)
        self._process.stdin.close()

    def stop(self) -> None:
        """Ends it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def get(self, path: str) -> Any:
        """The JSON at ``path`` of the server, counted from its root."""
        with _connect(self.port) as http:
            return http.get(path, headers=self._headers()).raise_for_status().json()

    def post(self, **body: object) -> Any:
        """The JSON answer to a chat request that is not streamed."""
        with _connect(self.port) as http:
            response = http.post("/v1/chat/completions", headers=self._headers(), json=body)
        return response.raise_for_status().json()

    def backend(self, *, key: str | None = None) -> OpenAIBackend:
        """A backend whose only endpoint, ``real``, is this server, at temperature 0."""
        endpoint = EndpointSettings(base_url=self.url, key_env=KEY_VARIABLE)
        settings = OpenAISettings(discover=False, temperature=0)
        return OpenAIBackend(settings, {"real": endpoint}, {KEY_VARIABLE: key or self.key})

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _is_ready(self) -> bool:
        try:
            return bool(self.get("/health"))
        except httpx2.HTTPError:
            return False


class LlamaServer(RealServer):
    """llama.cpp's server with the GGUF file ``model``."""

    def __init__(self, folder: Path, model: Path) -> None:
        super().__init__(folder)
        self._model = model

    def command(self) -> list[str]:
        return [sys.executable, llama_server.__file__, str(self._model), str(self.port), self.key]

    def requests(self) -> int:
        return len(re.findall(r"\| processing task", self.log.read_text(errors="replace")))

    def is_busy(self) -> bool:
        """Whether one of its slots works."""
        return any(slot["is_processing"] for slot in self.get("/slots"))

    async def wait_idle(self) -> None:
        await until(_is_idle(self), _LOOK)


class MlxServer(RealServer):
    """``mlx_lm.server`` with the MLX model in ``model``. It asks for no key."""

    def __init__(self, folder: Path, model: Path, port: int = 0) -> None:
        super().__init__(folder, port)
        self._model = model

    def command(self) -> list[str]:
        place = ["--host", "127.0.0.1", "--port", str(self.port)]
        # Small steps, because between them only it notices that a client has left.
        return [
            *(sys.executable, "-m", "mlx_lm", "server", "--model", str(self._model)),
            *(*place, "--prefill-step-size", "64"),
        ]

    def environ(self) -> dict[str, str]:
        # Without the folder of the hub's cache it lists no models.
        cache = self._folder / "hub"
        cache.mkdir(exist_ok=True)
        return {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}

    def requests(self) -> int:
        return self.log.read_text(errors="replace").count('"POST /v1/chat/completions')

    async def wait_idle(self) -> None:
        # It tells nothing of its work; asked for an endless answer, it computes until stopped.
        await until_quiet(self.process)


class EngineServer(RealServer):
    """This project's engine with the models in ``models``, listening with a token."""

    def __init__(self, folder: Path, models: Path) -> None:
        super().__init__(folder)
        self._models = models

    def command(self) -> list[str]:
        listening = ["--listen", f"127.0.0.1:{self.port}", "--token-env", KEY_VARIABLE]
        engine = [sys.executable, "-m", "acp_agent", "engine", "--models", str(self._models)]
        return [*engine, *listening, "--prefill-step", "64"]

    def environ(self) -> dict[str, str]:
        # A home of its own, so that it is not the engine of the agent that asks it.
        home = tempfile.mkdtemp(dir=self._folder)
        return {"ACP_AGENT_HOME": home, KEY_VARIABLE: self.key}

    def requests(self) -> int:
        health = self.get("/health")
        return health["prefilled_tokens"] + health["cached_tokens"]

    def is_busy(self) -> bool:
        """Whether it answers or has requests waiting."""
        health = self.get("/health")
        return bool(health["active_requests"] or health["queued_requests"])

    async def wait_idle(self) -> None:
        await until(_is_idle(self), _LOOK)


class Tells(Protocol):
    """A server that tells whether it works."""

    def is_busy(self) -> bool: ...


@contextmanager
def running(server: RealServer) -> Generator[None]:
    """``server`` runs meanwhile."""
    server.start()
    try:
        yield
    finally:
        server.stop()


def free_port(port: int = 0) -> int:
    """``port`` of this machine, or any one (0), if nothing listens there.

    Raises:
        OSError: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return probe.getsockname()[1]


def _is_idle(server: Tells) -> Callable[[], Any]:
    async def idle() -> bool:
        return not server.is_busy()

    return idle


def _connect(port: int) -> httpx2.Client:
    return httpx2.Client(
        base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False, verify=False
    )
