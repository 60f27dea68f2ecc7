"""The JSON-RPC rules of one request, and how jsonrpcserver is brought in."""

import subprocess
import sys
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.errors import AgentError, InvalidParams, InvalidRequest, ModelNotInstalled
from acp_agent.rpc.inbound import check_request, dispatch, error_response

REQUEST: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"a": 1}}
METHODS = {"echo": object()}


async def echo(params: dict[str, Any]) -> Any:
    return params


@pytest.mark.parametrize(
    "message",
    [
        REQUEST,
        {"jsonrpc": "2.0", "method": "notice"},
        {**REQUEST, "id": "text"},
        {**REQUEST, "id": None},
        {**REQUEST, "params": None},
        {**REQUEST, "params": [1]},
        {**REQUEST, "extra": True},
    ],
)
def test_requests_and_notifications_pass_as_they_are(message: dict[str, Any]) -> None:
    assert check_request(message) is message


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ([], "one JSON object per line"),
        ([REQUEST], "one JSON object per line"),
        (1, "object"),
        ("text", "object"),
        (None, "object"),
        ({}, "jsonrpc"),
        ({**REQUEST, "jsonrpc": "1.0"}, "jsonrpc"),
        ({**REQUEST, "jsonrpc": 2.0}, "jsonrpc"),
        ({"jsonrpc": "2.0", "id": 1}, "method"),
        ({**REQUEST, "method": 7}, "method"),
        ({**REQUEST, "params": 5}, "params"),
        ({**REQUEST, "params": "a"}, "params"),
        ({**REQUEST, "params": True}, "params"),
        ({**REQUEST, "id": True}, "id"),
        ({**REQUEST, "id": 1.5}, "id"),
        ({**REQUEST, "id": []}, "id"),
        ({**REQUEST, "id": {}}, "id"),
    ],
)
def test_anything_else_is_no_request(message: Any, word: str) -> None:
    with pytest.raises(InvalidRequest, match=word) as raised:
        check_request(message)
    assert raised.value.code == -32600


@pytest.mark.anyio
@pytest.mark.parametrize("identifier", [1, 0, -1, 2**70, "text", "", None])
async def test_a_result_carries_the_requests_id(identifier: Any) -> None:
    response = await dispatch({**REQUEST, "id": identifier}, echo, METHODS)
    assert response == {"jsonrpc": "2.0", "id": identifier, "result": {"a": 1}}


@pytest.mark.anyio
@pytest.mark.parametrize("extra", [{}, {"params": None}, {"params": {}}, {"params": []}])
async def test_missing_params_are_an_empty_object(extra: dict[str, Any]) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "echo", **extra}
    assert (await dispatch(request, echo, METHODS))["result"] == {}


@pytest.mark.anyio
async def test_params_may_have_any_names() -> None:
    names = ["self", "context", "params", "positional", "request", "methods", "_meta", "a b", ""]
    params = dict.fromkeys(names, 1)
    assert (await dispatch({**REQUEST, "params": params}, echo, METHODS))["result"] == params


@pytest.mark.anyio
async def test_an_unknown_method_is_not_found() -> None:
    response = await dispatch({**REQUEST, "method": "_other"}, echo, METHODS)
    assert response["id"] == 1
    assert response["error"]["code"] == -32601


@pytest.mark.anyio
async def test_positional_params_are_refused() -> None:
    response = await dispatch({**REQUEST, "params": [1, 2]}, echo, METHODS)
    assert response["error"]["code"] == -32602
    assert "named" in response["error"]["message"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "error",
    [
        InvalidParams("params.cwd: field required"),
        AgentError("A sentence.", data={"hint": [1]}),
        ModelNotInstalled("Tiny is not installed.", model="tiny"),
    ],
)
async def test_an_error_of_ours_goes_out_as_it_is(error: AgentError) -> None:
    async def fail(params: dict[str, Any]) -> Any:
        raise error

    response = await dispatch(REQUEST, fail, METHODS)
    assert response == error_response(1, error)
    assert response["error"]["code"] == error.code
    assert response["error"]["message"] == error.message
    assert response["error"].get("data") == error.data
    assert ("data" in response["error"]) == (error.data is not None)


@pytest.mark.anyio
async def test_a_request_is_served_once_and_answered_once() -> None:
    served = 0

    async def count(params: dict[str, Any]) -> Any:
        nonlocal served
        served += 1
        await anyio.lowlevel.checkpoint()
        return served

    assert (await dispatch(REQUEST, count, METHODS))["result"] == 1
    assert served == 1


def run_python(script: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_jsonschema_is_not_loaded_and_can_be_imported_afterwards() -> None:
    output = run_python(
        "import sys, acp_agent.rpc.inbound\n"
        "print([n for n in sys.modules if n.partition('.')[0] == 'jsonschema'])\n"
        "import jsonschema\n"
        "jsonschema.validate(1, {'type': 'integer'})\n"
        "try: jsonschema.validate(1, {'type': 'string'})\n"
        "except jsonschema.ValidationError: print('refused')\n"
    )
    assert output.splitlines() == ["[]", "refused"]


def test_a_jsonschema_that_is_loaded_already_is_left_alone() -> None:
    output = run_python(
        "import sys, jsonschema\n"
        "before = sys.modules['jsonschema'], sys.modules['jsonschema.validators']\n"
        "import acp_agent.rpc.inbound\n"
        "print(before == (sys.modules['jsonschema'], sys.modules['jsonschema.validators']))\n"
        "print(sys.modules['jsonschema'] is jsonschema)\n"
    )
    assert output.splitlines() == ["True", "True"]
