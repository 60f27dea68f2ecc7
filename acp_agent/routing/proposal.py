"""What the small model proposes to do with a prompt: a checked object; pure.

Owns the shape of a proposal, its JSON Schema, and what it changes of the rubric's decision.
Does not own asking the model (``proposer``). A proposal never acts: the host decides.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast, get_args

from acp_agent.routing.generate import TASK_TYPES, TaskType
from acp_agent.routing.rubric import Decision, ReasonCode, Weights

LOCAL = "local"
"""The candidate that means: the small model answers itself."""

SIZE_LIMIT = 4096
"""Bytes of a proposal; a longer one is none."""

SURE = 0.6
"""The confidence from which on a proposal decides where the rubric is uncertain."""

KEYS = ("task_class", "candidate", "reason_code", "confidence")
"""In the order in which a model writes them: small ones name the candidate that follows from
the kind of task far better than one that comes first."""

REASON_CODES: tuple[ReasonCode, ...] = get_args(ReasonCode)

_ONLY_LOCAL = ("local_answer_sufficient",)
_NEVER_LOCAL = ("needs_delegation", "needs_large_context")
_FIXED = ("explicit_request", "needs_large_context")
_QUOTED_LIMIT = 60


@dataclass(slots=True, frozen=True)
class Proposal:
    """``candidate`` is ``local`` or a mode to delegate to; ``confidence`` is from 0 to 1."""

    candidate: str
    task_class: TaskType
    reason_code: ReasonCode
    confidence: float


def all_candidates(candidates: Sequence[str]) -> tuple[str, ...]:
    """``candidates`` with the small model itself, which always is one, in front."""
    return (LOCAL, *(each for each in dict.fromkeys(candidates) if each != LOCAL))


def proposal_schema(candidates: Sequence[str]) -> dict[str, Any]:
    """The JSON Schema of a proposal among ``candidates``.

    Further keys are allowed, as ``read_proposal`` leaves them alone: a model that adds its
    reasoning need not be asked again. What contradicts itself only ``read_proposal`` tells.
    """
    return {
        "type": "object",
        "properties": {
            "task_class": {"type": "string", "enum": list(TASK_TYPES)},
            "candidate": {"type": "string", "enum": list(all_candidates(candidates))},
            "reason_code": {"type": "string", "enum": list(REASON_CODES)},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": list(KEYS),
    }


def read_proposal(value: Mapping[str, Any], candidates: Sequence[str]) -> Proposal:
    """``value`` as a proposal.

    Raises:
        ValueError: it is none, or names something out of the sets; the message says what.
    """
    candidate = _one_of(value, "candidate", all_candidates(candidates))
    task_class = _one_of(value, "task_class", TASK_TYPES)
    reason_code = _one_of(value, "reason_code", REASON_CODES)
    confidence = _confidence(value)
    is_local = candidate == LOCAL
    if reason_code in (_NEVER_LOCAL if is_local else _ONLY_LOCAL):
        raise ValueError(f"reason_code {reason_code!r} contradicts the candidate {candidate!r}.")
    return Proposal(
        candidate, cast("TaskType", task_class), cast("ReasonCode", reason_code), confidence
    )


def is_uncertain(decision: Decision, weights: Weights) -> bool:
    """Whether the rubric's ``decision`` could as well be the other: its score is near the
    threshold, and neither a wish nor a window has decided."""
    is_near = abs(decision.score - decision.threshold) < weights.near
    return is_near and decision.reason_code not in _FIXED


def weigh(decision: Decision, proposal: Proposal | None, weights: Weights) -> Decision:
    """What is decided, given the rubric's ``decision`` and the ``proposal``.

    A wish and a prompt too large for the small model's window stay decided. Where the rubric
    is uncertain, a proposal of confidence ``SURE`` decides; a less confident one changes
    nothing, nor does any where the rubric is certain. The reason then names it, unless it
    only agrees.
    """
    if proposal is None or decision.reason_code in _FIXED:
        return decision
    delegate = proposal.candidate != LOCAL
    proposes = f"to delegate to {proposal.candidate}" if delegate else "to answer itself"
    proposes += f" ({proposal.reason_code}, {proposal.confidence:.2f})"
    if not is_uncertain(decision, weights):
        if delegate == decision.delegate:
            return decision
        return _noted(decision, f"the small model disagrees and proposes {proposes}")
    if proposal.confidence < SURE:
        unsure = replace(decision, reason_code="low_confidence")
        return _noted(unsure, f"the small model is not sure and proposes {proposes}")
    near = f"Score {decision.score:.2f} is near {decision.threshold:.2f}"
    return replace(
        decision,
        delegate=delegate,
        reason_code=proposal.reason_code,
        reason=f"{near}; the small model proposes {proposes}.",
    )


def _noted(decision: Decision, note: str) -> Decision:
    return replace(decision, reason=f"{decision.reason.removesuffix('.')}; {note}.")


def _one_of(value: Mapping[str, Any], key: str, allowed: Sequence[str]) -> str:
    """What ``value`` has for ``key``, which must be one of ``allowed``."""
    if key not in value:
        raise ValueError(f"{key!r} is missing.")
    found = value[key]
    if not isinstance(found, str) or found not in allowed:
        raise ValueError(f"{key} is {_name(found)}, and must be one of {', '.join(allowed)}.")
    return found


def _confidence(value: Mapping[str, Any]) -> float:
    if "confidence" not in value:
        raise ValueError("'confidence' is missing.")
    found = value["confidence"]
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise ValueError(f"confidence is {_name(found)}, and must be a number from 0 to 1.")
    return float(found)


def _name(value: Any) -> str:
    """``value`` as JSON, short. Texts and what holds them are named by their kind: they may
    repeat the prompt, and the reason is logged."""
    if isinstance(value, str):
        return "another text"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False, default=lambda other: type(other).__name__)
    return text if len(text) <= _QUOTED_LIMIT else f"{text[:_QUOTED_LIMIT]}…"
