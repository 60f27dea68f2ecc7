"""A model request as the engine's HTTP API spells it.

Owns the body of ``POST /v1/chat/completions``, which is OpenAI's with the engine's own
``return_progress``. Does not own sending it, nor the answer (``answer``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from acp_agent.backends.base import ModelRequest
from acp_agent.conversation import AssistantMessage, Message, Tool, ToolCall, ToolResult

_CLIENT = uuid4().hex
"""This process among the engine's clients, between which it shares turns fairly."""


def request_body(
    request: ModelRequest, folder: Path, *, temperature: float, max_tokens: int
) -> dict[str, object]:
    """The body for ``request`` to the model in ``folder``.

    ``temperature`` and ``max_tokens`` hold where the request has none.
    """
    wanted, limit = request.temperature, request.max_tokens
    messages = [_spell(message) for message in request.messages]
    if request.instructions:
        messages.insert(0, {"role": "system", "content": request.instructions})
    body: dict[str, object] = {
        "model": str(folder),
        "messages": messages,
        "temperature": temperature if wanted is None else wanted,
        "max_tokens": max_tokens if limit is None else limit,
        "return_progress": True,
        "user": _CLIENT,
    }
    if request.session:
        body["prompt_cache_key"] = request.session
    if request.thought_level is not None:
        body["reasoning_effort"] = request.thought_level
    if request.tools:
        body["tools"] = [_spell_tool(tool) for tool in request.tools]
    elif request.response_schema is not None:
        body["response_format"] = _spell_format(request.response_schema)
    return body


def _spell(message: Message) -> dict[str, object]:
    """``message`` as OpenAI's API spells it; thoughts stay out, the engine has them."""
    if isinstance(message, ToolResult):
        return {
            "role": "tool",
            "tool_call_id": message.call_id,
            "name": message.name,
            "content": message.text,
        }
    if not isinstance(message, AssistantMessage):
        return {"role": "user", "content": message.text}
    spelt: dict[str, object] = {"role": "assistant", "content": message.text}
    if message.tool_calls:
        spelt["tool_calls"] = [_spell_call(call) for call in message.tool_calls]
    return spelt


def _spell_format(schema: Mapping[str, Any]) -> dict[str, object]:
    """The wanted object, as OpenAI's API spells it; the engine takes it as advice only."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema)}}


def _spell_call(call: ToolCall) -> dict[str, object]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _spell_tool(tool: Tool) -> Mapping[str, object]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}
