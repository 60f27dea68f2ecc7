"""The wire models against the official SDK's generated schema.

The SDK follows the unstable schema too, so what it has beyond the stable types is named
in ``UNSTABLE_FIELDS`` and ``UNSTABLE_TYPES``; all other differences fail.
"""

import importlib
import pkgutil
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import acp.schema
import pytest
from pydantic import BaseModel, RootModel, TypeAdapter
from pydantic.fields import FieldInfo

from acp_agent.protocol import wire
from acp_agent.protocol.wire.base import WireModel

# Ours to theirs. The SDK puts a union's tag into a subclass with a name of its own, and
# splits what the schema keeps in one type.
RENAMED: dict[str, tuple[str, ...]] = {
    "AudioContent": ("AudioContentBlock",),
    "AuthMethodTerminal": ("TerminalAuthMethod",),
    "CancelledPermissionOutcome": ("DeniedOutcome",),
    "Content": ("ContentToolCallContent",),
    "CreateElicitationRequest": ("CreateFormSessionElicitationRequest",),
    "CreateElicitationResponse": (
        "AcceptElicitationResponse",
        "DeclineElicitationResponse",
        "CancelElicitationResponse",
    ),
    "Diff": ("FileEditToolCallContent",),
    "EmbeddedResource": ("EmbeddedResourceContentBlock",),
    "ImageContent": ("ImageContentBlock",),
    "McpServerHttp": ("HttpMcpServer",),
    "McpServerSse": ("SseMcpServer",),
    "Plan": ("AgentPlanUpdate",),
    "ResourceLink": ("ResourceContentBlock",),
    "SelectedPermissionOutcome": ("AllowedOutcome",),
    "SessionConfigBoolean": ("SessionConfigOptionBoolean",),
    "SessionConfigSelect": ("SessionConfigOptionSelect",),
    "SetSessionConfigOptionRequest": (
        "SetSessionConfigOptionBooleanRequest",
        "SetSessionConfigOptionSelectRequest",
    ),
    "Terminal": ("TerminalToolCallContent",),
    "TextContent": ("TextContentBlock",),
    "ToolCall": ("ToolCallStart",),
}
# Fallbacks for union members that this version does not know.
OURS_ALONE = {
    "UnknownContent",
    "UnknownPermissionOutcome",
    "UnknownToolCallContent",
    "UnknownUpdate",
}
UNSTABLE_FIELDS = {
    "AgentCapabilities": {"nes", "positionEncoding", "providers"},
    "ClientCapabilities": {"nes", "plan", "positionEncodings"},
    "McpCapabilities": {"acp"},
    "PromptResponse": {"usage"},
    "SessionCapabilities": {"fork"},
}
UNSTABLE_TYPES = {
    "AcpMcpServer",
    "AgentPlanContentUpdate",
    "AgentPlanRemovedUpdate",
    "EnvVarAuthMethod",
}
# Fields whose types are not compared.
LOOSER = {
    # Any JSON Schema, and any values, where the SDK has a type for each kind.
    ("CreateElicitationResponse", "content"),
    ("ElicitationSchema", "properties"),
    # Enumerations in the schema, plain strings (or any object) in the SDK.
    ("Annotations", "audience"),
    ("ElicitationSchema", "type"),
    ("SessionConfigBoolean", "category"),
    ("SessionConfigSelect", "category"),
}
# What the types alone do not say about an example.
EXAMPLES: dict[tuple[str, str], list[Any]] = {
    ("CreateElicitationResponse", "content"): [{"name": "x", "count": 3}],
    ("ElicitationSchema", "properties"): [{"name": {"type": "string", "title": "Name"}}],
}


def _subclasses(model: type[WireModel]) -> Iterator[type[WireModel]]:
    for child in model.__subclasses__():
        yield child
        yield from _subclasses(child)


def _models() -> list[type[WireModel]]:
    for module in pkgutil.iter_modules(wire.__path__, wire.__name__ + "."):
        importlib.import_module(module.name)
    found = {model.__name__: model for model in _subclasses(WireModel)}
    bases = {name for name in found if name.startswith("_")} | {"NullableModel"}
    return [found[name] for name in sorted(found.keys() - bases - OURS_ALONE)]


MODELS = _models()
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def _theirs(model: type[WireModel]) -> list[type[BaseModel]]:
    names = RENAMED.get(model.__name__, (model.__name__,))
    missing = [name for name in names if not hasattr(acp.schema, name)]
    assert not missing, f"{model.__name__}: the SDK has no {missing}"
    return [getattr(acp.schema, name) for name in names]


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    fields.pop("_meta", None)
    return fields


