"""The JSON Schema of ``manifest.json``, for other programs that read installed models.

Owns the schema's text and place. Does not own the shape (``models/manifest``).
``python -m acp_agent.models.schema`` in the project's root rewrites
``schemas/manifest.schema.json``.

Dialect: https://json-schema.org/draft/2020-12
"""

import json
from pathlib import Path
from typing import Any

from acp_agent.models.manifest import Manifest

SCHEMA_FILE = Path("schemas", "manifest.schema.json")
"""The schema's place in the project."""


def manifest_schema() -> dict[str, Any]:
    """The schema; fields that it does not name are allowed."""
    schema = Manifest.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as it stands in ``schemas/manifest.schema.json``."""
    return json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
