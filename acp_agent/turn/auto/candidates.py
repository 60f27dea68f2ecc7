"""Who may answer a prompt in mode ``auto``, in order, and who is passed over.

Owns putting the line together and asking about memory and queues. Does not own the gates
(``routing/gates``) nor what is done when a candidate fails (``turn``, ``delegation``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from acp_agent.routing.decisions import DecisionRecord, Skipped
from acp_agent.routing.gates import Candidate, check_gates
from acp_agent.sessions.session import Session
from acp_agent.turn.auto.mode import (
    can_be_installed,
    explain_no_small,
    find_large,
    find_small,
)
from acp_agent.turn.auto.services import AutoServices
from acp_agent.turn.modes import Modes

SMALL_MODEL = "small model"
"""The small model in the log where there is none."""


@dataclass(slots=True)
class Candidates:
    """The candidates of one turn: the small model, and where GPT-OSS may come from.

    ``no_small`` says why there is no small model, in a sentence; empty where nobody wants one.
    """

    small: Candidate | None
    large: Sequence[Candidate]
    no_small: str = ""

    @property
    def first_large(self) -> Candidate | None:
        """The first large one that was ready and installed when it was last asked."""
        return next((each for each in self.large if check_gates(each, 0) is None), None)


def find_candidates(session: Session, modes: Modes, services: AutoServices) -> Candidates:
    """The candidates, from the last ``modes.refresh``."""
    settings = services.settings
    small = find_small(modes.readiness, settings)
    why = explain_no_small(modes.readiness, settings)
    large = find_large(modes.readiness, settings, session.models)
    no_small = "" if settings.orchestrator == "none" else f"{why[:1].upper()}{why[1:]}"
    return Candidates(small, large, no_small)


Line = Sequence[Candidate | Skipped]
"""Who may answer, in order, and in between who may not."""


def first_of(line: Line) -> Candidate | None:
    """The first of ``line`` who may answer."""
    return next((each for each in line if isinstance(each, Candidate)), None)


async def line_up(
    candidates: Candidates,
    record: DecisionRecord,
    services: AutoServices,
    *,
    with_small: bool = True,
    siblings: int = 0,
) -> Line:
    """The candidates for ``record``, the decided one first.

    So many ``siblings`` of the turn may wait for a model already: they make nobody busy.

    Without fallback (a setting) only the first of a kind is in the line. Where nobody else
    can answer a prompt, one that is busy is waited for, and one that is not installed is
    asked all the same: that offers to install it.
    """
    small = [candidates.small] if candidates.small is not None and with_small else []
    large = list(candidates.large)
    delegate = record.decision.delegate
    line = [*large, *small] if delegate else [*small, *large]
    if line:
        record.selected = line[0].name
    if not services.settings.fallback:
        line = line[:1] if not delegate or large else []
    checked: list[tuple[Candidate, Skipped | None]] = []
    for each in line:
        is_second = any(skipped is None for _, skipped in checked)
        skipped = await _check(each, record, services, siblings, is_second=is_second)
        checked.append((each, skipped))
    is_last_resort = record.origin == "prompt" and all(skipped for _, skipped in checked)
    found = [
        each if skipped is None or (is_last_resort and _may_try(each, skipped)) else skipped
        for each, skipped in checked
    ]
    if delegate or small or not with_small or not candidates.no_small:
        return found
    record.selected = SMALL_MODEL
    return [Skipped(SMALL_MODEL, "not_installed", candidates.no_small), *found]


def _may_try(candidate: Candidate, skipped: Skipped) -> bool:
    return skipped.gate == "busy" or (
        skipped.gate == "not_installed" and can_be_installed(candidate)
    )


async def _check(
    candidate: Candidate,
    record: DecisionRecord,
    services: AutoServices,
    siblings: int,
    *,
    is_second: bool,
) -> Skipped | None:
    is_wished = record.decision.delegate and record.decision.reason_code == "explicit_request"
    tokens = record.features.prompt_tokens
    skipped = check_gates(candidate, tokens, is_wished=is_wished)
    if skipped is not None or candidate.mode != "gptoss_20b" or candidate.model is None:
        return skipped
    if is_second:  # it answers only if the first fails: not worth the question now
        return None
    load = await services.read_load(candidate.model.id)
    load = replace(load, waiting=max(0, load.waiting - siblings))
    return check_gates(replace(candidate, load=load), tokens, is_wished=is_wished)
