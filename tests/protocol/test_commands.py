"""Slash commands that the agent answers itself."""

import pytest

from tests.protocol.backend import fake
from tests.protocol.client import NEW_SESSION, serving

pytestmark = pytest.mark.anyio


async def test_status_is_answered_without_a_model() -> None:
    backend = fake()
    async with serving(backend) as client:
        session = await client.new_session()
        assert await client.prompt(session, " /status ") == "end_turn"
        assert client.text() == "Mode fake is well."
        assert await client.prompt(session, "/statusbar is broken") == "end_turn"
    assert [stream.request.prompt for stream in backend.streams if stream.request] == [
        "/statusbar is broken"
    ]


async def test_the_commands_are_told_after_the_session() -> None:
    async with serving(fake()) as client:
        session = client.start("session/new", NEW_SESSION)
        update = await client.update("available_commands_update")
        assert [command["name"] for command in update["availableCommands"]] == ["status"]
        kinds = [message.get("method", message.get("id")) for message in client.seen]
        assert kinds.index(session) < kinds.index("session/update")
