"""Word pieces of several scripts, what the packaged list says of them, and its checking."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.errors import ConfigError
from acp_agent.routing import lexicon
from acp_agent.routing.lexicon import load_lexicon, pieces_of, weigh_wording

PACKAGED = Path(lexicon.__file__).with_name("lexicon.json")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Refactoring it, refactored", {"refact", "it"}),
        ("Überprüfung 42 x_y", {"überpr", "x", "y"}),
        ("зависает", {"зависа"}),
        ("修复崩溃", {"修", "复", "崩", "溃", "修复", "复崩", "崩溃"}),
        ("バグ fix", {"バ", "グ", "バグ", "fix"}),
        ("멈춥니다", {"멈춥니다"}),
        ("الخادم خادم", {"خادم"}),
        ("सर्वर", {"सर्वर"}),
        ("", set[str]()),
    ],
)
def test_pieces(text: str, pieces: set[str]) -> None:
    assert pieces_of(text) == pieces


def test_pieces_in_the_middle_of_a_long_text_are_not_read() -> None:
    filler = "ab " * 200
    assert pieces_of(f"{filler}middle {filler}") == pieces_of("ab")
    assert "starti" in pieces_of(f"starting {filler}{filler}")
    assert "ending" in pieces_of(f"{filler}{filler} ending")


def test_heavy_and_light_pieces_weigh_against_each_other() -> None:
    pieces = load_lexicon()
    heavy, light = max(pieces, key=pieces.__getitem__), min(pieces, key=pieces.__getitem__)
    assert weigh_wording(heavy) >= pieces[heavy] > 0 > pieces[light]
    assert weigh_wording("1234 ?!") == 0


def test_the_packaged_list_is_sorted_bounded_and_tells_where_it_comes_from() -> None:
    data = json.loads(PACKAGED.read_text(encoding="utf-8"))
    pieces = list(data["pieces"])
    assert pieces == sorted(pieces)
    assert 1000 <= len(pieces) <= 4500
    assert all(0 < len(piece) <= 6 and abs(data["pieces"][piece]) < 4 for piece in pieces)
    assert {"data", "method", "prompts"} <= set(data["provenance"])


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 2, "pieces": {}}', '{"version": 1, "pieces": {"a": "x"}}'],
)
def test_an_unfit_list_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "lexicon.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"lexicon\.json cannot be used") as caught:
        load_lexicon(file)
    assert str(tmp_path) not in str(caught.value)


@given(st.text())
def test_any_text_has_pieces_of_bounded_length(text: str) -> None:
    assert all(0 < len(piece) <= 6 for piece in pieces_of(text))
