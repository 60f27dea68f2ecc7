"""Whether an answer's code parses, and whether an answer matches a schema."""

import json
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import pytest

from acp_agent.errors import ConfigError
from acp_agent.turn.panel.validity import SchemaCheck, Standing, check_parse

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
}


def fenced(language: str, code: str) -> str:
    return f"Here:\n\n```{language}\n{code}\n```\n"


@pytest.mark.parametrize(
    ("text", "standing", "says"),
    [
        (fenced("python", "def f():\n    return 1"), "valid", "Python parses"),
        (fenced("py", "    x = 1\n    y = 2"), "valid", "Python"),
        (fenced("python", "def f(:"), "invalid", "in line 1"),
        (fenced("python", "x = '\0'"), "invalid", "does not parse"),
        (fenced("python", "(" * 5000), "invalid", "does not parse"),
        (fenced("json", '{"a": [1]}'), "valid", "JSON"),
        (fenced("json", "{'a': 1}"), "invalid", "JSON does not parse"),
        (fenced("json", "[" * 100_000), "invalid", "JSON does not parse"),
        (fenced("toml", "a = 1"), "valid", "TOML"),
        (fenced("toml", "a = "), "invalid", "TOML"),
        (fenced("rust", "fn main() {"), "unknown", "code in rust, which is not checked"),
        (fenced("", "anything"), "unknown", "names no language"),
        (fenced("python", ">>> 1 + 1\n2"), "unknown", "not checked"),
        ("```python\nx = 1\n", "invalid", "not closed"),
        ("No code at all.", "unknown", "no code block"),
        (fenced("python", "x = 1") + fenced("json", "{"), "invalid", "JSON"),
        ("<think>```python\n(\n```</think>" + fenced("python", "x = 1"), "valid", "Python"),
        ("- So:\n\n    ```python\n    x = 1\n    ```\n", "valid", "Python"),
    ],
)
def test_code_parses_or_not(text: str, standing: Standing, says: str) -> None:
    checked = check_parse(text)
    assert checked.standing == standing
    assert says in checked.reason


def test_code_is_parsed_and_not_run(tmp_path: Path) -> None:
    file = tmp_path / "made"
    assert check_parse(fenced("python", f"open({str(file)!r}, 'w')")).standing == "valid"
    assert not file.exists()


def test_odd_escapes_are_no_fault() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_parse(fenced("python", r"x = '\d'")).standing == "valid"


def write(folder: Path, schema: Any) -> SchemaCheck:
    file = folder / "answer.json"
    file.write_text(schema if isinstance(schema, str) else json.dumps(schema), encoding="utf-8")
    return SchemaCheck(str(file))


@pytest.mark.parametrize(
    ("text", "standing", "says"),
    [
        ('{"n": 1}', "valid", "matches"),
        ('Here it is: {"n": 1} and that is all.', "valid", "matches"),
        (fenced("json", '{"n": 1}'), "valid", "matches"),
        ('Set {x} and then {"n": 2}', "valid", "matches"),
        ('{"n": "1"}', "invalid", "n: '1' is not of type"),
        ("{}", "invalid", "'n' is a required property"),
        ("nothing", "invalid", "no JSON"),
    ],
)
def test_an_answer_matches_the_schema_or_not(
    text: str, standing: Standing, says: str, tmp_path: Path
) -> None:
    checked = write(tmp_path, SCHEMA).check(text)
    assert checked.standing == standing
    assert says in checked.reason


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("{", "is no JSON"),
        ({"type": "nonsense"}, "is no JSON Schema"),
        ([], "is no JSON"),
        (" " * 1_000_001, "larger than"),
    ],
)
def test_a_broken_schema_is_refused_by_its_name(schema: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"answer\.json") as caught:
        write(tmp_path, schema)
    assert says in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_a_missing_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        SchemaCheck(str(tmp_path / "absent.json"))


def test_a_schema_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[object] = []
    monkeypatch.setattr(urllib.request, "urlopen", fetched.append)
    check = write(tmp_path, {"$ref": "http://127.0.0.1:9/schema.json"})
    with pytest.raises(ConfigError, match="nothing outside of its file"):
        check.check('{"n": 1}')
    assert fetched == []
