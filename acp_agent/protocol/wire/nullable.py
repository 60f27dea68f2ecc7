"""Models in which null says something else than absence.

Owns the way such nulls are sent.
"""

from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from acp_agent.protocol.wire.base import WireModel


class NullableModel(WireModel):
    """Sends the fields that were set to None as null; leaves out those never set."""

    @model_serializer(mode="wrap")
    def _with_nulls(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        wire: dict[str, Any] = handler(self)
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                wire[type(self).model_fields[name].alias or name] = None
        return wire
