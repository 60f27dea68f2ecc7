"""What a server tells of the tokens and the time that an answer took.

Owns reading ``usage`` and llama.cpp's ``timings``. Does not own when they come.

Sources: https://platform.openai.com/docs/api-reference/chat-streaming; llama.cpp
``tools/server/README.md``; this project's engine (docs/engine.md).
"""

from collections.abc import Mapping
from typing import Any

from acp_agent.backends.base import Usage
from acp_agent.backends.openai.wire import as_count, as_object, as_seconds


def read_usage(
    usage: Mapping[str, Any], timings: Mapping[str, Any], context_size: int | None
) -> Usage | None:
    """The figures; None where the server counted no prompt."""
    cached = as_count(timings.get("cache_n"))
    prompt = as_count(usage.get("prompt_tokens"))
    if prompt is None and (read := as_count(timings.get("prompt_n"))) is not None:
        prompt = read + (cached or 0)
    if not prompt:
        return None
    written = as_count(usage.get("completion_tokens"))
    told = as_count(as_object(usage.get("prompt_tokens_details")).get("cached_tokens"))
    thought = as_object(usage.get("completion_tokens_details")).get("reasoning_tokens")
    return Usage(
        prompt,
        (as_count(timings.get("predicted_n")) or 0) if written is None else written,
        as_count(usage.get("context_size")) or context_size,
        cached_tokens=cached if told is None else told,
        thought_tokens=as_count(thought),
        queue_seconds=as_seconds(timings.get("queue_ms")),
        prompt_seconds=as_seconds(timings.get("prompt_ms")),
        answer_seconds=as_seconds(timings.get("predicted_ms")),
        memory_peak=as_count(timings.get("memory_peak")),
        n_loops=as_count(usage.get("n_loops")),
    )
