"""Who the small model and the large ones are, and what the mode says of itself."""

import pytest

from acp_agent.backends.base import Model, Readiness
from acp_agent.config.settings import AutoSettings
from acp_agent.turn.auto.mode import AutoMode, explain_no_small, find_large, find_small
from acp_agent.turn.modes import Seat

BILLION = 10**9
QWEN = Model("qwen3:1.7b", "qwen3:1.7b", parameters=2 * BILLION)
GEMMA = Model("gemma3:4b", "gemma3:4b", parameters=4 * BILLION)
LLAMA = Model("llama3.1:8b", "llama3.1:8b", parameters=8 * BILLION)
UNKNOWN = Model("mystery", "mystery")
OLLAMA_OSS = Model("gpt-oss:20b", "gpt-oss:20b", parameters=21 * BILLION)
OLLAMA_120B = Model("gpt-oss:120b", "gpt-oss:120b", parameters=117 * BILLION)
SERVED_OSS = Model("llamacpp/gpt-oss-20b", "gpt-oss-20b (llamacpp)")
SERVED_QWEN = Model("llamacpp/qwen", "qwen (llamacpp)", parameters=2 * BILLION)
LAB_OSS = Model("lab/gpt-oss-120b", "gpt-oss-120b (lab)", is_remote=True)
OSS = Model("gpt-oss-20b", "GPT-OSS 20B")
APPLE = Model("system", "Apple's on-device model", context_size=4096)
SMOL = Model("/home/me/models/smollm2-135m", "SmolLM2 135M", parameters=135_000_000)

DOWN = Readiness(False, "It does not run: start it.")
AUTO = AutoSettings()


def ready(*models: Model, default: Model | None = None) -> Readiness:
    return Readiness(True, models=models, default_model=(default or models[0]).id)


def lacking(*models: Model) -> Readiness:
    """A backend whose default model is not installed."""
    missing = Model("missing", "Missing")
    return Readiness(True, "Missing is not installed.", False, (*models, missing), "missing")


def mode(settings: AutoSettings = AUTO) -> AutoMode:
    return AutoMode(settings, ["gptoss_20b", "ollama", "openai", "mlx", "apple"])


READINESS = dict[str, Readiness]


@pytest.mark.parametrize(
    ("readiness", "small", "large", "about"),
    [
        ({}, None, None, "nobody can answer; there is no small model; `ollama pull"),
        ({"gptoss_20b": DOWN, "ollama": DOWN}, None, None, "GPT-OSS 20B: It does not run: start"),
        (
            {"gptoss_20b": lacking(), "ollama": DOWN},
            None,
            None,
            "Nothing is installed yet. The first prompt offers Missing.",
        ),
        (
            {"gptoss_20b": DOWN, "ollama": ready(QWEN)},
            "ollama/qwen3:1.7b",
            None,
            "qwen3:1.7b (Ollama) answers everything: GPT-OSS 20B is missing.",
        ),
        (
            {"gptoss_20b": ready(OSS), "ollama": DOWN},
            None,
            "gptoss_20b/gpt-oss-20b",
            "GPT-OSS 20B answers everything: there is no small model; `ollama pull qwen3:1.7b`",
        ),
        (
            {"openai": ready(SERVED_OSS, SERVED_QWEN)},
            "openai/llamacpp/qwen",
            "openai/llamacpp/gpt-oss-20b",
            "qwen (llamacpp) answers, gpt-oss-20b (llamacpp) does what is heavy.",
        ),
        ({"openai": ready(LAB_OSS, UNKNOWN)}, None, None, "nobody can answer"),
        (
            {"gptoss_20b": ready(OSS), "ollama": ready(QWEN)},
            "ollama/qwen3:1.7b",
            "gptoss_20b/gpt-oss-20b",
            "qwen3:1.7b (Ollama) answers, GPT-OSS 20B does what is heavy.",
        ),
        (
            {"gptoss_20b": lacking(), "ollama": ready(QWEN, OLLAMA_OSS)},
            "ollama/qwen3:1.7b",
            "ollama/gpt-oss:20b",
            "qwen3:1.7b (Ollama) answers, gpt-oss:20b (Ollama) does what is heavy.",
        ),
        (
            {"gptoss_20b": DOWN, "ollama": ready(OLLAMA_OSS)},
            None,
            "ollama/gpt-oss:20b",
            "gpt-oss:20b (Ollama) answers everything: there is no small model",
        ),
        (
            {"gptoss_20b": ready(OSS), "ollama": ready(QWEN), "apple": ready(APPLE)},
            "apple/system",
            "gptoss_20b/gpt-oss-20b",
            "Apple's on-device model answers, GPT-OSS 20B does what is heavy.",
        ),
        (
            {"gptoss_20b": ready(OSS), "ollama": DOWN, "apple": DOWN, "mlx": ready(SMOL)},
            "mlx/smollm2-135m",
            "gptoss_20b/gpt-oss-20b",
            "SmolLM2 135M (MLX) answers, GPT-OSS 20B does what is heavy.",
        ),
    ],
)
def test_constellations(
    readiness: READINESS, small: str | None, large: str | None, about: str
) -> None:
    state = mode().assess(readiness)
    assert about in state.reason
    assert state.installed == bool(small or large)
    assert state.ready == (state.installed or state.reason.startswith("Nothing is installed yet"))
    assert (state.models, state.default_model) == ((), None)
    found = find_small(readiness, AUTO)
    assert (found.name if found else None) == small
    usable = [
        each.name
        for each in find_large(readiness, AUTO)
        if each.model and each.readiness.ready and each.readiness.installed
    ]
    assert (usable[0] if usable else None) == large
    seat = mode().lead(readiness)
    assert (seat.name if seat else None) == (small or large)
    assert "/home" not in state.reason


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ((QWEN, GEMMA, LLAMA), GEMMA),
        ((LLAMA,), None),
        ((UNKNOWN,), None),
        ((Model("gpt-oss-mini", "x", parameters=BILLION),), None),
        ((LLAMA, QWEN), QWEN),
    ],
)
def test_the_largest_of_the_small_ones_is_taken(
    models: tuple[Model, ...], expected: Model | None
) -> None:
    found = find_small({"ollama": ready(*models)}, AUTO)
    assert (found.model if found else None) == expected


