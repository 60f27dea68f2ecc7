"""What keeps a model from answering, whatever the rubric says; pure.

Owns the gates: ready, installed, enough memory, not busy, not too long. Does not own who
the candidates are (``turn/auto``), nor reading any state. Issue 5, section 2.
"""

from dataclasses import dataclass, field

from acp_agent.backends.base import Model, Readiness
from acp_agent.routing.decisions import Skipped


@dataclass(slots=True, frozen=True)
class Load:
    """What a model's server does now; a server that does not tell has the defaults.

    ``waiting`` counts the prompts that wait for a turn. ``shortage`` says in a sentence that
    the machine is short of memory, empty where it is not.
    """

    is_loaded: bool = False
    waiting: int = 0
    shortage: str = ""


@dataclass(slots=True, frozen=True)
class Candidate:
    """A model that might answer; ``model`` is None where its mode has none for it."""

    mode: str
    label: str
    readiness: Readiness
    model: Model | None = None
    load: Load = field(default_factory=Load)

    @property
    def name(self) -> str:
        """Mode and model, as logs have it."""
        return self.mode if self.model is None else f"{self.mode}/{short_name(self.model.id)}"


def short_name(model: str) -> str:
    """Of a model given as a folder, its name only."""
    return model.rstrip("/").rpartition("/")[2] if model.startswith(("/", "~")) else model


def is_gpt_oss(model: Model) -> bool:
    """Whether ``model`` is of the GPT-OSS family, by its name."""
    return "gpt-oss" in model.id.lower()


def is_local_gpt_oss(model: Model) -> bool:
    """Whether it is, and runs where the user's data stay."""
    return is_gpt_oss(model) and not model.is_remote


def check_gates(candidate: Candidate, tokens: int, *, is_wished: bool = False) -> Skipped | None:
    """The gate that keeps ``candidate`` from a prompt of ``tokens``, None if it may answer.

    A model that the user asked for by name (``is_wished``) is waited for, however busy.
    """
    readiness, load, model = candidate.readiness, candidate.load, candidate.model
    if not readiness.ready:
        return Skipped(candidate.name, "not_ready", readiness.reason or "It is not ready.")
    if model is None or not readiness.installed:
        reason = readiness.reason or f"{candidate.label} has no model for this."
        return Skipped(candidate.name, "not_installed", reason)
    if model.context_size is not None and tokens > model.context_size:
        reason = f"About {tokens:,} tokens do not fit its window of {model.context_size:,}."
        return Skipped(candidate.name, "too_long", reason)
    if load.shortage and not load.is_loaded:
        return Skipped(candidate.name, "memory", load.shortage)
    if load.waiting and not is_wished:
        others = "1 prompt waits" if load.waiting == 1 else f"{load.waiting} prompts wait"
        return Skipped(candidate.name, "busy", f"{others} for it already.")
    return None
