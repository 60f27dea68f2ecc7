"""An editor on the official Python SDK's client side.

Owns the calls in the SDK's own terms. The SDK spawns the agent, frames and parses.
"""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import acp
import acp.schema
from acp.client.connection import ClientSideConnection
from acp.connection import StreamDirection, StreamEvent
from pydantic import BaseModel

from tests.e2e.agent_process import ROOT, agent_command
from tests.e2e.editor import CallFailed, Editor, Json

_EXIT_SECONDS = 30.0
_Model = TypeVar("_Model", bound=BaseModel)


class PythonEditor(Editor):
    """Implements ``Editor``; the SDK calls ``session_update`` and ``request_permission``."""

    connection: ClientSideConnection

    def on_connect(self, conn: acp.Agent) -> None:
        """The SDK has spawned the agent."""

    async def session_update(self, session_id: str, update: Any, **meta: Any) -> None:
        """An update, parsed by the SDK."""
        self.on_update({"sessionId": session_id, "update": _dump(update), **meta})

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[Any], **meta: Any
    ) -> acp.RequestPermissionResponse:
        """A question, parsed by the SDK."""
        asked = {"toolCall": _dump(tool_call), "options": [_dump(option) for option in options]}
        question = self.on_question({"sessionId": session_id, **asked, **meta})
        await question.chosen.wait()
        outcome = acp.schema.AllowedOutcome(outcome="selected", option_id=question.option_id)
        return acp.RequestPermissionResponse(outcome=outcome)

    def observe(self, event: StreamEvent) -> None:
        """A message on the wire, as the SDK's observers get it."""
        incoming = event.direction is StreamDirection.INCOMING
        (self.on_received if incoming else self.on_sent)(event.message)

    async def initialize(self) -> Json:
        info = acp.schema.Implementation(name="python-editor", version="1.0")
        return await result_of(
            self.connection.initialize(protocol_version=acp.PROTOCOL_VERSION, client_info=info)
        )

    async def authenticate(self, method_id: str) -> Json:
        return await result_of(self.connection.authenticate(method_id=method_id))

    async def new_session(self, cwd: str) -> Json:
        return await result_of(self.connection.new_session(cwd=cwd, mcp_servers=[]))

    async def set_mode(self, session_id: str, mode_id: str) -> Json:
        return await result_of(
            self.connection.set_session_mode(session_id=session_id, mode_id=mode_id)
        )

    async def set_config_option(self, session_id: str, config_id: str, value: str) -> Json:
        return await result_of(
            self.connection.set_config_option(
                config_id=config_id, session_id=session_id, value=value
            )
        )

    async def prompt(self, session_id: str, text: str) -> Json:
        blocks = [acp.text_block(text)]
        return await result_of(self.connection.prompt(session_id=session_id, prompt=[*blocks]))

    async def cancel(self, session_id: str) -> None:
        await self.connection.cancel(session_id=session_id)

    async def close_session(self, session_id: str) -> Json:
        return await result_of(self.connection.close_session(session_id=session_id))


@asynccontextmanager
async def python_editor(environ: dict[str, str]) -> AsyncGenerator[Editor, None]:
    """Implements ``Spawn``. Nobody reads the agent's stderr."""
    editor = PythonEditor()
    command, *arguments = agent_command()
    async with acp.spawn_agent_process(
        cast("acp.Client", editor),
        command,
        *arguments,
        env=environ,
        cwd=ROOT,
        transport_kwargs={"shutdown_timeout": _EXIT_SECONDS},
        observers=[editor.observe],
    ) as (connection, process):
        editor.connection, editor.pid = connection, process.pid
        yield editor
    assert process.returncode == 0
    editor.check()


async def result_of(call: Awaitable[_Model | None]) -> Json:
    """The result as JSON; raises ``CallFailed``."""
    try:
        result = await call
    except acp.RequestError as error:
        raise CallFailed(error.code, str(error)) from error
    return {} if result is None else _dump(result)


def _dump(model: BaseModel) -> Json:
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)
