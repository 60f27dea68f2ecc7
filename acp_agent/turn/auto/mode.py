"""Mode ``auto`` among the others: of which modes it is made, and whether it can answer.

Owns who the small model and the large ones are. Does not own deciding between them. Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from acp_agent.backends.base import Model, Readiness
from acp_agent.config.settings import AutoSettings
from acp_agent.routing.gates import Candidate, is_gpt_oss, is_local_gpt_oss
from acp_agent.turn.auto.watch import MODE
from acp_agent.turn.modes import Seat

SMALL_MODES = ("apple", "ollama", "openai", "mlx")
"""Where a small model may come from, best first."""
LARGE_MODES = ("gptoss_20b", "ollama", "openai")
"""Where GPT-OSS may come from, best first."""

SMALL = 4_500_000_000
"""Parameters of the largest model that counts as small."""

_SELF_NAMED = ("gptoss_20b", "apple", "openai")
"""Modes whose models' names say where they come from."""

LABELS: Mapping[str, str] = {
    "apple": "Apple's on-device model",
    "gptoss_20b": "GPT-OSS 20B",
    "ollama": "Ollama",
    "openai": "OpenAI-compatible",
    "mlx": "MLX",
}


class AutoMode:
    """Mode ``auto``, made of those of ``available``. Implements ``turn.modes.Composed``."""

    id = MODE
    name = "Auto"
    description = "A small model answers, and heavy tasks go to GPT-OSS 20B"
    options = ()

    def __init__(self, settings: AutoSettings, available: Collection[str]) -> None:
        self._settings = settings
        wanted = {*SMALL_MODES, *LARGE_MODES}
        self.parts: Sequence[str] = [mode for mode in available if mode in wanted]

    def assess(self, readiness: Mapping[str, Readiness]) -> Readiness:
        """Ready if anybody can answer; the reason says who answers what."""
        small = find_small(readiness, self._settings)
        candidates = find_large(readiness, self._settings)
        large = next((each for each in candidates if _can_answer(each)), None)
        if small is None and large is None:
            return self._assess_nobody(readiness, candidates)
        if large is None:
            return Readiness(True, f"{_tell(small)} answers everything: GPT-OSS 20B is missing.")
        if small is None:
            why = explain_no_small(readiness, self._settings)
            return Readiness(True, f"{_tell(large)} answers everything: {why}")
        return Readiness(True, f"{_tell(small)} answers, {_tell(large)} does what is heavy.")

    def _assess_nobody(
        self, readiness: Mapping[str, Readiness], candidates: Sequence[Candidate]
    ) -> Readiness:
        """What to do where nobody can answer: the first prompt may offer to install GPT-OSS."""
        offered = next((each for each in candidates if can_be_installed(each)), None)
        if offered is not None:
            about = f"Nothing is installed yet. The first prompt offers {offered.label}."
            return Readiness(True, about, installed=False)
        lacks = [f"{each.label}: {each.readiness.reason}" for each in candidates]
        small = explain_no_small(readiness, self._settings)
        return Readiness(False, f"nobody can answer; {small} {' '.join(lacks)}".strip(), False)

    def lead(self, readiness: Mapping[str, Readiness]) -> Seat | None:
        """The small model, else a large one."""
        candidates = [find_small(readiness, self._settings), *find_large(readiness, self._settings)]
        for each in candidates:
            if each is not None and each.model is not None and _can_answer(each):
                return Seat(each.mode, each.model.id)
        return None


def find_small(readiness: Mapping[str, Readiness], settings: AutoSettings) -> Candidate | None:
    """The small model that is ready, None where there is none."""
    wanted = settings.orchestrator
    for mode in SMALL_MODES if wanted is None else (wanted,):
        state = readiness.get(mode)
        if state is None or not state.ready:
            continue
        model = _pick_small(mode, state, settings.orchestrator_model)
        if model is not None:
            # Another model of the mode may be missing; this one is here.
            return Candidate(mode, _label(mode, model), replace(state, installed=True), model)
    return None


