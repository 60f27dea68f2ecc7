"""Downloads that are disturbed: they go on where they were, and nothing wrong is ever shown."""

import random
import resource
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import psutil
import pytest
from anyio.abc import TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.errors import InstallError
from acp_agent.models.hub.messages import Retry
from tests.fixtures.hub_files import WANTED
from tests.fixtures.hub_install import QUICK, HubPlace
from tests.fixtures.hub_server import Fault, FaultKind

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
SHARD = "model-2-of-2.safetensors"
PATIENT = Retry(attempts=4, first_wait=0.001, longest_wait=0.002, longest_asked=0.01)


def workers() -> list[psutil.Process]:
    """The transfer processes that this one has started."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if any("hub.worker" in word for word in child.cmdline())
    ]


def kill_workers() -> None:
    for worker in workers():
        worker.kill()


async def stall_transfer(place: HubPlace, group: TaskGroup) -> psutil.Process:
    """Installs up to the middle of the last file; the process that waits for the rest."""
    accept = (await place.ask()).accept()
    place.hub.faults.append(Fault("stall", at=50_000, on=SHARD))
    arrived = anyio.Event()
    small = sum(len(place.hub.files[name]) for name in WANTED - {SHARD})
    plain = place.report

    async def report(stage: str, done: int | None, total: int | None) -> None:
        if (done or 0) > small:
            arrived.set()

    async def run() -> None:
        with pytest.raises(InstallError, match="not foreseen"):
            await place.install(accept)

    place.report = report  # type: ignore[method-assign]
    group.start_soon(run)
    await arrived.wait()
    place.report = plain  # type: ignore[method-assign]
    (worker,) = workers()
    return worker


async def test_cancel_ends_a_silent_transfer_at_once(place: HubPlace) -> None:
    before = 0.0
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            await stall_transfer(place, group)
            before = time.monotonic()
            group.cancel_scope.cancel()
    # The library's own time limit for a silent connection is 10 s.
    assert time.monotonic() - before < 5
    assert workers() == []
    await place.check_resumed()


async def test_killed_transfer_process_is_an_error_and_resumed(place: HubPlace) -> None:
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            (await stall_transfer(place, group)).kill()
    await place.check_resumed()


@contextmanager
def small_files(limit: int) -> Generator[None]:
    """As on a full disk, the system refuses to let a file grow beyond ``limit`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_full_disk_is_a_sentence_and_the_rest_comes_later(place: HubPlace) -> None:
    accept = (await place.ask()).accept()
    with small_files(100_000), pytest.raises(InstallError, match="disk is full: make room"):
        await place.install(accept)
    assert place.store.installed() == []
    place.hub.served.clear()
    await place.install(accept)
    assert place.hub.starts == [100_000]
    place.check_ready()


async def test_killed_agent_takes_its_transfer_along_and_is_resumed(place: HubPlace) -> None:
    """kill -9 of the whole installing process, in the middle of a file."""
    accept = (await place.ask()).accept()
    script = (
        "import sys, anyio\n"
        "from pathlib import Path\n"
        "from acp_agent.models.licence import LicenceAcknowledgement\n"
        "from tests.fixtures.hub_install import HubPlace\n"
        "from tests.fixtures.hub_server import Hub\n"
        "place = HubPlace(Path(sys.argv[1]), Hub({}))\n"
        "async def report(stage, done, total): print(done or 0, flush=True)\n"
        "place.report = report\n"
        "anyio.run(place.install, LicenceAcknowledgement(sys.argv[2], 'now'))\n"
    )
    place.hub.faults.append(Fault("stall", at=50_000, on=SHARD))
    small = sum(len(place.hub.files[name]) for name in WANTED - {SHARD})
    command = [sys.executable, "-c", script, str(place.folder), accept.text_sha256]
    with anyio.fail_after(60):
        async with await anyio.open_process(command, cwd=ROOT, stderr=None) as agent:
            assert agent.stdout is not None
            lines = BufferedByteReceiveStream(agent.stdout)
            while int(await lines.receive_until(b"\n", 100)) <= small:
                pass
            (transfer,) = workers()
            agent.kill()
        assert (await anyio.to_thread.run_sync(psutil.wait_procs, [transfer], 30))[1] == []
    await place.check_resumed()


def random_fault(chance: random.Random) -> Fault:
    kinds: list[FaultKind] = [
        "drop", "drop", "reset", "status", "wrong", "short", "long", "whole", "elsewhere", "call"
    ]  # fmt: skip
    large = [name for name in WANTED if name.endswith(".safetensors")]
    return Fault(
        chance.choice(kinds),
        at=chance.randrange(150_000),
        status=chance.choice([408, 416, 429, 500, 502, 503, 504]),
        headers=chance.choice([{}, {"Retry-After": "0"}]),
        act=kill_workers,
        on=chance.choice([*sorted(WANTED), *sorted(large) * 4]),
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_no_fault_ever_makes_a_corrupt_model_ready(place: HubPlace, seed: int) -> None:
    """100 random faults in all: 25 for each seed, over as many installations as it takes."""
    chance = random.Random(seed)
    whole = sum(len(place.hub.files[name]) for name in WANTED)
    failures = models = 0
    while place.hub.injected < 25:
        place.hub.faults = [random_fault(chance) for _ in range(25 - place.hub.injected)]
        failures += await place.install_until_done(chance.choice([QUICK, PATIENT]))
        models += 1
        place.check_ready()
        place.store.remove("tiny")
    assert failures
    resumed = [start for start in place.hub.starts if start > 0]
    assert resumed
    # Every range is so many bytes that did not come a second time.
    assert place.hub.total_served < (25 + models) * whole - sum(resumed)
