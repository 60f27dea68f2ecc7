"""Slash commands on the wire: the menu, and answers without a model."""

import pytest

from acp_agent.protocol.commands import commands_update
from acp_agent.turn.commands.table import COMMANDS, SlashCommand
from tests.protocol.backend import fake
from tests.protocol.client import NEW_SESSION, serving

pytestmark = pytest.mark.anyio

NAMES = [command.name for command in COMMANDS]


def test_the_menu_has_hints_and_the_prompts_of_servers() -> None:
    update = commands_update([SlashCommand("notes:review", "Review a file", "<file>")]).to_wire()
    offered = update["availableCommands"]
    assert [command["name"] for command in offered] == [*NAMES, "notes:review"]
    assert offered[-1]["input"] == {"hint": "<file>"}
    assert "input" not in offered[0]
    assert all(command["description"] for command in offered)


async def test_a_command_is_answered_without_a_model() -> None:
    backend = fake()
    async with serving(backend) as client:
        session = await client.new_session()
        assert await client.prompt(session, " /status ") == "end_turn"
        assert client.text() == "Mode fake is well."
        assert await client.prompt(session, "/statusbar is broken") == "end_turn"
        assert await client.prompt(session, "/etc/hosts is broken") == "end_turn"
    assert [stream.request.prompt for stream in backend.streams if stream.request] == [
        "/statusbar is broken",
        "/etc/hosts is broken",
    ]


async def test_a_command_that_becomes_a_prompt_is_answered_by_the_model() -> None:
    backend = fake()
    async with serving(backend) as client:
        session = await client.new_session()
        assert await client.prompt(session, "/plan mend it") == "end_turn"
    (stream,) = backend.streams
    assert stream.request is not None
    assert stream.request.prompt.endswith("Task: mend it")


async def test_the_commands_are_told_after_the_session() -> None:
    async with serving(fake()) as client:
        session = client.start("session/new", NEW_SESSION)
        update = await client.update("available_commands_update")
        assert [command["name"] for command in update["availableCommands"]] == NAMES
        kinds = [message.get("method", message.get("id")) for message in client.seen]
        assert kinds.index(session) < kinds.index("session/update")
