"""A model request as OpenAI's API spells it.

Owns the body of ``POST /chat/completions``. Does not own sending it, nor the answer.

API: https://platform.openai.com/docs/api-reference/chat/create
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from acp_agent.backends.base import ModelRequest
from acp_agent.backends.openai.thinking import effort
from acp_agent.backends.openai.wire import parse_object
from acp_agent.conversation import AssistantMessage, Message, Tool, ToolCall, ToolResult

if TYPE_CHECKING:
    from acp_agent.config.openai_settings import OpenAISettings

_OPTIONAL = (
    "stream_options",
    "return_progress",
    "reasoning_effort",
    "response_format",
    "temperature",
    "max_tokens",
)

THOUGHT = "reasoning_content"
"""The field of a message with what the model thought."""
NO_THOUGHTS: Mapping[int, str] = {}


def chat_body(
    request: ModelRequest,
    model: str,
    settings: "OpenAISettings",
    *,
    tells_progress: bool = False,
    thoughts: Mapping[int, str] = NO_THOUGHTS,
) -> dict[str, object]:
    """The body of ``POST /chat/completions`` for ``request`` to the server's ``model``.

    It always streams: llama.cpp goes on with an answer that nobody streams after the
    connection was closed. ``tells_progress``: the server takes ``return_progress``. ``thoughts``
    are those that the model needs again, by the places of their messages.
    With tools, a wanted object stays away: it would leave the model no way to call one.
    """
    body: dict[str, object] = {
        "model": model,
        "messages": _spell_messages(request, thoughts),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    temperature = settings.temperature if request.temperature is None else request.temperature
    if temperature is not None:
        body["temperature"] = temperature
    limit = settings.max_tokens if request.max_tokens is None else request.max_tokens
    if limit is not None:
        body["max_tokens"] = limit
    if tells_progress:
        body["return_progress"] = True
    if (level := effort(request.thought_level)) is not None:
        body["reasoning_effort"] = level
    if request.tools:
        body["tools"] = [_spell_tool(tool) for tool in request.tools]
    elif request.response_schema is not None:
        body["response_format"] = _spell_format(request.response_schema)
    return body


def leave_out(body: dict[str, object], name: str) -> None:
    """Takes the optional field ``name`` out of ``body``."""
    value = body.pop(name, None)
    if name == "max_tokens" and value is not None:  # OpenAI's newer name for it
        body["max_completion_tokens"] = value
    if name == THOUGHT:
        messages = cast("list[dict[str, object]]", body["messages"])
        body["messages"] = [
            {key: value for key, value in message.items() if key != THOUGHT} for message in messages
        ]


def optional_fields(body: Mapping[str, object]) -> tuple[str, ...]:
    """The fields of ``body`` that a server may refuse, and that an answer can be had without."""
    messages = cast("list[dict[str, object]]", body["messages"])
    present = tuple(name for name in _OPTIONAL if name in body)
    return (*present, *((THOUGHT,) if any(THOUGHT in each for each in messages) else ()))


def _spell_messages(request: ModelRequest, thoughts: Mapping[int, str]) -> list[dict[str, object]]:
    spelled = [_spell(message) for message in request.messages]
    for place, thought in thoughts.items():
        spelled[place][THOUGHT] = thought
    if request.instructions:
        spelled.insert(0, {"role": "system", "content": request.instructions})
    return spelled


def _spell(message: Message) -> dict[str, object]:
    if isinstance(message, ToolResult):
        return {
            "role": "tool",
            "tool_call_id": message.call_id,
            "name": message.name,
            "content": message.text,
        }
    if not isinstance(message, AssistantMessage):
        return {"role": "user", "content": message.text}
    spelled: dict[str, object] = {"role": "assistant", "content": message.text}
    if message.tool_calls:
        spelled["tool_calls"] = [_spell_call(call) for call in message.tool_calls]
    return spelled


def _spell_call(call: ToolCall) -> dict[str, object]:
    # llama.cpp refuses the whole request if arguments are no JSON, as models may write them.
    arguments = call.arguments
    if parse_object(arguments) is None:
        arguments = json.dumps({"arguments": arguments}, ensure_ascii=False)
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _spell_tool(tool: Tool) -> dict[str, object]:
    # Without type and properties, templates have nothing to go through.
    parameters: dict[str, object] = {"type": "object", "properties": {}, **tool.parameters}
    about: dict[str, object] = {"name": tool.name, "description": tool.description}
    return {"type": "function", "function": {**about, "parameters": parameters}}


def _spell_format(schema: Mapping[str, Any]) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema)}}
