"""A conversation with tools, spelled in words.

Owns what a model without native tools is told: the format of a call, the list of tools,
its own calls and their results. The spelling of a message never changes, so that what
backends keep of a conversation stays usable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from acp_agent.backends.base import ModelRequest
from acp_agent.conversation import AssistantMessage, Message, Tool, ToolResult, UserMessage

FORMAT = """\
To use a tool, end your answer with exactly these two lines:
TOOL: name
ARGUMENTS: {"parameter": "value"}
ARGUMENTS is one JSON object; in its strings write \\n for a new line and \\" for a quote. \
You get the RESULT in the next message; never write it yourself. If you need no tool, just \
answer.

Tools (? = optional):
"""
"""What stands before the list of tools; at most 120 tokens of gpt-oss's tokenizer (issue 4)."""

_DEPTH_LIMIT = 6


def told_in_words(request: ModelRequest) -> ModelRequest:
    """``request`` without tools, which its instructions and messages tell instead, and free
    to call them in its answer."""
    tools = "\n".join(map(spell_tool, request.tools))
    parts = (request.instructions, f"{FORMAT}{tools}")
    return replace(
        request,
        instructions="\n\n".join(part for part in parts if part),
        tools=(),
        response_schema=None,
        messages=spell_messages(request.messages),
    )


def spell_tool(tool: Tool) -> str:
    """``tool`` in one line: ``name(parameter, other?) - description``."""
    described = " ".join(tool.description.split())
    return f"{tool.name}({_parameters(tool.parameters, {})})" + (
        f" - {described}" if described else ""
    )


def spell_messages(messages: Sequence[Message]) -> tuple[Message, ...]:
    """``messages`` as users and answers; results of calls are what the user says."""
    spelled: list[Message] = []
    for message in messages:
        if isinstance(message, AssistantMessage):
            spelled.append(_answer(message))
            continue
        text = _result(message) if isinstance(message, ToolResult) else message.text
        if spelled and isinstance(spelled[-1], UserMessage):
            text = f"{spelled.pop().text}\n\n{text}"
        spelled.append(UserMessage(text))
    return tuple(spelled)


def _answer(message: AssistantMessage) -> AssistantMessage:
    if not message.tool_calls:
        return message
    calls = "\n".join(
        f"TOOL: {call.name}\nARGUMENTS: {call.arguments}" for call in message.tool_calls
    )
    gap = "\n" if message.text and not message.text.endswith("\n") else ""
    return replace(message, text=f"{message.text}{gap}{calls}", tool_calls=())


def _result(result: ToolResult) -> str:
    failed = " (failed)" if result.failed else ""
    return f"RESULT of {result.name}{failed}:\n{result.text}\nEND OF RESULT"


def _parameters(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int = 0) -> str:
    """The properties of an object's ``schema``, optional ones marked."""
    definitions = schema.get("$defs") or definitions
    required = schema.get("required") or ()
    properties = cast("Mapping[str, Any]", schema.get("properties") or {})
    return ", ".join(
        f"{name}{'' if name in required else '?'}{_annotation(each, definitions, depth + 1)}"
        for name, each in properties.items()
    )


def _annotation(schema: Any, definitions: Mapping[str, Any], depth: int) -> str:
    kind = _kind(schema, definitions, depth)
    return f": {kind}" if kind and kind != "string" else ""


def _kind(schema: Any, definitions: Mapping[str, Any], depth: int) -> str:
    """What values ``schema`` allows, in a word or as an example would show it."""
    if not isinstance(schema, Mapping) or depth > _DEPTH_LIMIT:
        return ""
    found = cast("Mapping[str, Any]", schema)
    if reference := found.get("$ref"):
        return _kind(definitions.get(str(reference).rpartition("/")[2]), definitions, depth + 1)
    if choices := found.get("enum"):
        return "|".join(map(str, choices))
    if "const" in found:
        return str(found["const"])
    if several := found.get("anyOf") or found.get("oneOf"):
        kinds = [_kind(each, definitions, depth + 1) for each in several]
        return "|".join(dict.fromkeys(kind for kind in kinds if kind not in ("", "null")))
    kind = found.get("type", "")
    if kind == "array":
        return f"[{_kind(found.get('items'), definitions, depth + 1)}]"
    if kind == "object" and found.get("properties"):
        return f"{{{_parameters(found, definitions, depth)}}}"
    if isinstance(kind, list):
        kinds = [str(each) for each in cast("list[object]", kind) if each != "null"]
        return "|".join(kinds)
    return str(kind)
