"""What a request may say, and what it is told where it says something else."""

import json
from typing import Any

import pytest

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.requests import ChatRequest, parse_request

USER = {"role": "user", "content": "a"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def parse(*messages: dict[str, Any], **options: Any) -> ChatRequest:
    body = {"model": "m", "messages": [USER, *messages], **options}
    return parse_request(json.dumps(body).encode())


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def test_a_tool_round_is_read() -> None:
    request = parse(
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "1", "name": "f", "content": "b"},
        tools=[tool("f"), {"type": "function", "function": {"name": "g", "parameters": {"a": 1}}}],
        reasoning_effort="high",
        prompt_cache_key="s",
        unknown=1,
    )
    assert [function.name for function in request.offered_tools] == ["f", "g"]
    assert [message.text for message in request.messages] == ["a", "", "b"]
    assert request.messages[1].for_template() == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {}}}],
    }
    assert request.messages[2].for_template() == {
        "role": "tool",
        "content": "b",
        "name": "f",
        "tool_call_id": "1",
    }


def test_a_wanted_format_is_advice_that_is_not_followed() -> None:
    schema = {"name": "answer", "schema": {"type": "object"}}
    for wanted in ({"type": "json_schema", "json_schema": schema}, {"type": "text"}, "odd"):
        assert parse(response_format=wanted) == parse()


def test_parts_of_a_content_are_one_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert parse({"role": "user", "content": parts}).messages[1].text == "ab"


def test_arguments_that_are_no_json_stay_text() -> None:
    call = CALL | {"function": {"name": "f", "arguments": "{"}}
    message = parse({"role": "assistant", "tool_calls": [call]}).messages[1].for_template()
    assert message["tool_calls"][0]["function"]["arguments"] == "{"


def test_tools_are_not_offered_where_none_is_the_choice() -> None:
    assert parse(tools=[tool("f")], tool_choice="none").offered_tools == ()


def test_mythos_is_asked_for_by_its_field() -> None:
    assert parse(mythos=None).mythos is parse().mythos is None
    nothing = parse(mythos={}, top_k=0)
    assert nothing.mythos is not None
    assert (nothing.mythos.n_loops, nothing.top_k) == (None, 0)
    options = {"checkpoint": "/w.pt", "n_loops": 256, "device": "mps", "tokenizer": "/t"}
    said = parse(mythos={**options, "unknown": 1}).mythos
    assert said is not None
    assert said.model_dump() == options


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"mythos": {"n_loops": 0}}, "mythos.n_loops"),
        ({"mythos": {"n_loops": 257}}, "mythos.n_loops"),
        ({"mythos": {"device": "tpu"}}, "mythos.device"),
        ({"mythos": {"checkpoint": ""}}, "mythos.checkpoint"),
        ({"mythos": "yes"}, "mythos"),
        ({"top_k": -1}, "top_k"),
        ({"temperature": -0.1, "mythos": {}}, "temperature"),
    ],
)
def test_what_is_wrong_with_mythos_is_named(options: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse(**options)
    assert (caught.value.status, caught.value.param) == (400, param)


@pytest.mark.parametrize(
    ("messages", "options", "param", "sentence"),
    [
        ([{"role": "tool", "content": "a"}], {}, "messages.1", "in tool_call_id."),
        ([USER | {"tool_calls": [CALL]}], {}, "messages.1", "Only assistant messages"),
        ([{"role": "robot"}], {}, "messages.1.role", "Input should be"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "1"}]}],
            {},
            "messages.1.tool_calls.0.function",
            "Field required",
        ),
        ([], {"tools": [tool("f"), tool("f")]}, "tools", "Two tools are called 'f'"),
        ([], {"tools": [tool("")]}, "tools.0.function.name", "at least 1 character"),
        ([], {"tools": [tool("f" * 129)]}, "tools.0.function.name", "at most 128"),
        ([], {"tools": [{"type": "web"}]}, "tools.0.type", "Input should be"),
        ([], {"tool_choice": "required"}, "tool_choice", "Input should be"),
        ([], {"reasoning_effort": "huge"}, "reasoning_effort", "Input should be"),
        ([], {"prompt_cache_key": ""}, "prompt_cache_key", "at least 1 character"),
    ],
)
def test_what_is_wrong_is_named(
    messages: list[dict[str, Any]], options: dict[str, Any], param: str, sentence: str
) -> None:
    with pytest.raises(ApiError, match=sentence) as refused:
        parse(*messages, **options)
    assert (refused.value.status, refused.value.param) == (400, param)
    assert refused.value.message.startswith(f"{param}: ")


def test_a_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(ApiError, match="is not JSON"):
        parse_request(b"{")
