"""Numbers as models write them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.turn.panel.numbers import find_numbers, plain_digits


def numbers(text: str) -> list[Fraction]:
    return [each.value for each in find_numbers(plain_digits(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000", "1000"),
        ("1.000", "1"),
        ("1.234.567", "1234567"),
        ("12,34,567", "1234567"),
        ("1.234,5", "1234.5"),
        ("1,234.5", "1234.5"),
        ("3,5", "3.5"),
        ("0,125", "0.125"),
        ("1\u202f234", "1234"),
        ("1'234'567", "1234567"),
        ("3.50", "3.5"),
        (".5", "0.5"),
        ("-7", "-7"),
        ("\u22127", "-7"),
        ("= - 7", "-7"),
        ("-$5", "-5"),
        ("3.2e5", "320000"),
        ("3 \u00d7 10^{-2}", "0.03"),
        ("1.5 million", "1500000"),
        ("3\u4e07", "30000"),
        ("\u0663\u066b\u0665", "3.5"),
        ("50 %", "50"),
    ],
)
def test_a_number_has_one_value(text: str, expected: str) -> None:
    assert numbers(text) == [Fraction(expected)]


def test_fractions_are_kept_exact() -> None:
    assert numbers("1/2") == [Fraction(1, 2)]
    assert numbers("2/4") == numbers("0.5")
    assert numbers("2 1/3") == [Fraction(7, 3)]
    assert numbers("1/0") == []


def test_a_minus_between_numbers_is_no_sign() -> None:
    assert numbers("7-3") == [7, 3]
    assert numbers("7 - 3") == [7, 3]


def test_figures_within_names_are_no_numbers() -> None:
    assert numbers("utf8 x2 H2O snake_3") == []


def test_huge_exponents_are_bounded() -> None:
    assert numbers("1e999") == [Fraction(10) ** 300]
    assert numbers("9" * 100) == []


@given(st.integers(-(10**15), 10**15))
def test_grouping_changes_no_value(number: int) -> None:
    assert numbers(f"{number:,}") == [number] == numbers(str(number))
