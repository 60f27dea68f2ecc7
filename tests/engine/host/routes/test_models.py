"""Installed models, and loading them."""

import json
import os

import pytest

from acp_agent.engine.host.outputs import Progress
from acp_agent.engine.host.worker import LoadJob
from tests.fixtures.served_engine import Served, error_of

pytestmark = pytest.mark.anyio


async def test_models_are_listed_with_what_is_known(served: Served) -> None:
    folder = served.add_model("other", text_config={"max_position_embeddings": 64})
    os.utime(folder / "config.json", (1_800_000_000.5, 1_800_000_000.5))
    served.worker.models = [{"id": "other", "state": "ready"}]
    listed = (await served.tcp.get("/v1/models")).json()
    assert listed["object"] == "list"
    other, tiny = listed["data"]
    assert other == {
        "id": "other",
        "object": "model",
        "created": 1_800_000_000,
        "owned_by": "local",
        "context_size": 64,
        "state": "ready",
    }
    assert (tiny["id"], tiny["state"], tiny["context_size"]) == ("tiny", "unloaded", 512)
    assert (await served.tcp.get("/v1/models/other")).json() == other


@pytest.mark.parametrize("name", ["nonesuch", "..", "load", "%2Fetc", "tiny%2F..%2Ftiny"])
async def test_unknown_model_is_404(served: Served, name: str) -> None:
    answer = await served.tcp.get(f"/v1/models/{name}")
    assert answer.status_code == 404
    assert "code" in error_of(answer)


async def test_loading_streams_and_ends(served: Served) -> None:
    served.worker.outputs = [Progress("load", 1, 2)]
    served.worker.finishes = True
    answer = await served.unix.post("/v1/models/load", json={"model": "tiny"})
    pieces = answer.text.split("\n\n")[:-1]
    assert pieces[-1] == "data: [DONE]"
    assert [json.loads(piece.removeprefix("data: ")) for piece in pieces[:-1]] == [
        {"load_progress": {"processed": 1, "total": 2}},
        {"loaded": "tiny"},
    ]
    (job,) = served.worker.jobs
    assert isinstance(job, LoadJob)
    assert job.model == served.models / "tiny"


async def test_unknown_model_is_not_loaded(served: Served) -> None:
    answer = await served.unix.post("/v1/models/load", json={"model": "nonesuch"})
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "model_not_found"
    assert served.worker.jobs == []
