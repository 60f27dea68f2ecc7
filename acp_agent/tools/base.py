"""The tool contract: what a model may call, and what comes of it.

Owns the interface of a tool, reading a call's arguments, and the set on offer. Does not
own any tool, nor asking the user (the turn does). A tool's failure is an outcome for the
model to read, never an exception.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from acp_agent.conversation import Tool

Kind = Literal["read", "edit", "delete", "move", "search", "execute", "fetch", "think", "other"]
"""What a tool does, in ACP's terms."""


DEPTH_LIMIT = 64
"""Levels of nesting in a call's arguments."""


@dataclass(slots=True, frozen=True)
class Place:
    """A file that a call is about; ``line`` counts from 1."""

    path: str
    line: int | None = None


@dataclass(slots=True, frozen=True)
class Outcome:
    """What came of a call: ``text`` is for the model, and shown to the user."""

    text: str
    failed: bool = False


class Arguments(BaseModel):
    """The arguments of a tool; its fields make the JSON Schema (``parameters_of``)."""

    model_config = ConfigDict(extra="forbid")


class RunnableTool(Protocol):
    """A tool on offer."""

    @property
    def tool(self) -> Tool:
        """What the model is told of it."""
        ...

    @property
    def kind(self) -> Kind: ...

    def title(self, arguments: Mapping[str, Any]) -> str:
        """What the call does in a few words; must take any arguments."""
        ...

    def places(self, arguments: Mapping[str, Any], root: Path) -> tuple[Place, ...]:
        """The files that the call is about, as absolute paths; must take any arguments."""
        ...

    async def run(self, arguments: Mapping[str, Any], root: Path) -> Outcome:
        """Does it in the project folder ``root``. Cancelling stops it."""
        ...


class Toolbox:
    """The tools on offer, in the order in which models are told of them."""

    def __init__(self, tools: Iterable[RunnableTool] = ()) -> None:
        self._tools = {tool.tool.name: tool for tool in tools}

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What models are told."""
        return tuple(each.tool for each in self._tools.values())

    def find(self, name: str) -> RunnableTool | None:
        """The tool ``name``."""
        return self._tools.get(name)

    def explain_unknown(self, name: str) -> str:
        """Tells a model that there is no tool ``name``."""
        return f"There is no tool {name!r}. There are: {', '.join(self._tools)}."


ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)


def read_arguments(kind: type[ArgumentsT], arguments: Mapping[str, Any]) -> ArgumentsT | Outcome:
    """``arguments`` as ``kind``, or the outcome that tells the model what is wrong."""
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'the arguments'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        return Outcome(f"The call was not made. {'; '.join(problems)}.", failed=True)


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object in ``text``, None where there is none that could be sent on."""
    try:
        value: Any = from_json(text, allow_inf_nan=False)
    except ValueError:
        return None
    if not isinstance(value, dict) or not _is_flat(value):
        return None
    return cast("dict[str, Any]", value)


def _is_flat(value: Any, depth: int = 0) -> bool:
    """Whether ``value`` is nested no deeper than every client can read."""
    if not isinstance(value, dict | list):
        return True
    nested = cast("dict[str, Any] | list[Any]", value)
    inner = nested.values() if isinstance(nested, dict) else nested
    return depth < DEPTH_LIMIT and all(_is_flat(each, depth + 1) for each in inner)


def parameters_of(kind: type[Arguments]) -> dict[str, Any]:
    """The JSON Schema of ``kind`` without what only costs tokens."""
    schema = kind.model_json_schema()
    properties = {
        name: {key: value for key, value in each.items() if key != "title"}
        for name, each in schema["properties"].items()
    }
    return {"type": "object", "properties": properties, "required": schema.get("required", [])}
