"""What a model is told besides the conversation: once, frozen, and hints where it goes."""

from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from acp_agent.backends.base import Done, Event, Model, ToolCallRequested
from acp_agent.conversation import ToolCall, ToolResult, UserMessage
from acp_agent.tools.base import Outcome
from acp_agent.turn import context as context_module
from acp_agent.turn.choice import RESULT_LIMIT, choose
from acp_agent.turn.instructions import INSTRUCTIONS
from tests.fixtures.fake_tool import FakeTool
from tests.protocol.backend import fake, requests, saying
from tests.turn.talk import Talk

pytestmark = pytest.mark.anyio

TOOLS = Model("m", "M", tools="native", context_size=32_768)
PLAIN = Model("p", "P", context_size=32_768)


class Clock(date):
    """A calendar that a test turns."""

    now = date(2026, 2, 3)

    @classmethod
    def today(cls) -> date:  # pyright: ignore[reportIncompatibleMethodOverride]
        return cls.now


def calling(path: str, *, name: str = "path") -> list[Event]:
    return [ToolCallRequested(ToolCall(path, "look", f'{{"{name}": "{path}"}}')), Done()]


def results(talk: Talk) -> list[str]:
    return [message.text for message in talk.history if isinstance(message, ToolResult)]


async def test_the_first_message_is_frozen_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "date", Clock)
    (tmp_path / "AGENTS.md").write_text("Be kind.")
    backend = fake(models=[TOOLS])
    talk = Talk(backend, tools=[FakeTool()], root=tmp_path)
    await talk.say("one")
    monkeypatch.setattr(Clock, "now", date(2026, 2, 4))
    (tmp_path / "new").touch()
    (tmp_path / "AGENTS.md").write_text("Be rude.")
    await talk.say("two")
    first, second = requests(backend)
    text = first.messages[0].text
    assert text.startswith("<context>\nToday is 2026-02-03.\n")
    assert "Be kind." in text
    assert text.endswith("</context>\n\none")
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[-1] == UserMessage("two")
    assert talk.history[0] == UserMessage("one")
    assert (first.prompt, second.prompt) == ("one", "two")
    assert first.instructions == second.instructions == INSTRUCTIONS


async def test_another_model_is_told_the_same_facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "date", Clock)
    first, second = fake(mode="a", models=[TOOLS]), fake(mode="b", models=[TOOLS])
    talk = Talk(first, second, tools=[FakeTool()], root=tmp_path)
    await talk.say("one")
    monkeypatch.setattr(Clock, "now", date(2026, 2, 9))
    talk.session.mode = "b"
    await talk.say("two")
    assert requests(second)[0].messages[0] == requests(first)[0].messages[0]


async def test_a_model_without_tools_is_told_neither(tmp_path: Path) -> None:
    backend = fake(models=[PLAIN])
    talk = Talk(backend, tools=[FakeTool()], root=tmp_path)
    await talk.say("one")
    (request,) = requests(backend)
    assert request.messages == (UserMessage("one"),)
    assert (request.instructions, request.tools) == ("", ())


async def test_the_preamble_is_still_told_when_the_first_message_is_not(tmp_path: Path) -> None:
    small = Model("s", "S", tools="native", context_size=4_000)
    backend = fake(models=[small])
    talk = Talk(backend, tools=[FakeTool()], root=tmp_path)
    for number in range(8):
        await talk.say(f"{number} " + "p" * 1500)
    assert any("oldest messages" in notice for notice in talk.output.notices)
    texts = {request.messages[0].text.partition("</context>")[0] for request in requests(backend)}
    assert len(texts) == 1
    assert not requests(backend)[-1].messages[0].text.partition("</context>\n\n")[2].startswith("0")


async def test_what_does_not_fit_is_announced_once_with_names(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("A rule.\n" * 2000)
    small = Model("q/small", "S", tools="native", context_size=4_096)
    tools = [FakeTool("read_file"), *(FakeTool(f"server__{n}" + "n" * 100) for n in range(40))]
    backend = fake(saying("a"), saying("b"), models=[small])
    talk = Talk(backend, tools=tools, root=tmp_path)
    await talk.say("one")
    await talk.say("two")
    servers, guide = talk.output.notices
    assert "15 % of the context window of small" in servers
    assert f"server__39{'n' * 100}" in servers
    assert "AGENTS.md may take 10 %" in guide
    assert len(requests(backend)[0].tools) < 41
    assert requests(backend)[0].tools == requests(backend)[1].tools
    assert requests(backend)[0].tools[0].name == "read_file"


async def test_news_are_kept_for_a_request_that_is_taken(tmp_path: Path) -> None:
    small = Model("small", "S", tools="native", context_size=400)
    backend = fake([RuntimeError("broken")], models=[small])
    talk = Talk(backend, tools=[FakeTool()], root=tmp_path)
    with pytest.raises(RuntimeError):
        await talk.say("one")
    assert not talk.output.notices
    await talk.say("one")
    assert "not offered these tools: look" in talk.output.notices[0]


async def test_a_folder_with_a_guide_of_its_own_is_pointed_out_once(tmp_path: Path) -> None:
    (tmp_path / "pkg" / "src").mkdir(parents=True)
    (tmp_path / "pkg" / "AGENTS.md").write_text("Rules.")
    (tmp_path / "pkg" / "src" / "a.py").touch()
    backend = fake(
        calling("pkg/src/a.py"), calling("pkg", name="cwd"), calling("../x\\u0000"), models=[TOOLS]
    )
    talk = Talk(backend, tools=[FakeTool(outcomes=[Outcome("seen")] * 3)], root=tmp_path)
    await talk.say("one")
    hint = (
        "seen\n\n[pkg/AGENTS.md holds instructions for this folder: read it before you change "
        "anything there.]"
    )
    assert results(talk) == [hint, "seen", "seen"]
    told = [request.messages for request in requests(backend)]
    for before, after in pairwise(told):
        assert after[: len(before)] == before


@pytest.mark.parametrize(
    ("window", "limit"),
    [(None, RESULT_LIMIT), (131_072, RESULT_LIMIT), (16_384, 12_288), (512, 1024)],
)
async def test_results_are_limited_by_the_window(window: int | None, limit: int) -> None:
    talk = Talk(fake(models=[Model("m", "M", context_size=window)]))
    await choose(talk.session, talk.modes)
    assert talk.session.workspace is not None
    assert talk.session.workspace.result_limit == limit


async def test_a_model_that_takes_tools_as_text_is_told_them_in_words(tmp_path: Path) -> None:
    backend = fake(saying("Hello."), models=[Model("t", "T", tools="text", context_size=32_768)])
    talk = Talk(backend, tools=[FakeTool()], root=tmp_path)
    await talk.say("one")
    (request,) = requests(backend)
    assert request.tools == ()
    assert INSTRUCTIONS in request.instructions
    assert "look" in request.instructions
