"""The HTTP answer to a chat completion request, streamed or whole.

Owns OpenAI's chunk and completion objects, watching for the client's disconnect, and
stopping the job with it. Does not own generation. Streams are server-sent events:
text chunks, the chunk with ``finish_reason``, a usage chunk, ``[DONE]``; an error after
the first chunk is an event of its own, and the stream ends there.
"""

import json
import time
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import anyio
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from acp_agent.engine.host.api import Failed, Finished, Output, Progress, Text
from acp_agent.engine.host.errors import ApiError, shutting_down
from acp_agent.engine.host.worker import Job, Worker

_DONE = b"data: [DONE]\n\n"
_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


class Completion:
    """An ASGI response that runs ``job`` for as long as the client listens."""

    def __init__(self, job: Job, worker: Worker) -> None:
        self._job = job
        self._worker = worker
        self._head: dict[str, object] = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": job.request.model,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer; returns early when the client leaves."""
        try:
            self._worker.submit(self._job)
        except ApiError as error:
            await error_response(error)(scope, receive, send)
            return
        answer = self._stream if self._job.request.stream else self._whole
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_cancel_on_disconnect, receive, group.cancel_scope)
                await answer(partial(_send_json, scope, receive, send), send)
                group.cancel_scope.cancel()
        finally:
            self._worker.withdraw(self._job)

    async def _stream(self, send_json: Any, send: Send) -> None:
        waits = self._job.request.return_progress and self._worker.is_ahead_of(self._job)
        if waits:
            await self._begin_stream(send)
            await _send_body(
                send, self._event([_choice({})], {"queue_progress": {"waiting": True}})
            )
        outputs = await self._receive()
        if not waits:
            if isinstance(outputs[0], Failed):
                await send_json(outputs[0].error.status, outputs[0].error.body())
                return
            await self._begin_stream(send)
        while True:
            await _send_body(send, b"".join(self._encode(output) for output in outputs))
            if isinstance(outputs[-1], Finished | Failed):
                break
            outputs = await self._receive()
        await _send_body(send, b"", more=False)

    async def _begin_stream(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await _send_body(send, self._event([_choice({"role": "assistant", "content": ""})]))

    async def _whole(self, send_json: Any, send: Send) -> None:
        texts: list[str] = []
        while True:
            for output in await self._receive():
                if isinstance(output, Text):
                    texts.append(output.text)
                elif isinstance(output, Failed):
                    await send_json(output.error.status, output.error.body())
                    return
                elif isinstance(output, Finished):
                    await send_json(200, self._completion("".join(texts), output))
                    return

    async def _receive(self) -> list[Output]:
        return await self._job.channel.receive() or [Failed(shutting_down())]

    def _encode(self, output: Output) -> bytes:
        match output:
            case Text(text):
                return self._event([_choice({"content": text})])
            case Progress(step, done, total):
                key = "load_progress" if step == "load" else "prompt_progress"
                return self._event([_choice({})], {key: {"processed": done, "total": total}})
            case Finished(reason):
                usage = {"usage": _usage(output)}
                return self._event([_choice({}, reason)]) + self._event([], usage) + _DONE
            case Failed(error):
                return _event(error.body())

    def _event(
        self, choices: list[dict[str, object]], extra: Mapping[str, object] | None = None
    ) -> bytes:
        head = {**self._head, "object": "chat.completion.chunk"}
        return _event({**head, "choices": choices, **(extra or {})})

    def _completion(self, text: str, finished: Finished) -> dict[str, object]:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": finished.reason}
        head = {**self._head, "object": "chat.completion"}
        return {**head, "choices": [choice], "usage": _usage(finished)}


def error_response(error: ApiError) -> JSONResponse:
    """``error`` as a whole HTTP answer."""
    return JSONResponse(error.body(), status_code=error.status)


async def _send_json(
    scope: Scope, receive: Receive, send: Send, status: int, body: Mapping[str, object]
) -> None:
    await JSONResponse(body, status_code=status)(scope, receive, send)


async def _cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _send_body(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


def _choice(delta: Mapping[str, str], finish_reason: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _event(content: Mapping[str, object]) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()


def _usage(finished: Finished) -> dict[str, object]:
    return {
        "prompt_tokens": finished.prompt_tokens,
        "completion_tokens": finished.completion_tokens,
        "total_tokens": finished.prompt_tokens + finished.completion_tokens,
        "context_size": finished.context_size,
    }