def _is_tag(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal and not field.is_required()


def _shape(annotation: Any) -> set[str]:
    """What JSON an annotation stands for: scalars, Literal values, containers, SDK model names.

    Null is left out: the SDK lets every optional field be null.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is None or annotation is type(None):
        return set()
    if origin is Annotated:
        return _shape(arguments[0])
    if origin is Literal:
        return {repr(value) for value in arguments}
    if origin in (Union, types.UnionType):
        return {shape for argument in arguments for shape in _shape(argument)}
    if origin is list:
        return {f"[{' | '.join(sorted(_shape(arguments[0])))}]"}
    if origin is dict:
        return {"object"}
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        root: Any = annotation.model_fields["root"].annotation  # pyright: ignore[reportUnknownMemberType]
        return _shape(root)
    name = getattr(annotation, "__name__", str(annotation))  # pyright: ignore[reportUnknownArgumentType]
    return set(RENAMED.get(name, (name,))) - OURS_ALONE - UNSTABLE_TYPES


def test_there_are_models_to_check() -> None:
    assert len(MODELS) > 100


def test_tables_name_only_what_exists() -> None:
    names = {model.__name__ for model in MODELS}
    assert set(RENAMED) <= names
    assert {name for name, _ in LOOSER | EXAMPLES.keys()} <= names
    for name, fields in UNSTABLE_FIELDS.items():
        assert fields <= set(_fields(getattr(acp.schema, name)))
    assert all(hasattr(acp.schema, name) for name in UNSTABLE_TYPES)


@every_model
def test_fields_are_those_of_the_sdk(model: type[WireModel]) -> None:
    theirs: set[str] = set()
    for other in _theirs(model):
        theirs |= _fields(other).keys() - UNSTABLE_FIELDS.get(other.__name__, set())
    assert set(_fields(model)) == theirs


@every_model
def test_meta_is_everywhere_and_spelled_with_an_underscore(model: type[WireModel]) -> None:
    assert model.model_fields["meta"].alias == "_meta"


@every_model
def test_required_fields_are_those_of_the_sdk(model: type[WireModel]) -> None:
    for alias, field in _fields(model).items():
        if _is_tag(field):  # we send it by default, and read by it before the model is chosen
            continue
        theirs = [_fields(other).get(alias) for other in _theirs(model)]
        required = all(other is not None and other.is_required() for other in theirs)
        assert field.is_required() == required, alias


@every_model
def test_types_and_literals_are_those_of_the_sdk(model: type[WireModel]) -> None:
    for alias, field in _fields(model).items():
        if (model.__name__, alias) in LOOSER:
            continue
        theirs: set[str] = set()
        for other in _theirs(model):
            if alias in _fields(other):
                theirs |= _shape(_fields(other)[alias].annotation)
        assert _shape(field.annotation) == theirs, alias


def _examples(annotation: Any, full: bool) -> list[Any]:
    """JSON values for an annotation, at least one for each member of a union."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _examples(arguments[0], full)
    if origin is Literal:
        return list(arguments)
    if origin in (Union, types.UnionType):
        members = [member for member in arguments if member is not type(None)]
        return [example for member in members for example in _examples(member, full)]
    if origin is list:
        return [_examples(arguments[0], full), []]
    if origin is dict:
        return [{"key": example} for example in _examples(arguments[1], full)]
    if isinstance(annotation, type) and issubclass(annotation, WireModel):
        return [] if annotation.__name__ in OURS_ALONE else list(_messages(annotation, full))
    scalars: dict[Any, Any] = {str: "größe", int: 3, bool: True, float: 0.5, Any: {"n": None}}
    return [scalars[annotation]]


def _messages(model: type[WireModel], full: bool) -> Iterator[dict[str, Any]]:
    fields = {
        alias: EXAMPLES.get((model.__name__, alias)) or _examples(field.annotation, full)
        for alias, field in _fields(model).items()
        if full or field.is_required() or _is_tag(field)
    }
    for turn in range(max(map(len, fields.values()), default=1)):
        message = {alias: values[turn % len(values)] for alias, values in fields.items()}
        message |= {"_meta": {"example.org/n": [None, 1]}} if full else {}
        yield _conforming(model.__name__, message)


def _conforming(name: str, message: dict[str, Any]) -> dict[str, Any]:
    """``message`` with what the schema says about fields that hang together."""
    if name == "SetSessionConfigOptionRequest":
        message = {key: message[key] for key in message if key != "type"}
        message |= {"type": "boolean"} if message["value"] is True else {}
    if name == "CreateElicitationResponse" and message["action"] != "accept":
        message.pop("content", None)
    if name == "CancelledPermissionOutcome":
        message.pop("_meta", None)
    return message


@pytest.mark.parametrize("full", [False, True], ids=["minimal", "full"])
@every_model
def test_messages_survive_the_sdk_and_back(model: type[WireModel], full: bool) -> None:
    union: Any = Union
    sdk = TypeAdapter[Any](union[tuple(_theirs(model))])
    for message in _messages(model, full):
        sent = model.from_wire(message).to_wire()
        if full:
            assert sent == message
        theirs = sdk.validate_python(sent)
        returned = sdk.dump_python(theirs, mode="json", by_alias=True, exclude_none=True)
        assert model.from_wire(returned) == model.from_wire(message)
