"""Arguments of calls, and the set of tools on offer."""

import json
from typing import Annotated, Literal

import jsonschema
import pytest
from pydantic import AfterValidator, Field

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


class Part(Arguments):
    name: str = Field(max_length=2)


def _refuse(text: str) -> str:
    raise ValueError("cannot be odd.")


class Wanted(Arguments):
    path: str = Field(min_length=1, description="Which")
    line: int = Field(default=1, ge=1)
    kind: Literal["a", "b"] = "a"
    parts: list[Part] = Field(default=[])
    size: float | None = Field(default=None, allow_inf_nan=False)
    odd: Annotated[str, AfterValidator(_refuse)] = ""


def test_arguments_are_read() -> None:
    assert read_arguments(Wanted, {"path": "a", "line": 3}) == Wanted(path="a", line=3)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "path is missing: it must be given."),
        ({"path": ""}, "path must not be empty."),
        ({"path": 5}, "path must be text."),
        ({"path": "a", "line": 0}, "line must be at least 1."),
        ({"path": "a", "line": 1.5}, "line must be a whole number."),
        ({"path": "a", "kind": "c"}, "kind must be 'a' or 'b'."),
        ({"path": "a", "parts": "b"}, "parts must be a list."),
        ({"path": "a", "parts": [{"name": "b", "x": 1}]}, "parts.0.x is not known: leave it out."),
        ({"path": "a", "parts": [{"name": "bcd"}]}, "parts.0.name may have at most 2 characters."),
        ({"path": "a", "size": float("nan")}, "size must be a finite number."),
        ({"path": "a", "odd": "x"}, "odd: cannot be odd."),
        (
            {"lines": 1},
            "path is missing: it must be given; lines is not known: leave it out "
            "(there are path, line, kind, parts, size, odd).",
        ),
    ],
)
def test_wrong_arguments_are_told_to_the_model(
    arguments: dict[str, object], complaint: str
) -> None:
    outcome = read_arguments(Wanted, arguments)
    assert isinstance(outcome, Outcome)
    assert outcome.failed
    assert outcome.text == f"The call was not made. {complaint}"


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
