"""Installed models that were damaged: seen before they are loaded, and repaired."""

import os
from pathlib import Path

import pytest

from acp_agent.errors import InstallError
from acp_agent.models import integrity
from tests.fixtures.hub_files import WANTED
from tests.fixtures.hub_install import HubPlace
from tests.fixtures.hub_server import Fault

pytestmark = pytest.mark.anyio


async def test_repair_fetches_only_what_is_broken(installed: HubPlace) -> None:
    place = installed
    (place.model / "config.json").unlink()
    shard = place.model / "model-1-of-2.safetensors"
    shard.write_bytes(b"\0" * shard.stat().st_size)
    (place.model / "tokenizer.json").write_text("{}")
    untouched = (place.model / "model-2-of-2.safetensors").stat()
    reason = place.store.check("tiny")
    assert reason is not None
    assert "model-1-of-2.safetensors (checksum mismatch)" in reason
    assert "verify --repair tiny" in reason
    place.hub.served.clear()
    # The branch has moved on; the commit of the manifest is what counts.
    problems = await place.repair()
    assert [(each.path, each.kind) for each in problems] == [
        ("config.json", "missing"),
        ("model-1-of-2.safetensors", "checksum mismatch"),
        ("tokenizer.json", "size mismatch"),
    ]
    assert place.hub.served.keys() == {each.path for each in problems}
    assert (place.model / "model-2-of-2.safetensors").stat() == untouched
    place.check_ready()
    assert await place.repair() == []


async def test_installing_again_repairs(installed: HubPlace) -> None:
    place = installed
    (place.model / "config.json").unlink()
    await place.install(None)
    place.check_ready()


async def test_repair_that_fails_leaves_the_rest_and_goes_on_later(installed: HubPlace) -> None:
    place = installed
    shard = place.model / "model-1-of-2.safetensors"
    shard.write_bytes(b"short")
    place.hub.faults += [Fault("drop", at=100_000), Fault("status"), Fault("status")]
    with pytest.raises(InstallError, match="does not answer"):
        await place.repair()
    assert shard.read_bytes() == b"short"
    assert place.store.check("tiny") is not None
    await place.repair()
    assert any(place.hub.starts)
    place.check_ready()


async def test_added_files_are_reported_and_never_deleted(installed: HubPlace) -> None:
    place = installed
    added = place.model / "model-3.safetensors"
    added.write_bytes(b"mine")
    assert "model-3.safetensors (unexpected)" in (place.store.check("tiny") or "")
    with pytest.raises(InstallError, match="Move away what does not belong"):
        await place.repair()
    assert added.read_bytes() == b"mine"


async def test_cheap_check_reads_only_what_was_touched(
    installed: HubPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = installed
    hashed: list[str] = []
    real = integrity.hash_file

    def hash_file(path: Path) -> str:
        hashed.append(path.name)
        return real(path)

    monkeypatch.setattr(integrity, "hash_file", hash_file)
    assert place.store.check("tiny") is None
    assert hashed == []
    os.utime(place.model / "config.json", ns=(1, 1))
    assert place.store.check("tiny") is None
    assert hashed == ["config.json"]
    assert place.store.check("tiny") is None
    assert hashed == ["config.json"]
    (place.model / ".checked.json").unlink()
    assert place.store.check("tiny") is None
    assert set(hashed) == WANTED
