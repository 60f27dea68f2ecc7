"""Modes made of others: when they are assessed, who leads, what they are shown to have."""

import pytest

from acp_agent.backends.base import Model, Readiness
from acp_agent.config.settings import AutoSettings
from acp_agent.errors import BackendUnavailable
from acp_agent.sessions.session import Session
from acp_agent.turn.auto.mode import AutoMode
from acp_agent.turn.modes import Modes, Seat
from tests.fixtures.fake_composed import FakeComposed
from tests.protocol.backend import fake

pytestmark = pytest.mark.anyio

DOWN = Readiness(False, "Start it.")


def modes(*preference: str, parts: list[str] | None = None) -> Modes:
    backends = {name: fake(mode=name) for name in ("one", "two", "three")}
    return Modes(backends, preference, None, [FakeComposed(parts or ["one", "two"])])


async def test_a_composed_mode_is_listed_behind_the_others() -> None:
    found = modes()
    assert list(found.listing) == ["one", "two", "three", "auto"]
    await found.refresh()
    assert found.readiness["auto"] == Readiness(True)
    found.check("auto")


async def test_a_refresh_of_it_asks_its_parts_only() -> None:
    found = modes()
    await found.refresh("auto")
    assert set(found.readiness) == {"one", "two", "auto"}


async def test_a_part_that_changes_changes_it() -> None:
    small = fake(mode="ollama", models=[Model("q", "Q", parameters=10**9)])
    large = fake(mode="gptoss_20b", models=[Model("gpt-oss-20b", "GPT-OSS 20B")])
    backends = {"gptoss_20b": large, "ollama": small}
    found = Modes(backends, (), None, [AutoMode(AutoSettings(), backends)])
    await found.refresh()
    assert found.readiness["auto"].ready
    large.readiness = DOWN
    await found.refresh("gptoss_20b")
    assert (
        found.readiness["auto"].reason == "Q (Ollama) answers everything: GPT-OSS 20B is missing."
    )
    small.readiness = DOWN
    await found.refresh("ollama")
    with pytest.raises(BackendUnavailable, match="Mode auto is not ready: nobody"):
        found.check("auto")
    with pytest.raises(BackendUnavailable, match="Mode auto is not ready: nobody"):
        found.lead("auto")


async def test_it_is_not_assessed_before_all_its_parts_were_asked() -> None:
    found = modes()
    await found.refresh("one")
    assert set(found.readiness) == {"one"}


async def test_it_may_be_the_default_and_has_no_model_of_its_own() -> None:
    found = modes("auto", "one")
    await found.refresh()
    assert found.default() == "auto"
    session = Session("s", "/", "auto")
    found.pin(session)
    assert session.models == {}
    assert found.models(session) == ()
    assert found.model(session) is None
    assert found.thought_level(session) is None
    assert dict(found.describe(session)) == {"mode": "auto", "state": "ready"}
    assert found.lead("auto") == Seat("one", "tiny")


def test_the_name_of_a_seat_holds_no_folder() -> None:
    assert Seat("mlx", "/home/me/models/smol").name == "mlx/smol"
