"""Answers that are JSON objects: asked for, found in the text, checked, asked for once more.

Owns the course of such a request (issue 5, section 1) and finding the object in what the model
wrote. Does not own what the object must say (the caller's ``read``), nor how a server is told
of the schema (the backends): not all can be, so what comes is checked whatever they promise.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from acp_agent.backends.base import (
    Backend,
    Done,
    ModelRequest,
    StopReason,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
)
from acp_agent.conversation import AssistantMessage, UserMessage

ResultT = TypeVar("ResultT")

RETRY_TEMPERATURE = 0.2
"""Of the second request: at 0 the model might write the same again."""

_MOST_TRIED = 64
_QUOTED_LIMIT = 1000
_THOUGHT_END = "</think>"


@dataclass(slots=True, frozen=True)
class NoObject:
    """The model gave no object that can be used; ``reason`` is a sentence that says why."""

    reason: str


@dataclass(slots=True)
class _Answer:
    """What a stream amounted to."""

    text: str = ""
    has_thought: bool = False
    has_called: bool = False
    is_too_long: bool = False
    stop_reason: StopReason = "end_turn"


async def ask_structured(
    backend: Backend,
    request: ModelRequest,
    schema: Mapping[str, Any],
    read: Callable[[Mapping[str, Any]], ResultT],
    *,
    size_limit: int,
) -> ResultT | NoObject:
    """The first object in the model's answer that ``read`` takes.

    ``request`` says in words what is wanted; it goes without tools. ``schema`` is what the
    server holds the model to where it can, and ``read`` has the last word: it raises
    ValueError with a sentence for the model. The text is read up to ``size_limit`` bytes.
    Where nothing fits, the model is asked once more: with its answer, what is wrong with
    it, and another temperature.

    Raises:
        AgentError: as ``Backend.stream``.
    """
    first = replace(request, response_schema=schema, tools=())
    answer = await _listen(backend, first, size_limit)
    found = _read_answer(answer, read, size_limit)
    if not isinstance(found, NoObject):
        return found
    again = await _listen(backend, _ask_again(first, answer, found.reason), size_limit)
    return _read_answer(again, read, size_limit)


async def _listen(backend: Backend, request: ModelRequest, size_limit: int) -> _Answer:
    """The answer to ``request``; the model is stopped where it is too long."""
    answer, size, parts = _Answer(), 0, list[str]()
    async with aclosing(backend.stream(request)) as events:
        async for event in events:
            match event:
                case TextDelta(text):
                    parts.append(text)
                    size += len(text.encode("utf-8", "surrogatepass"))
                case ThoughtDelta():
                    answer.has_thought = True
                case ToolCallRequested():
                    answer.has_called = True
                case Done(reason):
                    answer.stop_reason = reason
                case _:
                    pass
            if size > size_limit:
                answer.is_too_long = True
                break
    # Servers that know nothing of a model's thoughts leave them in its text.
    _, mark, answer.text = "".join(parts).rpartition(_THOUGHT_END)
    answer.has_thought = answer.has_thought or bool(mark)
    return answer


def _ask_again(request: ModelRequest, answer: _Answer, reason: str) -> ModelRequest:
    """``request`` changed by what came of it."""
    said = AssistantMessage(answer.text.strip()[:_QUOTED_LIMIT] or "(nothing)")
    told = UserMessage(
        f"That cannot be used. {reason} Answer again with one JSON object as described, "
        "and nothing else."
    )
    return replace(request, messages=(*request.messages, said, told), temperature=RETRY_TEMPERATURE)


def _read_answer(
    answer: _Answer, read: Callable[[Mapping[str, Any]], ResultT], size_limit: int
) -> ResultT | NoObject:
    if answer.is_too_long:
        return NoObject(f"The answer is longer than {size_limit:,} bytes.")
    if answer.stop_reason == "refusal":
        return NoObject("The model refused to answer.")
    found = _find_object(answer.text, read)
    if not isinstance(found, NoObject):
        return found
    return NoObject(_explain_missing(answer) or found.reason)


def _find_object(text: str, read: Callable[[Mapping[str, Any]], ResultT]) -> ResultT | NoObject:
    """The first object in ``text`` that ``read`` takes, whatever stands around it; it may
    stand in another one. Else what is wrong with the first that is one."""
    fault, pos = "", -1
    for _ in range(_MOST_TRIED):
        pos = text.find("{", pos + 1)
        if pos < 0:
            break
        try:
            value, _end = _DECODER.raw_decode(text, pos)
        except (ValueError, RecursionError):
            continue
        try:
            return read(value)
        except ValueError as error:
            fault = fault or str(error)
    return NoObject(fault or "There is no complete JSON object in the answer.")


def _explain_missing(answer: _Answer) -> str:
    """Why there is no object, where that is not for what the text says."""
    if answer.has_called:
        return "The model called a tool instead of answering."
    if not answer.text.strip():
        if answer.stop_reason == "max_tokens":
            return "The answer's limit of tokens was reached before there was an answer."
        if answer.has_thought:
            return "The model thought, and gave no answer."
        return "The answer is empty."
    if answer.stop_reason == "max_tokens":
        return "The answer was cut off at its limit of tokens."
    return ""


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
