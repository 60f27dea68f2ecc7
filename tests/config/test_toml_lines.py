"""The finder of key lines, on written examples and on generated documents."""

import tomllib
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.config.keys import KeyPath
from acp_agent.config.toml_lines import find_key_lines, line_of


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", {}),
        ("# a = 1\n\n", {}),
        ("a = 1", {("a",): 1}),
        ("\r\na = 1\r\nb = 2\r\n", {("a",): 2, ("b",): 3}),
        ("[t]\na = 1 # b = 2\n", {("t",): 1, ("t", "a"): 2}),
        ("[ t . 'u.v' ]\na = 1", {("t",): 1, ("t", "u.v"): 1, ("t", "u.v", "a"): 2}),
        ("t.a = 1\nt . b = 2", {("t",): 1, ("t", "a"): 1, ("t", "b"): 2}),
        ('"a b" = 1\n"" = 2\n"\\u00e4" = 3', {("a b",): 1, ("",): 2, ("ä",): 3}),
        ('a = """\nb = 1\n[c]\n"""\nd = 2', {("a",): 1, ("d",): 5}),
        ('a = """\\"""\nb = 1"""""\nc = 2', {("a",): 1, ("c",): 3}),
        ("a = '''\nb = '1'\n''''\nc = 2", {("a",): 1, ("c",): 4}),
        ('a = "\\"#" # "\nb = 1', {("a",): 1, ("b",): 2}),
        ("a = [\n  1, # ]\n  ']',\n]\nb = 1", {("a",): 1, ("b",): 5}),
        ("a = [ {b = 1}, [ {c = 2} ] ]\nd = 1", {("a",): 1, ("d",): 2}),
        ("a = { b = 1, c.d = [\n2 ], e = {} }\nf = 1", {
            ("a",): 1, ("a", "b"): 1, ("a", "c"): 1, ("a", "c", "d"): 1, ("a", "e"): 2, ("f",): 3,
        }),
        ("a = 1979-05-27 07:32:00.5\nb = -1.5e+3\nc = true", {("a",): 1, ("b",): 2, ("c",): 3}),
        ("[[t]]\na = 1\n[[t]]\na = 2\nb = 3", {("t",): 1, ("t", "a"): 2, ("t", "b"): 5}),
        ("1.5 = 1\nnewline = 2", {("1",): 1, ("1", "5"): 1, ("newline",): 2}),
    ],
)  # fmt: skip
def test_written_examples(text: str, lines: dict[KeyPath, int]) -> None:
    tomllib.loads(text)
    assert find_key_lines(text) == lines


def test_a_key_without_a_line_gets_its_tables() -> None:
    lines = {("t",): 4, ("t", "a"): 5}
    assert line_of(lines, ("t", "a")) == 5
    assert line_of(lines, ("t", "b", "c")) == 4
    assert line_of(lines, ("u",)) is None


# Generated documents: each statement is written down together with the lines of its keys.

NAMES = st.text(min_size=0, max_size=4) | st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
BARE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def basic(text: str) -> str:
    """``text`` as a basic string, with escapes for what may not stand in one."""
    safe = [c if c.isalnum() or c in " #=[]{}.,'" else f"\\U{ord(c):08x}" for c in text]
    return f'"{"".join(safe)}"'


@st.composite
def written_key(draw: st.DrawFn, name: str) -> str:
    forms = [basic(name)]
    if name and set(name) <= BARE:
        forms.append(name)
    if name.isprintable() and "'" not in name:
        forms.append(f"'{name}'")
    return draw(st.sampled_from(forms))


