"""Numbers as models write them, made comparable; pure.

Owns separators, fractions, percent, powers of ten, signs and digits of other scripts. Does
not own which number of an answer counts (``answers``).

Where separators can be read in two ways, three digits after a comma are thousands and after
a single dot a fraction: ``1,000`` is a thousand, ``1.000`` is one.
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

_LONGEST = 60
"""Characters of a number; a longer one is a text."""
_LARGEST_POWER = 300
_GAP = "[\u00a0\u2009\u202f ]"
_GROUPED = (
    r"\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)(?:\.\d+)?"  # 1,234.5 and 12,34,567
    r"|\d{1,3}(?:\.\d{3})+,\d+"  # 1.234,5
    r"|\d{1,3}(?:\.\d{3}){2,}(?!\d)"  # 1.234.567
    rf"|\d{{1,3}}(?:{_GAP}\d{{3}})+(?!\d)(?:[.,]\d+)?"  # 1 234,5
    r"|\d{1,3}(?:['\u2019_]\d{3})+(?!\d)(?:\.\d+)?"  # 1'234.5
)
_PLAIN = r"\d+(?:[.,]\d+)?|\.\d+"
_DIGITS = f"(?:{_GROUPED}|{_PLAIN})"
_SIGN = r"(?:(?<![\w)\]}.])[-+]|(?<=[=:])\s*-\s*)"
_POWER = r"(?:[eE][-+]?\d{1,3}(?!\w)|\s*[x*\u00d7\u00b7]\s*10\^\{?-?\d{1,3}\}?)"
_SCALES = {
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "万": 10**4,
    "萬": 10**4,
    "만": 10**4,
    "億": 10**8,
    "亿": 10**8,
    "억": 10**8,
}
_SCALE = rf"(?:\s*(?:{'|'.join(_SCALES)})(?![a-z]))"
NUMBER = re.compile(
    rf"(?:(?<![A-Za-z\d.,_])|(?<=[\d ][Rr]))(?P<sign>{_SIGN})?(?:[$€£¥]\s?)?"
    rf"(?:(?P<whole>\d+)\s+(?=\d+/\d))?"
    rf"(?P<digits>{_DIGITS})"
    rf"(?:(?P<power>{_POWER})|(?P<scale>{_SCALE})|/(?P<below>{_PLAIN}))?"
    r"(?P<percent>\s*[%\u066a])?",
    re.IGNORECASE,
)
"""A number in text that ``plain_digits`` has been through."""
_MARKS = str.maketrans(
    {
        "\u2212": "-",
        "\u2013": "-",
        "\u2012": "-",
        "\u066b": ".",
        "\u066c": ",",
        "\u2044": "/",
    }
)


@dataclass(slots=True, frozen=True)
class FoundNumber:
    """A number: its ``value``, and where it stands in the text."""

    value: Fraction
    start: int
    end: int


def plain_digits(text: str) -> str:
    """``text`` with the digits, separators and minus signs of other scripts as ASCII's.
    Every character stays in its place."""
    text = text.translate(_MARKS)
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(each)) if not each.isascii() and each.isdecimal() else each
        for each in text
    )


def find_numbers(text: str) -> list[FoundNumber]:
    """The numbers in ``text``, in their order; ``text`` has been through ``plain_digits``."""
    found: list[FoundNumber] = []
    for match in NUMBER.finditer(text):
        value = _read(match)
        if value is not None:
            found.append(FoundNumber(value, match.start(), match.end()))
    return found


def write_number(value: Fraction) -> str:
    """``value`` in the one way in which it is compared: ``1000``, ``7/2``, ``1/2``."""
    return str(value)


def _read(match: re.Match[str]) -> Fraction | None:
    """The number's value. Percent stay as they are: 50 % and 50 are the same answer, and
    0.5 is not."""
    if len(match.group()) > _LONGEST:
        return None
    value = _read_digits(match["digits"])
    if match["below"]:
        below = _read_digits(match["below"])
        if not below:
            return None
        value = value / below
    if match["whole"]:
        value += int(match["whole"])
    if match["power"]:
        value *= _read_power(match["power"])
    if match["scale"]:
        value *= _SCALES[match["scale"].strip().lower()]
    return -value if "-" in (match["sign"] or "") else value


def _read_power(text: str) -> Fraction:
    exponent = int(re.sub(r".*?[eE^]\{?", "", text).rstrip("}"))
    bounded = max(-_LARGEST_POWER, min(exponent, _LARGEST_POWER))
    return Fraction(10) ** bounded


def _read_digits(digits: str) -> Fraction:
    text = re.sub(rf"{_GAP}|['\u2019_]", "", digits)
    if "," in text and "." in text:
        thousands = "," if text.rindex(".") > text.rindex(",") else "."
        return Fraction(text.replace(thousands, "").replace(",", "."))
    if text.count(".") > 1:
        return Fraction(text.replace(".", ""))
    if "," in text:
        is_grouped = re.fullmatch(r"\d{1,3}(?:,\d{2,3})*,\d{3}", text) and text[0] != "0"
        return Fraction(text.replace(",", "" if is_grouped else "."))
    return Fraction(text)
