"""Score, threshold, reason and code of the rubric, and what the file of weights must be."""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import ConfigError
from acp_agent.routing import weights as weights_module
from acp_agent.routing.features import NAMES, Features, Prompt, read_features
from acp_agent.routing.rubric import (
    LABELS,
    SETTINGS,
    Decision,
    ReasonCode,
    Setting,
    decide,
    score_features,
    threshold_for_share,
)
from acp_agent.routing.weights import load_weights, parse_weights

WEIGHTS = load_weights()
PACKAGED = Path(weights_module.__file__).with_name("weights.json")


def judge(text: str, setting: Setting = "balanced", window: int | None = None) -> Decision:
    return decide(read_features(Prompt(text)), WEIGHTS, setting, window=window)


def plain(values: dict[str, float], **changes: Any) -> Features:
    features = Features(
        dict.fromkeys(NAMES, 0.0) | values,
        prompt_tokens=10,
        context_tokens=0,
        files=0,
        tool_calls=0,
        wish=None,
    )
    return replace(features, **changes)


@pytest.mark.parametrize(
    ("light", "heavy"),
    [
        (
            "What does this variable mean?",
            "Implement a thread-safe cache in Python with tests, then explain its complexity",
        ),
        (
            "Danke, das reicht mir.",
            "Implementiere einen Algorithmus in Rust und analysiere danach die Laufzeit",
        ),
        (
            "Merci, ça marche.",
            "Implémente un algorithme en Rust puis analyse sa complexité",
        ),
        (
            "Gracias, ya funciona.",
            "Implemente una función en TypeScript sin errores y luego optimice el código",
        ),
        (
            "Спасибо, всё работает.",
            "Реализуй алгоритм Дейкстры на Python, затем проанализируй код",
        ),
        ("谢谢，已经可以了。", "请实现一个线程安全的缓存类，然后分析算法并编写测试代码"),
        ("ありがとう。", "スレッドセーフなキャッシュを実装して、次に性能を最適化してください"),
    ],
)
def test_heavy_and_light_prompts_in_seven_languages(light: str, heavy: str) -> None:
    assert judge(heavy).delegate
    assert not judge(light).delegate
    assert judge(light).reason_code == "local_answer_sufficient"


def test_score_is_the_logistic_of_bias_and_contributions() -> None:
    weights = replace(WEIGHTS, bias=-1.0, weights={"code": 2.0, "prose": -0.5})
    assert score_features({"code": 0.5}, weights) == pytest.approx(0.5)
    decision = decide(plain({"code": 1.0, "prose": 1.0}), weights)
    assert decision.contributions == {"code": 2.0, "prose": -0.5}
    assert decision.score == pytest.approx(0.6224593)


def test_weights_move_as_far_as_a_request_is_about_work() -> None:
    weights = replace(WEIGHTS, bias=0.0, weights={"code": 1.0, "work": 0.5}, at_work={"code": -2.0})
    found = {
        work: decide(plain({"code": 1.0, "work": work}), weights).contributions
        for work in (0.0, 0.5, 1.0)
    }
    assert found == {0.0: {"code": 1.0}, 0.5: {"work": 0.25}, 1.0: {"code": -1.0, "work": 0.5}}


def test_score_rises_with_each_weight_above_zero_and_falls_with_others() -> None:
    nothing = score_features({}, WEIGHTS)
    for name, weight in WEIGHTS.weights.items():
        score = score_features({name: 1.0}, WEIGHTS)
        assert (score > nothing) == (weight > 0), name
        assert (score < nothing) == (weight < 0), name


@given(st.text(), st.sampled_from(SETTINGS))
def test_any_text_gets_a_bounded_score_and_a_reason(text: str, setting: Setting) -> None:
    decision = judge(text, setting)
    assert 0 < decision.score < 1
    assert decision.reason_code in get_args(ReasonCode)
    assert decision.reason.endswith(".")
    assert decision == judge(text, setting)


