"""The golden prompts for routing: the shape of the file, that its halves are alike, and
that decisions agree with them (issue 5, acceptance 1)."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, cast

import pytest

from acp_agent.routing import features
from acp_agent.routing.rubric import decide
from acp_agent.routing.weights import load_weights

FOLDER = Path(__file__).resolve().parent.parent / "data" / "routing"
FILE = FOLDER / "golden.jsonl"
FRESH = FOLDER / "golden_fresh.jsonl"
"""Written after the weights were fitted; all of it is held."""
EXPECTED = {"local", "delegate", "either"}
SPLITS = {"tune", "held"}
ID = re.compile(r"(?P<language>[a-z]{2})-(?P<kind>[a-z]+)-[1-9]\d*")
SCRIPTS = {
    "ar": "[\u0600-\u06ff]",
    "hi": "[\u0900-\u097f]",
    "ja": "[\u3040-\u30ff]",
    "ru": "[\u0400-\u04ff]",
    "zh": "[\u4e00-\u9fff]",
}
"""What every prompt in a language with a script of its own contains."""


class Prompt(TypedDict):
    """One line of the file."""

    id: str
    language: str
    prompt: str
    context_tokens: int
    expected: str
    why: str
    split: str


def lines(file: Path = FILE) -> list[str]:
    """The lines of ``file``, which is UTF-8 or fails here."""
    return file.read_bytes().decode("utf-8").removesuffix("\n").split("\n")


PROMPTS = [cast(Prompt, json.loads(line)) for line in lines()]
FRESH_PROMPTS = [cast(Prompt, json.loads(line)) for line in lines(FRESH)]


def kind(prompt: Prompt) -> str:
    """The sort of task, as the id tells it."""
    return prompt["id"].split("-")[1]


GROUPS: dict[str, Callable[[Prompt], str]] = {
    "expectation": lambda prompt: prompt["expected"],
    "language": lambda prompt: prompt["language"],
    "kind": kind,
    "language and expectation": lambda prompt: f"{prompt['language']} {prompt['expected']}",
    "kind and expectation": lambda prompt: f"{kind(prompt)} {prompt['expected']}",
}
"""In what the halves are alike."""


@pytest.mark.parametrize(("file", "prompts"), [(FILE, PROMPTS), (FRESH, FRESH_PROMPTS)])
def test_the_file_is_plain_utf8_with_an_object_on_each_line(
    file: Path, prompts: list[Prompt]
) -> None:
    data = file.read_bytes()
    assert data.endswith(b"}\n")
    for unwanted in (b"\r", b"\xef\xbb\xbf", "\ufffd".encode()):
        assert unwanted not in data
    for line, prompt in zip(lines(file), prompts, strict=True):
        assert line == json.dumps(prompt, ensure_ascii=False)


@pytest.mark.parametrize("prompt", [*PROMPTS, *FRESH_PROMPTS], ids=lambda prompt: prompt["id"])
def test_a_prompt_has_allowed_values(prompt: Prompt) -> None:
    assert list(prompt) == list(Prompt.__annotations__)
    found = ID.fullmatch(prompt["id"])
    assert found is not None
    assert found["language"] == prompt["language"]
    assert prompt["prompt"] == prompt["prompt"].strip() != ""
    assert type(prompt["context_tokens"]) is int
    assert prompt["context_tokens"] >= 0
    assert prompt["expected"] in EXPECTED
    assert prompt["split"] in SPLITS
    assert re.fullmatch(r"[A-Z][^\n]{9,118}\.", prompt["why"])


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: prompt["id"])
def test_a_prompt_is_in_the_script_of_its_language(prompt: Prompt) -> None:
    # Those that are fresh hold Hindi in Latin letters too, as many developers type it.
    assert re.search(SCRIPTS.get(prompt["language"], "."), prompt["prompt"])


def test_nothing_stands_twice() -> None:
    prompts = [*PROMPTS, *FRESH_PROMPTS]
    ids = Counter(prompt["id"] for prompt in prompts)
    texts = Counter(" ".join(prompt["prompt"].casefold().split()) for prompt in prompts)
    assert max(ids.values()) == 1
    assert max(texts.values()) == 1


def test_there_are_enough_in_enough_languages() -> None:
    languages = Counter(prompt["language"] for prompt in PROMPTS)
    assert len(PROMPTS) >= 160
    assert len(languages) >= 8
    assert min(languages.values()) >= 12


def test_expectations_are_about_half_and_half_and_seldom_open() -> None:
    share = {
        name: count / len(PROMPTS)
        for name, count in Counter(prompt["expected"] for prompt in PROMPTS).items()
    }
    assert 0.4 <= share["local"] <= 0.6
    assert 0.4 <= share["delegate"] <= 0.6
    assert share["either"] <= 0.08


@pytest.mark.parametrize("expected", ["local", "delegate"])
def test_each_language_holds_both_expectations(expected: str) -> None:
    languages = {prompt["language"] for prompt in PROMPTS}
    counts = Counter(p["language"] for p in PROMPTS if p["expected"] == expected)
    assert min(counts[language] for language in languages) >= 6


def test_what_is_fresh_is_held_and_holds_as_many_heavy_as_light_prompts() -> None:
    assert {prompt["split"] for prompt in FRESH_PROMPTS} == {"held"}
    counts = Counter(prompt["expected"] for prompt in FRESH_PROMPTS)
    assert min(counts["local"], counts["delegate"]) >= 95


def test_at_least_half_is_held() -> None:
    held = sum(prompt["split"] == "held" for prompt in PROMPTS)
    assert len(PROMPTS) / 2 <= held <= len(PROMPTS) / 2 + 2


@pytest.mark.parametrize("group", GROUPS)
def test_the_halves_are_balanced(group: str) -> None:
    halves = {
        split: Counter(GROUPS[group](prompt) for prompt in PROMPTS if prompt["split"] == split)
        for split in SPLITS
    }
    assert all(
        abs(halves["tune"][name] - halves["held"][name]) <= 1
        for name in halves["tune"].keys() | halves["held"].keys()
    )


def test_both_first_prompts_and_follow_ups_occur_in_each_half() -> None:
    for split in SPLITS:
        context = [p["context_tokens"] for p in PROMPTS if p["split"] == split]
        assert 0 in context
        assert max(context) > 4_096


WINDOW = 4_096
"""Tokens of the small model that the labels are for."""


def wrong_share(split: str, expected: str) -> float:
    """The share of the prompts of ``split`` that should be ``expected`` and are not."""
    weights = load_weights()
    prompts = [*PROMPTS, *FRESH_PROMPTS]
    chosen = [p for p in prompts if (p["split"], p["expected"]) == (split, expected)]
    judged = [features.Prompt(p["prompt"], p["context_tokens"]) for p in chosen]
    delegated = [
        decide(features.read_features(prompt), weights, window=WINDOW).delegate for prompt in judged
    ]
    return sum(found != (expected == "delegate") for found in delegated) / len(chosen)


@pytest.mark.parametrize("split", ["tune", "held"])
def test_few_light_prompts_are_delegated(split: str) -> None:
    assert wrong_share(split, "local") <= 0.10


@pytest.mark.parametrize("split", ["tune", "held"])
def test_hardly_a_heavy_prompt_is_not_delegated(split: str) -> None:
    assert wrong_share(split, "delegate") <= 0.05


def test_weights_tell_the_rates_of_the_tuning_half_as_they_are() -> None:
    told = json.loads(Path(features.__file__).with_name("weights.json").read_text("utf-8"))
    rates = told["provenance"]["golden_tuning_half"]
    assert rates["false_delegation"] == pytest.approx(wrong_share("tune", "local"), abs=6e-4)
    assert rates["missed_delegation"] == pytest.approx(wrong_share("tune", "delegate"), abs=6e-4)
