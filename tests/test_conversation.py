"""Cutting a conversation to a window."""

from hypothesis import given
from hypothesis import strategies as st

from acp_agent.conversation import (
    AssistantMessage,
    Conversation,
    Message,
    ToolCall,
    ToolResult,
    UserMessage,
    estimate_tokens,
    fit,
)

USER = UserMessage("a question")
ANSWER = AssistantMessage("an answer")
CALL = AssistantMessage("", tool_calls=(ToolCall("1", "read", '{"path":"a"}'),))
RESULT = ToolResult("1", "read", "x" * 300)

messages = st.lists(
    st.builds(UserMessage, st.text(max_size=60))
    | st.builds(AssistantMessage, st.text(max_size=60))
    | st.builds(ToolResult, st.just("1"), st.just("read"), st.text(max_size=60)),
    max_size=12,
)


def cost(part: tuple[Message, ...]) -> int:
    return sum(map(estimate_tokens, part))


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


def test_what_fits_is_left_alone() -> None:
    fitted = fit([USER, ANSWER, USER], 1000)
    assert (fitted.messages, fitted.dropped) == ((USER, ANSWER, USER), 0)
    assert fit([], 0).messages == ()


def test_the_oldest_go_first_and_the_rest_starts_at_a_user_message() -> None:
    talk = [USER, CALL, RESULT, ANSWER, USER, ANSWER, USER]
    budget = cost((USER, ANSWER, USER))
    assert fit(talk, budget).messages == (USER, ANSWER, USER)
    assert fit(talk, budget).dropped == 4
    assert fit(talk, budget - 1).messages == (USER,)
    assert fit(talk, cost(tuple(talk)) - 1).dropped == 4
    assert fit(talk, cost(tuple(talk))).dropped == 0


def test_the_last_prompt_and_what_follows_is_kept_whatever_it_costs() -> None:
    talk = [USER, ANSWER, USER, CALL, RESULT]
    assert fit(talk, 1).messages == (USER, CALL, RESULT)
    assert fit(talk, 1).dropped == 2


def test_without_a_user_message_nothing_is_cut() -> None:
    assert fit([ANSWER, ANSWER], 1).messages == (ANSWER, ANSWER)


@given(messages, st.integers(-5, 400))
def test_the_fit_is_the_longest_tail_within_the_budget(talk: list[Message], budget: int) -> None:
    fitted = fit(talk, budget)
    assert fitted.messages == tuple(talk[fitted.dropped :])
    starts = [index for index, message in enumerate(talk) if isinstance(message, UserMessage)]
    if not starts:
        assert fitted.dropped == 0
        return
    fitting = [start for start in starts if cost(tuple(talk[start:])) <= budget]
    assert fitted.dropped == (fitting or starts[-1:])[0]
