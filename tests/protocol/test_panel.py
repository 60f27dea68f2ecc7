"""Mode ``panel`` as an editor sees it: a call per candidate, one answer, cancel, options."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import TextDelta
from acp_agent.protocol.handlers import Handlers
from acp_agent.protocol.open_sessions import Loaded
from acp_agent.turn.panel.mode import PanelMode
from tests.protocol.client import Client, connected, loaded_with
from tests.protocol.sdk import is_notice
from tests.protocol.test_cancel import answered_last, cancel
from tests.turn.panel.talk import PanelTalk, says

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


@dataclass(slots=True)
class Served:
    """An agent in mode ``panel`` and its editor."""

    talk: PanelTalk
    client: Client

    def calls(self) -> dict[str, list[Json]]:
        """All that was shown of each candidate's call, by its title."""
        titles: dict[str, str] = {}
        found: dict[str, list[Json]] = {}
        for update in self.client.updates("tool_call", "tool_call_update"):
            title = titles.setdefault(update["toolCallId"], update.get("title", ""))
            found.setdefault(title, []).append(update)
        return found

    def chunks(self) -> list[Json]:
        """The pieces of the answer."""
        return [u for u in self.client.updates("agent_message_chunk") if not is_notice(u)]


@asynccontextmanager
async def served(*names: str) -> AsyncGenerator[Served]:
    talk = PanelTalk(*names)

    async def load() -> Loaded:
        composed = [PanelMode(talk.roster)]
        loaded = loaded_with(talk.backends, default="panel", composed=composed)
        commands = replace(loaded.services, last_panel=talk.services.describe_last)
        return replace(loaded, panel=talk.services, services=commands)

    async with connected(Handlers(load)) as client:
        await client.initialize()
        yield Served(talk, client)


async def test_a_call_per_candidate_and_one_answer_that_is_marked() -> None:
    async with served("one", "two", "three") as agent:
        agent.talk.script(one="41", two="It is 42.", three="42")
        session = await agent.client.new_session()
        assert await agent.client.prompt(session) == "end_turn"
        calls = agent.calls()
        assert list(calls) == [f"Panel {n}/3: Model {m}" for n, m in enumerate(TITLES, 1)]
        for updates in calls.values():
            assert updates[0]["kind"] == "think"
            assert updates[0]["rawInput"]["strategy"] == "majority"
            assert updates[-1]["status"] == "completed"
            assert updates[-1]["content"][0]["content"]["text"].startswith("Answered")
        [chunk] = agent.chunks()
        assert chunk["content"]["text"] == "It is 42."
        winner = calls["Panel 2/3: Model Two"][0]["toolCallId"]
        about = {"mode": "two", "model": "two-model", "toolCallId": winner}
        assert chunk["_meta"]["acp-agent"]["source"] == about
        [usage] = agent.client.updates("usage_update")
        assert (usage["used"], usage["size"]) == (110, 8192)
        kinds = [each["sessionUpdate"] for each in agent.client.updates()]
        last_call = max(i for i, kind in enumerate(kinds) if kind.startswith("tool_call"))
        assert set(kinds[last_call + 1 :]) == {"agent_message_chunk", "usage_update"}
        assert "3 of 3 answered, 2 agree (majority)" in agent.client.notices()


TITLES = ("One", "Two", "Three")


async def test_cancel_ends_all_calls_and_nothing_comes_afterwards() -> None:
    async with served("one", "two", "three") as agent:
        client, talk = agent.client, agent.talk
        plans = [talk[name].script(TextDelta("4"), anyio.Event()) for name in talk.backends]
        session = await client.new_session()
        prompt = client.start_prompt(session)
        for title in TITLES:
            await client.update("tool_call", title)
        for each in plans:
            await each.started.wait()
        client.post(cancel(session))
        await answered_last(client, prompt)
        assert [each[-1]["status"] for each in agent.calls().values()] == ["failed"] * 3
        assert all(each.stopped.is_set() for each in plans)
        assert agent.chunks() == []
        assert await client.prompt(session) == "end_turn"
        assert client.text() == "ok"


async def test_the_options_are_the_sessions() -> None:
    async with served() as agent:
        client = agent.client
        session = await client.new_session()
        params: Json = {"sessionId": session, "configId": "samples", "value": "2"}
        answer = await client.call("session/set_config_option", params)
        options = {each["id"]: each["currentValue"] for each in answer["configOptions"]}
        assert (options["strategy"], options["samples"]) == ("majority", "2")
        agent.talk.one.script(*says("42"))
        assert await client.prompt(session) == "end_turn"
        assert len(agent.calls()) == 2


async def test_a_closed_session_is_forgotten() -> None:
    async with served("one") as agent:
        session = await agent.client.new_session()
        await agent.client.prompt(session)
        assert session in agent.talk.services.last
        await agent.client.call("session/close", {"sessionId": session})
        assert agent.talk.services.last == {}


async def test_routing_tells_of_the_last_panel() -> None:
    async with served("one", "two") as agent:
        session = await agent.client.new_session()
        await agent.client.prompt(session, "/routing")
        assert "The last panel" not in agent.client.text()
        await agent.client.prompt(session)
        await agent.client.prompt(session, "/routing")
        assert "2 answered; `one` was shown, agreement 100%" in agent.client.text()
