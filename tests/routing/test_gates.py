"""What keeps a model from answering, and in which order it is looked at."""

import pytest

from acp_agent.backends.base import Model, Readiness
from acp_agent.routing.gates import Candidate, Load, check_gates, short_name

MODEL = Model("gpt-oss-20b", "GPT-OSS 20B", context_size=1000)
READY = Readiness(True, models=(MODEL,), default_model=MODEL.id)
DOWN = Readiness(False, "It does not run: start it.")
MISSING = Readiness(True, "Type `/install gpt-oss-20b`.", installed=False)
SHORT = "The machine is short of memory."


def candidate(
    readiness: Readiness = READY, model: Model | None = MODEL, load: Load | None = None
) -> Candidate:
    return Candidate("gptoss_20b", "GPT-OSS 20B", readiness, model, load or Load())


def test_a_model_that_can_answer_has_no_gate() -> None:
    assert check_gates(candidate(), 1000) is None
    assert check_gates(candidate(model=Model("m", "M")), 10**9) is None


@pytest.mark.parametrize(
    ("tried", "tokens", "gate", "reason"),
    [
        (candidate(DOWN), 1, "not_ready", DOWN.reason),
        (candidate(Readiness(False)), 1, "not_ready", "It is not ready."),
        (candidate(MISSING), 1, "not_installed", MISSING.reason),
        (candidate(model=None), 1, "not_installed", "GPT-OSS 20B has no model for this."),
        (candidate(), 1001, "too_long", "About 1,001 tokens do not fit its window of 1,000."),
        (candidate(load=Load(shortage=SHORT)), 1, "memory", SHORT),
        (candidate(load=Load(waiting=1)), 1, "busy", "1 prompt waits for it already."),
        (candidate(load=Load(waiting=3)), 1, "busy", "3 prompts wait for it already."),
        (candidate(DOWN, None, Load(waiting=1, shortage=SHORT)), 9999, "not_ready", DOWN.reason),
        (candidate(load=Load(waiting=1, shortage=SHORT)), 1, "memory", SHORT),
    ],
)
def test_each_gate(tried: Candidate, tokens: int, gate: str, reason: str) -> None:
    skipped = check_gates(tried, tokens)
    assert skipped is not None
    assert (skipped.candidate, skipped.gate, skipped.reason) == (tried.name, gate, reason)


def test_a_loaded_model_needs_no_more_memory() -> None:
    assert check_gates(candidate(load=Load(is_loaded=True, shortage=SHORT)), 1) is None


def test_a_wish_waits_for_a_busy_model_and_for_nothing_else() -> None:
    assert check_gates(candidate(load=Load(waiting=9)), 1, is_wished=True) is None
    for tried in (candidate(DOWN), candidate(MISSING), candidate(load=Load(shortage=SHORT))):
        assert check_gates(tried, 1, is_wished=True) is not None


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-oss-20b", "gpt-oss-20b"),
        ("/home/me/models/gpt-oss-20b", "gpt-oss-20b"),
        ("/home/me/models/gpt-oss-20b/", "gpt-oss-20b"),
        ("~/models/mine", "mine"),
        ("library/qwen3:4b", "library/qwen3:4b"),
    ],
)
def test_names_hold_no_folders(model: str, name: str) -> None:
    assert short_name(model) == name
    assert candidate(model=Model(model, "M")).name == f"gptoss_20b/{name}"
    assert candidate(model=None).name == "gptoss_20b"