@given(st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1)))
def test_frugal_delegates_only_what_balanced_and_eager_do(values: dict[str, float]) -> None:
    eager, balanced, frugal = (decide(plain(values), WEIGHTS, s).delegate for s in SETTINGS)
    assert frugal <= balanced <= eager


def test_thresholds_between_calibrated_shares_lie_on_a_line() -> None:
    weights = replace(WEIGHTS, thresholds=((0.1, 0.8), (0.3, 0.4)))
    shares = (0.0, 0.1, 0.2, 0.3, 1.0)
    found = [threshold_for_share(share, weights) for share in shares]
    assert found == pytest.approx([0.8, 0.8, 0.6, 0.4, 0.4])


def test_a_threshold_given_goes_before_the_setting() -> None:
    features = plain({})
    assert decide(features, WEIGHTS, threshold=0.01).delegate
    assert not decide(features, WEIGHTS, "eager", threshold=0.99).delegate


def test_wishes_go_before_everything_else() -> None:
    heavy = plain(dict.fromkeys(NAMES, 1.0), wish="quick_answer", prompt_tokens=9999)
    decision = decide(heavy, WEIGHTS, window=4096)
    assert (decision.delegate, decision.reason_code) == (False, "explicit_request")
    assert "quick answer" in decision.reason
    decision = decide(plain({}, wish="big_model"), WEIGHTS, "frugal")
    assert (decision.delegate, decision.reason_code) == (True, "explicit_request")


def test_what_does_not_fit_the_small_window_is_delegated() -> None:
    features = plain({}, prompt_tokens=1000, context_tokens=3500)
    decision = decide(features, WEIGHTS, window=4096)
    assert (decision.delegate, decision.reason_code) == (True, "needs_large_context")
    assert "4,500" in decision.reason
    assert "4,096" in decision.reason
    assert decide(features, WEIGHTS, window=4500).reason_code != "needs_large_context"
    assert decide(features, WEIGHTS).reason_code != "needs_large_context"


def test_small_talk_needs_nothing_of_a_history_that_does_not_fit() -> None:
    long = Prompt("Danke, das reicht mir!", context_tokens=6000)
    assert not decide(read_features(long), WEIGHTS, window=4096).delegate
    asked = Prompt("Danke, und warum geht das?", context_tokens=6000)
    assert decide(read_features(asked), WEIGHTS, window=4096).delegate


@pytest.mark.parametrize(
    ("values", "threshold", "delegate", "code"),
    [
        ({"task_size": 1.0}, 0.2, True, "needs_delegation"),
        ({"tool_calls": 1.0, "files": 1.0}, 0.5, True, "needs_external_tools"),
        ({"tool_calls": 0.1, "task_size": 1.0}, 0.2, True, "needs_delegation"),
        ({}, 0.9, False, "local_answer_sufficient"),
    ],
)
def test_reason_codes(
    values: dict[str, float], threshold: float, delegate: bool, code: ReasonCode
) -> None:
    decision = decide(plain(values), WEIGHTS, threshold=threshold)
    assert (decision.delegate, decision.reason_code) == (delegate, code)


def test_a_score_near_the_threshold_is_said_to_be_uncertain() -> None:
    features = plain({"code_task": 0.5})
    score = decide(features, WEIGHTS).score
    for step, delegate in ((-0.9, True), (0.0, True), (0.9, False)):
        decision = decide(features, WEIGHTS, threshold=score + step * WEIGHTS.near)
        assert (decision.delegate, decision.reason_code) == (delegate, "low_confidence")
    far = decide(features, WEIGHTS, threshold=score - 1.1 * WEIGHTS.near)
    assert far.reason_code == "needs_delegation"


def test_reason_names_score_threshold_and_main_causes() -> None:
    weights = replace(WEIGHTS, bias=0.0, weights={"code": 1.0, "steps": 2.0, "prose": -1.0})
    features = plain({"code": 1.0, "steps": 1.0, "prose": 1.0})
    heavy = decide(features, weights, threshold=0.5).reason
    assert heavy == "Score 0.88 reaches 0.50: several steps (+2.0), code in the prompt (+1.0)."
    light = decide(features, weights, threshold=0.99).reason
    assert light == "Score 0.88 is below 0.99: plain prose to be written (-1.0)."
    nothing = decide(plain({}), weights, threshold=0.9).reason
    assert nothing == "Score 0.50 is below 0.90: too little in it points to a heavy task."


