"""How heavy a prompt is, and whether it goes to the big model; pure.

Owns score, threshold, reason and reason code (issue 5, sections 1 and 2). Does not own the
features (``features``), the file of weights (``weights``), nor the gates of memory and
availability: they come after this and are logged apart from it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from acp_agent.routing.features import Features

ReasonCode = Literal[
    "local_answer_sufficient",
    "needs_delegation",
    "needs_external_tools",
    "needs_large_context",
    "low_confidence",
    "explicit_request",
]
Setting = Literal["eager", "balanced", "frugal"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)

_FROM_OUTSIDE = ("disagreement",)
_TOOL_FEATURES = ("files", "tool_calls")
_NAMED_CAUSES = 3
_LEAST_CAUSE = 0.05
"""Log-odds below which a cause reads as 0.0."""
_CLEAR = 0.01
"""Two scores that are nearer than this look alike with two digits."""

LABELS: Mapping[str, str] = {
    "length": "length of the prompt",
    "context": "context that goes with it",
    "files": "files named or attached",
    "tool_calls": "tool calls to be expected",
    "code": "code in the prompt",
    "code_block": "a block of code",
    "code_task": "words of programming",
    "maths_notation": "mathematical notation",
    "maths_words": "words of mathematics",
    "calculation": "figures to be worked with",
    "units": "quantities with units",
    "extraction": "data to be extracted or converted",
    "steps": "several steps",
    "list_lines": "a list of points",
    "questions": "several questions",
    "constraints": "constraints",
    "conditions": "conditions",
    "relations": "quantities or times set in relation",
    "sentence_length": "long sentences",
    "quotes": "quotations",
    "reasoning": "an explanation or comparison",
    "task_size": "size of the request",
    "heavy_task": "words of a heavy task",
    "hard_topic": "a hard topic, such as concurrency or security",
    "breadth": "many parts of a project",
    "tests": "tests to be written",
    "instruction": "opens with a task",
    "light_task": "words of a light task",
    "small_thing": "a small thing to be changed or named",
    "short_question": "a short question",
    "courtesy": "thanks or a greeting",
    "prose": "plain prose to be written",
    "lookup": "a fact to be looked up",
    "small_program": "a program to be written",
    "symptom": "a symptom of trouble",
    "demand": "demands of a solution",
    "inquiry": "a cause to be found",
    "plan": "a plan or a choice",
    "quick_fact": "a fact quickly told",
    "tiny": "words of little things",
    "tone": "the tone of a text",
    "brief_answer": "a brief answer wanted",
    "answer_size": "few lines or words wanted",
    "measures": "figures with units",
    "parts": "several parts",
    "sentences": "more than one sentence",
    "brevity": "a brief request",
    "brief_question": "a brief question",
    "log_lines": "a log to be read",
    "long_paste": "much text or code shown",
    "shown": "a little text or code shown",
    "heavy_wording": "wording of heavy requests",
    "light_wording": "wording of light requests",
    "work": "about software or a text",
    "disagreement": "disagreement of the panel before",
}
"""What each feature is called in a reason; the names are those of ``features.NAMES``."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What the features weigh, and from which score on a prompt is delegated.

    ``bias`` and ``weights`` are in log-odds for a feature's full value 1. ``at_work`` is
    added to the weights as far as a request is about work rather than an exam's question
    (the feature ``work``): what tells heavy from light is not the same there.
    ``thresholds`` are pairs (share of prompts delegated, score), shares ascending;
    ``shares`` gives the share of each setting. A score within ``near`` of the threshold
    counts as uncertain.
    """

    version: int
    bias: float
    weights: Mapping[str, float]
    at_work: Mapping[str, float]
    thresholds: tuple[tuple[float, float], ...]
    shares: Mapping[Setting, float]
    near: float


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to delegate, and why. ``score`` is from 0 to 1, higher for heavier;
    ``contributions`` are the summands of its log-odds by feature, zeros left out."""

    delegate: bool
    score: float
    threshold: float
    contributions: Mapping[str, float]
    reason_code: ReasonCode
    reason: str


def score_features(values: Mapping[str, float], weights: Weights) -> float:
    """The score for feature ``values`` (each 0 to 1): between 0 and 1, higher for heavier."""
    return _score(_contributions(values, weights), weights)