@pytest.mark.parametrize(
    ("settings", "expected", "why"),
    [
        (AutoSettings(orchestrator="mlx"), "mlx/smollm2-135m", ""),
        (AutoSettings(orchestrator="none"), None, "has no small model (`auto.orchestrator`)"),
        (AutoSettings(orchestrator="apple"), None, "apple, cannot be used: It does not run"),
        (AutoSettings(orchestrator_model="llama3.1:8b"), "ollama/llama3.1:8b", ""),
        (
            AutoSettings(orchestrator="ollama", orchestrator_model="phi4"),
            None,
            "ollama, cannot be used: phi4 is not there.",
        ),
        (
            AutoSettings(orchestrator="ollama", orchestrator_model="gemma3:4b"),
            "ollama/gemma3:4b",
            "",
        ),
    ],
)
def test_the_configured_small_model(settings: AutoSettings, expected: str | None, why: str) -> None:
    readiness = {
        "gptoss_20b": ready(OSS),
        "ollama": ready(QWEN, GEMMA, LLAMA),
        "mlx": ready(SMOL),
        "apple": DOWN,
    }
    found = find_small(readiness, settings)
    assert (found.name if found else None) == expected
    if expected is None:
        assert why in explain_no_small(readiness, settings)
        assert why in mode(settings).assess(readiness).reason
        assert mode(settings).lead(readiness) == Seat("gptoss_20b", "gpt-oss-20b")


def test_a_backend_that_lacks_its_default_has_other_models() -> None:
    readiness = {"ollama": lacking(QWEN, OLLAMA_OSS), "gptoss_20b": lacking()}
    small, large = find_small(readiness, AUTO), find_large(readiness, AUTO)
    assert small is not None
    assert small.readiness.installed
    assert [each.readiness.installed for each in large] == [False, True]
    assert mode().lead(readiness) == Seat("ollama", "qwen3:1.7b")


def test_a_model_that_is_not_installed_is_not_the_large_one() -> None:
    missing = Readiness(True, "Missing.", False, (QWEN, OLLAMA_OSS), OLLAMA_OSS.id)
    [found] = find_large({"ollama": missing}, AUTO)
    assert found.model is None
    assert not found.readiness.installed
    assert found.readiness.reason == (
        "Ollama has no gpt-oss model; `ollama pull gpt-oss:20b` gets it."
    )


def test_the_sessions_own_choice_of_gpt_oss_holds() -> None:
    readiness = {"ollama": ready(OLLAMA_120B, OLLAMA_OSS), "gptoss_20b": DOWN}
    by_size = find_large(readiness, AUTO)[1]
    chosen = find_large(readiness, AUTO, {"ollama": OLLAMA_120B.id})[1]
    other = find_large(readiness, AUTO, {"ollama": LLAMA.id})[1]
    assert [each.model for each in (by_size, chosen, other)] == [
        OLLAMA_OSS,
        OLLAMA_120B,
        OLLAMA_OSS,
    ]


def test_a_chosen_gptoss_that_is_gone_gives_way_to_the_default() -> None:
    fine_tune = Model("mine", "Mine")
    readiness = {"gptoss_20b": ready(OSS, fine_tune)}
    assert find_large(readiness, AUTO, {"gptoss_20b": "mine"})[0].model == fine_tune
    assert find_large(readiness, AUTO, {"gptoss_20b": "gone"})[0].model == OSS


def test_only_the_modes_that_there_are_are_parts() -> None:
    assert list(AutoMode(AUTO, ["ollama", "scripted", "mlx"]).parts) == ["ollama", "mlx"]


def test_no_prompt_goes_to_a_model_on_another_machine_unless_the_user_says_so() -> None:
    cloud = Model("gpt-oss:20b-cloud", "gpt-oss:20b-cloud", is_remote=True)
    tiny = Model("tiny:cloud", "tiny:cloud", parameters=BILLION, is_remote=True)
    readiness = {"ollama": ready(cloud, tiny), "gptoss_20b": DOWN}
    for chosen in (None, {"ollama": cloud.id}):
        assert [each.model for each in find_large(readiness, AUTO, chosen)] == [None, None]
    assert find_small(readiness, AUTO) is None
    assert not mode().assess(readiness).ready
    wanted = find_small(readiness, AutoSettings(orchestrator_model=tiny.id))
    assert wanted is not None
    assert wanted.model == tiny
