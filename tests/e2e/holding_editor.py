"""An editor that holds one of the agent's requests back, so that a test can act meanwhile.

Owns the hold. Does not own what the editor does otherwise (``full_editor``).
"""

from typing import Any

import acp
import acp.schema
import anyio

from tests.e2e.editor import LIMIT, Json
from tests.e2e.full_editor import FullEditor
from tests.e2e.python_client import result_of


class HoldingEditor(FullEditor):
    """Has files, terminals, forms and MCP servers; never answers one of its methods.

    Args:
        abilities: as ``FullEditor``, and ``forms``.
        held: the name of the method here that never answers.
        passing: how many calls of it are answered before.
        servers: the MCP servers of every session.
    """

    def __init__(
        self, *abilities: str, held: str = "", passing: int = 0, servers: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(*abilities)
        self._has_forms = "forms" in abilities
        self._held = held
        self._passing = passing
        self._servers = servers
        self._is_held = anyio.Event()

    async def until_held(self) -> None:
        """Returns once the agent waits for the answer that never comes."""
        with anyio.fail_after(LIMIT):
            await self._is_held.wait()

    async def initialize(self) -> Json:
        capabilities = acp.schema.ClientCapabilities(
            fs=acp.schema.FileSystemCapabilities(
                read_text_file=self.has_files, write_text_file=self.has_files
            ),
            terminal=self.has_terminals,
        )
        if self._has_forms:
            forms = acp.schema.ElicitationFormCapabilities()
            capabilities.elicitation = acp.schema.ElicitationCapabilities(form=forms)
        return await result_of(
            self.connection.initialize(
                protocol_version=acp.PROTOCOL_VERSION, client_capabilities=capabilities
            )
        )

    async def new_session(self, cwd: str) -> Json:
        return await result_of(
            self.connection.new_session(cwd=cwd, mcp_servers=list(self._servers))
        )

    async def read_text_file(self, *args: Any, **kwargs: Any) -> acp.ReadTextFileResponse:
        await self._hold("read_text_file")
        return await super().read_text_file(*args, **kwargs)

    async def write_text_file(self, *args: Any, **kwargs: Any) -> acp.WriteTextFileResponse:
        await self._hold("write_text_file")
        return await super().write_text_file(*args, **kwargs)

    async def create_terminal(self, *args: Any, **kwargs: Any) -> acp.CreateTerminalResponse:
        await self._hold("create_terminal")
        return await super().create_terminal(*args, **kwargs)

    async def create_elicitation(self, message: str, mode: Any, **_: Any) -> Any:
        """A form that the user leaves open."""
        await self._hold("create_elicitation")
        return acp.schema.DeclineElicitationResponse(action="decline")

    async def _hold(self, method: str) -> None:
        if method != self._held:
            return
        self._passing -= 1
        if self._passing < 0:
            self._is_held.set()
            await anyio.sleep_forever()
