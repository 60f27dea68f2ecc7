"""Fixtures of the host's tests: the routes behind real sockets, over a worker without a model."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from acp_agent.engine.host.address import Address
from acp_agent.engine.host.listening import listen, listen_tcp
from acp_agent.engine.host.server import Service
from tests.fixtures.fake_worker import FakeLife, FakeWorker
from tests.fixtures.served_engine import TOKEN, Doors, Served, over_tcp, over_unix, serving


@pytest.fixture(scope="module")
async def doors(run_folder: Path) -> AsyncGenerator[Doors, None]:
    path = run_folder / "server.sock"
    with listen(path) as unix, listen_tcp(Address("127.0.0.1", 0)) as tcp:
        doors = Doors(path, tcp.getsockname()[1])
        async with serving(doors, unix, tcp):
            yield doors


@pytest.fixture
async def served(doors: Doors, isolated_home: Path) -> AsyncGenerator[Served, None]:
    models, worker, life = isolated_home / "models", FakeWorker(), FakeLife()
    service = Service(models=models, worker=worker, life=life)
    doors.app = service.app(token=TOKEN, host="127.0.0.1")
    async with over_unix(doors.path) as unix, over_tcp(doors.port) as tcp:
        tcp.headers["authorization"] = f"Bearer {TOKEN}"
        served = Served(models, service, worker, life, unix, tcp)
        served.add_model("tiny", max_position_embeddings=512)
        yield served
