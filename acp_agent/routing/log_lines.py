"""Records of the decision log as lines of JSON, and back.

Owns the bounds of the texts in a line. Does not own a line's shape (``log_shape``), the
record itself (``decisions``) nor the file (``decision_log``).
"""

import json
import math
from collections.abc import Mapping

from pydantic import ValidationError

from acp_agent.routing.decisions import DecisionOutcome, DecisionRecord, Feedback, Skipped
from acp_agent.routing.features import Features
from acp_agent.routing.log_shape import VERSION, DecisionLine, FeedbackLine, line_adapter
from acp_agent.routing.rubric import Decision

REASON_SIZE = 500
"""Characters of a sentence in the log."""
NAME_SIZE = 200
"""Characters of a name or id in the log."""
PROMPT_SIZE = 32 * 1024
"""Bytes of a prompt that are kept where the user has prompts kept."""
SKIPPED_COUNT = 10
"""Skipped candidates that are kept."""


def parse_line(text: bytes) -> DecisionRecord | Feedback | None:
    """What ``text`` says; None where it is broken or of a version that is not known."""
    try:
        line = line_adapter().validate_json(text)
    except ValidationError:
        return None
    return _as_record(line) if isinstance(line, DecisionLine) else _as_feedback(line)


def write_decision(record: DecisionRecord, *, keep_prompt: bool) -> bytes:
    """``record`` as a line with its end; ``keep_prompt``: with the prompt's text.

    Raises:
        ValueError: it is no valid record.
    """
    decision, features, outcome = record.decision, record.features, record.outcome
    return _encode(
        DecisionLine(
            version=VERSION,
            kind="decision",
            id=_name(record.id),
            when=_name(record.when),
            session=_name(record.session),
            origin=record.origin,
            delegate=decision.delegate,
            score=_number(decision.score) or 0.0,
            threshold=_number(decision.threshold) or 0.0,
            setting=_name(record.setting),
            reason_code=decision.reason_code,
            reason=_sentence(decision.reason) or "",
            selected=_name(record.selected),
            effective=_name(record.effective),
            skipped=[_bounded(each) for each in record.skipped[:SKIPPED_COUNT]],
            prompt_hash=_name(record.prompt_hash),
            prompt_bytes=record.prompt_bytes,
            prompt=_prompt(record.prompt) if keep_prompt else None,
            features=_numbers(features.values),
            contributions=_numbers(decision.contributions),
            estimated_prompt_tokens=features.prompt_tokens,
            context_tokens=features.context_tokens,
            files=features.files,
            tool_calls=features.tool_calls,
            wish=features.wish,
            proposal=record.proposal,
            proposal_problem=_sentence(record.proposal_problem),
            seconds=_number(outcome.seconds),
            first_token_seconds=_number(outcome.first_token_seconds),
            prompt_tokens=outcome.prompt_tokens,
            generated_tokens=outcome.generated_tokens,
            stop_reason=_optional_name(outcome.stop_reason),
            cancelled=outcome.cancelled,
            error=_sentence(outcome.error),
            override=_optional_name(outcome.override),
        )
    )


def write_feedback(feedback: Feedback) -> bytes:
    """``feedback`` as a line with its end.

    Raises:
        ValueError: it is none.
    """
    return _encode(
        FeedbackLine(
            version=VERSION,
            kind="feedback",
            decision=_name(feedback.decision),
            when=_name(feedback.when),
            verdict=feedback.verdict,
            mode=_optional_name(feedback.mode),
        )
    )


def _as_record(line: DecisionLine) -> DecisionRecord:
    return DecisionRecord(
        id=line.id,
        when=line.when,
        session=line.session,
        origin=line.origin,
        prompt_hash=line.prompt_hash,
        prompt_bytes=line.prompt_bytes,
        prompt=line.prompt,
        setting=line.setting,
        features=Features(
            values=line.features,
            prompt_tokens=line.estimated_prompt_tokens,
            context_tokens=line.context_tokens,
            files=line.files,
            tool_calls=line.tool_calls,
            wish=line.wish,
        ),
        decision=Decision(
            delegate=line.delegate,
            score=line.score,
            threshold=line.threshold,
            contributions=line.contributions,
            reason_code=line.reason_code,
            reason=line.reason,
        ),
        proposal=line.proposal,
        proposal_problem=line.proposal_problem,
        selected=line.selected,
        effective=line.effective,
        skipped=line.skipped,
        outcome=DecisionOutcome(
            seconds=line.seconds,
            first_token_seconds=line.first_token_seconds,
            prompt_tokens=line.prompt_tokens,
            generated_tokens=line.generated_tokens,
            stop_reason=line.stop_reason,
            cancelled=line.cancelled,
            error=line.error,
            override=line.override,
        ),
    )


def _as_feedback(line: FeedbackLine) -> Feedback:
    return Feedback(decision=line.decision, when=line.when, verdict=line.verdict, mode=line.mode)


def _encode(line: DecisionLine | FeedbackLine) -> bytes:
    value = line.model_dump(exclude_none=True)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _bounded(skipped: Skipped) -> Skipped:
    return Skipped(_name(skipped.candidate), skipped.gate, _sentence(skipped.reason) or "")


def _clean(text: str) -> str:
    """``text`` without halves of surrogate pairs, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def _name(text: str) -> str:
    return _clean(text[:NAME_SIZE])


def _optional_name(text: str | None) -> str | None:
    return None if text is None else _name(text)


def _sentence(text: str | None) -> str | None:
    if text is None:
        return None
    return _clean(text if len(text) <= REASON_SIZE else text[: REASON_SIZE - 1] + "…")


def _prompt(text: str | None) -> str | None:
    if text is None:
        return None
    return text[:PROMPT_SIZE].encode("utf-8", "replace")[:PROMPT_SIZE].decode("utf-8", "ignore")


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _numbers(values: Mapping[str, float]) -> dict[str, float]:
    return {_name(name): _number(value) or 0.0 for name, value in values.items()}
