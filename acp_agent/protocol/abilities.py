"""What the client can do for the tools, as it said in ``initialize``.

Owns reading it off the capabilities. Does not own using it (``client_files``,
``client_commands``, ``questions``). What a client does not name must not be used.

Source: https://agentclientprotocol.com/protocol/v1/initialization#client-capabilities
"""

from dataclasses import dataclass

from acp_agent.protocol.wire.initialize import InitializeRequest


@dataclass(slots=True, frozen=True)
class ClientAbilities:
    """``read_text`` and ``write_text`` are the two ``fs/`` methods, ``terminal`` is all of
    ``terminal/``, ``forms`` is ``elicitation/create`` in form mode."""

    read_text: bool = False
    write_text: bool = False
    terminal: bool = False
    forms: bool = False


def client_abilities(request: InitializeRequest) -> ClientAbilities:
    """What the sender of ``request`` can do."""
    client = request.client_capabilities
    return ClientAbilities(
        read_text=client.fs.read_text_file,
        write_text=client.fs.write_text_file,
        terminal=client.terminal,
        forms=client.elicitation is not None and client.elicitation.form is not None,
    )
