"""What ``/status`` answers: the session, the engine, the last turns; pure.

Owns the wording. Does not own asking the engine or reading the log of turns.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from acp_agent.config.machine import format_memory
from acp_agent.telemetry.turns import TurnRecord

SHOWN_TURNS = 10
"""Turns that are listed; all that are given are counted."""


def describe_status(
    session: Sequence[tuple[str, str]],
    engine: Mapping[str, Any] | str | None,
    turns: Sequence[TurnRecord],
) -> str:
    """The answer in Markdown.

    Args:
        session: what the session chose, as name and value.
        engine: the engine's status, None where none runs, or why it cannot be told.
        turns: the last turns, oldest first.
    """
    parts = ["**Session**", "", *(f"- {name}: {value}" for name, value in session), ""]
    parts += ["**Engine**", "", *_describe_engine(engine), ""]
    parts += ["**Last turns**", "", *_describe_turns(turns)]
    return "\n".join(parts) + "\n"


def _describe_engine(status: Mapping[str, Any] | str | None) -> list[str]:
    if isinstance(status, str):
        return [f"- {status}"]
    if status is None:
        return ["- not running; the first prompt in mode gptoss_20b or mlx starts it"]
    lines = [f"- process {status.get('pid', '?')}, version {status.get('version', '?')}"]
    if status.get("draining"):
        lines.append("- is about to leave and takes no new prompts")
    for model in status.get("models") or ():
        lines.append(f"- {_describe_model(model)}")
    waiting = status.get("queued_requests", 0)
    lines.append(f"- {waiting} waiting" if waiting else "- nobody waits")
    memory: Mapping[str, Any] = status.get("memory") or {}
    if resident := memory.get("rss"):
        lines.append(f"- memory of the process: {format_memory(resident)}")
    return lines


def _describe_model(model: Mapping[str, Any]) -> str:
    facts = [str(model.get("state", "unknown"))]
    if memory := model.get("memory"):
        facts.append(format_memory(memory))
    if sequences := model.get("sequences"):
        facts.append(f"{sequences} answered now")
    cache: Mapping[str, Any] = model.get("cache") or {}
    if size := cache.get("bytes"):
        facts.append(f"{format_memory(size)} of cache")
    return f"{model.get('id', 'a model')}: {', '.join(facts)}"


def _describe_turns(turns: Sequence[TurnRecord]) -> list[str]:
    if not turns:
        return ["None is recorded."]
    lines = [
        f"{len(turns)} recorded; median time to the first token "
        f"{_seconds(_median(turn.first_token_seconds for turn in turns))}, median rate "
        f"{_rate(_median(turn.decode_rate for turn in turns))}. The newest:",
        "",
        "| when | model | first token | read/s | written/s | read | of it cached | written "
        "| waited | peak | end |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [_row(turn) for turn in reversed(turns[-SHOWN_TURNS:])]


def _row(turn: TurnRecord) -> str:
    end = "cancelled" if turn.cancelled else turn.stop_reason or "error"
    cells = [
        turn.when,
        _name_model(turn),
        _seconds(turn.first_token_seconds),
        _rate(turn.prefill_rate),
        _rate(turn.decode_rate),
        _count(turn.prompt_tokens),
        _count(turn.cached_tokens),
        _count(turn.generated_tokens),
        _seconds(turn.queue_seconds),
        "-" if turn.memory_peak is None else format_memory(turn.memory_peak),
        end,
    ]
    return f"| {' | '.join(cells)} |"


def _name_model(turn: TurnRecord) -> str:
    name = turn.model.rpartition("/")[2]
    return name if turn.n_loops is None else f"{name} ({turn.n_loops} loops)"


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)