def test_a_panel_that_disagreed_raises_the_score_and_is_named() -> None:
    text = "What does this regular expression match, and what not?"
    alone = judge(text)
    after = decide(read_features(Prompt(text, disagreement=0.8)), WEIGHTS)
    assert not alone.delegate
    assert "disagreement" not in alone.contributions
    assert after.score > alone.score
    assert after.contributions["disagreement"] == pytest.approx(2.4)
    told = decide(read_features(Prompt(text, disagreement=0.8)), WEIGHTS, threshold=0.0)
    assert "disagreement of the panel before (+2.4)" in told.reason
    assert "disagreement" not in decide(read_features(Prompt(text)), WEIGHTS, threshold=0.0).reason


def test_a_panel_that_disagreed_is_named_before_stronger_causes() -> None:
    causes = {"code": 3.0, "steps": 2.5, "tests": 2.0, "disagreement": 1.0}
    weights = replace(WEIGHTS, bias=0.0, weights=causes)
    reason = decide(plain(dict.fromkeys(causes, 1.0)), weights, threshold=0.5).reason
    assert ": disagreement of the panel before (+1.0), code in the prompt (+3.0)" in reason


def test_a_panel_that_disagreed_delegates_no_thanks() -> None:
    for text in ("Thanks, that works!", "Danke, das reicht mir.", "谢谢"):
        assert not decide(read_features(Prompt(text, disagreement=1.0)), WEIGHTS).delegate


def test_the_weight_of_a_panels_disagreement_is_told_to_be_set_by_hand() -> None:
    data = json.loads(PACKAGED.read_text(encoding="utf-8"))
    assert "not a fit" in data["provenance"]["set_by_hand"]["disagreement"]
    assert "disagreement" not in data["at_work"]
    assert "disagreement" not in data["provenance"]["for_editors"]


def test_every_feature_has_a_weight_and_a_label() -> None:
    assert set(LABELS) == set(WEIGHTS.weights) == set(NAMES)


def test_packaged_weights_tell_where_they_come_from() -> None:
    data = json.loads(PACKAGED.read_text(encoding="utf-8"))
    told = {"data", "method", "bounded_by_judgement", "left_out_apgr", "thresholds"}
    assert told <= set(data["provenance"])
    assert set(data["provenance"]["for_editors"]) <= set(NAMES)
    assert set(data["settings"]) == set(SETTINGS)


def drop(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        for key in path[:-1]:
            data = data[key]
        del data[path[-1]]

    return change


def put(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.update({key: value})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (drop("bias"), "bias"),
        (drop("weights", "code"), "code"),
        (drop("settings", "eager"), "eager"),
        (put("version", 2), "version"),
        (put("bias", "x"), "number"),
        (put("near", True), "number"),
        (put("bias", float("nan")), "number"),
        (put("bias", 1e300), "large"),
        (put("weights", dict.fromkeys((*NAMES, "mood"), 1)), "mood"),
        (put("at_work", {"mood": 1}), "mood"),
        (put("at_work", {"code": "x"}), "number"),
        (drop("at_work"), "at_work"),
        (put("thresholds", []), "thresholds"),
        (
            put("thresholds", [{"share": 0.1, "score": 0.2}, {"share": 0.2, "score": 0.3}]),
            "thresholds",
        ),
    ],
)
def test_unfit_weights_are_refused(change: Callable[[dict[str, Any]], None], says: str) -> None:
    data = json.loads(PACKAGED.read_text(encoding="utf-8"))
    change(data)
    with pytest.raises(ConfigError, match=says):
        parse_weights(json.dumps(data))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "[" * 100_000])
def test_text_that_is_no_weights_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no file of routing weights"):
        parse_weights(text)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_weights(tmp_path / "absent.json")
    assert str(tmp_path) not in str(caught.value)
