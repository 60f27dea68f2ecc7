"""The decision log's record of a call by another agent.

Owns what it holds. Does not own the file (``routing/decision_log``).
"""

from dataclasses import replace
from uuid import uuid4

import anyio

from acp_agent.config.settings import AutoSettings
from acp_agent.mcp_server.generation import Generation
from acp_agent.routing.decisions import DecisionOutcome, DecisionRecord
from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.rubric import Weights, decide
from acp_agent.telemetry.turns import timestamp

REASON = "Another agent called gptoss.generate."


def new_record(
    prompt: str, prompt_hash: str, session: str, settings: AutoSettings, weights: Weights
) -> DecisionRecord:
    """A call with ``prompt``. It is an explicit request; the score is what the rubric says."""
    features = read_features(Prompt(prompt))
    decision = decide(features, weights, settings.delegation)
    return DecisionRecord(
        id=uuid4().hex,
        when=timestamp(),
        session=session,
        origin="mcp",
        prompt_hash=prompt_hash,
        prompt_bytes=len(prompt.encode("utf-8", "surrogatepass")),
        prompt=prompt if settings.log_prompts else None,
        setting=settings.delegation,
        features=features,
        decision=replace(decision, delegate=True, reason_code="explicit_request", reason=REASON),
    )


def note_outcome(record: DecisionRecord, generation: Generation, error: str | None) -> None:
    """What became of it; ``error`` is the sentence that the client is told."""
    usage = generation.usage
    record.outcome = DecisionOutcome(
        seconds=anyio.current_time() - generation.began,
        first_token_seconds=generation.first_token_seconds,
        prompt_tokens=usage.input_tokens if usage else None,
        generated_tokens=usage.output_tokens if usage else None,
        stop_reason=generation.stop_reason,
        error=error,
    )
