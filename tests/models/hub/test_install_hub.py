"""Installing from a hub: what is fetched, asked, recorded, and every plain way to fail."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from acp_agent.errors import InstallError, ResourceNotFound
from acp_agent.models.catalogue import HubSource
from acp_agent.models.folders import install_lock
from acp_agent.models.hub.messages import Retry
from acp_agent.models.install import abandon, install
from acp_agent.models.licence import EXCERPT_SIZE, LicenceAcknowledgement, LicenceRequired
from tests.fixtures.hub_files import WANTED, make_files, safetensors
from tests.fixtures.hub_install import HubPlace
from tests.fixtures.hub_server import Fault, running_hub, use_hub

pytestmark = pytest.mark.anyio


async def test_nothing_but_the_licence_comes_before_it_is_accepted(place: HubPlace) -> None:
    with pytest.raises(
        LicenceRequired, match=r"Tiny is under the licence MIT \(LICENSE\)"
    ) as raised:
        await place.install(None)
    terms = raised.value.terms
    assert terms.text == "Licence of the tests.\nBe kind.\n"
    assert (terms.repo, terms.commit) == ("tests/tiny-model", place.hub.commit)
    assert terms.download_bytes == sum(len(place.hub.files[name]) for name in WANTED)
    assert place.hub.served.keys() == {"LICENSE"}
    assert place.store.installed() == []


async def test_installs_and_records(place: HubPlace) -> None:
    terms = await place.ask()
    accept = terms.accept()
    model = await place.install(accept)
    place.check_ready()
    assert await place.install(None) == model
    assert (model.path, model.context_size, model.revision) == (
        place.model,
        4096,
        place.hub.commit,
    )
    manifest = json.loads((place.model / "manifest.json").read_text())
    assert manifest["repo"] == "tests/tiny-model"
    assert manifest["revision"] == place.hub.commit
    assert manifest["minimum_memory"] == place.entry.minimum_memory == 2**30
    assert manifest["acknowledgement"] == {
        "licence": "MIT",
        "text": "LICENSE",
        "text_sha256": terms.text_sha256,
        "accepted": accept.accepted,
    }
    assert [file["path"] for file in manifest["files"]] == sorted(WANTED)
    assert place.hub.total_served == terms.download_bytes
    # The branch was asked for once; every later request names its commit.
    (lookup,) = [path for path in place.hub.requests if path.startswith("/api")]
    assert lookup.partition("?")[0].endswith("/revision/main")
    moved = [report for report in place.reports if report[0] == "Downloading Tiny"]
    assert moved[-1][1:] == (terms.download_bytes, terms.download_bytes)
    assert any(agent.startswith("acp-agent/") for agent in place.hub.agents)
    assert not any("is_ci" in agent for agent in place.hub.agents)


async def test_offline_is_explained(place: HubPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InstallError, match=r"HF_HUB_OFFLINE.*forbids.*unset it") as raised:
        await place.ask()
    assert str(place.folder) not in raised.value.message
    assert place.hub.requests == []


async def test_declining_leaves_nothing_behind(place: HubPlace) -> None:
    catalogue = {place.entry.id: place.entry}
    await abandon("tiny", place.folder, catalogue=catalogue)
    assert not place.folder.exists()
    await place.ask()
    await abandon("tiny", place.folder, catalogue=catalogue)
    assert [path.name for path in place.folder.iterdir()] == [".tiny.lock"]
    await place.install_accepted()
    await abandon("tiny", place.folder, catalogue=catalogue)
    place.check_ready()
    with pytest.raises(ResourceNotFound):
        await abandon("nonesuch", place.folder, catalogue=catalogue)


async def test_declining_leaves_another_process_what_it_fetches(place: HubPlace) -> None:
    await place.ask()
    with install_lock(place.folder, "tiny"):
        await abandon("tiny", place.folder, catalogue={place.entry.id: place.entry})
    assert place.store.unfinished("tiny") is not None


async def test_what_cannot_be_deleted_is_told(
    place: HubPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.ask()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(InstallError, match=r"could not be deleted \(Permission denied\)") as raised:
        await abandon("tiny", place.folder, catalogue={place.entry.id: place.entry})
    assert str(place.folder) not in raised.value.message


async def test_acknowledgement_of_another_text_is_none(place: HubPlace) -> None:
    wrong = LicenceAcknowledgement("0" * 64, "2025-01-01T00:00:00+00:00")
    with pytest.raises(LicenceRequired):
        await place.install(wrong)
    assert place.store.installed() == []


async def test_repository_without_a_licence_file_is_accepted_by_reference(place: HubPlace) -> None:
    del place.hub.files["LICENSE"]
    terms = await place.ask()
    assert terms.text == "MIT (https://opensource.org/license/mit)"
    assert terms.source == "https://opensource.org/license/mit"
    place.entry = replace(place.entry, id="custom", licence="", licence_url="")
    assert (await place.ask()).licence == "mit"


async def test_a_hub_that_does_not_answer_is_told_with_the_attempts(place: HubPlace) -> None:
    place.hub.api_faults += [Fault("status"), Fault("status")]
    patient = Retry(attempts=3, first_wait=0.001, longest_wait=0.002)
    accept = (await place.ask(patient)).accept()
    assert [stage for stage, _, _ in place.reports] == [
        "Looking up Tiny",
        "Looking up Tiny; no answer yet, trying again (2 of 3)",
        "Looking up Tiny; no answer yet, trying again (3 of 3)",
    ]
    place.hub.faults.append(Fault("status", on="config.json"))
    await place.install(accept, patient)
    told = [stage for stage, _, _ in place.reports]
    assert "Downloading Tiny; no answer yet, trying again (2 of 3)" in told
    assert told[-1] == "Downloading Tiny"


async def test_where_the_licences_whole_text_is(
    place: HubPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = await place.ask()
    page = f"{place.hub.address}/tests/tiny-model/blob/{place.hub.commit}/LICENSE"
    assert terms.address == page
    assert terms.excerpt == f"Licence of the tests.\nBe kind.\n\n(From {page})"
    monkeypatch.delenv("HF_ENDPOINT")
    long = replace(terms, text="Be kind\x1b.\n" * 1000)
    assert long.excerpt.startswith("Be kind.\nBe kind.\n")
    assert len(long.excerpt) < EXCERPT_SIZE + 300
    page = f"https://huggingface.co/tests/tiny-model/blob/{place.hub.commit}/LICENSE"
    assert long.excerpt.endswith(
        f".\n\n(The start of 9000 characters. The whole text, whose SHA-256 is "
        f"{long.text_sha256}, is at {page})"
    )
    assert replace(terms, source="https://example.org/l").address == "https://example.org/l"
    assert replace(terms, source="hub:tests/tiny-model@main").address == (
        "https://huggingface.co/tests/tiny-model"
    )


async def test_repository_that_is_no_model_is_refused(place: HubPlace) -> None:
    del place.hub.files["tokenizer.json"]
    with pytest.raises(InstallError, match=r"no MLX model.*lacks tokenizer\.json"):
        await place.ask()
    place.entry = replace(place.entry, source=HubSource("tests/tiny-model"))
    place.hub.files = {"config.json": b"{}"}
    with pytest.raises(InstallError, match=r"lacks model\*\.safetensors"):
        await place.ask()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model-2-of-2.safetensors", safetensors({"other": b"x"}), "lacks a tensor"),
        ("model-2-of-2.safetensors", b"\xff" * 40, "no whole safetensors"),
        ("config.json", b"[]", "config.json is missing or says nothing"),
    ],
)
async def test_model_that_could_never_load_is_not_shown(
    place: HubPlace, name: str, content: bytes, message: str
) -> None:
    place.hub.files[name] = content
    with pytest.raises(InstallError, match=message):
        await place.install_accepted()
    assert place.store.installed() == []


async def test_space_is_looked_for_first_and_counts_what_is_there(
    place: HubPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [1000]

    def disk_usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=free[0])

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    with pytest.raises(InstallError, match=r"free disk space and 1 kB are free"):
        await place.ask()  # and so the user is not
    assert not place.hub.served
    free[0] = 10**9
    accept = (await place.ask()).accept()
    total = sum(len(place.hub.files[name]) for name in WANTED)
    free[0] = total * 11 // 10
    last = "model-2-of-2.safetensors"
    place.hub.faults += [Fault("drop", at=10_000, on=last), Fault("status", on=last)] * 2
    with pytest.raises(InstallError):
        await place.install(accept, Retry(attempts=1))
    free[0] = len(place.hub.files[last]) * 11 // 10
    place.hub.faults.clear()
    await place.install(accept)
    place.check_ready()


async def test_too_little_memory_is_refused_with_the_reason(place: HubPlace) -> None:
    place.entry = replace(place.entry, minimum_memory=16 * 2**30)
    catalogue = {"tiny": place.entry}
    with pytest.raises(InstallError, match=r"Tiny does not fit.*16 GB.*8 GB"):
        await install(
            "tiny",
            place.folder,
            convert=place.convert,
            report=place.report,
            catalogue=catalogue,
            memory=8 * 2**30,
        )
    assert place.hub.requests == []


async def test_the_token_goes_to_the_hub_only_and_only_if_it_is_set(
    place: HubPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "huggingface"
    home.mkdir()
    (home / "token").write_text("hf_from_a_file")
    monkeypatch.setenv("HF_HOME", str(home))
    terms = await place.ask()
    assert {token for _, token in place.hub.tokens} == {None}
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_DEBUG", "1")
    await place.install(terms.accept())
    by_host = dict(place.hub.tokens)
    assert by_host == {"127.0.0.1": "Bearer hf_secret", "localhost": None}
    assert sorted(path.name for path in home.iterdir()) == ["token"]
    for path in place.folder.rglob("*"):
        assert not path.is_file() or b"hf_secret" not in path.read_bytes()


async def test_removing_takes_an_unfinished_download_away(place: HubPlace) -> None:
    terms = await place.ask()
    assert place.store.unfinished("tiny") == (len(terms.text), terms.download_bytes)
    place.store.remove("tiny")
    assert place.store.unfinished("tiny") is None
    assert [path.suffix for path in place.folder.iterdir() if path.is_dir()] == []
    with pytest.raises(ResourceNotFound):
        place.store.remove("tiny")


async def test_what_is_being_installed_is_not_removed(place: HubPlace) -> None:
    accept = (await place.ask()).accept()
    place.hub.faults.append(Fault("stall", at=1000))
    async with anyio.create_task_group() as group:

        async def run() -> None:
            await place.install(accept)

        group.start_soon(run)
        await anyio.to_thread.run_sync(place.hub.reached.wait, 30)
        with pytest.raises(InstallError, match="being installed by another process"):
            place.store.remove("tiny")
        group.cancel_scope.cancel()
    place.store.remove("tiny")


def test_the_librarys_own_download_gets_the_same_from_this_hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The fixture itself is enough of a hub."""
    script = (
        "import sys; from huggingface_hub import hf_hub_download as get\n"
        "for name in sys.argv[2:]: get('tests/tiny-model', name, local_dir=sys.argv[1])"
    )
    with running_hub(make_files()) as hub:
        use_hub(hub, monkeypatch)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        command = [sys.executable, "-c", script, str(tmp_path), *WANTED]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        for name in WANTED:
            assert (tmp_path / name).read_bytes() == hub.files[name]
