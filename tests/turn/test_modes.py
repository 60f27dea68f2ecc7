"""Readiness, the default mode, and what is in force for a session."""

import anyio
import pytest

from acp_agent.backends.base import Model, Readiness
from acp_agent.errors import BackendUnavailable, InvalidParams
from acp_agent.sessions.session import Session
from acp_agent.turn.modes import Modes
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import READY, fake

pytestmark = pytest.mark.anyio

EMPTY = Readiness(True, "No model.", installed=False)
DOWN = Readiness(False, "Start it.")
ELSEWHERE = Readiness(True, models=(Model("far", "Far", is_remote=True),), default_model="far")


def modes(configured: str | None = None, **states: Readiness) -> Modes:
    backends = {name: fake(mode=name, readiness=state) for name, state in states.items()}
    return Modes(backends, ("best", "good", "last"), configured)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"best": READY, "good": READY, "last": READY}, "best"),
        ({"last": READY, "good": READY}, "good"),
        ({"best": DOWN, "good": READY, "last": READY}, "good"),
        ({"best": EMPTY, "good": DOWN, "last": READY}, "last"),
        ({"best": DOWN, "good": EMPTY, "last": EMPTY}, "last"),
        ({"best": ELSEWHERE, "good": READY, "last": READY}, "good"),
        ({"best": DOWN, "good": DOWN}, "good"),
        ({"other": READY, "good": DOWN}, "good"),
        ({"other": READY}, "other"),
    ],
)
async def test_the_default_is_the_best_that_is_ready(
    states: dict[str, Readiness], expected: str
) -> None:
    found = modes(None, **states)
    await found.refresh()
    assert found.default() == expected


async def test_the_configured_mode_comes_first_ready_or_not() -> None:
    found = modes("good", best=READY, good=DOWN)
    await found.refresh()
    assert found.default() == "good"
    assert found.unknown_default is None


async def test_a_configured_mode_that_does_not_exist_is_passed_over_and_named() -> None:
    found = modes("bets", best=READY, good=READY)
    await found.refresh()
    assert found.default() == "best"
    assert found.unknown_default == "bets"
    assert modes(best=READY).unknown_default is None


class Broken(FakeBackend):
    """Breaks the contract: its probe raises."""

    async def probe(self) -> Readiness:
        raise RuntimeError("secret")


async def test_a_probe_that_fails_makes_its_mode_unready_and_no_other() -> None:
    found = Modes({"best": Broken("best"), "good": fake(mode="good")}, ("best", "good"))
    await found.refresh()
    assert found.default() == "good"
    assert not found.readiness["best"].ready
    assert "secret" not in found.readiness["best"].reason


async def test_all_backends_are_asked_at_once() -> None:
    both = anyio.Event()
    asked: list[str] = []

    class Waiting(FakeBackend):
        async def probe(self) -> Readiness:
            asked.append(self.id)
            if len(asked) == 2:
                both.set()
            await both.wait()
            return READY

    found = Modes({name: Waiting(name) for name in ("a", "b")}, ())
    with anyio.fail_after(20):
        await found.refresh()
    assert found.readiness == {"a": READY, "b": READY}


async def test_one_mode_can_be_asked_alone() -> None:
    found = modes(best=READY, good=READY)
    await found.refresh("good")
    assert list(found.readiness) == ["good"]


async def test_a_mode_is_checked_by_its_last_answer() -> None:
    found = modes(best=READY, good=DOWN)
    await found.refresh()
    found.check("best")
    with pytest.raises(BackendUnavailable, match=r"Mode good is not ready: Start it\."):
        found.check("good")
    with pytest.raises(InvalidParams, match="'nine': choose one of best, good"):
        found.check("nine")


async def test_the_model_in_force_is_the_choice_or_the_default() -> None:
    models = (
        Model("a", "A"),
        Model("b", "B", thought_levels=("low", "high"), thought_default="low"),
    )
    found = modes(best=Readiness(True, models=models, default_model="a"))
    await found.refresh()
    session = Session("s", "/", "best")
    assert (found.model(session), found.thought_level(session)) == ("a", None)
    session.models["best"] = "b"
    assert (found.model(session), found.thought_level(session)) == ("b", "low")
    session.thought_levels["best"] = "high"
    assert found.thought_level(session) == "high"
    session.thought_levels["best"] = "gone"
    assert found.thought_level(session) == "low"
    session.models["best"] = "gone"
    assert (found.model(session), found.model_details(session)) == ("gone", None)
    assert found.thought_level(session) is None


async def test_closing_closes_all_backends() -> None:
    backends = {name: fake(mode=name) for name in ("a", "b")}
    await Modes(backends, ()).aclose()
    assert all(backend.is_closed for backend in backends.values())
