"""Arguments of calls, and the set of tools on offer."""

import json

import jsonschema
import pytest
from pydantic import Field

from acp_agent.conversation import DEPTH_LIMIT
from acp_agent.tools.base import (
    Arguments,
    Outcome,
    Toolbox,
    parameters_of,
    parse_object,
    read_arguments,
)
from acp_agent.tools.files.read_file import ReadFile


class Wanted(Arguments):
    path: str = Field(min_length=1, description="Which")
    line: int = Field(default=1, ge=1)


def test_arguments_are_read() -> None:
    assert read_arguments(Wanted, {"path": "a", "line": 3}) == Wanted(path="a", line=3)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "path: Field required"),
        ({"path": ""}, "path: String should have at least 1 character"),
        ({"path": "a", "line": 0}, "line: Input should be greater than or equal to 1"),
        ({"path": "a", "lines": 1}, "lines: Extra inputs are not permitted"),
    ],
)
def test_wrong_arguments_are_told_to_the_model(
    arguments: dict[str, object], complaint: str
) -> None:
    outcome = read_arguments(Wanted, arguments)
    assert isinstance(outcome, Outcome)
    assert outcome.failed
    assert complaint in outcome.text


def test_parameters_are_a_schema_without_titles() -> None:
    schema = parameters_of(Wanted)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["path"]
    assert "title" not in json.dumps(schema)
    assert schema["properties"]["line"] == {"type": "integer", "default": 1, "minimum": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1]", None),
        ("{", None),
        ("", None),
        ('{"a": NaN}', None),
        ('{"a":' + "[" * (DEPTH_LIMIT - 1) + "]" * (DEPTH_LIMIT - 1) + "}", ...),
        ('{"a":' + "[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT + "}", None),
        ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", None),
    ],
    ids=range(8),
)
def test_only_objects_are_parsed(text: str, value: object) -> None:
    found = parse_object(text)
    assert found is not None if value is ... else found == value


def test_tools_are_found_by_name() -> None:
    tool = ReadFile()
    toolbox = Toolbox([tool])
    assert toolbox.find("read_file") is tool
    assert toolbox.find("nonesuch") is None
    assert toolbox.tools == (tool.tool,)
    assert "read_file" in toolbox.explain_unknown("nonesuch")
