"""Who may answer a prompt in mode ``auto``, in order, and who is passed over.

Owns putting the line together and asking about memory and queues. Does not own the gates
(``routing/gates``) nor what is done when a candidate fails (``turn``, ``delegation``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from acp_agent.routing.decisions import DecisionRecord, Skipped
from acp_agent.routing.gates import Candidate, check_gates
from acp_agent.sessions.session import Session
from acp_agent.turn.auto.mode import find_large, find_small
from acp_agent.turn.auto.services import AutoServices
from acp_agent.turn.modes import Modes


@dataclass(slots=True)
class Candidates:
    """The candidates of one turn: the small model, and where GPT-OSS may come from."""

    small: Candidate | None
    large: Sequence[Candidate]

    @property
    def first_large(self) -> Candidate | None:
        """The first large one that was ready and installed when it was last asked."""
        return next((each for each in self.large if check_gates(each, 0) is None), None)


def find_candidates(session: Session, modes: Modes, services: AutoServices) -> Candidates:
    """The candidates, from the last ``modes.refresh``."""
    small = find_small(modes.readiness, services.settings)
    return Candidates(small, find_large(modes.readiness, session.models))


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
    can answer a prompt, one that is busy is waited for.
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
    waits = record.origin == "prompt" and all(skipped for _, skipped in checked)
    return [
        each if skipped is None or (waits and skipped.gate == "busy") else skipped
        for each, skipped in checked
    ]


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
