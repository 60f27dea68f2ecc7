"""What a model without native tools is told."""

from itertools import pairwise

import pytest

from acp_agent.backends.base import ModelRequest
from acp_agent.backends.text_tools.spelling import (
    FORMAT,
    spell_messages,
    spell_tool,
    told_in_words,
)
from acp_agent.conversation import (
    AssistantMessage,
    Message,
    Tool,
    ToolCall,
    ToolResult,
    UserMessage,
)
from tests.backends.text_tools.offered import TOOLS, read_pieces


def call(id: str, path: str) -> ToolCall:
    return ToolCall(id, "read_file", f'{{"path": "{path}"}}')


ROUND: tuple[Message, ...] = (
    UserMessage("compare"),
    AssistantMessage("I read both.\n\n", tool_calls=(call("1", "a"), call("2", "b"))),
    ToolResult("1", "read_file", "x = 1"),
    ToolResult("2", "read_file", "No such file.", failed=True),
)


def test_the_format_is_told_briefly() -> None:
    """Issue 4: at most 120 tokens of gpt-oss's tokenizer, apart from the list of tools."""
    tokens = pytest.importorskip("bpe_openai").get_encoding("o200k_base").encode(FORMAT)
    assert 0 < len(tokens) <= 120


def test_instructions_stand_before_the_tools() -> None:
    told = told_in_words(ModelRequest(ROUND, "m", instructions="Be brief.", tools=TOOLS))
    assert told.tools == ()
    assert told.instructions.startswith(f"Be brief.\n\n{FORMAT}")
    assert told.instructions.endswith("run_command(command, timeout?: integer) - Runs a command.")
    assert told.instructions.count("\n") == FORMAT.count("\n") + 2 + len(TOOLS) - 1


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, "t() - Does it."),
        ({"a": {"type": "string"}, "b": {"type": "integer"}}, "t(a, b?: integer) - Does it."),
        ({"a": {"enum": ["x", "y"]}}, "t(a: x|y) - Does it."),
        ({"a": {"type": "array", "items": {"type": "string"}}}, "t(a: [string]) - Does it."),
        ({"a": {"type": ["string", "null"]}}, "t(a) - Does it."),
        ({"a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, "t(a: integer) - Does it."),
        (
            {
                "a": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"t": {"type": "string"}, "s": {"enum": ["p", "q"]}},
                        "required": ["t"],
                    },
                }
            },
            "t(a: [{t, s?: p|q}]) - Does it.",
        ),
        ({"a": {"$ref": "#/$defs/Step"}}, "t(a: {name}) - Does it."),
        ({"a": {"$ref": "#/$defs/Loop"}}, "t(a: " + "{l: " * 2 + "{l}" + "}" * 2 + ") - Does it."),
        ({"a": True}, "t(a) - Does it."),
    ],
)
def test_tool_in_one_line(schema: dict[str, object], expected: str) -> None:
    definitions = {
        "Step": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
        },
        "Loop": {
            "type": "object",
            "properties": {"l": {"$ref": "#/$defs/Loop"}},
            "required": ["l"],
        },
    }
    parameters = {"type": "object", "properties": schema, "required": ["a"], "$defs": definitions}
    assert spell_tool(Tool("t", "Does\nit.", parameters)) == expected


def test_calls_and_results_become_text() -> None:
    assert spell_messages((*ROUND, AssistantMessage("They differ."))) == (
        UserMessage("compare"),
        AssistantMessage(
            "I read both.\n\n"
            'TOOL: read_file\nARGUMENTS: {"path": "a"}\n'
            'TOOL: read_file\nARGUMENTS: {"path": "b"}'
        ),
        UserMessage(
            "RESULT of read_file:\nx = 1\nEND OF RESULT\n\n"
            "RESULT of read_file (failed):\nNo such file.\nEND OF RESULT"
        ),
        AssistantMessage("They differ."),
    )


def test_a_call_without_a_word_begins_the_answer() -> None:
    (told,) = spell_messages([AssistantMessage("", tool_calls=(call("1", "a"),))])
    assert told == AssistantMessage('TOOL: read_file\nARGUMENTS: {"path": "a"}')


def test_users_and_answers_take_turns() -> None:
    spelled = spell_messages((*ROUND, UserMessage("go on")))
    assert [type(message) for message in spelled] == [UserMessage, AssistantMessage, UserMessage]
    assert spelled[-1].text.endswith("END OF RESULT\n\ngo on")


def test_a_request_extends_the_one_before() -> None:
    messages = [
        *ROUND,
        AssistantMessage("", tool_calls=(call("3", "c"),)),
        ToolResult("3", "read_file", "y"),
        AssistantMessage("Done."),
        UserMessage("thanks"),
    ]
    ends = [1, 4, 6, 8]
    told = [
        told_in_words(ModelRequest(messages[:end], "m", instructions="I", tools=TOOLS))
        for end in ends
    ]
    assert len({each.instructions for each in told}) == 1
    for before, after in pairwise(told):
        assert tuple(after.messages[: len(before.messages)]) == tuple(before.messages)


def test_an_answer_is_told_again_as_it_was_written() -> None:
    """So that what an engine keeps of its own answer is the beginning of the next request."""
    written = 'I read it.\n\nTOOL: read_file\nARGUMENTS: {"path":  "ä.py"}'
    read = read_pieces([written])
    calls = tuple(ToolCall("1", name, arguments) for name, arguments, _ in read.calls)
    (told,) = spell_messages([AssistantMessage(read.visible, tool_calls=calls)])
    assert told.text == written
    assert read_pieces([told.text]) == read
