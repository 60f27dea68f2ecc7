"""What the decision log says in figures: shares, latencies, what users thought; pure.

Owns the figures. Does not own reading the log (``decision_log``) nor how figures look
(``cli/routing``). Issue 5, section 3.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from acp_agent.routing.decisions import Logged

NOBODY = "nobody"
"""In the place of a backend, where no candidate answered."""
_HIGH = 0.9


@dataclass(slots=True, frozen=True)
class Share:
    """Some of the decisions: how many, and how many of them were delegated, called wrong by
    the user, or overridden by hand."""

    name: str
    decisions: int
    delegated: int
    wrong: int
    overridden: int


@dataclass(slots=True, frozen=True)
class Latency:
    """Seconds that answers of one backend took, of those that came to their end; None where
    no time is known. ``high`` is the 90th percentile."""

    backend: str
    answers: int
    median: float | None
    high: float | None
    first_token_median: float | None
    first_token_high: float | None
    cancelled: int
    failed: int


@dataclass(slots=True, frozen=True)
class SkippedGate:
    """How often a candidate was passed over at a gate."""

    candidate: str
    gate: str
    count: int


@dataclass(slots=True, frozen=True)
class Point:
    """A decision by the score, for a plot: its score, its threshold, and what was decided."""

    score: float
    threshold: float
    delegate: bool


@dataclass(slots=True, frozen=True)
class Report:
    """The figures of a log. ``proposals`` were asked for, ``proposal_problems`` of them
    failed. ``points`` holds the prompts only: nothing else is judged by its score."""

    total: Share
    first: str
    last: str
    by_decision: tuple[Share, ...]
    by_effective: tuple[Share, ...]
    by_reason: tuple[Share, ...]
    by_setting: tuple[Share, ...]
    by_origin: tuple[Share, ...]
    latencies: tuple[Latency, ...]
    skipped: tuple[SkippedGate, ...]
    proposals: int
    proposal_problems: int
    points: tuple[Point, ...]


def make_report(logs: Sequence[Logged]) -> Report:
    """The figures of ``logs``, oldest first; groups in the order of their size."""
    times = [logged.record.when for logged in logs]
    records = [logged.record for logged in logs]
    problems = sum(record.proposal_problem is not None for record in records)
    return Report(
        total=_share("all", logs),
        first=min(times, default=""),
        last=max(times, default=""),
        by_decision=_shares(logs, _decision),
        by_effective=_shares(logs, _effective),
        by_reason=_shares(logs, lambda logged: logged.record.decision.reason_code),
        by_setting=_shares(logs, lambda logged: logged.record.setting),
        by_origin=_shares(logs, lambda logged: logged.record.origin),
        latencies=tuple(_latency(name, group) for name, group in _groups(logs, _effective)),
        skipped=_count_skipped(logs),
        proposals=problems + sum(record.proposal is not None for record in records),
        proposal_problems=problems,
        points=tuple(
            Point(
                record.decision.score,
                record.decision.threshold,
                record.decision.delegate,
            )
            for record in records
            if record.origin == "prompt"
        ),
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which ``share`` (0 to 1) of ``values`` lie, in a straight line between
    neighbours; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _decision(logged: Logged) -> str:
    return "delegate" if logged.record.decision.delegate else "local"


def _effective(logged: Logged) -> str:
    return logged.record.effective or NOBODY


def _groups(logs: Sequence[Logged], key: Callable[[Logged], str]) -> list[tuple[str, list[Logged]]]:
    found: dict[str, list[Logged]] = {}
    for logged in logs:
        found.setdefault(key(logged), []).append(logged)
    return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))


def _shares(logs: Sequence[Logged], key: Callable[[Logged], str]) -> tuple[Share, ...]:
    return tuple(_share(name, group) for name, group in _groups(logs, key))


def _share(name: str, logs: Sequence[Logged]) -> Share:
    return Share(
        name=name,
        decisions=len(logs),
        delegated=sum(logged.record.decision.delegate for logged in logs),
        wrong=sum(logged.was_wrong for logged in logs),
        overridden=sum(logged.was_overridden for logged in logs),
    )


def _latency(backend: str, logs: Sequence[Logged]) -> Latency:
    outcomes = [logged.record.outcome for logged in logs]
    ended = [each for each in outcomes if not each.cancelled and each.error is None]
    seconds = [each.seconds for each in ended if each.seconds is not None]
    firsts = [each.first_token_seconds for each in ended if each.first_token_seconds is not None]
    return Latency(
        backend=backend,
        answers=len(ended),
        median=median(seconds) if seconds else None,
        high=percentile(seconds, _HIGH),
        first_token_median=median(firsts) if firsts else None,
        first_token_high=percentile(firsts, _HIGH),
        cancelled=sum(each.cancelled for each in outcomes),
        failed=sum(each.error is not None and not each.cancelled for each in outcomes),
    )


def _count_skipped(logs: Sequence[Logged]) -> tuple[SkippedGate, ...]:
    counts = Counter(
        (skipped.candidate, skipped.gate) for logged in logs for skipped in logged.record.skipped
    )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(SkippedGate(*names, count) for names, count in ordered)