SCALARS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats().map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.datetimes().map(str),
    st.text(max_size=8).map(basic),
)
TRICKS = st.lists(
    st.sampled_from(["\n", "#", "x = 1", "[x]", "{", "}", "]", ",", "=", ".", " ", "é"]), max_size=8
).map("".join)
MULTI_LINE = st.one_of(
    TRICKS.map(lambda text: f'"""{text}"""'),
    TRICKS.map(lambda text: f'"""{text}\\""" "" """""'),
    TRICKS.map(lambda text: f'"""{text}""""'),
    TRICKS.map(lambda text: f"'''{text}'''"),
    TRICKS.map(lambda text: f"'''{text}' '' '''''"),
    TRICKS.map(lambda text: f"'''{text}''''"),
)
GAPS = st.sampled_from(["", " ", "\n", " # ] } ''' \n", "\n\n"])


@st.composite
def array(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(values, max_size=3))
    inner = "".join(f"{draw(GAPS)}{item}{draw(GAPS)}," for item in items)
    return f"[{inner}{draw(GAPS)}]"


FLAT = SCALARS | MULTI_LINE | st.just("{ x = 1, 'y.z' = [2, {}] }")
VALUES = st.one_of(SCALARS, MULTI_LINE, array(FLAT), array(array(FLAT)))
COMMENTS = st.sampled_from(["", "  # x = 1", " # [x] \"\"\" '''"])
FILLERS = st.lists(st.sampled_from(["\n", "# x = 1\n", "  # [x]\n", '#"""\n']), max_size=2)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    """A valid document without repeated keys, and the line of each of its keys."""
    text = ""
    lines: dict[KeyPath, int] = {}
    tables = draw(st.lists(NAMES, unique=True, max_size=3))
    for table in ["", *tables]:
        path: KeyPath = ()
        if text or table:
            text += "".join(draw(FILLERS))
            path = (f"t{len(lines)}{table}",)
            lines[path] = text.count("\n") + 1
            text += f"[{draw(written_key(path[0]))}]{draw(COMMENTS)}\n"
        for number, name in enumerate(draw(st.lists(NAMES, unique=True, max_size=4))):
            text += "".join(draw(FILLERS))
            parts = [f"k{number}{name}", *draw(st.lists(NAMES, max_size=2))]
            text += draw(pair(path, parts, lines, text.count("\n") + 1)) + draw(COMMENTS) + "\n"
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    return text, lines


@st.composite
def pair(
    draw: st.DrawFn, table: KeyPath, parts: list[str], lines: dict[KeyPath, int], line: int
) -> str:
    """``a.b = value``; the value may be an inline table over several lines."""
    for length in range(1, len(parts) + 1):
        lines[(*table, *parts[:length])] = line
    written = " . ".join(draw(written_key(part)) for part in parts) + " = "
    if draw(st.integers(0, 3)):
        return written + draw(VALUES)
    names = draw(st.lists(NAMES, unique=True, max_size=3))
    entries: list[str] = []
    for name in names:
        so_far = written + ", ".join(entries)
        lines[(*table, *parts, name)] = line + so_far.count("\n")
        entries.append(f"{draw(written_key(name))} = {draw(VALUES)}")
    return written + "{ " + ", ".join(entries) + " }"


def paths_in(tables: dict[str, Any], above: KeyPath = ()) -> set[KeyPath]:
    found: set[KeyPath] = set()
    for name, value in tables.items():
        found.add((*above, name))
        if isinstance(value, dict):
            found |= paths_in(cast("dict[str, Any]", value), (*above, name))
    return found


@given(documents())
def test_generated_documents(generated: tuple[str, dict[KeyPath, int]]) -> None:
    text, lines = generated
    assert paths_in(tomllib.loads(text)) == set(lines)
    assert find_key_lines(text) == lines
    windows = text.replace("\n", "\r\n")
    assert find_key_lines(windows) == lines


@given(st.text(alphabet="ab=[]{}.,#\"'\\\n ", max_size=30))
def test_it_ends_on_any_text(text: str) -> None:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        tables = {}
    try:
        lines = find_key_lines(text)
    except tomllib.TOMLDecodeError:
        # Only for text that is no TOML: a quoted key with an unknown escape.
        assert not tables
        return
    assert paths_in(tables) <= set(lines)
