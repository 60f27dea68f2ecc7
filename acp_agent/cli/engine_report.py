"""The engine's status in words, for a terminal.

Owns the wording and order. Does not own the figures, which the engine tells
(``GET /v1/engine/status``); what it does not tell is left out, since it may be of another
version.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from acp_agent.config.machine import format_memory

_PRESSURE = {
    1: "memory gets short",
    2: "memory is short: one answer at a time, and models go after a minute without use",
    3: "memory is very short: models go when they are not in use",
}
_MEMORY = {
    "rss": "the engine {}",
    "active": "of it MLX {}",
    "cache": "kept for reuse {}",
    "peak": "at most {}",
    "available": "free on this machine {}",
}
_TOKENS = {
    "decoded_tokens": "{} written",
    "prefilled_tokens": "{} read",
    "cached_tokens": "{} reused",
}


def describe(status: Mapping[str, Any]) -> list[str]:
    """The lines that tell ``status`` to a person."""
    lines = [_describe_engine(status)]
    for model in status.get("models") or ():
        place = f" ({model['path']})" if "path" in model else ""
        lines.append(f"  {model['id']}{place}: {', '.join(_describe_model(model))}")
    lines.append(f"  answering {_count(status, 'active')}, waiting {_count(status, 'queued')}")
    if tokens := _known(_TOKENS, status, _number):
        lines.append(f"  tokens since its start: {', '.join(tokens)}")
    memory: Mapping[str, Any] = status.get("memory") or {}
    if figures := _known(_MEMORY, memory, format_memory):
        lines.append(f"  memory: {', '.join(figures)}")
    if shortage := _PRESSURE.get(memory.get("pressure", 0)):
        lines.append(f"  {shortage}")
    return lines


def _describe_engine(status: Mapping[str, Any]) -> str:
    state = status.get("state") or "running"
    if status.get("draining"):
        state = "leaving after its last answer"
    version, pid, protocol = (status.get(name, "?") for name in ("version", "pid", "protocol"))
    return f"Engine {version}, process {pid}, protocol {protocol}: {state}"


def _describe_model(model: Mapping[str, Any]) -> Iterator[str]:
    yield model.get("state") or "in memory"
    if memory := model.get("memory"):
        yield format_memory(memory)
    if running := model.get("sequences"):
        parked = model.get("parked")
        behind = f" ({parked} for a reader that is behind)" if parked else ""
        yield f"{running} answer{'s' if running > 1 else ''}{behind}"
    elif (seconds := model.get("last_used_seconds_ago")) is not None:
        yield f"last used {_duration(seconds)} ago"
    cache: Mapping[str, Any] = model.get("cache") or {}
    sizes = [
        f"{format_memory(cache[name])} {place}"
        for name, place in (("bytes", "in memory"), ("disk_bytes", "on disk"))
        if cache.get(name)
    ]
    if sizes:
        yield f"past prompts {' and '.join(sizes)}"


def _count(status: Mapping[str, Any], kind: str) -> int:
    return int(status.get(f"{kind}_requests") or 0)


def _number(value: int) -> str:
    return f"{value:,}"


def _known(
    words: Mapping[str, str], figures: Mapping[str, Any], spell: Callable[[int], str]
) -> list[str]:
    return [
        text.format(spell(value))
        for name, text in words.items()
        if isinstance(value := figures.get(name), int) and value
    ]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
