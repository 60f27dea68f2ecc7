"""Endpoints come and go while sessions are open: who is out, who is back, who is asked."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from acp_agent.backends.openai.directory import Directory
from acp_agent.backends.openai.endpoints import find_endpoints
from acp_agent.backends.openai.health import CHECK_INTERVAL, OUT_AFTER, USED_FOR, Health, watch
from acp_agent.config.settings import EndpointSettings, OpenAISettings
from tests.backends.openai.pages import PATIENCE, Page, free_port, listing, serve_models

pytestmark = pytest.mark.anyio


@dataclass
class Clock:
    """Time that goes only when the test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def named(url: str, clock: Clock, watched: tuple[str, ...] = ()) -> AsyncGenerator[Directory]:
    """A directory of the endpoint ``one`` at ``url``."""
    settings = OpenAISettings()
    endpoints = find_endpoints(settings, {"one": EndpointSettings(base_url=url)}, {})
    health = Health(clock)
    directory = Directory(endpoints, settings, watched=watched, ports=(), health=health)
    try:
        with anyio.fail_after(PATIENCE):
            yield directory
    finally:
        await directory.aclose()


def ids(directory: Directory) -> list[str]:
    return [model.id for model in directory.models()]


def test_silence_counts_from_its_first_to_its_last_sign() -> None:
    clock = Clock()
    health = Health(clock)
    assert not health.is_out("one")
    health.note_silent("one")
    clock.now += 10 * OUT_AFTER
    # Nobody has asked since, which says nothing.
    assert not health.is_out("one")
    health.note_silent("one")
    assert health.is_out("one")
    assert not health.is_out("two")
    health.note_alive("one")
    assert not health.is_out("one")


def test_three_checks_without_an_answer_are_too_few() -> None:
    clock = Clock()
    health = Health(clock)
    for _ in range(3):
        health.note_silent("one")
        clock.now += CHECK_INTERVAL
        assert not health.is_out("one")
    health.note_silent("one")
    assert health.is_out("one")


def test_an_endpoint_counts_as_used_for_a_while() -> None:
    clock = Clock()
    health = Health(clock)
    assert not health.is_used("one")
    health.note_used("one")
    assert health.is_used("one")
    clock.now += USED_FOR
    assert not health.is_used("one")


async def test_a_silent_endpoint_stays_until_it_is_out_and_comes_back() -> None:
    clock = Clock()
    async with serve_models("a").running() as server, named(server.url, clock) as directory:
        await directory.refresh()
        (endpoint,) = directory.endpoints()
        server.pages["/v1/models"] = Page({}, gate=anyio.Event())
        for _ in range(3):
            await directory.refresh()
            assert ids(directory) == ["one/a"]
            assert not directory.is_out(endpoint)
            clock.now += CHECK_INTERVAL
        await directory.refresh()
        assert ids(directory) == []
        assert directory.is_out(endpoint)
        assert "Endpoint one does not answer" in directory.problem()
        server.pages["/v1/models"] = listing("b")
        await directory.check()
        assert ids(directory) == ["one/b"]
        assert not directory.is_out(endpoint)


async def test_requests_that_fail_count_as_silence() -> None:
    clock = Clock()
    async with serve_models("a").running() as server, named(server.url, clock) as directory:
        await directory.refresh()
        (endpoint,) = directory.endpoints()
        directory.note_silent(endpoint)
        clock.now += OUT_AFTER
        directory.note_silent(endpoint)
        assert directory.is_out(endpoint)
        directory.note_alive(endpoint)
        assert not directory.is_out(endpoint)
        assert ids(directory) == ["one/a"]
        # Silence begins anew.
        directory.note_silent(endpoint)
        assert not directory.is_out(endpoint)


async def test_one_on_this_machine_is_gone_when_nobody_listens() -> None:
    async with named(f"http://127.0.0.1:{free_port()}/v1", Clock()) as directory:
        (endpoint,) = directory.endpoints()
        assert not directory.is_out(endpoint)
        await directory.check()
        assert directory.is_out(endpoint)
        async with serve_models("a").running(endpoint.port):
            await directory.check()
            assert ids(directory) == ["one/a"]
        await directory.check()
        assert ids(directory) == []


async def test_one_that_is_well_and_not_used_is_not_asked() -> None:
    clock = Clock()
    server = serve_models("a", max_model_len=1)
    async with server.running(), named(server.url, clock) as directory:
        await directory.refresh()
        await directory.check()
        assert len(server.asked) == 1
        directory.note_alive(directory.endpoints()[0])
        await directory.check()
        assert len(server.asked) == 2
        clock.now += USED_FOR
        await directory.check()
        assert len(server.asked) == 2


async def test_one_that_is_watched_is_asked_at_each_look() -> None:
    server = serve_models("a", max_model_len=1)
    async with server.running(), named(server.url, Clock(), ("one",)) as directory:
        await directory.refresh()
        for count in (2, 3):
            await directory.check()
            assert len(server.asked) == count


async def test_one_that_loads_its_model_is_asked_until_it_is_ready() -> None:
    clock = Clock()
    async with serve_models("a").running() as server:
        server.pages["/v1/models"] = Page({"error": "Loading model"}, 503)
        directory = Directory([], OpenAISettings(), ports=[server.port], health=Health(clock))
        await directory.refresh()
        assert ids(directory) == []
        server.pages["/v1/models"] = listing("a")
        await directory.check()
        assert ids(directory) == ["llamacpp/a"]
        await directory.aclose()


@dataclass
class Looked:
    """What a watch looks at; each look takes the next of ``states``."""

    states: list[str]
    checks: int = 0
    gates: list[float] = field(default_factory=list[float])

    async def check(self) -> None:
        self.checks += 1

    def snapshot(self) -> object:
        return self.states[min(self.checks, len(self.states) - 1)]

    async def wait(self, seconds: float) -> None:
        """Ends the watch when all states were seen."""
        self.gates.append(seconds)
        if self.checks >= len(self.states) - 1:
            await anyio.sleep_forever()


async def told_by(states: list[str]) -> tuple[list[object], Looked]:
    """What a watch over ``states`` told, by the state that it was told in."""
    looked = Looked(states)
    told: list[object] = []

    async def changed() -> None:
        told.append(looked.snapshot())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, looked, changed, looked.wait)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    return told, looked


async def test_a_watch_tells_of_changes_only() -> None:
    told, looked = await told_by(["a", "a", "b", "b", "a", "a"])
    assert told == ["b", "a"]
    assert set(looked.gates) == {CHECK_INTERVAL}


async def test_a_change_that_others_noticed_is_told_at_the_next_look() -> None:
    looked = Looked(["a", "a"])
    told: list[object] = []
    gate = anyio.Event()

    async def wait(seconds: float) -> None:
        await gate.wait() if not looked.checks else await anyio.sleep_forever()

    async def changed() -> None:
        told.append(looked.snapshot())

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch, looked, changed, wait)
            await anyio.wait_all_tasks_blocked()
            looked.states = ["b", "b"]
            gate.set()
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert told == ["b"]
