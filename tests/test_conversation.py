"""The conversation, and what its parts are estimated to cost."""

from acp_agent.conversation import (
    AssistantMessage,
    Conversation,
    Tool,
    ToolCall,
    ToolResult,
    UserMessage,
    arguments_value,
    estimate_text,
    estimate_tokens,
    estimate_tool,
    text_of,
)

USER = UserMessage("a question")
ANSWER = AssistantMessage("an answer")
CALL = AssistantMessage("", tool_calls=(ToolCall("1", "read", '{"path":"a"}'),))
RESULT = ToolResult("1", "read", "x" * 300)


def test_a_conversation_keeps_its_order() -> None:
    conversation = Conversation()
    for message in (USER, ANSWER, USER):
        conversation.append(message)
    assert conversation.messages == [USER, ANSWER, USER]


def test_estimates_count_bytes_calls_and_the_message_itself() -> None:
    assert estimate_tokens(UserMessage("")) == 8
    assert estimate_tokens(UserMessage("x" * 300)) == 108
    assert estimate_tokens(UserMessage("\u00e4" * 300)) == 208
    assert estimate_tokens(CALL) == (len("read") + len('{"path":"a"}')) // 3 + 8
    assert estimate_tokens(AssistantMessage("", thought="x" * 300)) == 8


def test_without_tools_calls_and_results_cost_nothing() -> None:
    assert estimate_tokens(RESULT, with_tools=False) == 0
    assert estimate_tokens(CALL, with_tools=False) == 8
    assert estimate_tokens(RESULT) == 108


def test_a_text_of_so_many_bytes_is_estimated_as_it_was_planned() -> None:
    assert estimate_text("x" * text_of(50)) == 50
    assert text_of(-1) == 0
    assert estimate_text("\ud800") == 1


def test_a_tool_costs_what_is_told_of_it() -> None:
    tool = Tool("read", "Reads.", {"type": "object"})
    assert estimate_tool(tool) == len('readReads.{"type": "object"}') // 3 + 8


def test_arguments_are_their_value_where_that_can_be_written_again() -> None:
    assert arguments_value('{"a": [1]}') == {"a": [1]}
    for text in ("{broken", "[" * 100_000, "[" * 600 + "]" * 600):
        assert arguments_value(text) == text