def threshold_for_share(share: float, weights: Weights) -> float:
    """The score from which on about ``share`` (0 to 1) of prompts like those of the
    calibration are delegated; between the calibrated shares a straight line."""
    pairs = weights.thresholds
    if share <= pairs[0][0]:
        return pairs[0][1]
    for (low, high_score), (high, low_score) in pairwise(pairs):
        if share <= high:
            return high_score + (low_score - high_score) * (share - low) / (high - low)
    return pairs[-1][1]


def decide(
    features: Features,
    weights: Weights,
    setting: Setting = "balanced",
    *,
    threshold: float | None = None,
    window: int | None = None,
) -> Decision:
    """What the rubric says of a prompt: an explicit wish first, then what does not fit the
    small model's ``window`` (tokens; None: not known), then the score against the setting's
    threshold, or against ``threshold`` where one is given (a replay, a user's profile)."""
    contributions = _contributions(features.values, weights)
    score = _score(contributions, weights)
    if threshold is None:
        threshold = threshold_for_share(weights.shares[setting], weights)
    delegate, code, reason = _judge(features, contributions, score, threshold, weights, window)
    return Decision(
        delegate=delegate,
        score=score,
        threshold=threshold,
        contributions={name: value for name, value in contributions.items() if value},
        reason_code=code,
        reason=reason,
    )


def _contributions(values: Mapping[str, float], weights: Weights) -> dict[str, float]:
    work = values.get("work", 0.0)
    return {
        name: (weight + work * weights.at_work.get(name, 0.0)) * values.get(name, 0.0)
        for name, weight in weights.weights.items()
    }


def _score(contributions: Mapping[str, float], weights: Weights) -> float:
    return 1 / (1 + math.exp(-(weights.bias + sum(contributions.values()))))


def _judge(
    features: Features,
    contributions: Mapping[str, float],
    score: float,
    threshold: float,
    weights: Weights,
    window: int | None,
) -> tuple[bool, ReasonCode, str]:
    """The decision, its code and its sentence."""
    if features.wish == "big_model":
        return True, "explicit_request", "The prompt asks for the big model."
    if features.wish == "quick_answer":
        return False, "explicit_request", "The prompt asks for a quick answer or the small model."
    tokens = features.prompt_tokens + features.context_tokens
    if window is not None and tokens > window and not _is_small_talk(features):
        return (
            True,
            "needs_large_context",
            f"About {tokens:,} tokens do not fit the small model's window of {window:,}.",
        )
    delegate = score >= threshold
    reason = _explain(contributions, score, threshold, delegate)
    if abs(score - threshold) < weights.near:
        return delegate, "low_confidence", reason
    if not delegate:
        return False, "local_answer_sufficient", reason
    tools = sum(contributions.get(name, 0.0) for name in _TOOL_FEATURES)
    heavy = sum(value for value in contributions.values() if value > 0)
    return True, "needs_external_tools" if tools > heavy / 2 else "needs_delegation", reason


def _is_small_talk(features: Features) -> bool:
    """Whether the prompt is thanks or a greeting only: that needs nothing of a history,
    however long it is, and the small model gets as much of it as fits."""
    return features.values.get("courtesy", 0.0) > 0


def _explain(
    contributions: Mapping[str, float], score: float, threshold: float, delegate: bool
) -> str:
    """Score, threshold and the main causes on the side that won."""
    side = 1 if delegate else -1
    causes = sorted(
        (name for name, value in contributions.items() if value * side >= _LEAST_CAUSE),
        # What came before the prompt is named in any case: nothing in the prompt tells of it.
        key=lambda name: (name not in _FROM_OUTSIDE, -abs(contributions[name])),
    )[:_NAMED_CAUSES]
    named = ", ".join(f"{LABELS.get(name, name)} ({contributions[name]:+.1f})" for name in causes)
    if not named:
        named = "too little in it points to a heavy task" if not delegate else "a low threshold"
    relation = "reaches" if delegate else "is below"
    digits = 2 if abs(score - threshold) >= _CLEAR else 4
    return f"Score {score:.{digits}f} {relation} {threshold:.{digits}f}: {named}."
