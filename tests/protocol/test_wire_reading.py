"""How the wire models read: tolerance where the schema grants it, errors that name the field."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails

from acp_agent.errors import ClientError, InvalidParams
from acp_agent.protocol.wire.base import WireModel
from acp_agent.protocol.wire.client import (
    ReadTextFileResponse,
    RequestPermissionResponse,
    TerminalOutputResponse,
    UnknownPermissionOutcome,
)
from acp_agent.protocol.wire.content import (
    BlobResourceContents,
    EmbeddedResource,
    TextContent,
    UnknownContent,
)
from acp_agent.protocol.wire.describe import describe
from acp_agent.protocol.wire.initialize import (
    AuthMethodAgent,
    ClientCapabilities,
    InitializeRequest,
    InitializeResponse,
)
from acp_agent.protocol.wire.mcp import EnvVariable, McpServerHttp, McpServerStdio
from acp_agent.protocol.wire.options import (
    SessionConfigOption,
    SessionConfigSelect,
    SetSessionConfigOptionRequest,
)
from acp_agent.protocol.wire.prompt import CancelRequestNotification, PromptRequest, PromptResponse
from acp_agent.protocol.wire.session import NewSessionRequest
from acp_agent.protocol.wire.tool_calls import ToolCall, ToolCallUpdate, UnknownToolCallContent
from acp_agent.protocol.wire.updates import SessionNotification, UnknownUpdate

STDIO: dict[str, object] = {"name": "files", "command": "/bin/files", "args": [], "env": []}


def _prompt(*blocks: object) -> dict[str, object]:
    return {"sessionId": "s", "prompt": list(blocks)}


def _blocks(*blocks: object) -> list[Any]:
    return list(PromptRequest.from_wire(_prompt(*blocks)).prompt)


def _refusal(model: type[WireModel], params: object) -> str:
    with pytest.raises(InvalidParams) as caught:
        model.from_wire(params)
    return caught.value.message


@pytest.mark.parametrize(
    ("model", "params", "message"),
    [
        (NewSessionRequest, {"mcpServers": []}, "params.cwd: field required"),
        (NewSessionRequest, {"cwd": "/x"}, "params.mcpServers: field required"),
        (NewSessionRequest, {"cwd": 5, "mcpServers": []}, "params.cwd: must be a string"),
        (NewSessionRequest, {"cwd": None, "mcpServers": []}, "params.cwd: must be a string"),
        (
            NewSessionRequest,
            {"cwd": "/x", "mcpServers": "no"},
            "params.mcpServers: must be an array",
        ),
        (NewSessionRequest, [], "params: must be an object"),
        (NewSessionRequest, None, "params: must be an object"),
        (InitializeRequest, {}, "params.protocolVersion: field required"),
        (InitializeRequest, {"protocolVersion": "1"}, "params.protocolVersion: must be an integer"),
        (
            InitializeRequest,
            {"protocolVersion": True},
            "params.protocolVersion: must be an integer",
        ),
        (PromptRequest, {"sessionId": "s", "prompt": {}}, "params.prompt: must be an array"),
        (PromptRequest, {"sessionId": 1, "prompt": []}, "params.sessionId: must be a string"),
        (PromptRequest, _prompt("hi"), "params.prompt[0]: must be an object"),
        (PromptRequest, _prompt({"text": "hi"}), "params.prompt[0].type: field required"),
        (PromptRequest, _prompt({"type": ["text"]}), "params.prompt[0].type: must be a string"),
        (
            PromptRequest,
            _prompt({"type": "x"}, {"type": "text"}),
            "params.prompt[1].text: field required",
        ),
        (
            PromptRequest,
            _prompt({"type": "resource", "resource": {"uri": "u", "text": 1}}),
            "params.prompt[0].resource.text: must be a string",
        ),
        (
            PromptRequest,
            _prompt({"type": "resource", "resource": {"blob": "AA=="}}),
            "params.prompt[0].resource.uri: field required",
        ),
        (
            SetSessionConfigOptionRequest,
            {"sessionId": "s", "configId": "c", "value": 1},
            "params.value: must be true, false or a string",
        ),
        (CancelRequestNotification, {}, "params.requestId: field required"),
        (
            CancelRequestNotification,
            {"requestId": 1.5},
            "params.requestId: must be an integer, a string or null",
        ),
        (
            SessionConfigSelect,
            {"type": "boolean", "id": "i", "name": "n", "currentValue": "v", "options": []},
            "params.type: must be 'select'",
        ),
    ],
)
def test_a_bad_required_field_is_refused_by_name(
    model: type[WireModel], params: object, message: str
) -> None:
    assert _refusal(model, params) == message


def test_python_names_are_not_wire_names() -> None:
    assert _refusal(PromptRequest, {"session_id": "s", "prompt": []}) == (
        "params.sessionId: field required"
    )


def test_an_error_does_not_repeat_the_input() -> None:
    secret = {"sessionId": ["hunter2"], "prompt": [{"type": "text", "text": ["hunter2"]}]}
    with pytest.raises(ValidationError) as caught:
        PromptRequest.model_validate(secret)
    assert "hunter2" not in describe(caught.value)


def test_a_fault_without_words_of_its_own_is_still_a_sentence() -> None:
    odd = InitErrorDetails(type="finite_number", loc=("a", 0, "<tag>"), input=1)
    error = ValidationError.from_exception_data("x", [odd])
    assert describe(error, root="result") == "result.a[0]: is not valid"


def test_a_variant_that_nothing_stands_in_for_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter[Any](SessionConfigOption).validate_python({"type": "slider"})
    assert describe(caught.value) == "params: has no type, or an unknown one"


def test_a_bad_answer_of_the_client_names_the_field() -> None:
    with pytest.raises(ClientError, match=r"result\.content: field required"):
        ReadTextFileResponse.from_result({})
    assert ReadTextFileResponse.from_result({"content": "x"}).content == "x"


def test_unknown_fields_are_ignored() -> None:
    request = NewSessionRequest.from_wire({"cwd": "/x", "mcpServers": [], "later": {"a": 1}})
    assert request == NewSessionRequest(cwd="/x", mcp_servers=[])
    assert "later" not in request.to_wire()


@pytest.mark.parametrize("bad", [None, 5, "yes", [], {"fs": 5, "terminal": "yes", "auth": None}])
def test_bad_capabilities_count_as_none(bad: object) -> None:
    request = InitializeRequest.from_wire({"protocolVersion": 1, "clientCapabilities": bad})
    assert request.client_capabilities == ClientCapabilities()


def test_a_bad_capability_leaves_its_neighbours() -> None:
    found = ClientCapabilities.from_wire(
        {"fs": {"readTextFile": "yes", "writeTextFile": True}, "terminal": True, "_meta": 5}
    )
    assert (found.fs.read_text_file, found.fs.write_text_file, found.terminal) == (
        False,
        True,
        True,
    )
    assert found.meta is None


def test_bad_items_are_left_out() -> None:
    params: dict[str, object] = {
        "cwd": "/x",
        "mcpServers": [5, STDIO, {"type": "http", "name": "no url"}, {"name": "no command"}],
        "additionalDirectories": ["/a", 5, "/b"],
    }
    request = NewSessionRequest.from_wire(params)
    assert request.mcp_servers == [
        McpServerStdio(name="files", command="/bin/files", args=[], env=[])
    ]
    assert request.additional_directories == ["/a", "/b"]


def test_an_optional_list_that_is_none_counts_as_absent() -> None:
    request = NewSessionRequest.from_wire(
        {"cwd": "/x", "mcpServers": [], "additionalDirectories": "/a"}
    )
    assert request.additional_directories == []


def test_servers_are_told_apart_by_type() -> None:
    http: dict[str, object] = {"type": "http", "name": "h", "url": "http://h", "headers": []}
    odd = STDIO | {"type": "stdio", "env": [{"name": "A", "value": "1"}]}
    first, second = NewSessionRequest.from_wire({"cwd": "/", "mcpServers": [http, odd]}).mcp_servers
    assert isinstance(first, McpServerHttp)
    assert isinstance(second, McpServerStdio)
    assert second.env == [EnvVariable(name="A", value="1")]


def test_unknown_members_of_enumerations_are_kept() -> None:
    call = ToolCall.from_wire(
        {"toolCallId": "t", "title": "T", "kind": "teleport", "status": 5, "locations": [5]}
    )
    assert (call.kind, call.status, call.locations) == ("teleport", None, [])
    assert PromptResponse.from_wire({"stopReason": "bored"}).to_wire() == {"stopReason": "bored"}
    block = _blocks({"type": "text", "text": "x", "annotations": {"audience": ["cat", 5]}})[0]
    assert block.annotations.audience == ["cat"]


def test_unknown_content_is_kept_whole() -> None:
    video = {"type": "video", "frames": [1], "_meta": {"a": None}}
    text, unknown = _blocks({"type": "text", "text": "x"}, video)
    assert text == TextContent(text="x")
    assert isinstance(unknown, UnknownContent)
    assert unknown.to_wire() == video


def test_unknown_variants_parse() -> None:
    update = SessionNotification.from_wire(
        {"sessionId": "s", "update": {"sessionUpdate": "mood", "mood": "good"}}
    )
    assert isinstance(update.update, UnknownUpdate)
    assert update.update.to_wire() == {"sessionUpdate": "mood", "mood": "good"}
    answer = RequestPermissionResponse.from_result({"outcome": {"outcome": "later", "at": 5}})
    assert isinstance(answer.outcome, UnknownPermissionOutcome)
    call = ToolCallUpdate.from_wire(
        {"toolCallId": "t", "content": [{"type": "hologram"}, {"type": "diff"}]}
    )
    assert call.content == [UnknownToolCallContent(type="hologram")]


def test_embedded_resources_are_text_or_bytes() -> None:
    blob = {"type": "resource", "resource": {"uri": "u", "blob": "AA=="}}
    (block,) = _blocks(blob)
    assert isinstance(block, EmbeddedResource)
    assert isinstance(block.resource, BlobResourceContents)
    assert block.to_wire() == blob


def test_an_authentication_method_without_type_is_the_agents() -> None:
    response = InitializeResponse.from_wire(
        {"protocolVersion": 1, "authMethods": [{"id": "a", "name": "A"}, {"id": "b"}]}
    )
    assert response.auth_methods == [AuthMethodAgent(id="a", name="A")]


@pytest.mark.parametrize("value", [True, "high"])
def test_an_option_takes_a_bool_or_an_id(value: bool | str) -> None:
    params = {"sessionId": "s", "configId": "c", "value": value}
    assert SetSessionConfigOptionRequest.from_wire(params).value is value


def test_a_running_command_has_no_exit_status() -> None:
    found = TerminalOutputResponse.from_result({"output": "", "truncated": False})
    assert found.exit_status is None
