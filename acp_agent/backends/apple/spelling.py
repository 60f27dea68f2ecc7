"""A conversation as Apple's SDK takes it; pure.

Owns what becomes instructions, transcript and prompt. Does not own the session that is
opened with them (``answer``). A session of the SDK keeps a conversation; as every request
here brings the whole of it, each gets a session of its own.
"""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from acp_agent.backends.base import ModelRequest
from acp_agent.conversation import ToolResult, UserMessage

Role = Literal["user", "response"]
"""Who said an entry of a transcript, in the SDK's words."""

_GO_ON = "Go on."
_SPEAKERS: dict[Role, str] = {"user": "User", "response": "You"}


@dataclass(slots=True, frozen=True)
class Spelled:
    """A request's ``prompt``, and what was said ``earlier``, oldest first."""

    instructions: str
    earlier: tuple[tuple[Role, str], ...]
    prompt: str


def spell(request: ModelRequest) -> Spelled:
    """``request`` for a model without tools: their calls and results are not told.

    Neighbouring messages of the same side are joined, as the model expects turns.
    """
    turns: list[tuple[Role, str]] = []
    for message in request.messages:
        if isinstance(message, ToolResult) or not message.text.strip():
            continue
        role: Role = "user" if isinstance(message, UserMessage) else "response"
        text = _clean(message.text)
        if turns and turns[-1][0] == role:
            text = f"{turns.pop()[1]}\n\n{text}"
        turns.append((role, text))
    is_asked = bool(turns) and turns[-1][0] == "user"
    prompt = turns.pop()[1] if is_asked else _clean(request.prompt) if not turns else _GO_ON
    return Spelled(_clean(request.instructions), tuple(turns), prompt)


def transcript_of(spelled: Spelled) -> dict[str, Any]:
    """What was said before the prompt, in the SDK's form of a saved transcript (version 1)."""
    entries = [_entry("instructions", spelled.instructions)] if spelled.instructions else []
    for role, text in spelled.earlier:
        extra: dict[str, Any] = {"options": {}} if role == "user" else {"assets": []}
        entries.append(_entry(role, text) | extra)
    return {
        "type": "FoundationModels.Transcript",
        "version": 1,
        "transcript": {"entries": entries},
    }


def told_in_prompt(spelled: Spelled) -> str:
    """The prompt with what was said before it in front, for an SDK that takes no transcript."""
    said = [f"{_SPEAKERS[role]}: {text}" for role, text in spelled.earlier]
    return "\n\n".join(["What was said before:", *said, f"Answer this now:\n\n{spelled.prompt}"])


def _entry(role: str, text: str) -> dict[str, Any]:
    content = {"type": "text", "id": _new_id(), "text": text}
    return {"role": role, "id": _new_id(), "contents": [content]}


def _new_id() -> str:
    return str(uuid4()).upper()


def _clean(text: str) -> str:
    """``text`` without what the SDK cannot pass on: half characters, and the NUL that ends a
    text for it."""
    whole = text.encode("utf-8", "replace").decode()
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")
