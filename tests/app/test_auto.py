"""Mode ``auto`` put together: the log, the threshold, and what the engine says of its load."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.app import auto
from acp_agent.app.auto import build_auto, open_decisions, read_status
from acp_agent.config.machine import Stall
from acp_agent.config.paths import Paths
from acp_agent.config.settings import AutoSettings, EngineSettings, Settings
from acp_agent.errors import BackendError
from acp_agent.routing.gates import Load
from acp_agent.routing.profile import Profile, fingerprint, save_profile
from acp_agent.telemetry.turns import TurnRecord
from acp_agent.turn.auto.services import AutoServices
from tests.fixtures.routing_records import make_record

SHORT = "The machine is short of memory now: close other large programs, then ask again."


def status(**changes: Any) -> dict[str, Any]:
    """As the engine tells it."""
    told: dict[str, Any] = {"state": "ready", "models": [], "queued_requests": 0, "memory": {}}
    return told | changes


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, Load()),
        (status(), Load()),
        (status(models=[{"id": "big", "state": "ready"}]), Load(is_loaded=True)),
        (status(models=[{"id": "big", "state": "busy"}]), Load(is_loaded=True)),
        (status(models=[{"id": "big", "state": "loading"}]), Load(is_loaded=True)),
        (status(models=[{"id": "big", "state": "unloading"}]), Load()),
        (status(models=[{"id": "other", "state": "ready"}]), Load()),
        (status(queued_requests=3), Load(waiting=3)),
        (status(memory={"pressure": 1}), Load()),
        (status(memory={"pressure": 2}), Load(shortage=SHORT)),
        (
            status(memory={"pressure": 3}, models=[{"id": "big", "state": "ready"}]),
            Load(is_loaded=True),
        ),
        (status(models=None, memory=None), Load()),
    ],
)
def test_what_a_status_says(told: dict[str, Any], expected: Load) -> None:
    assert read_status(told, "big") == expected


@dataclass
class FakeEngine:
    """Tells ``told``: a status, None where none runs; raises an error; an event is waited for."""

    told: Mapping[str, Any] | BackendError | anyio.Event | None = None

    async def status(self) -> Mapping[str, Any] | None:
        if isinstance(self.told, anyio.Event):
            await self.told.wait()
        if isinstance(self.told, BackendError):
            raise self.told
        return self.told  # pyright: ignore[reportReturnType]


@dataclass
class FakeMachine:
    full: float | None = None
    level: int | None = None

    def __call__(self) -> "FakeMachine":
        return self

    def stall(self) -> Stall | None:
        return None if self.full is None else Stall(50.0, self.full)

    def pressure_level(self) -> int | None:
        return self.level


async def _nothing(session: str) -> None:
    return


def _record(turn: TurnRecord) -> None:
    return


def build(
    folder: Path, engine: FakeEngine | None = None, settings: Settings | None = None
) -> tuple[AutoServices, Paths]:
    settings = settings or Settings()
    paths = Paths(folder, folder, folder, folder)
    decisions = open_decisions(settings.auto, paths)
    built = build_auto(settings, paths, engine or FakeEngine(), decisions, _nothing, _record)  # pyright: ignore[reportArgumentType]
    return built, paths


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("machine", "engine", "expected"),
    [
        (FakeMachine(), FakeEngine(), Load()),
        (FakeMachine(full=9.9, level=2), FakeEngine(), Load()),
        (FakeMachine(full=10.0), FakeEngine(), Load(shortage=SHORT)),
        (FakeMachine(level=4), FakeEngine(), Load(shortage=SHORT)),
        (FakeMachine(level=4), FakeEngine(status(queued_requests=2)), Load(False, 2, SHORT)),
        (
            FakeMachine(level=4),
            FakeEngine(status(models=[{"id": "big", "state": "ready"}])),
            Load(is_loaded=True),
        ),
        (FakeMachine(), FakeEngine(BackendError("It is of an older version.")), Load()),
    ],
)
async def test_the_machine_is_looked_at_too(
    machine: FakeMachine,
    engine: FakeEngine,
    expected: Load,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auto, "Machine", machine)
    services, _ = build(tmp_path, engine)
    assert await services.read_load("/models/big") == expected


@pytest.mark.anyio
async def test_memory_that_is_to_be_ignored_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "Machine", FakeMachine(level=4))
    settings = Settings(engine=EngineSettings(ignore_memory=True))
    told = status(memory={"pressure": 3}, queued_requests=2)
    services, _ = build(tmp_path, FakeEngine(told), settings)
    assert await services.read_load("big") == Load(waiting=2)


@pytest.mark.anyio
async def test_an_engine_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "Machine", FakeMachine())
    monkeypatch.setattr(auto, "STATUS_LIMIT", 0.01)
    services, _ = build(tmp_path, FakeEngine(anyio.Event()))
    with anyio.fail_after(5):
        assert await services.read_load("big") == Load()


def test_decisions_are_logged_unless_the_user_says_no(tmp_path: Path) -> None:
    services, paths = build(tmp_path)
    assert services.log is not None
    record = make_record("d1")
    record.prompt = "secret"
    services.log.write(record)
    services.watch.begin("s", make_record("d1"))
    services.watch.end("s")
    services.watch.mode_chosen("s", "auto", "mlx")
    lines = paths.decision_log.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert "mode_switched" in lines[1]
    assert "secret" not in lines[0]
    silent, _ = build(tmp_path, settings=Settings(auto=AutoSettings(log=False)))
    assert silent.log is None
    silent.watch.begin("s", make_record("d2"))
    silent.watch.end("s")
    silent.watch.mode_chosen("s", "auto", "mlx")
    assert len(paths.decision_log.read_text(encoding="utf-8").splitlines()) == 2


def test_prompts_are_kept_where_the_user_says_so(tmp_path: Path) -> None:
    settings = Settings(auto=AutoSettings(log_prompts=True))
    services, paths = build(tmp_path, settings=settings)
    assert services.log is not None
    record = make_record("d1")
    record.prompt = "a text of mine"
    services.log.write(record)
    assert "a text of mine" in paths.decision_log.read_text(encoding="utf-8")


def test_the_users_threshold_is_read_when_it_is_needed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    services, paths = build(tmp_path)
    assert services.threshold() is None
    profile = Profile(
        threshold=0.25,
        when="2026-01-02T03:04:05Z",
        decisions=40,
        method="A test.",
        weights=fingerprint(services.read_weights()),
    )
    save_profile(paths.routing_profile, profile)
    assert services.threshold() == 0.25
    for broken in ("{", profile.model_copy(update={"weights": "others"}).model_dump_json()):
        paths.routing_profile.write_text(broken, encoding="utf-8")
        assert services.threshold() is None
    assert caplog.text.count("the routing profile is left out") == 2
