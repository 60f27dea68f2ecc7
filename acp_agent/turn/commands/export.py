"""``/export``: the conversation as a Markdown file.

Owns its spelling and writing it. The file lies in the agent's own folder, not in the
project, where a file appears only with the user's permission. Thoughts are left out.
"""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread

from acp_agent.conversation import AssistantMessage, Message, ToolResult, UserMessage
from acp_agent.errors import AgentError
from acp_agent.sessions.session import Session


async def write(session: Session, folder: Path) -> str:
    """Writes the file, for the user alone; says where it is.

    Raises:
        AgentError: it cannot be written.
    """
    messages = list(session.conversation.messages)
    if not messages:
        return "There is nothing to export yet."
    now = datetime.now(UTC)
    path = folder / f"{now:%Y-%m-%d-%H%M%S}-{re.sub('[^A-Za-z0-9]', '', session.id)[:8]}.md"
    title = f"# Conversation in {Path(session.cwd).name or session.cwd}\n\n{now:%Y-%m-%d %H:%M} UTC"
    text = f"{title}, mode {session.mode}\n\n{spell(messages)}"
    try:
        await anyio.to_thread.run_sync(_write, path, text)
    except OSError as error:
        reason = error.strerror or "the disk refused"
        raise AgentError(f"The conversation could not be written: {reason}.") from error
    return f"The conversation was written to `{path}`. Thoughts are not in it."


def spell(messages: list[Message]) -> str:
    """``messages`` in Markdown."""
    return "\n".join(part for message in messages for part in _spell(message))


def _spell(message: Message) -> list[str]:
    if isinstance(message, UserMessage):
        return ["## You", "", message.text, ""]
    if isinstance(message, ToolResult):
        state = "failed" if message.failed else "result"
        return [f"**{message.name}**: {state}", "", *_fenced(message.text), ""]
    return _spell_answer(message)


def _spell_answer(message: AssistantMessage) -> list[str]:
    parts = ["## Agent", ""]
    if message.text:
        parts += [message.text, ""]
    for call in message.tool_calls:
        parts += [f"**{call.name}**", "", *_fenced(call.arguments, "json"), ""]
    if message.interrupted:
        parts += ["*Interrupted here.*", ""]
    return parts


def _fenced(text: str, language: str = "") -> list[str]:
    """``text`` in a fence that is longer than any in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", text.rstrip("\n"), fence]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(number, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
