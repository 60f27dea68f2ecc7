"""What is read from the malformed calls of real models (``corpus.toml``)."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.backends.text_tools.offered import Read, read_pieces

CASES: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("corpus.toml").read_text(encoding="utf-8")
)["case"]
NO_VALUE = "null"
"""TOML has no null; the corpus writes it so."""


def test_the_corpus_is_large_enough() -> None:
    """Issue 4: at least 60 outputs, each another one."""
    malformed = [case for case in CASES if case.get("calls")]
    assert len({case["text"] for case in malformed}) == len(malformed) >= 60
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(case: dict[str, Any], size: int) -> None:
    text: str = case["text"]
    check(case, read_pieces(text[start : start + size] for start in range(0, len(text), size)))


def check(case: dict[str, Any], read: Read) -> None:
    expected: list[tuple[str, Any]] = [next(iter(call.items())) for call in case.get("calls", [])]
    assert [name for name, _, _ in read.calls] == [name for name, _ in expected]
    for (_, arguments, fault), (_, wanted) in zip(read.calls, expected, strict=True):
        if isinstance(wanted, str):
            assert arguments == wanted
            assert case["fault"] in fault
            assert fault.endswith(".")
        else:
            assert fault == ""
            assert json.loads(arguments) == without_null(wanted)
    assert read.visible == case.get("visible", "")
    assert read.is_done == case.get("invented", False)


def without_null(wanted: dict[str, Any]) -> dict[str, Any]:
    return {key: None if value == NO_VALUE else value for key, value in wanted.items()}
