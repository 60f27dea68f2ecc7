"""Making room in random conversations: half of the window is free, and it stays as it is."""

import anyio
from hypothesis import assume, given
from hypothesis import strategies as st

from acp_agent.backends.base import Model, ModelRequest, Usage
from acp_agent.conversation import (
    AssistantMessage,
    Message,
    Tool,
    ToolResult,
    UserMessage,
    estimate_text,
    estimate_tokens,
    estimate_tool,
)
from acp_agent.sessions.context import ModelContext
from acp_agent.sessions.session import Session
from acp_agent.turn.choice import Choice
from acp_agent.turn.context import count_used
from acp_agent.turn.history import Answer
from acp_agent.turn.request import request_answer
from tests.fixtures.fake_backend import FakeBackend
from tests.protocol.backend import requests, saying
from tests.turn.conversations import check_pairs, conversations, make_round
from tests.turn.output import FakeOutput

TOOL = Tool("read_file", "d" * 900, {"type": "object"})


class Bench:
    """A session with one model that has tools, asked without the rounds of a turn."""

    def __init__(self, talk: list[Message], window: int) -> None:
        self.backend = FakeBackend()
        self.session = Session("s1", "/", "fake")
        self.session.conversation.messages[:] = talk
        self.choice = Choice(
            self.backend, "m", Model("m", "M", context_size=window, tools="native"), None
        )
        self.context = ModelContext((TOOL,), "i" * 1800, "p" * 1800)
        self.context.fixed = estimate_tool(TOOL) + 2 * estimate_text("i" * 1800)
        self.session.contexts["fake", "m", "native"] = self.context

    def ask(self) -> ModelRequest:
        """The request for the next answer, without that for a summary."""
        output, answer = FakeOutput(), Answer()
        anyio.run(request_answer, self.choice, self.session, output, answer)
        assert any(isinstance(event, Usage) for event in output.events)
        self.session.conversation.append(answer.message())
        return requests(self.backend)[-1]

    @property
    def used(self) -> int:
        return count_used(self.choice, self.context, self.session.conversation.messages)


def size(request: ModelRequest) -> int:
    tools = sum(map(estimate_tool, request.tools))
    told = sum(map(estimate_tokens, request.messages))
    return tools + told + estimate_text(request.instructions)


def least(talk: list[Message]) -> int:
    """What cannot be left out: the last prompt, and a little of each of the newest results."""
    prompt = max(index for index, each in enumerate(talk) if isinstance(each, UserMessage))
    results = 0
    for message in reversed(talk[prompt:]):
        if isinstance(message, AssistantMessage):
            break
        results += isinstance(message, ToolResult)
    return estimate_tokens(talk[prompt]) + 40 + 170 * results


@given(conversations(), st.integers(4096, 12_000), st.text("ab c", max_size=4000))
def test_at_least_half_of_the_window_is_free_afterwards(
    talk: list[Message], window: int, summary: str
) -> None:
    bench = Bench(talk, window)
    assume(bench.used > window - window // 4)
    bench.backend.script(*saying(summary))
    bench.backend.script(*saying("ok"))
    request = bench.ask()
    fixed = bench.context.fixed + window // 16
    assert size(request) <= max(window // 2, fixed + least(talk)) + 2
    check_pairs(request.messages)
    prompts = [each.text for each in talk if isinstance(each, UserMessage)]
    assert any(prompts[-1] in message.text for message in request.messages)
    assert request.messages[0].text.startswith("p" * 1800)


@given(conversations(), st.integers(4096, 9000), st.lists(st.integers(0, 4000), max_size=8))
def test_prompts_grow_at_their_end_until_the_next_step(
    talk: list[Message], window: int, sizes: list[int]
) -> None:
    bench = Bench(talk, window)
    before = bench.ask()
    for number, result in enumerate(sizes, start=5000):
        elision = bench.context.elision
        bench.session.conversation.messages[-1:] = make_round(number, result)
        request = bench.ask()
        check_pairs(request.messages)
        if bench.context.elision == elision:
            assert request.messages[: len(before.messages)] == before.messages
        assert (request.tools, request.instructions) == (before.tools, before.instructions)
        before = request
