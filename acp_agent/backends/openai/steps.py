"""How far a server is before its first token, as servers tell it.

Owns prompts that are read, models that load and queues, as Progress. Does not own the answer.

Sources: llama.cpp ``tools/server/README.md`` (``return_progress``); ``mlx_lm/server.py``
(comments ``keepalive 512/2048``); this project's engine (docs/engine.md).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from acp_agent.backends.base import Progress
from acp_agent.backends.openai.wire import as_count, as_object

_KEEPALIVE = re.compile(rb"keepalive ([0-9]{1,15})/([0-9]{1,15})")
_READING = "Reading the prompt"


class Steps:
    """The steps of one request; ``name`` is the model's, for the user."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: dict[str, Progress] = {}
        self._finished: set[str] = set()

    def read_chunk(self, chunk: Mapping[str, Any]) -> Iterator[Progress]:
        """What ``chunk`` tells."""
        if queue := as_object(chunk.get("queue_progress")):
            if ahead := as_count(queue.get("ahead")):
                others = "1 prompt is" if ahead == 1 else f"{ahead} prompts are"
                title = f"Waiting for the server: {others} answered first"
                yield self.begin(Progress("queue", title))
            else:
                yield from self.end("queue")
        if state := as_object(chunk.get("load_progress")):
            yield from self._tell("load", f"Loading {self._name}", state, "B")
        if state := as_object(chunk.get("prompt_progress")):
            yield from self._tell("prefill", _READING, state, "tokens")

    def read_comment(self, comment: bytes) -> Iterator[Progress]:
        """What ``comment`` tells."""
        if match := _KEEPALIVE.fullmatch(comment.strip()):
            state = {"processed": int(match[1]), "total": int(match[2])}
            yield from self._tell("prefill", _READING, state, "tokens")

    def begin(self, step: Progress) -> Progress:
        """``step`` begins, which cannot tell how far it is."""
        self._open[step.id] = step
        return step

    def end(self, step: str) -> Iterator[Progress]:
        """Ends ``step`` if it is under way."""
        if (shown := self._open.pop(step, None)) is not None:
            yield replace(shown, finished=True)

    def end_all(self) -> Iterator[Progress]:
        """Ends whatever is under way: the first token has come, or none will. What follows
        begins anew."""
        self._finished.clear()
        for step in list(self._open):
            yield from self.end(step)

    def _tell(
        self, step: str, title: str, state: Mapping[str, Any], unit: str
    ) -> Iterator[Progress]:
        done, total = as_count(state.get("processed")), as_count(state.get("total"))
        if done is None or not total or step in self._finished:
            return
        yield from self.end("queue")
        is_finished = done >= total
        shown = Progress(step, title, min(done, total), total, unit, finished=is_finished)
        if is_finished:
            self._finished.add(step)
            self._open.pop(step, None)
        elif self._open.get(step) == shown:
            return  # a server that stands still moves no deadline
        else:
            self._open[step] = shown
        yield shown
