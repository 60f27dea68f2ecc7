"""Random conversations as turns leave them behind, for the tests of what is left out.

Owns making them: prompts, rounds of calls with their results, answers. Owns no checks but the
one that calls and results stay paired.
"""

from collections.abc import Sequence

from hypothesis import strategies as st

from acp_agent.conversation import AssistantMessage, Message, ToolCall, ToolResult, UserMessage

_SIZES = st.integers(0, 40) | st.integers(0, 4_000)


def make_round(number: int, *sizes: int) -> list[Message]:
    """A message with a call for each of ``sizes``, and results of so many bytes."""
    calls = tuple(ToolCall(f"c{number}.{each}", "read_file", "{}") for each in range(len(sizes)))
    results = [
        ToolResult(call.id, call.name, "x" * size) for call, size in zip(calls, sizes, strict=True)
    ]
    return [AssistantMessage("Let me look.", tool_calls=calls), *results]


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Some turns; the last one may still be on its way."""
    messages: list[Message] = []
    number = 0
    turns = draw(st.integers(1, 5))
    for turn in range(turns):
        messages.append(UserMessage(f"Prompt {turn}. " + "p" * draw(st.integers(0, 200))))
        for sizes in draw(st.lists(st.lists(_SIZES, min_size=1, max_size=4), max_size=5)):
            messages += make_round(number, *sizes)
            number += 1
        if turn < turns - 1:
            messages.append(AssistantMessage("Done. " + "a" * draw(st.integers(0, 400))))
    return messages


def check_pairs(told: Sequence[Message]) -> None:
    """Each result stands behind the message with its call, and each call has its result."""
    wanted: set[str] = set()
    for message in told:
        if isinstance(message, ToolResult):
            assert message.call_id in wanted
            wanted.remove(message.call_id)
            continue
        assert not wanted
        if isinstance(message, AssistantMessage):
            wanted = {call.id for call in message.tool_calls}
    assert not wanted
