"""What a client gets for a call: an answer, or why there is none.

Owns the tool's results and the schema of its structured part. Every failure of a call is a
result that the client's model can read, as MCP asks for; protocol errors are for calls of
tools that do not exist.
Source: https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result
"""

from collections.abc import Sequence
from typing import Any

from mcp.types import CallToolResult, TextContent

from acp_agent.mcp_server.answerers import Chosen, tell
from acp_agent.mcp_server.generation import Generation
from acp_agent.routing.decisions import Skipped

OUTPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "The answer, without thoughts"},
        "model": {"type": "string"},
        "mode": {"type": "string", "description": "What ran the model"},
        "stop_reason": {"type": "string", "enum": ["end_turn", "max_tokens", "refusal"]},
        "input_tokens": {"type": "integer"},
        "output_tokens": {"type": "integer", "description": "Thoughts among them"},
        "seconds": {"type": "number"},
        "decision": {"type": "string", "description": "Its id in the decision log"},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["text", "model", "mode", "stop_reason", "seconds"],
}

UNFORESEEN = "The call failed for a reason that was not foreseen; acp-agent's log has it."

_INCOMPLETE = "[Incomplete: what {model} wrote until then]\n\n{text}"


def answered(
    chosen: Chosen,
    generation: Generation,
    seconds: float,
    decision: str | None,
    notes: Sequence[str],
) -> CallToolResult:
    """The answer. ``notes`` are sentences on how it came about, a block of their own."""
    usage = generation.usage
    structured: dict[str, Any] = {
        "text": generation.text,
        "model": chosen.name,
        "mode": chosen.backend.id,
        "stop_reason": generation.stop_reason,
        "seconds": round(seconds, 3),
    }
    if usage is not None:
        structured |= {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    if decision is not None:
        structured["decision"] = decision
    content = [TextContent(text=generation.text)]
    if notes:
        structured["notes"] = list(notes)
        content.append(TextContent(text=f"[{' '.join(notes)}]"))
    return CallToolResult(content=[*content], structured_content=structured)


def failed(sentence: str, model: str = "", text: str = "") -> CallToolResult:
    """Why there is no answer, and what ``model`` wrote until then, if anything."""
    content = [TextContent(text=sentence)]
    if text.strip():
        content.append(TextContent(text=_INCOMPLETE.format(model=model, text=text)))
    return CallToolResult(content=[*content], is_error=True)


def explain_empty(chosen: Chosen, generation: Generation) -> str:
    """That the model ended without a word, and what may help."""
    if generation.stop_reason == "max_tokens":
        return (
            f"{chosen.name} used up all of its tokens on thinking and wrote no answer: "
            "call again with a larger max_tokens, or with a smaller task."
        )
    return f"{chosen.name} ended without an answer: call again, and say more of the task."


def notes_of(
    chosen: Chosen, generation: Generation, skipped: Sequence[Skipped], news: Sequence[str]
) -> list[str]:
    """What the client should know of the answer: who gave it and why not the first choice,
    that it was cut, and what the model was not told."""
    notes = list[str]()
    if skipped:
        notes.append(f"{chosen.label} answered instead. {tell(skipped)}")
    if generation.stop_reason == "max_tokens":
        notes.append("The answer was cut off: it reached its limit of tokens.")
    return [*notes, *news]
