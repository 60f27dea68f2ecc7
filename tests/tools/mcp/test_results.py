"""Results that are too much, or empty, and prompts of several messages."""

from mcp.types import (
    CallToolResult,
    ContentBlock,
    GetPromptResult,
    ImageContent,
    PromptMessage,
    TextContent,
)

from acp_agent.tools.base import Outcome
from acp_agent.tools.mcp.results import BLOCK_LIMIT, BLOCKS_LIMIT, to_outcome, to_prompt_text
from acp_agent.tools.shown import ShownText


def text(words: str) -> TextContent:
    return TextContent(type="text", text=words)


def image(size: int) -> ImageContent:
    return ImageContent(type="image", data="a" * size, mime_type="image/png")


def test_an_empty_result_says_so() -> None:
    assert to_outcome(CallToolResult(content=[])) == Outcome("[the result is empty]")


def test_structured_content_stands_in_for_text_only() -> None:
    structured = {"a": "é"}
    result = CallToolResult(content=[], structured_content=structured)
    assert to_outcome(result).text == '{"a": "é"}'
    result = CallToolResult(content=[text("words")], structured_content=structured)
    assert to_outcome(result).text == "words"


def test_blocks_beyond_the_limit_are_left_out() -> None:
    blocks: list[ContentBlock] = [image(4)] * (BLOCKS_LIMIT + 3)
    outcome = to_outcome(CallToolResult(content=blocks))
    assert outcome.text.endswith("\n[3 more parts are left out]")
    assert outcome.shown is not None
    assert len(outcome.shown) == BLOCKS_LIMIT


def test_an_image_that_is_too_large_is_not_passed_on() -> None:
    outcome = to_outcome(CallToolResult(content=[image(BLOCK_LIMIT + 1)]))
    assert outcome.shown == (ShownText(outcome.text),)


def test_a_prompt_of_several_messages_is_one_text() -> None:
    messages = [PromptMessage(role="user", content=text(words)) for words in ("one", "two")]
    assert to_prompt_text(GetPromptResult(messages=messages)) == "one\n\ntwo"
    messages.append(PromptMessage(role="assistant", content=text("three")))
    expected = "User: one\n\nUser: two\n\nAssistant: three"
    assert to_prompt_text(GetPromptResult(messages=messages)) == expected
