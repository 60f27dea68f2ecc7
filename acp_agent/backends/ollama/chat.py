"""One chat request and its answer.

Owns the body of ``POST /api/chat`` and turning the lines of the answer into events. Does
not own the connection, nor what happens before and after the answer.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from acp_agent.backends.base import (
    Done,
    Event,
    ModelRequest,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    Usage,
)
from acp_agent.backends.ollama import faults
from acp_agent.backends.ollama.endpoint import Endpoint
from acp_agent.backends.ollama.thinking import think_value
from acp_agent.conversation import Message, Tool, ToolCall, ToolResult, UserMessage

if TYPE_CHECKING:
    from acp_agent.backends.ollama.models import Details
    from acp_agent.backends.ollama.wire import CalledTool, ChatChunk
    from acp_agent.config.settings import OllamaSettings

_NO_OBJECT = "The arguments must be one JSON object: write the call again."


def chat_body(
    request: ModelRequest, settings: "OllamaSettings", details: "Details", num_ctx: int
) -> dict[str, object]:
    """The body of ``POST /api/chat`` for ``request``.

    ``truncate`` and ``shift`` are off on every request: left out, Ollama drops the oldest
    messages without a word. ``num_ctx`` is always there: left out, the window depends on
    the server's memory and may be as small as 4,096 tokens.

    ``format`` goes with any ``think``: the server lets the model think first. Some versions
    ignore it for some models that are told not to think (0.17 to 0.20). With tools it stays
    away: it would leave the model no way to call one.
    """
    options: dict[str, object] = {"num_ctx": num_ctx}
    temperature = settings.temperature if request.temperature is None else request.temperature
    if temperature is not None:
        options["temperature"] = temperature
    if request.max_tokens is not None:
        options["num_predict"] = request.max_tokens
    body: dict[str, object] = {
        "model": request.model,
        "messages": chat_messages(request.messages, request.instructions),
        "stream": True,
        "truncate": False,
        "shift": False,
        "keep_alive": settings.keep_alive,
        "options": options,
    }
    think = think_value(details.levels, request.thought_level, settings.think)
    if think is not None:
        body["think"] = think
    if request.tools:
        body["tools"] = [_spelled_tool(tool) for tool in request.tools]
    elif request.response_schema is not None:
        body["format"] = dict(request.response_schema)
    return body


def chat_messages(messages: Sequence[Message], instructions: str = "") -> list[dict[str, object]]:
    """``messages`` as Ollama spells them, behind ``instructions``; thoughts stay out."""
    spelled = [_chat_message(message) for message in messages]
    if instructions:
        spelled.insert(0, {"role": "system", "content": instructions})
    return spelled


class Answer:
    """The lines of one answer, as they become events.

    ``is_done`` says whether the server ended the answer; some servers do so twice.
    """

    def __init__(self, model: str, num_ctx: int, endpoint: Endpoint) -> None:
        self.is_done = False
        self._model = model
        self._num_ctx = num_ctx
        self._endpoint = endpoint
        self._reason = ""
        self._input_tokens = 0
        self._output_tokens = 0

    def events(self, line: bytes) -> Iterator[Event]:
        """The deltas and tool calls of ``line``.

        Raises:
            BackendError: the line reports an error, or is none of Ollama's.
        """
        from acp_agent.backends.ollama.wire import ChatChunk

        try:
            chunk = ChatChunk.model_validate_json(line)
        except ValueError:
            raise faults.not_ollama(self._endpoint) from None
        if chunk.error is not None:
            raise faults.refused(self._model, chunk.error)
        if chunk.done:
            self._end(chunk)
        return _deltas(chunk)

    def closing_events(self) -> Iterator[Event]:
        """Usage, where the server counted the prompt, and the end."""
        if self._input_tokens > 0:
            yield Usage(self._input_tokens, self._output_tokens, self._num_ctx)
        yield Done("max_tokens" if self._reason == "length" else "end_turn")

    def _end(self, chunk: "ChatChunk") -> None:
        self.is_done = True
        self._reason = chunk.done_reason or self._reason
        self._input_tokens = max(self._input_tokens, chunk.prompt_eval_count or 0)
        self._output_tokens = max(self._output_tokens, chunk.eval_count or 0)


def _deltas(chunk: "ChatChunk") -> Iterator[Event]:
    message = chunk.message
    if message is None:
        return
    if message.thinking:
        yield ThoughtDelta(message.thinking)
    if message.content:
        yield TextDelta(message.content)
    for call in message.tool_calls or ():
        yield from _called(call)


def _called(call: "CalledTool") -> Iterator[Event]:
    """A call with an id of our own, which no other call of the session has."""
    if call.function is None:
        return
    id, name, arguments = f"call_{uuid4().hex}", call.function.name or "", call.function.arguments
    if not isinstance(arguments, str):
        arguments = json.dumps({} if arguments is None else arguments, ensure_ascii=False)
    arguments = arguments.strip() or "{}"
    fault = "" if isinstance(_read(arguments), dict) else _NO_OBJECT
    yield ToolCallRequested(ToolCall(id, name, arguments), fault)


def _chat_message(message: Message) -> dict[str, object]:
    if isinstance(message, UserMessage):
        return {"role": "user", "content": message.text}
    if isinstance(message, ToolResult):
        return {
            "role": "tool",
            "content": message.text,
            "tool_name": message.name,
            "tool_call_id": message.call_id,
        }
    spelled: dict[str, object] = {"role": "assistant", "content": message.text}
    if message.tool_calls:
        spelled["tool_calls"] = [_spelled_call(call) for call in message.tool_calls]
    return spelled


def _spelled_call(call: ToolCall) -> dict[str, object]:
    # Ollama refuses the whole request if arguments are no object, as models may write them.
    arguments = _read(call.arguments)
    if not isinstance(arguments, dict):
        arguments = {"arguments": call.arguments if arguments is None else arguments}
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments}}


def _spelled_tool(tool: Tool) -> dict[str, object]:
    # Without type and properties, Ollama's templates have nothing to go through.
    parameters: dict[str, object] = {"type": "object", "properties": {}, **tool.parameters}
    about: dict[str, object] = {"name": tool.name, "description": tool.description}
    return {"type": "function", "function": {**about, "parameters": parameters}}


def _read(text: str) -> Any:
    """The JSON in ``text``, None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
