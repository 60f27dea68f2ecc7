"""The JSON Schemas of routing, for other programs: the log's lines, the tool's arguments.

Owns the schemas' text and place. Does not own the shapes (``log_shape``, ``generate``).
``python -m acp_agent.routing.schema`` in the project's root rewrites the files.

Dialect: https://json-schema.org/draft/2020-12
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from acp_agent.routing.generate import DESCRIPTION, NAME, generate_schema
from acp_agent.routing.log_shape import line_adapter

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def decision_schema() -> dict[str, Any]:
    """The schema of a line in ``routing.jsonl``; fields that it does not name are allowed."""
    return {"$schema": _DIALECT, "title": "A line of routing.jsonl", **line_adapter().json_schema()}


def tool_schema() -> dict[str, Any]:
    """The schema of the arguments of ``gptoss.generate``."""
    return {"$schema": _DIALECT, "title": NAME, "description": DESCRIPTION, **generate_schema()}


SCHEMA_FILES: Mapping[Path, Callable[[], dict[str, Any]]] = {
    Path("schemas", "routing-decision.schema.json"): decision_schema,
    Path("schemas", "gptoss.generate.schema.json"): tool_schema,
}
"""Each schema's place in the project."""


def schema_text(schema: Mapping[str, Any]) -> str:
    """``schema`` as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file, make in SCHEMA_FILES.items():
        file.write_text(schema_text(make()), encoding="utf-8")
