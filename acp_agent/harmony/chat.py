"""Conversations and tools in the form that gpt-oss chat templates take.

Owns what such a template gets wrong by itself: it quotes arguments that are text, takes
one call per message, names a result after the last call, refuses thought and text
beside a call, and adds defaults to text without a conversion. Does not own rendering.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from acp_agent.conversation import (
    AssistantMessage,
    Message,
    Tool,
    ToolCall,
    ToolResult,
    UserMessage,
    arguments_value,
)
from acp_agent.harmony.names import ToolNames


def collect_names(tools: Iterable[Tool], messages: Iterable[Message]) -> ToolNames:
    """The names of ``tools`` and of what ``messages`` called."""
    past = (
        call.name
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls
    )
    return ToolNames((tool.name for tool in tools), past)


def to_chat(messages: Sequence[Message], names: ToolNames) -> list[dict[str, Any]]:
    """``messages`` for a template.

    A result stands right after its call, whatever the order of a message's results was;
    a result without a call is left out, and so is an assistant message that says nothing.
    Text beside a call goes where the template puts it: to the thought before the call.
    """
    chat: list[dict[str, Any]] = []
    for message, results in _with_results(messages):
        match message:
            case UserMessage(text):
                chat.append({"role": "user", "content": text})
            case AssistantMessage(tool_calls=calls) if calls:
                chat += _calls(message, results, names)
            case AssistantMessage(text) if text:
                chat.append({"role": "assistant", "content": text})
            case _:
                pass
    return chat


def to_functions(tools: Sequence[Tool], names: ToolNames) -> list[dict[str, Any]]:
    """``tools`` for a template."""
    return [
        {
            "type": "function",
            "function": {
                "name": names.write(tool.name),
                "description": tool.description,
                "parameters": _renderable(tool.parameters),
            },
        }
        for tool in tools
    ]


def _with_results(messages: Sequence[Message]) -> list[tuple[Message, dict[str, ToolResult]]]:
    """Each message with the results that follow it, by the id of their call."""
    grouped: list[tuple[Message, dict[str, ToolResult]]] = []
    for message in messages:
        if not isinstance(message, ToolResult):
            grouped.append((message, {}))
        elif grouped:
            grouped[-1][1][message.call_id] = message
    return grouped


def _calls(
    message: AssistantMessage, results: Mapping[str, ToolResult], names: ToolNames
) -> list[dict[str, Any]]:
    chat: list[dict[str, Any]] = []
    thought = "\n\n".join(part for part in (message.thought, message.text) if part)
    for call in message.tool_calls:
        chat.append(_call(call, thought, names))
        thought = ""
        result = results.get(call.id)
        if result is not None:
            chat.append({"role": "tool", "content": result.text})
    return chat


def _call(call: ToolCall, thought: str, names: ToolNames) -> dict[str, Any]:
    function = {"name": names.write(call.name), "arguments": arguments_value(call.arguments)}
    message = {"role": "assistant", "tool_calls": [{"type": "function", "function": function}]}
    return message | ({"thinking": thought} if thought else {})


def _renderable(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties: Any = schema.get("properties")
    if not isinstance(properties, Mapping):
        return dict(schema)
    items = cast("Mapping[str, Any]", properties).items()
    return {**schema, "properties": {name: _with_text_default(item) for name, item in items}}


def _with_text_default(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    found = cast("Mapping[str, Any]", schema)
    if not (found.get("enum") or found.get("oneOf")) or isinstance(found.get("default", ""), str):
        return found
    return {**found, "default": json.dumps(found["default"], ensure_ascii=False)}
