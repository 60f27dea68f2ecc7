"""Definitions within bounds, whatever a server sends."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.tools.mcp.definitions import SCHEMA_LIMIT, compact_schema, shorten


def test_a_schema_keeps_its_meaning_and_loses_noise() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Arguments",
        "type": "object",
        "properties": {
            "title": {"type": "string", "title": "Title", "description": "What to call it"},
            "kinds": {"type": "array", "items": {"enum": ["a", "b"], "title": "Kind"}},
            "place": {"anyOf": [{"$ref": "#/$defs/place"}, True]},
        },
        "required": ["title", "absent"],
        "$defs": {"place": {"type": "string", "examples": ["here"]}},
        "additionalProperties": False,
    }
    assert compact_schema(schema) == {
        "type": "object",
        "properties": {
            "title": {"type": "string", "description": "What to call it"},
            "kinds": {"type": "array", "items": {"enum": ["a", "b"]}},
            "place": {"anyOf": [{"$ref": "#/$defs/place"}, {}]},
        },
        "required": ["title"],
        "$defs": {"place": {"type": "string"}},
        "additionalProperties": False,
    }


def test_a_long_schema_loses_words_first() -> None:
    nested = {"type": "object", "properties": {"x": {"type": "string", "description": "w " * 3000}}}
    long = {**nested, "description": "word " * 100}
    compact = compact_schema({"properties": {"a": long, "b": True}, "required": ["a"]})
    assert compact["properties"]["b"] == {}
    assert compact["properties"]["a"]["properties"] == {"x": {"type": "string"}}
    assert len(compact["properties"]["a"]["description"]) <= 100


def test_a_longer_one_keeps_the_parameters_and_the_longest_nothing() -> None:
    deep = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(500)}}
    schema = {"properties": {"a": deep, "b": {"type": "integer"}}, "required": ["b"]}
    assert compact_schema(schema) == {
        "type": "object",
        "properties": {"a": {"type": "object"}, "b": {"type": "integer"}},
        "required": ["b"],
    }
    assert compact_schema(deep) == {"type": "object", "properties": {}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["properties", "items", "anyOf", "required", "type", "description"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=40,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["properties", "required", "$defs", "items"]), JSON))
def test_anything_becomes_the_schema_of_an_object(schema: dict[str, Any]) -> None:
    compact = compact_schema(schema)
    assert compact["type"] == "object"
    assert all(isinstance(each, dict) for each in compact["properties"].values())
    assert set(compact.get("required", [])) <= set(compact["properties"])
    assert len(json.dumps(compact)) <= SCHEMA_LIMIT


def test_a_very_deep_schema_is_cut() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    for _ in range(500):
        schema = {"type": "object", "properties": {"a": schema}}
    assert json.dumps(compact_schema(schema)).count("properties") < 20


def test_text_is_cut_at_a_word() -> None:
    assert shorten("one\n two", 20) == "one two"
    assert shorten("one two three", 10) == "one two…"
    assert shorten("x" * 20, 10) == "x" * 9 + "…"
