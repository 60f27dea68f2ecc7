"""Delegations in mode ``auto`` as an editor sees them: shown, cancelled, and left alone."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import TextDelta
from acp_agent.errors import BackendError
from acp_agent.protocol.handlers import Handlers
from acp_agent.protocol.open_sessions import Loaded
from acp_agent.sessions.session import Session
from acp_agent.turn.auto.mode import AutoMode
from tests.protocol.client import Client, RpcError, connected, loaded_with
from tests.protocol.test_cancel import answered_last, cancel
from tests.turn.auto.talk import HEAVY, LARGE, LIGHT, AutoTalk, generates, says

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
WAYS = ["before the answer", "by a call"]


@dataclass(slots=True)
class Served:
    """An agent in mode ``auto`` and its editor."""

    talk: AutoTalk
    client: Client

    def delegate(self, way: str, *steps: Any) -> str:
        """Plans a delegation that plays ``steps``; the prompt that leads to it."""
        self.talk.large.script(*steps)
        if way == "before the answer":
            return HEAVY
        self.talk.small.script(generates(HEAVY))
        return LIGHT

    def calls(self) -> dict[str, list[str]]:
        """The states of all calls, by id."""
        states: dict[str, list[str]] = {}
        for update in self.client.updates("tool_call", "tool_call_update"):
            if "status" in update:
                states.setdefault(update["toolCallId"], []).append(update["status"])
        return states

    def sources(self) -> list[Json | None]:
        """Who said each piece of the answer."""
        chunks = self.client.updates("agent_message_chunk")
        return [each.get("_meta", {}).get("acp-agent", {}).get("source") for each in chunks]


@asynccontextmanager
async def served() -> AsyncGenerator[Served]:
    talk = AutoTalk()
    backends = {each.id: each for each in (talk.large, talk.small)}
    watch = talk.services.watch

    def mode_chosen(session: Session, before: str, now: str) -> None:
        watch.mode_chosen(session.id, before, now)

    async def load() -> Loaded:
        loaded = loaded_with(backends, default="auto", composed=[AutoMode(talk.settings, backends)])
        return replace(loaded, auto=talk.services, mode_chosen=mode_chosen)

    async with connected(Handlers(load)) as client:
        await client.initialize()
        yield Served(talk, client)


@pytest.mark.parametrize("way", WAYS)
async def test_a_delegation_is_a_call_and_its_answer_is_marked(way: str) -> None:
    async with served() as agent:
        session = await agent.client.new_session()
        prompt = agent.delegate(way, *says("Half, ", "whole."))
        assert await agent.client.prompt(session, prompt) == "end_turn"
        [(call, states)] = agent.calls().items()
        about = {"mode": "gptoss_20b", "model": "gpt-oss-20b", "toolCallId": call}
        assert states[-1] == "completed"
        assert agent.sources()[0] == about
        assert agent.client.text().startswith("Half, whole.")
        assert not agent.client.updates("current_mode_update")


@pytest.mark.parametrize("way", WAYS)
async def test_a_cancel_during_a_delegation(way: str) -> None:
    async with served() as agent:
        client = agent.client
        session = await client.new_session()
        text = agent.delegate(way, TextDelta("Half."), anyio.Event(), TextDelta("never"))
        prompt = client.start_prompt(session, text)
        await client.update("agent_message_chunk")
        client.post(cancel(session))
        await answered_last(client, prompt)
        [states] = agent.calls().values()
        assert states[-1] == "failed"
        assert client.text() == "Half."
        assert all(each.outcome.cancelled for each in agent.talk.log.records)
        assert await client.prompt(session, LIGHT) == "end_turn"
        assert client.text() == "Half.ok"
    agent.talk.check()


async def test_a_cancel_ends_two_delegations() -> None:
    async with served() as agent:
        client, talk = agent.client, agent.talk
        session = await client.new_session()
        talk.small.script(generates(f"{HEAVY} One.", "c1"), generates(f"{HEAVY} Two.", "c2"))
        both = [talk.large.script(TextDelta(each), anyio.Event()) for each in "12"]
        prompt = client.start_prompt(session, LIGHT)
        for each in "12":
            await client.update("agent_message_chunk", f'"{each}"')
        client.post(cancel(session))
        await answered_last(client, prompt)
        assert [states[-1] for states in agent.calls().values()] == ["failed", "failed"]
        assert all(each.stopped.is_set() for each in both)
    assert all(each.outcome.cancelled for each in talk.log.records)


@pytest.mark.parametrize("way", WAYS)
async def test_the_client_goes_away_during_a_delegation(way: str) -> None:
    with anyio.fail_after(10):
        async with served() as agent:
            session = await agent.client.new_session()
            text = agent.delegate(way, TextDelta("Half."), anyio.Event())
            agent.client.start_prompt(session, text)
            await agent.client.update("agent_message_chunk")
            agent.client.close()
            await agent.client.ended.wait()
    for backend in (agent.talk.small, agent.talk.large):
        assert backend.is_closed
        assert all(stream.stopped.is_set() for stream in backend.streams)
    assert all(each.outcome.cancelled for each in agent.talk.log.records)
    assert all(each.outcome.error is None for each in agent.talk.log.records)
    assert len(agent.talk.log.records) == (1 if way == "before the answer" else 2)


async def test_a_session_that_is_closed_during_a_delegation() -> None:
    async with served() as agent:
        client = agent.client
        session = await client.new_session()
        text = agent.delegate(WAYS[0], TextDelta("Half."), anyio.Event())
        prompt = client.start_prompt(session, text)
        await client.update("agent_message_chunk")
        await client.call("session/close", {"sessionId": session})
        assert (await client.result(prompt))["stopReason"] == "cancelled"
        assert agent.talk.record.outcome.cancelled
        agent.talk.services.watch.mode_chosen(session, "auto", "ollama")
    assert agent.talk.log.feedback == []


@pytest.mark.parametrize("way", WAYS)
async def test_the_mode_is_switched_during_a_delegation(way: str) -> None:
    async with served() as agent:
        client = agent.client
        session = await client.new_session()
        gate = anyio.Event()
        text = agent.delegate(way, TextDelta("Half, "), gate, TextDelta("whole."))
        prompt = client.start_prompt(session, text)
        await client.update("agent_message_chunk")
        await client.call("session/set_mode", {"sessionId": session, "modeId": "ollama"})
        gate.set()
        assert (await client.result(prompt))["stopReason"] == "end_turn"
        assert client.text().startswith("Half, whole.")
        [states] = agent.calls().values()
        assert states[-1] == "completed"
        [record] = agent.talk.calls("prompt")
        assert record.outcome.override == "ollama"
        assert not record.outcome.cancelled
        before = len(agent.talk.log.records)
        assert await client.prompt(session, HEAVY) == "end_turn"
        assert len(agent.talk.log.records) == before  # the user's own mode answers now
    assert agent.talk.log.feedback == []


async def test_the_mode_is_switched_right_after_a_delegation() -> None:
    async with served() as agent:
        client = agent.client
        session = await client.new_session()
        await client.prompt(session, HEAVY)
        await client.call("session/set_mode", {"sessionId": session, "modeId": "ollama"})
        [mark] = agent.talk.log.feedback
    assert (mark.decision, mark.verdict, mark.mode) == (
        agent.talk.record.id,
        "mode_switched",
        "ollama",
    )


async def test_a_delegation_that_fails_midway_is_an_error_and_the_session_goes_on() -> None:
    async with served() as agent:
        client = agent.client
        session = await client.new_session()
        text = agent.delegate(WAYS[0], TextDelta("Half."), BackendError("The engine ended."))
        with pytest.raises(RpcError, match="The engine ended") as raised:
            await client.prompt(session, text)
        assert raised.value.code == -32603
        [states] = agent.calls().values()
        assert states[-1] == "failed"
        assert agent.talk.record.effective == LARGE
        assert await client.prompt(session, LIGHT) == "end_turn"
    agent.talk.check()


async def test_a_substitute_is_announced_by_a_notice() -> None:
    async with served() as agent:
        session = await agent.client.new_session()
        text = agent.delegate(WAYS[0], BackendError("The engine ended."))
        assert await agent.client.prompt(session, text) == "end_turn"
        assert agent.client.text() == "ok"
        notices = agent.client.notices()
    assert "Tiny (Ollama) answers instead. gptoss_20b/gpt-oss-20b: The engine ended." in notices