def explain_no_small(readiness: Mapping[str, Readiness], settings: AutoSettings) -> str:
    """Why there is no small model, in the rest of a sentence."""
    wanted = settings.orchestrator
    if wanted == "none":
        return "the configuration has no small model (`auto.orchestrator`)."
    if wanted is not None:
        state = readiness.get(wanted)
        what = settings.orchestrator_model or "a small model"
        reason = state.reason if state and state.reason else f"{what} is not there."
        return f"the small model of `auto.orchestrator`, {wanted}, cannot be used: {reason}"
    if settings.orchestrator_model is not None:
        return (
            f"the configured small model {settings.orchestrator_model!r} is not there; correct "
            "`auto.orchestrator_model`, or take it out."
        )
    return "there is no small model; `ollama pull qwen3:1.7b` gets one."


def find_large(
    readiness: Mapping[str, Readiness],
    settings: AutoSettings,
    chosen: Mapping[str, str] | None = None,
) -> list[Candidate]:
    """Where GPT-OSS may come from, best first, ready or not; never from another machine. Without
    fallback (a setting) only from the first of these.

    ``chosen`` are the models that the session chose, by mode.
    """
    found: list[Candidate] = []
    for mode in LARGE_MODES if settings.fallback else LARGE_MODES[:1]:
        state = readiness.get(mode)
        if state is not None:
            model = _pick_large(mode, state, (chosen or {}).get(mode))
            if mode == "openai" and model is None:
                continue  # few have such a server, and nothing is amiss without one
            answers = _for_gpt_oss(state, mode, model)
            found.append(Candidate(mode, _label(mode, model), answers, model))
    return found


def _pick_small(mode: str, state: Readiness, wanted: str | None) -> Model | None:
    if wanted is not None:
        return next((each for each in state.models if each.id == wanted), None)
    if mode == "apple":
        return _find(state, state.default_model)
    # The size of a model that is not installed is not known.
    small = [each for each in state.models if 0 < (each.parameters or 0) <= SMALL]
    ours = [each for each in small if not is_gpt_oss(each) and not each.is_remote]
    return max(ours, key=lambda each: each.parameters or 0, default=None)


def _pick_large(mode: str, state: Readiness, chosen: str | None) -> Model | None:
    if mode == "gptoss_20b":
        return _find(state, chosen) or _find(state, state.default_model)
    missing = None if state.installed else state.default_model
    ours = [each for each in state.models if is_local_gpt_oss(each) and each.id != missing]
    by_choice = next((each for each in ours if each.id == chosen), None)
    return by_choice or next(iter(sorted(ours, key=lambda each: each.parameters or 0)), None)


def _for_gpt_oss(state: Readiness, mode: str, model: Model | None) -> Readiness:
    """``state`` as it is for GPT-OSS, whatever other models the server has or lacks."""
    if mode == "gptoss_20b" and model is not None and state.ready and not state.installed:
        return replace(state, reason=f"{model.name} is not installed; `/install` gets it.")
    if mode == "gptoss_20b" or not state.ready:
        return state
    if model is not None:
        return replace(state, installed=True)
    return Readiness(True, "Ollama has no gpt-oss model; `ollama pull gpt-oss:20b` gets it.", False)


def _label(mode: str, model: Model | None) -> str:
    if model is None:
        return LABELS[mode]
    return model.name if mode in _SELF_NAMED else f"{model.name} ({LABELS[mode]})"


def _find(state: Readiness, wanted: str | None) -> Model | None:
    return next((each for each in state.models if each.id == wanted), None)


def can_be_installed(candidate: Candidate) -> bool:
    """Whether only the model is missing, and asking for it offers to install it."""
    state = candidate.readiness
    return candidate.model is not None and state.ready and not state.installed


def _can_answer(candidate: Candidate) -> bool:
    state = candidate.readiness
    return candidate.model is not None and state.ready and state.installed


def _tell(candidate: Candidate | None) -> str:
    return "" if candidate is None else candidate.label
