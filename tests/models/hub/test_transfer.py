"""The transfer itself, in this process: every fault, what is asked again, what is thrown away."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest
from huggingface_hub import constants

from acp_agent.models.hub.client import SENTENCES
from acp_agent.models.hub.messages import (
    DownloadJob,
    Event,
    Failure,
    FailureKind,
    Finished,
    HubFile,
    Moved,
    Resolved,
    ResolveJob,
    Retry,
)
from acp_agent.models.hub.worker import do_job
from tests.fixtures.hub_files import REPO, make_files
from tests.fixtures.hub_server import Fault, FaultKind, Hub, running_hub, use_hub_here

SHARD = "model-2-of-2.safetensors"
QUICK = Retry(attempts=4, first_wait=0.001, longest_wait=0.002, longest_asked=0.01)


@dataclass
class Transfers:
    """A hub and a folder to fill from it."""

    hub: Hub
    folder: Path
    told: list[Event] = field(default_factory=list[Event])

    def files(self) -> tuple[HubFile, ...]:
        resolved = self.resolve()
        assert isinstance(resolved, Resolved)
        return resolved.snapshot.files

    def resolve(
        self, repo: str = REPO, revision: str = "main", retry: Retry = QUICK
    ) -> Resolved | Finished | Failure:
        return do_job(ResolveJob(repo=repo, revision=revision, retry=retry), self.told.append)

    def download(
        self, retry: Retry = QUICK, files: tuple[HubFile, ...] | None = None
    ) -> Resolved | Finished | Failure:
        self.told.clear()
        job = DownloadJob(
            repo=REPO,
            commit=self.hub.commit,
            files=files or self.files(),
            folder=self.folder,
            retry=retry,
        )
        return do_job(job, self.told.append)

    @property
    def moved(self) -> list[Moved]:
        return [event for event in self.told if isinstance(event, Moved)]

    def check_whole(self) -> None:
        for name, data in self.hub.files.items():
            assert (self.folder / "files" / name).read_bytes() == data
        partial = self.folder / "partial"
        assert [path for path in partial.rglob("*") if path.is_file()] == []

    def check_failed(self, reply: Resolved | Finished | Failure, what: FailureKind) -> None:
        assert isinstance(reply, Failure)
        assert reply.what == what


@pytest.fixture
def transfers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Transfers]:
    with running_hub(make_files()) as hub:
        use_hub_here(hub, monkeypatch)
        yield Transfers(hub, tmp_path / "work")


def test_whole_repository(transfers: Transfers) -> None:
    reply = transfers.download()
    assert isinstance(reply, Finished)
    assert {file.path for file in reply.files} == set(transfers.hub.files)
    transfers.check_whole()
    done = [moved.done for moved in transfers.moved]
    assert done == sorted(done)
    assert done[-1] == transfers.moved[-1].total == sum(map(len, transfers.hub.files.values()))
    assert transfers.hub.starts == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop", at=0, on=SHARD),
        Fault("drop", at=1, on=SHARD),
        Fault("drop", at=149_999, on=SHARD),
        Fault("reset", at=100_000, on=SHARD),
        Fault("short", on=SHARD),
        Fault("short", on="config.json"),
        Fault("long", on=SHARD),
        Fault("wrong", on=SHARD),
        Fault("wrong", on="config.json"),
        Fault("status", status=408, on=SHARD),
        Fault("status", status=500, on=SHARD),
        Fault("status", status=429, headers={"Retry-After": "1"}, on=SHARD),
        Fault("elsewhere", on=SHARD),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.at or fault.status}-{fault.on}",
)
def test_passing_fault_is_not_noticed(transfers: Transfers, fault: Fault) -> None:
    transfers.hub.faults.append(fault)
    assert isinstance(transfers.download(), Finished)
    assert transfers.hub.injected == 1
    transfers.check_whole()


def test_only_what_is_missing_is_asked_for_again(transfers: Transfers) -> None:
    transfers.hub.faults += [
        Fault("drop", at=100_000, on=SHARD),
        Fault("drop", at=20_000, on=SHARD),
    ]
    assert isinstance(transfers.download(), Finished)
    transfers.check_whole()
    assert transfers.hub.starts == [100_000, 120_000]
    assert transfers.hub.served[SHARD] == len(transfers.hub.files[SHARD])


@pytest.mark.parametrize("kind", ["whole", "elsewhere", "wrong", "long", "status"])
def test_fault_of_a_resumed_request(transfers: Transfers, kind: FaultKind) -> None:
    transfers.hub.faults += [
        Fault("drop", at=100_000, on=SHARD),
        Fault(kind, status=416, on=SHARD),
    ]
    reply = transfers.download()
    if kind == "status":
        # A refused range means that what is here is no beginning of the file.
        assert transfers.hub.served[SHARD] > len(transfers.hub.files[SHARD])
    if kind == "elsewhere":
        # What was not asked for is not taken, so nothing is lost.
        assert transfers.hub.starts == [100_000, 100_000]
    assert isinstance(reply, Finished)
    assert transfers.hub.injected == 2
    transfers.check_whole()


def test_lasting_fault_keeps_what_has_arrived(transfers: Transfers) -> None:
    transfers.hub.faults += [
        Fault("drop", at=100_000, on=SHARD),
        *(Fault("status", on=SHARD) for _ in range(4)),
    ]
    transfers.check_failed(transfers.download(), "server")
    have = (transfers.folder / "partial" / SHARD).stat().st_size
    assert have == 100_000
    transfers.hub.faults.clear()
    transfers.hub.served.clear()
    assert isinstance(transfers.download(), Finished)
    assert transfers.hub.served == {SHARD: len(transfers.hub.files[SHARD]) - have}
    assert transfers.moved[0].stage == "check"
    transfers.check_whole()


def test_failed_attempts_count_only_without_a_new_byte(transfers: Transfers) -> None:
    transfers.hub.faults += [Fault("drop", at=30_000, on=SHARD) for _ in range(4)]
    assert isinstance(transfers.download(Retry(attempts=2, first_wait=0.001)), Finished)
    assert transfers.hub.injected == 4


def test_lasting_wrong_contents_are_thrown_away(transfers: Transfers) -> None:
    transfers.hub.faults += [Fault("wrong", on=SHARD), Fault("wrong", on=SHARD)]
    transfers.check_failed(transfers.download(), "wrong content")
    assert not list(transfers.folder.rglob(SHARD))


def test_finished_file_that_changed_since_is_fetched_again(transfers: Transfers) -> None:
    files = transfers.files()
    assert isinstance(transfers.download(files=files), Finished)
    changed = transfers.folder / "files" / "tokenizer.json"
    changed.write_bytes(b"x" * changed.stat().st_size)
    transfers.hub.served.clear()
    assert isinstance(transfers.download(files=files), Finished)
    assert transfers.hub.served.keys() == {"tokenizer.json"}
    transfers.check_whole()


def test_part_that_is_longer_than_the_file_is_thrown_away(transfers: Transfers) -> None:
    partial = transfers.folder / "partial" / SHARD
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"x" * 200_000)
    assert isinstance(transfers.download(), Finished)
    transfers.check_whole()


def test_silent_connection_is_given_up(
    transfers: Transfers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    transfers.hub.faults.append(Fault("stall", at=50_000, on=SHARD))
    assert isinstance(transfers.download(), Finished)
    assert transfers.hub.starts
    transfers.check_whole()


def test_hashes_of_the_hub_are_believed_over_its_bytes(transfers: Transfers) -> None:
    lies = tuple(
        file.model_copy(update={"sha256": "0" * 64} if file.sha256 else {"blob": "0" * 40})
        for file in transfers.files()
        if file.path in (SHARD, "config.json")
    )
    for lie in lies:
        transfers.check_failed(transfers.download(files=(lie,)), "wrong content")


@pytest.mark.parametrize(
    ("repo", "revision", "what"),
    [
        ("tests/nothing", "main", "no repository"),
        (REPO, "other", "no revision"),
        ("no repository at all", "main", "no repository"),
    ],
)
def test_what_the_hub_has_not(
    transfers: Transfers, repo: str, revision: str, what: FailureKind
) -> None:
    transfers.check_failed(transfers.resolve(repo, revision), what)


@pytest.mark.parametrize(
    ("status", "what", "is_repeated"),
    [
        (400, "refused", False),
        (401, "denied", False),
        (403, "denied", False),
        (404, "no file", False),
        (429, "rate limit", True),
        (502, "server", True),
    ],
)
def test_refusals(transfers: Transfers, status: int, what: FailureKind, is_repeated: bool) -> None:
    transfers.hub.api_faults += [Fault("status", status=status)] * 4
    transfers.check_failed(transfers.resolve(), what)
    assert len(transfers.hub.requests) == (4 if is_repeated else 1)


def test_lookup_is_repeated(transfers: Transfers) -> None:
    transfers.hub.api_faults += [Fault("status", status=503), Fault("status", status=429)]
    assert isinstance(transfers.resolve(), Resolved)


@pytest.mark.parametrize(
    ("address", "what"),
    [("http://127.0.0.1:9", "unreachable"), ("ftp://127.0.0.1", "bad address")],
)
def test_hub_that_is_not_there(
    transfers: Transfers, monkeypatch: pytest.MonkeyPatch, address: str, what: FailureKind
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", address)
    transfers.check_failed(transfers.resolve(), what)


def test_offline_mode(transfers: Transfers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    transfers.check_failed(transfers.resolve(), "offline")
    assert transfers.hub.requests == []


def test_every_failure_has_a_sentence() -> None:
    assert set(SENTENCES) == set(get_args(FailureKind))
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())
