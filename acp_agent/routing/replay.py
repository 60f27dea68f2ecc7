"""Logged decisions taken again with another threshold or other weights; pure.

Owns what would change, and whether what users said of the decisions speaks for it. Does
not own deciding (``rubric``, ``proposal``) nor the log. Gates are not replayed: what was
there to answer is not known afterwards. Issue 5, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from acp_agent.routing.decisions import DecisionRecord, Logged
from acp_agent.routing.proposal import weigh
from acp_agent.routing.rubric import SETTINGS, Decision, Setting, Weights, decide

Complaint = Literal["wrong", "overridden"]


@dataclass(slots=True, frozen=True)
class Change:
    """A decision that comes out otherwise now."""

    logged: Logged
    now: Decision


@dataclass(slots=True, frozen=True)
class Verdicts:
    """Decisions of which the user thought the same: how many, and how many of them change.
    A change puts right what the user objected to, and breaks what nobody objected to."""

    decisions: int
    changed: int


@dataclass(slots=True, frozen=True)
class Replay:
    """What becomes of a log. ``left_out`` were not decided by the rubric: calls of the tool,
    by the small model or by other agents. Shares are of ``decisions``, before and after."""

    decisions: int
    left_out: int
    delegated_before: int
    delegated_now: int
    changes: tuple[Change, ...]
    wrong: Verdicts
    overridden: Verdicts
    accepted: Verdicts

    @property
    def to_big(self) -> int:
        """Changes from the small to the big model."""
        return sum(change.now.delegate for change in self.changes)

    @property
    def to_small(self) -> int:
        """Changes from the big to the small model."""
        return len(self.changes) - self.to_big


def find_complaint(logged: Logged) -> Complaint | None:
    """What the user objected with; choosing by hand the mode that answered is no objection."""
    if logged.was_wrong:
        return "wrong"
    effective = logged.record.effective.partition("/")[0]
    chosen = {each.mode for each in logged.feedback if each.verdict == "mode_switched"}
    chosen.add(logged.record.outcome.override)
    return "overridden" if logged.was_overridden and chosen - {None, effective} else None


def is_too_long(record: DecisionRecord) -> bool:
    """Whether the small model's window decided, which no threshold changes. How large it was
    is not in the log."""
    code = "needs_large_context"
    proposed = record.proposal is not None and record.proposal.reason_code == code
    return record.decision.reason_code == code and not proposed


def decide_again(
    record: DecisionRecord,
    weights: Weights,
    *,
    setting: Setting | None = None,
    threshold: float | None = None,
) -> Decision:
    """What the rubric says of ``record``'s features now, with the proposal of then.

    Args:
        setting: in the place of the record's.
        threshold: in the place of the setting's.
    """
    if is_too_long(record):
        return record.decision
    known: dict[str, Setting] = {each: each for each in SETTINGS}
    wanted = setting or known.get(record.setting, "balanced")
    decision = decide(record.features, weights, wanted, threshold=threshold)
    return decision if record.proposal is None else weigh(decision, record.proposal, weights)


def replay(
    logs: Sequence[Logged],
    weights: Weights,
    *,
    setting: Setting | None = None,
    threshold: float | None = None,
) -> Replay:
    """Takes the decisions of ``logs`` again; arguments as in ``decide_again``."""
    prompts = [logged for logged in logs if logged.record.origin == "prompt"]
    again = [
        Change(each, decide_again(each.record, weights, setting=setting, threshold=threshold))
        for each in prompts
    ]
    changes = [each for each in again if each.now.delegate != each.logged.record.decision.delegate]
    return Replay(
        decisions=len(prompts),
        left_out=len(logs) - len(prompts),
        delegated_before=sum(each.record.decision.delegate for each in prompts),
        delegated_now=sum(each.now.delegate for each in again),
        changes=tuple(changes),
        wrong=_count(prompts, changes, "wrong"),
        overridden=_count(prompts, changes, "overridden"),
        accepted=_count(prompts, changes, None),
    )


def _count(
    logs: Sequence[Logged], changes: Sequence[Change], complaint: Complaint | None
) -> Verdicts:
    return Verdicts(
        decisions=sum(find_complaint(logged) == complaint for logged in logs),
        changed=sum(find_complaint(change.logged) == complaint for change in changes),
    )
