"""Which slash commands there are, and finding them in prompts."""

import pytest

from acp_agent.turn.commands.table import COMMANDS, FoundCommand, SlashCommand, find_command

EXTRA = [SlashCommand("notes:review", "Review", "<file>"), SlashCommand("notes:day", "Day")]


def test_the_commands_are_those_of_the_issue() -> None:
    names = "help models install unload status compact init permissions plan routing export"
    assert sorted(command.name for command in COMMANDS) == sorted(names.split())
    with_input = {command.name for command in COMMANDS if command.hint}
    assert with_input == {"install", "unload", "init", "permissions", "plan", "routing"}


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("/help", "help", ""),
        ("  /status\n", "status", ""),
        ("/install smollm2-135m", "install", "smollm2-135m"),
        ("/routing wrong", "routing", "wrong"),
        ("/plan\tfix the\nparser ", "plan", "fix the\nparser"),
        ("/permissions revoke  2", "permissions", "revoke  2"),
        ("/notes:review a.py", "notes:review", "a.py"),
        ("/notes:day", "notes:day", ""),
    ],
)
def test_a_command_is_found_with_its_argument(text: str, name: str, argument: str) -> None:
    assert find_command(text, EXTRA) == FoundCommand(name, argument)


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "/ help", "help", "//help", "say /help", "/Help", "/helpful"),
        *("/etc/hosts is broken", "/status is red", "/statusbar is broken", "/unknown", "/help!"),
        *("/notes:day now", "/notes", "/notes:other"),
    ],
)
def test_anything_else_is_for_the_model(text: str) -> None:
    assert find_command(text, EXTRA) is None
