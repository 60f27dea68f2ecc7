"""A logged routing decision as the user reads it; pure.

Owns the words. Does not own the log, nor what was decided.
"""

from collections.abc import Iterator
from datetime import datetime

from acp_agent.routing.decisions import DecisionOutcome, DecisionRecord, Feedback, Logged, Skipped

_ASKED_BY = {
    "prompt": "",
    "tool_call": ", asked for by the small model",
    "mcp": ", asked for by another agent",
}


def describe_decision(logged: Logged) -> str:
    """A decision as an item of a Markdown list, its details as items below."""
    record = logged.record
    decision = record.decision
    scores = f"score {decision.score:.2f}, threshold {decision.threshold:.2f}"
    head = f"- **{name_decision(record)}**{_ASKED_BY[record.origin]}; {scores}"
    return "\n".join([head, *(f"  - {_one_line(detail)}" for detail in _details(logged))])


def name_decision(record: DecisionRecord) -> str:
    """When it was, and what was decided: ``14:02:31 delegated``."""
    return f"{_time_of(record.when)} {'delegated' if record.decision.delegate else 'not delegated'}"


def _details(logged: Logged) -> Iterator[str]:
    record = logged.record
    yield f"{record.decision.reason} (`{record.decision.reason_code}`, {record.setting})"
    yield from _describe_proposal(record)
    yield _describe_answerer(record)
    yield from map(_describe_skipped, record.skipped)
    if outcome := _describe_outcome(record.outcome):
        yield outcome
    yield from map(_describe_feedback, logged.feedback)


def _describe_proposal(record: DecisionRecord) -> Iterator[str]:
    proposal = record.proposal
    if proposal is not None:
        yield (
            f"The small model proposed `{proposal.candidate}` "
            f"(`{proposal.reason_code}`, confidence {proposal.confidence:.2f})."
        )
    elif record.proposal_problem:
        yield f"The small model proposed nothing: {record.proposal_problem}"


def _describe_answerer(record: DecisionRecord) -> str:
    if not record.effective:
        return (
            f"Nothing answered; `{record.selected}` was to."
            if record.selected
            else ("Nothing answered.")
        )
    instead = ""
    if record.selected and record.selected != record.effective:
        instead = f" in place of `{record.selected}`"
    return f"`{record.effective}` {_describe_course(record.outcome)}{instead}."


def _describe_course(outcome: DecisionOutcome) -> str:
    if not outcome.cancelled and outcome.error is None:
        return "answered"
    return "was to answer" if outcome.first_token_seconds is None else "was answering"


def _describe_skipped(skipped: Skipped) -> str:
    return f"`{skipped.candidate}` was passed over ({skipped.gate}): {skipped.reason}"


def _describe_outcome(outcome: DecisionOutcome) -> str:
    """Figures and how it ended; empty where nothing is known."""
    parts: list[str] = []
    if outcome.seconds is not None:
        first = outcome.first_token_seconds
        until = f", the first words after {first:.1f} s" if first is not None else ""
        parts.append(f"{outcome.seconds:.1f} s{until}")
    if outcome.prompt_tokens is not None:
        parts.append(f"{outcome.prompt_tokens:,} tokens read")
    if outcome.generated_tokens is not None:
        parts.append(f"{outcome.generated_tokens:,} written")
    if outcome.cancelled:
        parts.append("cancelled")
    if outcome.override is not None:
        parts.append(f"you chose mode `{outcome.override}` meanwhile")
    if outcome.error is not None:
        parts.append(f"failed: {outcome.error}")
    return "; ".join(parts)


def _describe_feedback(feedback: Feedback) -> str:
    if feedback.verdict == "wrong":
        return f"You marked it as wrong at {_time_of(feedback.when)}."
    mode = f" `{feedback.mode}`" if feedback.mode else ""
    return f"You chose another mode{mode} right after it."


def _time_of(when: str) -> str:
    """The local time of day of ``when`` (ISO 8601); what is none stays as it is."""
    try:
        return f"{datetime.fromisoformat(when).astimezone():%H:%M:%S}"
    except (ValueError, OverflowError):
        return when


def _one_line(text: str) -> str:
    return " ".join(text.split())
