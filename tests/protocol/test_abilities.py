"""What a client can do: only what it names, each by itself."""

from typing import Any

import pytest

from acp_agent.protocol.abilities import ClientAbilities, client_abilities
from acp_agent.protocol.wire.initialize import InitializeRequest


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        (None, ClientAbilities()),
        ({}, ClientAbilities()),
        ({"fs": {"readTextFile": True}}, ClientAbilities(read_text=True)),
        ({"fs": {"writeTextFile": True}}, ClientAbilities(write_text=True)),
        ({"fs": {"readTextFile": "yes"}}, ClientAbilities()),
        ({"fs": None}, ClientAbilities()),
        ({"terminal": True}, ClientAbilities(terminal=True)),
        ({"terminal": 1}, ClientAbilities()),
        ({"elicitation": {"form": {}}}, ClientAbilities(forms=True)),
        ({"elicitation": {}}, ClientAbilities()),
        ({"elicitation": {"form": None, "url": {}}}, ClientAbilities()),
    ],
)
def test_only_what_is_named_is_there(capabilities: Any, expected: ClientAbilities) -> None:
    params = {"protocolVersion": 1, "clientCapabilities": capabilities}
    assert client_abilities(InitializeRequest.from_wire(params)) == expected


def test_a_client_that_names_nothing_can_do_nothing() -> None:
    request = InitializeRequest.from_wire({"protocolVersion": 1})
    assert client_abilities(request) == ClientAbilities()
