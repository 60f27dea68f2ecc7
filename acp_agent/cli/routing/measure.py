"""The figures of one file of prompts: APGR beside its baselines, and errors against labels.

Owns what is counted. Does not own APGR itself (``routing/evaluation``), reading
(``examples``) nor printing (``evaluate``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from acp_agent.cli.routing.baselines import Scorer, score_length
from acp_agent.cli.routing.examples import Example
from acp_agent.cli.routing.progress import follow
from acp_agent.routing.evaluation import bootstrap_apgr, measure_apgr
from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.rubric import Decision, Setting, Weights, decide

RANDOM = 0.5
"""The APGR of a random order."""
_BOOTSTRAP_WORK = 10_000_000
"""Prompts drawn for one interval: about two seconds."""
_SAMPLES = (200, 1000)


@dataclass(slots=True, frozen=True)
class Apgr:
    """How well the order of the scores recovers what the strong model is better by, with the
    interval of ``samples`` bootstrap samples. ``litellm`` is None where it is not there."""

    prompts: int
    weak: float
    strong: float
    rubric: float
    low: float
    high: float
    samples: int
    length: float
    litellm: float | None
    random: float = RANDOM


@dataclass(slots=True, frozen=True)
class Errors:
    """Decisions against labels, of one split. ``light`` and ``heavy`` prompts are labelled so;
    those labelled ``either`` count nowhere."""

    split: str
    light: int
    falsely_delegated: int
    heavy: int
    missed: int


@dataclass(slots=True, frozen=True)
class Measured:
    """One file: a decision per prompt in its order, and what could be measured."""

    name: str
    decisions: tuple[Decision, ...]
    apgr: Apgr | None
    errors: tuple[Errors, ...]


def decide_all(
    name: str,
    examples: Sequence[Example],
    weights: Weights,
    setting: Setting,
    threshold: float | None,
) -> list[Decision]:
    """What the rubric says of each example; ``name`` is for the progress."""
    return [
        decide(
            read_features(Prompt(each.prompt, each.context_tokens)),
            weights,
            setting,
            threshold=threshold,
        )
        for each in follow(examples, len(examples), f"{name}, scores")
    ]


def measure_file(
    name: str, examples: Sequence[Example], decisions: Sequence[Decision], litellm: Scorer | None
) -> Measured:
    """The figures of the file ``name``. Of the ``examples`` those with outcomes count for
    APGR, those with labels for errors.

    Raises:
        InvalidParams: the strong model is not the better one.
    """
    return Measured(
        name=name,
        decisions=tuple(decisions),
        apgr=_measure(name, examples, decisions, litellm),
        errors=_count_errors(examples, decisions),
    )


def _measure(
    name: str, examples: Sequence[Example], decisions: Sequence[Decision], litellm: Scorer | None
) -> Apgr | None:
    rows = [
        (each.prompt, decision.score, *each.outcomes)
        for each, decision in zip(examples, decisions, strict=True)
        if each.outcomes is not None
    ]
    if not rows:
        return None
    prompts, scores, weak, strong = zip(*rows, strict=True)
    rubric = measure_apgr(scores, weak, strong)
    fewest, most = _SAMPLES
    samples = max(fewest, min(most, _BOOTSTRAP_WORK // len(rows)))
    low, high = bootstrap_apgr(scores, weak, strong, samples=samples)
    others = None
    if litellm is not None:
        found = [litellm(each) for each in follow(prompts, len(prompts), f"{name}, LiteLLM")]
        others = measure_apgr(found, weak, strong)
    return Apgr(
        prompts=len(rows),
        weak=sum(weak) / len(rows),
        strong=sum(strong) / len(rows),
        rubric=rubric,
        low=low,
        high=high,
        samples=samples,
        length=measure_apgr([score_length(each) for each in prompts], weak, strong),
        litellm=others,
    )


def _count_errors(examples: Sequence[Example], decisions: Sequence[Decision]) -> tuple[Errors, ...]:
    splits: dict[str, list[tuple[str, bool]]] = {}
    for example, decision in zip(examples, decisions, strict=True):
        if example.expected is not None:
            splits.setdefault(example.split, []).append((example.expected, decision.delegate))
    return tuple(
        Errors(
            split=split,
            light=sum(label == "local" for label, _ in pairs),
            falsely_delegated=pairs.count(("local", True)),
            heavy=sum(label == "delegate" for label, _ in pairs),
            missed=pairs.count(("delegate", False)),
        )
        for split, pairs in sorted(splits.items())
    )
