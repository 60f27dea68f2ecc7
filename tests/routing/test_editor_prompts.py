"""The prompts that the rubric was fitted to: their file, and that it still fits them.

These rates are no estimate for other prompts: that is what the golden prompts are for.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.rubric import decide
from acp_agent.routing.weights import load_weights

FILE = Path(__file__).resolve().parent.parent / "data" / "routing" / "editor_prompts.jsonl"
PROMPTS: list[dict[str, Any]] = [
    json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()
]
FIELDS = ["author", "language", "prompt", "context_tokens", "expected"]


def test_each_line_is_a_labelled_prompt() -> None:
    for prompt in PROMPTS:
        assert list(prompt) == FIELDS
        assert prompt["prompt"] == prompt["prompt"].strip() != ""
        assert prompt["expected"] in ("local", "delegate")
        assert prompt["context_tokens"] >= 0
    assert len({prompt["prompt"] for prompt in PROMPTS}) == len(PROMPTS)


def test_authors_wrote_heavy_and_light_prompts_in_twelve_languages() -> None:
    assert len({prompt["language"] for prompt in PROMPTS}) == 12
    kinds = Counter((prompt["author"], prompt["expected"]) for prompt in PROMPTS)
    assert min(kinds[author, e] for author in range(1, 5) for e in ("local", "delegate")) >= 100


def test_decisions_agree_with_the_prompts_that_they_were_fitted_to() -> None:
    weights = load_weights()
    wrong: Counter[str] = Counter()
    for prompt in PROMPTS:
        features = read_features(Prompt(prompt["prompt"], prompt["context_tokens"]))
        expected = prompt["expected"] == "delegate"
        wrong[prompt["expected"]] += decide(features, weights, window=4096).delegate != expected
    counts = Counter(prompt["expected"] for prompt in PROMPTS)
    assert wrong["local"] / counts["local"] <= 0.05
    assert wrong["delegate"] / counts["delegate"] <= 0.03
