"""What became of a decision, and keeping it.

Owns filling in the outcome. Does not own the log (``routing/decision_log``) nor measuring
(``turn/meter``).
"""

from acp_agent.routing.decisions import DecisionRecord
from acp_agent.telemetry.turns import TurnRecord
from acp_agent.turn.auto.services import AutoServices

UNFORESEEN = "Something unforeseen failed; acp-agent's log has the reason."


def note_end(record: DecisionRecord, end: str) -> None:
    """The turn came to its end."""
    record.outcome.stop_reason = end


def note_failure(record: DecisionRecord, reason: str) -> None:
    """Nobody answered, or not to the end; ``reason`` is a sentence."""
    record.outcome.error = reason


def explain_empty(label: str) -> str:
    """That ``label`` answered nothing."""
    return f"{label} gave no text."


def keep(record: DecisionRecord, services: AutoServices, figures: TurnRecord | None = None) -> None:
    """Writes ``record`` into the log, with the figures of the turn that it led to."""
    if figures is not None:
        outcome = record.outcome
        outcome.seconds = figures.total_seconds
        outcome.first_token_seconds = figures.first_token_seconds
        outcome.prompt_tokens = figures.prompt_tokens
        outcome.generated_tokens = figures.generated_tokens
    if services.log is not None:
        services.log.write(record)
