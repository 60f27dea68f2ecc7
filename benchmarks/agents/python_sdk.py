"""The agent to compare with: official Python SDK, answering with COUNT updates.

A prompt ``flood COUNT BYTES`` or ``slow COUNT MILLISECONDS`` is played as acp-agent's
mode ``scripted`` plays it; anything else is echoed.
"""

import asyncio
from typing import Any, cast
from uuid import uuid4

from acp import (
    InitializeResponse,
    NewSessionResponse,
    PromptResponse,
    run_agent,
    text_block,
    update_agent_message,
)
from acp.interfaces import Client


class PlayingAgent:
    """Plays ``flood`` and ``slow``."""

    _client: Client

    def on_connect(self, conn: Client) -> None:
        self._client = conn
        self._playing: asyncio.Task[Any] | None = None

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        return InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd: str, **_: Any) -> NewSessionResponse:
        return NewSessionResponse(session_id=uuid4().hex)

    async def cancel(self, session_id: str, **_: Any) -> None:
        if self._playing is not None:
            self._playing.cancel()

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> PromptResponse:
        self._playing = asyncio.current_task()
        words = prompt[0].text.split()
        try:
            await self._play(session_id, words)
        except asyncio.CancelledError:
            return PromptResponse(stop_reason="cancelled")
        return PromptResponse(stop_reason="end_turn")

    async def _play(self, session_id: str, words: list[str]) -> None:
        match words:
            case ["flood", count, size]:
                for _ in range(int(count)):
                    await self._say(session_id, "x" * int(size))
            case ["slow", count, milliseconds]:
                for _ in range(int(count)):
                    await asyncio.sleep(int(milliseconds) / 1000)
                    await self._say(session_id, ".")
            case _:
                await self._say(session_id, " ".join(words))

    async def _say(self, session_id: str, text: str) -> None:
        await self._client.session_update(
            session_id=session_id, update=update_agent_message(text_block(text))
        )


if __name__ == "__main__":
    asyncio.run(run_agent(cast("Any", PlayingAgent())))
