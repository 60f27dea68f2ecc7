"""What all wire models share: names, tolerance, and the way in and out.

Owns ``WireModel`` and the annotations that express the ACP schema's reading rules.
Does not own any message, nor the wording of errors (``describe``).

Reading rules, from the schema at https://agentclientprotocol.com/protocol/v1/schema:
unknown fields are ignored, unknown members of an enumeration are kept as strings,
``x-deserialize-default-on-error`` is ``Lenient`` and ``x-deserialize-skip-invalid-items``
is ``Items``. A required field that is missing or mistyped fails in every case.
"""

from typing import Annotated, Any, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError, PydanticUseDefault, core_schema

from acp_agent.errors import ClientError, InvalidParams

T = TypeVar("T")


def _or_default(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        raise PydanticUseDefault from None


def _valid_items(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        if not isinstance(value, list):
            raise
    kept: list[Any] = []
    for item in value:  # pyright: ignore[reportUnknownVariableType]
        try:
            kept += handler([item])
        except ValidationError:
            continue
    return kept


class _AnyString:
    """Accepts every string where the type lists the known ones."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.str_schema()


Lenient = Annotated[T, WrapValidator(_or_default)]
"""A field whose bad value counts as absent. The field needs a default."""

Items = Annotated[list[T], WrapValidator(_valid_items)]
"""A list without those of its items that are invalid."""

Open = Annotated[T, _AnyString()]
"""An enumeration, as a Literal. What was read may hold a string it does not list."""


class Saying:
    """Annotation of a union of scalars: ``message`` instead of one error a member."""

    def __init__(self, message: str) -> None:
        self._message = message

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def check(value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            try:
                return inner(value)
            except ValidationError:
                raise PydanticCustomError("union", "{text}", {"text": self._message}) from None

        return core_schema.no_info_wrap_validator_function(check, handler(source))


class OneOf:
    """Annotation of a union of models that are told apart by the wire field ``key``.

    A member's tags are the values of its ``key`` field's Literal. At most one member has
    none: it takes every other value, and a missing one. Tags appear in the paths of
    errors as ``<tag>``, which ``describe`` leaves out.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        key, attribute = self._key, self._key
        tags: dict[str, str] = {}
        other: str | None = None
        choices: dict[Any, core_schema.CoreSchema] = {}
        for member in get_args(source):
            fields = {field.alias: (name, field) for name, field in member.model_fields.items()}
            name, field = fields.get(key, (attribute, None))
            values = get_args(field.annotation) if field else ()
            tag = f"<{values[0] if values else member.__name__}>"
            tags |= dict.fromkeys(values, tag)
            attribute, other = name, other if values else tag
            choices[tag] = handler.generate_schema(member)

        def tag_of(value: Any) -> str | None:
            found = value.get(key) if isinstance(value, dict) else getattr(value, attribute, None)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            return tags.get(found, other) if isinstance(found, str) else other

        return core_schema.tagged_union_schema(choices, tag_of)


def _wire_name(name: str) -> str:
    if name == "meta":
        return "_meta"
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class WireModel(BaseModel):
    """A message, or a part of one: snake_case here, camelCase on the wire."""

    # Strict, or "5" would pass for a number. Deferred, so that importing builds nothing.
    model_config = ConfigDict(
        alias_generator=_wire_name,
        defer_build=True,
        strict=True,
        validate_by_alias=True,
        validate_by_name=True,
    )

    meta: Lenient[dict[str, Any] | None] = None

    def to_wire(self) -> dict[str, Any]:
        """The JSON object to send; fields that are None are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @classmethod
    def from_wire(cls, params: object) -> Self:
        """Reads a request's ``params``.

        Raises:
            InvalidParams: naming the first bad field, as ``params.cwd: field required``.
        """
        try:
            return cls.model_validate(params, by_alias=True, by_name=False)
        except ValidationError as error:
            from acp_agent.protocol.wire.describe import describe

            raise InvalidParams(describe(error)) from error

    @classmethod
    def from_result(cls, result: object) -> Self:
        """Reads the ``result`` with which the client answered a request of ours.

        Raises:
            ClientError: naming the first bad field.
        """
        try:
            return cls.model_validate(result, by_alias=True, by_name=False)
        except ValidationError as error:
            from acp_agent.protocol.wire.describe import describe

            found = describe(error, root="result")
            raise ClientError(f"The client's answer cannot be read: {found}.") from error
