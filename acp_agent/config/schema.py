"""The JSON Schema of ``config.toml``, for editors and for error messages.

Owns the schema and what it allows for one key, in words. Does not own the settings.
``python -m acp_agent.config.schema`` in the project's root rewrites
``schemas/config.schema.json``.

Dialect: https://json-schema.org/draft/2020-12
"""

import ast
import inspect
import json
from pathlib import Path
from typing import Any

from acp_agent.config import mythos_settings, openai_settings, panel_settings, settings
from acp_agent.config.keys import KeyPath

SCHEMA_FILE = Path("schemas", "config.schema.json")
"""The schema's place in the project."""

Schema = dict[str, Any]

_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text in quotes",
    "array": "a list of texts in quotes",
}
_MODULES = (settings, mythos_settings, openai_settings, panel_settings)
"""Where tables are declared."""


def config_schema() -> Schema:
    """The schema, with the settings' docstrings as descriptions."""
    schema = settings.Settings.model_json_schema()
    docs = _attribute_docs()
    for name, section in {**schema["$defs"], settings.Settings.__name__: schema}.items():
        section.pop("title")
        section["properties"] = {
            key: _property(value, docs.get(name, {}).get(key))
            for key, value in section["properties"].items()
        }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as it stands in ``schemas/config.schema.json``."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def allowed_values(path: KeyPath) -> str:
    """What the setting ``path`` takes, in words: ``a whole number of at least 256``."""
    schema = config_schema()
    node = schema
    for key in path:
        node = node["properties"][key]
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    options = [option for branch in node.get("anyOf", [node]) for option in _options(branch)]
    return _either(options)


def _property(schema: Schema, doc: str | None) -> Schema:
    """One key as TOML has it: no null (the key is left out), no table's default."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    kept = {key: value for key, value in schema.items() if key != "title"}
    branches = [branch for branch in kept.get("anyOf", []) if branch != {"type": "null"}]
    if len(branches) == 1:
        del kept["anyOf"]
        kept.update(branches[0])
    if kept.get("default", ...) is None:
        del kept["default"]
    return {"description": doc, **kept} if doc else kept


def _options(schema: Schema) -> list[str]:
    if "enum" in schema:
        return [json.dumps(value) for value in schema["enum"]]
    if schema["type"] == "boolean":
        return ["true", "false"]
    words = _WORDS[schema["type"]]
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        words += f" from {low} to {high}"
    elif low is not None:
        words += f" of at least {low}"
    elif "exclusiveMinimum" in schema:
        words += f" above {schema['exclusiveMinimum']}"
    return [words]


def _either(options: list[str]) -> str:
    *others, last = options
    return f"{', '.join(others)} or {last}" if others else last


def _attribute_docs() -> dict[str, dict[str, str]]:
    """The docstrings under the settings, by class and key."""
    docs: dict[str, dict[str, str]] = {}
    for module in _MODULES:
        for statement in ast.parse(inspect.getsource(module)).body:
            if isinstance(statement, ast.ClassDef):
                docs[statement.name] = dict(_docs_in(statement))
    return docs


def _docs_in(section: ast.ClassDef) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for declared, following in zip(section.body, section.body[1:], strict=False):
        match declared, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(doc))),
            ):
                found.append((name, inspect.cleandoc(doc)))
            case _:
                pass
    return found


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
