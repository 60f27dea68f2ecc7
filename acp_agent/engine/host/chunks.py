"""OpenAI's objects for what a job answers.

Owns the wire shape of chat completions, their chunks and figures, and of server-sent
events. Does not own sending (``responses``) or what is said.
Shapes: https://platform.openai.com/docs/api-reference/chat/object and /chat/streaming;
``reasoning_content``, ``timings`` and the progress of a prompt as llama.cpp's server has
them. Ours are ``context_size``, ``n_loops``, ``queue_progress``, ``load_progress`` and, in a
tool call that must not run, ``fault``.
"""

import json
import time
import uuid
from collections.abc import Mapping

from acp_agent.engine.host.outputs import (
    CallArguments,
    CallEnded,
    CallStarted,
    Failed,
    Figures,
    Finished,
    Output,
    Progress,
    Queued,
    Text,
    Thought,
)
from acp_agent.engine.host.requests import ChatRequest

DONE = b"data: [DONE]\n\n"
"""The event that ends a stream."""

Object = dict[str, object]


def event(content: Mapping[str, object]) -> bytes:
    """``content`` as a server-sent event."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


class ChunkEncoder:
    """The events of a streamed answer; those that were not asked for are empty."""

    ending = None
    """Nothing: an answer says itself that it is whole."""

    def __init__(self, request: ChatRequest) -> None:
        self._head = _head(request, "chat.completion.chunk")
        self._tells_progress = request.return_progress

    def begin(self) -> bytes:
        """The first event."""
        return self._event([_choice({"role": "assistant", "content": ""})])

    def encode(self, output: Output) -> bytes:
        """The events for ``output``."""
        match output:
            case Progress() | Queued():
                told = _progress(output) if self._tells_progress else None
                return self._event([_choice({})], told) if told else b""
            case Finished(reason, figures):
                figured: Object = {"usage": _usage(figures), "timings": _timings(figures)}
                return self._event([_choice({}, reason)]) + self._event([], figured) + DONE
            case Failed(error):
                return event(error.body())
            case _:
                delta = _delta(output)
                return self._event([_choice(delta)]) if delta else b""

    def _event(self, choices: list[Object], extra: Mapping[str, object] | None = None) -> bytes:
        return event({**self._head, "choices": choices, **(extra or {})})


class LoadEncoder:
    """The events of loading ``model``; the last says ``{"loaded": model}``."""

    def __init__(self, model: str) -> None:
        self.ending = event({"loaded": model}) + DONE

    def begin(self) -> bytes:
        """There is none before the first output's."""
        return b""

    def encode(self, output: Output) -> bytes:
        """The events for ``output``."""
        match output:
            case Progress() | Queued():
                return event(_progress(output))
            case Failed(error):
                return event(error.body())
            case _:
                return b""


class Collector:
    """Puts the outputs of an answer together to one completion object."""

    def __init__(self, request: ChatRequest) -> None:
        self._head = _head(request, "chat.completion")
        self._thoughts: list[str] = []
        self._texts: list[str] = []
        self._calls: dict[int, _Call] = {}

    def add(self, output: Output) -> None:
        """Takes in ``output``."""
        match output:
            case Thought(text):
                self._thoughts.append(text)
            case Text(text):
                self._texts.append(text)
            case CallStarted(index, id, name):
                self._calls[index] = _Call(id, name)
            case CallArguments(index, text):
                self._calls[index].arguments.append(text)
            case CallEnded(index, fault):
                self._calls[index].fault = fault
            case _:
                pass

    def completion(self, finished: Finished) -> Object:
        """The whole object."""
        choice = {
            "index": 0,
            "message": self._message(),
            "logprobs": None,
            "finish_reason": finished.reason,
        }
        figures = finished.figures
        return {
            **self._head,
            "choices": [choice],
            "usage": _usage(figures),
            "timings": _timings(figures),
        }

    def _message(self) -> Object:
        text = "".join(self._texts)
        message: Object = {"role": "assistant", "content": text, "refusal": None}
        if self._thoughts:
            message["reasoning_content"] = "".join(self._thoughts)
        if self._calls:
            message["content"] = text or None
            message["tool_calls"] = [call.body() for _, call in sorted(self._calls.items())]
        return message


class _Call:
    def __init__(self, id: str, name: str) -> None:
        self._id = id
        self._name = name
        self.arguments: list[str] = []
        self.fault = ""

    def body(self) -> Object:
        function = {"name": self._name, "arguments": "".join(self.arguments)}
        body: Object = {"id": self._id, "type": "function", "function": function}
        return {**body, "fault": self.fault} if self.fault else body


def _head(request: ChatRequest, kind: str) -> Object:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": request.model,
    }


def _choice(delta: Object, finish_reason: str | None = None) -> Object:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _delta(output: Output) -> Object | None:
    match output:
        case Thought(text):
            return {"reasoning_content": text}
        case Text(text):
            return {"content": text}
        case CallStarted(index, id, name):
            function = {"name": name, "arguments": ""}
            call: Object = {"index": index, "id": id, "type": "function", "function": function}
        case CallArguments(index, text):
            call = {"index": index, "function": {"arguments": text}}
        case CallEnded(index, fault) if fault:
            call = {"index": index, "function": {"arguments": ""}, "fault": fault}
        case _:
            return None
    return {"tool_calls": [call]}


def _progress(output: Progress | Queued) -> Object:
    if isinstance(output, Queued):
        return {"queue_progress": {"ahead": output.ahead}}
    key = "load_progress" if output.step == "load" else "prompt_progress"
    return {key: {"processed": output.done, "total": output.total}}


def _usage(figures: Figures) -> Object:
    depth: Object = {} if figures.n_loops is None else {"n_loops": figures.n_loops}
    return {
        "prompt_tokens": figures.prompt_tokens,
        "completion_tokens": figures.completion_tokens,
        "total_tokens": figures.prompt_tokens + figures.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": figures.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": figures.reasoning_tokens},
        "context_size": figures.context_size,
        **depth,
    }


def _timings(figures: Figures) -> Object:
    return {
        "queue_ms": _milliseconds(figures.queue_seconds),
        "cache_n": figures.cached_tokens,
        "prompt_n": figures.prompt_tokens - figures.cached_tokens,
        "prompt_ms": _milliseconds(figures.prompt_seconds),
        "predicted_n": figures.completion_tokens,
        "predicted_ms": _milliseconds(figures.decode_seconds),
        "memory_peak": figures.memory_peak,
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
