"""The tool contract: what a model may call, and what comes of it.

Owns the interface of a tool, reading a call's arguments, and the set on offer. Does not
own any tool, nor asking the user (the turn does). A tool's failure is an outcome for the
model to read, never an exception.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from acp_agent.conversation import PlanStep, Tool, is_shallow
from acp_agent.tools.actions import Action
from acp_agent.tools.faults import describe_fault
from acp_agent.tools.shown import Shown
from acp_agent.tools.workspace import Workspace

Kind = Literal["read", "edit", "delete", "move", "search", "execute", "fetch", "think", "other"]
"""What a tool does, in ACP's terms."""

CONCURRENT: frozenset[Kind] = frozenset({"read", "search", "fetch"})
"""Kinds whose calls change nothing: several of one message run at the same time."""

CHANGING: frozenset[Kind] = frozenset({"edit", "delete", "move"})
"""Kinds whose calls change files."""


@dataclass(slots=True, frozen=True)
class Place:
    """A file that a call is about; ``line`` counts from 1."""

    path: str
    line: int | None = None


@dataclass(slots=True, frozen=True)
class Outcome:
    """What came of a call: ``text`` is for the model.

    ``shown`` is for the user, None where it is the text; empty leaves what was shown while
    it ran. ``ends_turn`` leaves the next word to the user. ``is_answer``: the user has read
    an answer of the call's, so that the model need not say anything more.
    """

    text: str
    failed: bool = False
    shown: tuple[Shown, ...] | None = None
    ends_turn: bool = False
    is_answer: bool = False


class Editor(Protocol):
    """The user's editor, as a call that runs can use it."""

    @property
    def call(self) -> str:
        """The id of the call."""
        ...

    async def show(self, *shown: Shown) -> None:
        """Shows these in place of what the call showed before."""
        ...

    async def show_plan(self, steps: Sequence[PlanStep]) -> None:
        """Shows the whole plan in place of the one before."""
        ...

    @property
    def can_ask(self) -> bool:
        """Whether the editor can put a question to the user in a form."""
        ...

    async def ask(self, question: str, choices: Sequence[str]) -> str | None:
        """The user's answer, one of ``choices`` where there are any; None: declined.

        Raises:
            AgentError: the editor did not show the form.
        """
        ...


@dataclass(slots=True, frozen=True)
class Prepared:
    """A call that can be made if it is allowed; until then nothing was changed.

    ``title`` is empty where the tool's own will do. ``shown`` is what the user is shown
    while asked, such as the diff. ``asks_user``: all it does is to ask the user. ``facts``
    are shown beside the call's arguments.
    """

    action: Action
    run: Callable[[Editor], Awaitable[Outcome]]
    title: str = ""
    places: tuple[Place, ...] = ()
    shown: tuple[Shown, ...] = ()
    asks_user: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


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

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """Finds out what the call would do, changing nothing; or why it cannot be made."""
        ...


class Toolbox:
    """The tools on offer, in the order in which models are told of them.

    ``aliases`` are other names of theirs that models are not told of, each with the tool's.
    """

    def __init__(
        self, tools: Iterable[RunnableTool] = (), aliases: Mapping[str, str] | None = None
    ) -> None:
        self._tools = {tool.tool.name: tool for tool in tools}
        self._aliases = dict(aliases or {})

    def __iter__(self) -> Iterator[RunnableTool]:
        return iter(self._tools.values())

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What models are told."""
        return tuple(each.tool for each in self._tools.values())

    def extended(
        self, tools: Iterable[RunnableTool], aliases: Mapping[str, str] | None = None
    ) -> "Toolbox":
        """These tools, and ``tools`` behind them; of two of a name the first stays."""
        added = [tool for tool in tools if tool.tool.name not in self._tools]
        return Toolbox([*self, *added], {**self._aliases, **(aliases or {})})

    def find(self, name: str) -> RunnableTool | None:
        """The tool ``name``, by any of its names."""
        return self._tools.get(name) or self._tools.get(self._aliases.get(name, ""))

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
            describe_fault(problem, kind.model_fields)
            for problem in error.errors(include_url=False, include_input=False)
        ]
        return Outcome(f"The call was not made. {'; '.join(problems)}.", failed=True)


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object in ``text``, None where there is none that could be sent on."""
    try:
        value: Any = from_json(text, allow_inf_nan=False)
    except ValueError:
        return None
    if not isinstance(value, dict) or not is_shallow(value):
        return None
    return cast("dict[str, Any]", value)


def parameters_of(kind: type[Arguments]) -> dict[str, Any]:
    """The JSON Schema of ``kind`` without what only costs tokens."""
    schema = kind.model_json_schema()
    properties = {
        name: {key: value for key, value in each.items() if key != "title"}
        for name, each in schema["properties"].items()
    }
    return {"type": "object", "properties": properties, "required": schema.get("required", [])}
