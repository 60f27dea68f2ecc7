"""A routing decision as it is logged, and what became of it; plain data.

Owns the fields of a record. Does not own deciding (``rubric``, ``gates``) nor the file
(``decision_log``). Issue 5, section 3.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    # A new session needs the names of gates only, and not what the rubric does.
    from acp_agent.routing.features import Features
    from acp_agent.routing.proposal import Proposal
    from acp_agent.routing.rubric import Decision

Origin = Literal["prompt", "tool_call", "mcp"]
"""What was decided on: a user's prompt before its answer, the small model's call of
``gptoss.generate``, or another agent's."""

Gate = Literal["not_ready", "not_installed", "memory", "busy", "too_long", "failed", "refused"]
"""What kept a candidate from answering. ``failed``: it began and ended with an error before
anything was seen of it; ``refused``: the call itself must not be made."""


@dataclass(slots=True, frozen=True)
class Skipped:
    """A candidate that was passed over; ``reason`` is a sentence."""

    candidate: str
    gate: Gate
    reason: str


@dataclass(slots=True)
class DecisionOutcome:
    """What became of a decision; None where it is not known. Times in seconds.

    ``error`` is a sentence without paths. ``override`` is the mode that the user chose by
    hand while the turn ran.
    """

    seconds: float | None = None
    first_token_seconds: float | None = None
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    stop_reason: str | None = None
    cancelled: bool = False
    error: str | None = None
    override: str | None = None


@dataclass(slots=True, kw_only=True)
class DecisionRecord:
    """One decision, from the prompt to its outcome.

    ``id`` and ``session`` are opaque, ``when`` ISO 8601 in UTC. ``prompt_tokens`` in
    ``features`` is an estimate, in ``outcome`` the server's count. ``selected`` is the
    candidate that the decision named, ``effective`` the one that answered (empty: none did),
    as ``mode/model``. ``proposal_problem`` says why there is no proposal where one was asked
    for. The log keeps ``prompt`` only if the user turned that on.
    """

    id: str
    when: str
    session: str
    origin: Origin
    prompt_hash: str
    prompt_bytes: int
    prompt: str | None = None
    setting: str
    features: "Features"
    decision: "Decision"
    proposal: "Proposal | None" = None
    proposal_problem: str | None = None
    selected: str = ""
    effective: str = ""
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    outcome: DecisionOutcome = field(default_factory=DecisionOutcome)


Verdict = Literal["wrong", "mode_switched"]
"""What the user thought of a decision: said so, or chose another mode right after it."""


@dataclass(slots=True, frozen=True, kw_only=True)
class Feedback:
    """What the user thought of the decision ``decision``; ``mode`` is the one chosen by hand."""

    decision: str
    when: str
    verdict: Verdict
    mode: str | None = None


@dataclass(slots=True, frozen=True)
class Logged:
    """A decision as it is read from the log, with what was said of it."""

    record: DecisionRecord
    feedback: tuple[Feedback, ...] = ()

    @property
    def was_wrong(self) -> bool:
        """The user said so."""
        return any(each.verdict == "wrong" for each in self.feedback)

    @property
    def was_overridden(self) -> bool:
        """The user chose another mode by hand in the turn or right after it."""
        switched = any(each.verdict == "mode_switched" for each in self.feedback)
        return switched or self.record.outcome.override is not None
