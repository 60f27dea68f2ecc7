"""The published schema and documentation say what the settings are."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from acp_agent.config.keys import dotted, setting_keys, variables_of
from acp_agent.config.schema import SCHEMA_FILE, allowed_values, config_schema, schema_text
from acp_agent.config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def default_of(key: tuple[str, ...]) -> object:
    value: object = Settings()
    for part in key:
        value = getattr(value, part)
    return value


def test_the_file_in_the_repository_is_up_to_date() -> None:
    committed = (ROOT / SCHEMA_FILE).read_text(encoding="utf-8")
    assert committed == schema_text(), "run python -m acp_agent.config.schema"


def test_every_key_has_a_description_and_its_default() -> None:
    schema = config_schema()
    for key in setting_keys():
        node = schema
        for part in key:
            node = node["properties"][part]
            node = schema["$defs"][node["$ref"].split("/")[-1]] if "$ref" in node else node
        assert node["description"], dotted(key)
        assert node.get("default") == default_of(key)
        assert "null" not in json.dumps(node)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("", True),
        ('merge = false\n[ollama]\nthink = "low"\nmodel = "x"\n[log]\nlevel = "debug"', True),
        ("merg = false", False),
        ("[ollama]\nnum_ctx = 1", False),
        ("[ollama]\nmodle = 'x'", False),
    ],
)
def test_the_schema_judges_as_the_settings_do(text: str, valid: bool) -> None:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    if valid:
        jsonschema.validate(tomllib.loads(text), schema)
    else:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tomllib.loads(text), schema)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (("merge",), "true or false"),
        (("default_mode",), "text in quotes"),
        (("ollama", "num_ctx"), "a whole number of at least 256"),
        (("ollama", "temperature"), "a number from 0 to 2"),
        (("engine", "idle_timeout"), "a number above 0"),
    ],
)
def test_allowed_values_in_words(key: tuple[str, ...], words: str) -> None:
    assert allowed_values(key) == words


def documented_rows() -> dict[str, list[str]]:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in page.splitlines()
        if line.startswith("| `")
    ]
    return {row[0].strip("| `"): row for row in rows if len(row) == 4}


def test_the_documentation_lists_every_key_with_default_and_variables() -> None:
    rows = documented_rows()
    assert list(rows) == [dotted(key) for key in setting_keys()]
    for key in setting_keys():
        _, default, variables, meaning = rows[dotted(key)]
        value = default_of(key)
        assert default == ("*unset*" if value is None else f"`{json.dumps(value)}`")
        assert tuple(re.findall(r"`(\w+)`", variables)) == variables_of(key)
        assert meaning
