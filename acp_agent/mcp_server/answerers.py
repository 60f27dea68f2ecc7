"""Which model answers a call: GPT-OSS in this agent's engine, else Ollama's, never silently.

Owns the order, and what is said of one that is passed over. Does not own the gates
(``routing/gates``), nor installing: nothing is fetched from here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from acp_agent.backends.base import Backend, Model, Readiness
from acp_agent.routing.decisions import Skipped
from acp_agent.routing.gates import Candidate, check_gates, is_local_gpt_oss, short_name

_IN_SESSIONS = (
    (re.compile(r",? or choose another mod(?:e|el)\b"), ""),
    (re.compile(r"\bSend the (?:message|prompt) again\b"), "Call again"),
    (re.compile(r"\bsend the (?:message|prompt) again\b"), "call again"),
    (re.compile(r"\bStart a new session\b"), "Send a shorter prompt"),
)
"""What backends advise that a client cannot do, and what it can do instead."""


@dataclass(slots=True, frozen=True)
class Answerer:
    """A backend that may answer: with its default model (``own``), else with one that it has
    of the gpt-oss family."""

    backend: Backend
    own: bool


@dataclass(slots=True, frozen=True)
class Chosen:
    """A model that can answer now. ``name`` is its id without folders of the user's,
    ``label`` what a log calls it."""

    backend: Backend
    model: Model

    @property
    def name(self) -> str:
        return short_name(self.model.id)

    @property
    def label(self) -> str:
        return f"{self.backend.id}/{self.name}"


async def choose(answerer: Answerer, tokens: int) -> Chosen | Skipped:
    """The model for a prompt of about ``tokens``, or why there is none.

    A busy model is waited for: the caller asked for it by name.
    """
    backend = answerer.backend
    readiness = await backend.probe()
    model = find_own(readiness) if answerer.own else find_family(readiness)
    if readiness.ready:
        # What a session is told here is of no use to a caller that no prompt can ask.
        missing = _explain_missing(answerer, readiness)
        readiness = replace(readiness, installed=model is not None, reason=missing)
    candidate = Candidate(backend.id, backend.name, readiness, model)
    skipped = check_gates(candidate, tokens, is_wished=True)
    if skipped is not None:
        return skipped
    assert model is not None
    return Chosen(backend, model)


def find_own(readiness: Readiness) -> Model | None:
    """The default model where it is installed."""
    wanted = readiness.default_model if readiness.installed else None
    return next((each for each in readiness.models if each.id == wanted), None)


def find_family(readiness: Readiness) -> Model | None:
    """A model of the gpt-oss family that runs on this machine, the default one if it is."""
    models = [each for each in readiness.models if is_local_gpt_oss(each)]
    preferred = [each for each in models if each.id == readiness.default_model]
    return next(iter(preferred or models), None)


def _explain_missing(answerer: Answerer, readiness: Readiness) -> str:
    name = answerer.backend.name
    if not answerer.own:
        return f"{name} has no gpt-oss model; `ollama pull gpt-oss:20b` gets one."
    return (
        f"{name} is not installed. Run `acp-agent models install {readiness.default_model}` in "
        "a terminal: it shows the licence and the size, and asks first."
    )


def explain_none(skipped: Sequence[Skipped]) -> str:
    """Why no model answers, and what to do about it."""
    return "No GPT-OSS model can answer now. " + tell(skipped)


def tell(skipped: Sequence[Skipped]) -> str:
    """Why these were passed over, in sentences that stand alone."""
    return " ".join(f"{each.candidate}: {for_callers(each.reason)}" for each in skipped)


def for_callers(sentence: str) -> str:
    """``sentence``, which was made for a session, without what only a session can do."""
    for pattern, words in _IN_SESSIONS:
        sentence = pattern.sub(words, sentence)
    return sentence
