"""Open sessions are told when a mode's models come and go by themselves."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import anyio
import pytest

from acp_agent.backends.base import Model, Readiness
from acp_agent.protocol.open_sessions import Loaded, OpenSessions
from acp_agent.protocol.watching import Watching
from acp_agent.sessions.session import Session
from acp_agent.turn.modes import Modes
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import READY, fake
from tests.protocol.client import Client, RpcError, serving

pytestmark = pytest.mark.anyio

GONE = Readiness(False, "No server answers.")
BACK = Readiness(True, models=(Model("new", "New"),), default_model="new")


@dataclass(slots=True)
class ComingAndGoing(FakeBackend):
    """A backend whose test says when it changes. ``watches`` are those that run."""

    watches: int = 0
    begun: int = 0
    fails: bool = False
    _changed: Callable[[], Awaitable[None]] | None = None
    _ended: anyio.Event = field(default_factory=anyio.Event)

    async def watch(self, changed: Callable[[], Awaitable[None]]) -> None:
        self.begun += 1
        if self.fails:
            raise RuntimeError("planted")
        self.watches += 1
        self._changed = changed
        try:
            await anyio.sleep_forever()
        finally:
            self.watches -= 1
            self._ended.set()

    async def become(self, readiness: Readiness) -> None:
        """What ``probe`` says changes, and the watch notices."""
        self.readiness = readiness
        assert self._changed is not None
        await self._changed()

    async def ended(self) -> None:
        """Returns when a watch has ended."""
        await self._ended.wait()


def modes(*, fails: bool = False) -> tuple[ComingAndGoing, FakeBackend]:
    """A mode that comes and goes, and the one that sessions start in."""
    return ComingAndGoing("open", "Open", "Servers", READY, fails=fails), fake(mode="home")


def described(update: dict[str, Any]) -> str:
    """What an update of the options says of the mode that comes and goes."""
    choices = update["configOptions"][0]["options"]
    return next(each["description"] for each in choices if each["value"] == "open")


def updates_of(client: Client, session: str) -> list[dict[str, Any]]:
    """The updates of the options that ``session`` was told of."""
    sent = [m["params"] for m in client.seen if m.get("method") == "session/update"]
    return [
        each["update"]
        for each in sent
        if each["sessionId"] == session
        and each["update"]["sessionUpdate"] == "config_option_update"
    ]


async def all_told(client: Client) -> None:
    """Returns when all that was sent has arrived: answers do not overtake updates."""
    with pytest.raises(RpcError, match="no open session"):
        await close(client, "none")


async def close(client: Client, session: str) -> None:
    await client.call("session/close", {"sessionId": session})


async def test_all_open_sessions_are_told_in_whatever_mode_they_are() -> None:
    coming, home = modes()
    async with serving(coming, home, default="home") as client:
        sessions = [await client.new_session(), await client.new_session()]
        assert coming.watches == 1
        await coming.become(GONE)
        await all_told(client)
        for session in sessions:
            (update,) = updates_of(client, session)
            assert described(update) == "Not ready: No server answers."
        await coming.become(READY)
        await all_told(client)
        assert [described(updates_of(client, each)[-1]) for each in sessions] == ["Servers"] * 2


async def test_models_that_come_are_offered() -> None:
    coming, home = modes()
    async with serving(coming, home, default="open") as client:
        session = await client.new_session()
        await coming.become(BACK)
        await all_told(client)
        (update,) = updates_of(client, session)
        model = next(each for each in update["configOptions"] if each["id"] == "model")
        assert [each["value"] for each in model["options"]] == ["new", "tiny"]
        # What the user was shown stays chosen.
        assert model["currentValue"] == "tiny"
        assert model["options"][-1]["description"] == "Not there now"


async def test_a_change_that_nobody_sees_is_not_told() -> None:
    coming, home = modes()
    async with serving(coming, home) as client:
        session = await client.new_session()
        await coming.become(READY)
        await all_told(client)
        assert updates_of(client, session) == []


async def test_nothing_is_watched_before_a_session_is_open_nor_after_the_last() -> None:
    coming, home = modes()
    async with serving(coming, home) as client:
        await all_told(client)
        assert coming.begun == 0
        one, two = await client.new_session(), await client.new_session()
        await close(client, one)
        assert coming.watches == 1
        await coming.become(GONE)
        await all_told(client)
        assert updates_of(client, one) == []
        assert len(updates_of(client, two)) == 1
        await close(client, two)
        with anyio.fail_after(10):
            await coming.ended()
        assert coming.watches == 0
        await client.new_session()
        assert (coming.begun, coming.watches) == (2, 1)
    assert coming.watches == 0


async def test_no_session_is_told_before_its_editor_knows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def announce(self: OpenSessions, loaded: Loaded, session: Session) -> None:
        self.peer.start_soon(partial(self.tell_options, loaded.modes, session))

    monkeypatch.setattr(OpenSessions, "announce", announce)
    async with serving(*modes()) as client:
        session = await client.new_session()
        await all_told(client)
        assert updates_of(client, session)
        order = [
            "answer" if "sessionId" in (message.get("result") or {}) else message.get("method")
            for message in client.seen
        ]
        assert order.index("answer") < order.index("session/update")


async def test_a_session_that_closes_while_it_waits_to_be_told_is_not_told() -> None:
    coming, home = modes()
    every = {each.id: each for each in (coming, home)}
    table = Modes(every, ("home",))
    told: list[str] = []

    async def tell(modes: Modes, session: Session) -> None:
        told.append(session.id)

    watching = Watching(tell)
    closing, staying = Session("closing", "/", "home"), Session("staying", "/", "home")
    async with anyio.create_task_group() as tasks:
        for session in (closing, staying):
            watching.add(session, {"open": coming}, table, cast("Any", tasks))
        await anyio.wait_all_tasks_blocked()
        async with closing.control:
            tasks.start_soon(coming.become, GONE)
            await anyio.wait_all_tasks_blocked()
            watching.remove(closing)
        await anyio.wait_all_tasks_blocked()
        watching.remove(staying)
    assert told == ["staying"]


async def test_a_watch_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    coming, home = modes(fails=True)
    async with serving(coming, home, default="home") as client:
        session = await client.new_session()
        assert await client.prompt(session) == "end_turn"
        assert coming.begun == 1
    assert "watching mode open failed" in caplog.text
