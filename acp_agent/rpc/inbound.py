"""Dispatch of requests to methods, through ``jsonrpcserver``.

Owns the JSON-RPC rules of a request (method lookup, params by name, result and error
shape) and is the only place that imports ``jsonrpcserver``. Does not own tasks, cancel
scopes or the wire.

Two traps are closed here. ``jsonrpcserver`` runs methods under ``asyncio.gather``,
outside anyio's scopes, so what it calls only hands over to a task of the connection and
waits. And it builds a JSON-schema validator when it is imported, which is never used
because a cheap one is passed in; ``jsonschema`` would be a quarter of the time to the
first response, so an empty stand-in takes its place for the length of that import.
"""

import sys
import warnings
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from acp_agent.errors import AgentError, InvalidParams, InvalidRequest, MethodNotFound
from acp_agent.rpc.frames import Json, JsonObject, as_object


class _NoSchema:
    """Stands in for a jsonschema validator class while jsonrpcserver is imported."""

    def __init__(self, schema: object) -> None:
        self.schema = schema

    @classmethod
    def check_schema(cls, schema: object) -> None:
        return

    def validate(self, instance: object) -> None:
        raise NotImplementedError("requests are validated by check_request")


def _choose_no_schema(schema: object) -> type[_NoSchema]:
    return _NoSchema


@contextmanager
def _without_jsonschema() -> Generator[None]:
    if "jsonschema" in sys.modules:
        yield
        return
    package, validators = ModuleType("jsonschema"), ModuleType("jsonschema.validators")
    vars(validators)["validator_for"] = _choose_no_schema
    vars(package)["validators"] = validators
    sys.modules["jsonschema"] = package
    sys.modules["jsonschema.validators"] = validators
    try:
        yield
    finally:
        del sys.modules["jsonschema"], sys.modules["jsonschema.validators"]


with _without_jsonschema(), warnings.catch_warnings():
    # It reads its schema in a way that Python 3.11 and 3.12 warn of.
    warnings.simplefilter("ignore", DeprecationWarning)
    from jsonrpcserver import JsonRpcError, Success, async_dispatch_to_serializable

Handle = Callable[[JsonObject], Awaitable[Json]]
"""Runs one request's params to its result; raises AgentError."""


def check_request(message: Json) -> JsonObject:
    """``message`` if it is a single JSON-RPC 2.0 request or notification.

    Raises:
        InvalidRequest: anything else, an array among it (ACP's stdio has no batches).
    """
    if isinstance(message, list):
        raise InvalidRequest("Batches are not part of ACP: send one JSON object per line.")
    request = as_object(message)
    if request is None:
        raise InvalidRequest("A message must be a JSON object.")
    if request.get("jsonrpc") != "2.0":
        raise InvalidRequest('A message must carry "jsonrpc": "2.0".')
    if not isinstance(request.get("method"), str):
        raise InvalidRequest("A request must name its method as a string.")
    if not isinstance(request.get("params"), dict | list | None):
        raise InvalidRequest("params must be an object.")
    identifier: object = request.get("id")
    if isinstance(identifier, bool) or not isinstance(identifier, str | int | None):
        raise InvalidRequest("A request's id must be a string, an integer or null.")
    return request


async def dispatch(
    request: JsonObject, handle: Handle, methods: Mapping[str, object]
) -> JsonObject:
    """The response to ``request``, a checked request with an id.

    ``handle`` is awaited for a method that is in ``methods``; unknown methods and
    positional params are answered without it.
    """

    async def method(*positional: object, **params: Json) -> object:
        if positional:
            raise _as_rpc_error(InvalidParams("params must be an object with named fields."))
        try:
            return Success(await handle(params))
        except AgentError as error:
            raise _as_rpc_error(error) from None

    def deserialize(_: str) -> JsonObject:
        return _with_params(request)

    name = request["method"]
    response = await async_dispatch_to_serializable(
        "",
        {name: method} if name in methods else {},
        deserializer=deserialize,
        validator=_already_valid,
    )
    if not isinstance(response, dict):
        raise TypeError("jsonrpcserver gave no single response to a request")
    if name not in methods:
        response["error"] = error_response(None, _unknown(name))["error"]
    return response


def _unknown(name: str) -> MethodNotFound:
    return MethodNotFound(
        f"acp-agent has no method {name!r}; the answer to initialize says what it can do.",
        data={"method": name},
    )


def _with_params(request: JsonObject) -> JsonObject:
    # jsonrpcserver takes a missing params for an empty list, and null for neither.
    return {**request, "params": {} if request.get("params") is None else request["params"]}


def _already_valid(message: Any) -> Any:
    return message


def _as_rpc_error(error: AgentError) -> JsonRpcError:
    if error.data is None:
        return JsonRpcError(error.code, error.message)
    return JsonRpcError(error.code, error.message, dict(error.data))


def error_response(identifier: str | int | None, error: AgentError) -> JsonObject:
    """The response that tells ``error``; ``identifier`` is None where it is unknown."""
    body: JsonObject = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = dict(error.data)
    return {"jsonrpc": "2.0", "id": identifier, "error": body}
