"""The JSON Schema of the panels' log, for other programs.

Owns the schema's place. Does not own the shape (``record``).
``python -m acp_agent.turn.panel.schema`` in the project's root rewrites the file.
"""

import json
from pathlib import Path

from acp_agent.turn.panel.record import schema

SCHEMA_FILE = Path("schemas", "panel-record.schema.json")
"""The schema's place in the project."""


def schema_text() -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
