"""The published schema says what a manifest is."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from acp_agent.models.manifest import Manifest
from acp_agent.models.schema import SCHEMA_FILE, manifest_schema, schema_text

ROOT = Path(__file__).resolve().parents[2]
VALID: dict[str, Any] = {
    "id": "tiny",
    "name": "Tiny",
    "description": "For tests.",
    "licence": "MIT",
    "context_size": 512,
    "minimum_memory": 2**34,
    "source": "hub:tests/tiny@main",
    "repo": "tests/tiny",
    "revision": "0" * 40,
    "created": "2025-01-01T00:00:00+00:00",
    "acknowledgement": {
        "licence": "MIT",
        "text": "LICENSE",
        "text_sha256": "0" * 64,
        "accepted": "2025-01-01T00:00:00+00:00",
    },
    "files": [{"path": "config.json", "size": 2, "sha256": "0" * 64}],
}


def test_the_file_in_the_repository_is_up_to_date() -> None:
    committed = (ROOT / SCHEMA_FILE).read_text(encoding="utf-8")
    assert committed == schema_text(), "run python -m acp_agent.models.schema"


def test_every_field_of_a_written_manifest_is_in_the_schema() -> None:
    written = json.loads(Manifest.model_validate(VALID).model_dump_json())
    jsonschema.Draft202012Validator.check_schema(manifest_schema())
    jsonschema.validate(written, manifest_schema())
    assert set(written) == set(manifest_schema()["properties"])


@pytest.mark.parametrize(
    ("change", "is_valid"),
    [
        ({}, True),
        ({"later": 1}, True),
        ({"repo": None, "revision": None, "acknowledgement": None}, True),
        ({"context_size": None}, True),
        ({"minimum_memory": None}, True),
        ({"context_size": 0}, False),
        ({"minimum_memory": 0}, False),
        ({"minimum_memory": 0.5}, False),
        ({"revision": "main"}, False),
        ({"files": []}, False),
        ({"files": [{"path": "a", "size": -1, "sha256": "0" * 64}]}, False),
        ({"files": [{"path": "a", "size": 1, "sha256": "0"}]}, False),
    ],
)
def test_the_schema_judges_as_the_manifest_does(change: dict[str, Any], is_valid: bool) -> None:
    value = {**VALID, **change}
    if is_valid:
        Manifest.model_validate(value)
        jsonschema.validate(value, manifest_schema())
    else:
        with pytest.raises(ValidationError):
            Manifest.model_validate(value)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(value, manifest_schema())
