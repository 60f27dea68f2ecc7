"""Wishes in the wording of other authors: how many are seen, and that mentions are none."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from acp_agent.routing.wishes import find_wish

FILE = Path(__file__).resolve().parent.parent / "data" / "routing" / "wishes.jsonl"
PROMPTS: list[dict[str, Any]] = [
    json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()
]
MEANT = {"big": "big_model", "quick": "quick_answer", None: None}


def test_most_wishes_are_seen_and_hardly_a_mention_is_taken_for_one() -> None:
    counts = Counter(prompt["wish"] for prompt in PROMPTS)
    right = Counter(
        prompt["wish"] for prompt in PROMPTS if find_wish(prompt["prompt"]) == MEANT[prompt["wish"]]
    )
    assert right["big"] / counts["big"] >= 0.8
    assert right["quick"] / counts["quick"] >= 0.55
    assert right[None] / counts[None] >= 0.95


def test_a_wish_is_never_taken_for_its_opposite() -> None:
    found = [(prompt["wish"], find_wish(prompt["prompt"])) for prompt in PROMPTS]
    assert ("big", "quick_answer") not in found
    assert ("quick", "big_model") not in found
