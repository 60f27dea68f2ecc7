"""Calls that need the user's word: asked while pending, told to the model, remembered."""

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from acp_agent.backends.base import Done, Event, Model, ToolCallRequested
from acp_agent.conversation import ToolCall, ToolResult
from acp_agent.errors import ClientError
from acp_agent.tools.actions import Action
from acp_agent.tools.ask_user import ASKED, AskUser
from acp_agent.tools.base import Editor, Outcome
from acp_agent.tools.shown import ShownDiff, ShownText
from acp_agent.turn.calls import ASKED_FIRST, CANCELLED, NOT_ALLOWED
from tests.fixtures.fake_backend import FakeBackend
from tests.fixtures.fake_tool import FakeTool
from tests.protocol.backend import fake, requests, saying
from tests.turn.output import FakeOutput
from tests.turn.talk import Talk

pytestmark = pytest.mark.anyio

TOOLS = Model("m", "M", tools="native")
DIFF = ShownDiff("/project/a.txt", "old", "new")


def calls(*ids: str, name: str = "change") -> list[Event]:
    return [*(ToolCallRequested(ToolCall(id, name, "{}")) for id in ids), Done()]


def edit(path: str = "/project/a.txt", *outcomes: Outcome) -> FakeTool:
    action = Action("edit", paths=(Path(path),))
    steps = outcomes or (Outcome("changed"), Outcome("changed again"))
    return FakeTool("change", "edit", list(steps), action, shown=(DIFF,))


def talk_with(backend: FakeBackend, tool: FakeTool, *choices: str | anyio.Event | None) -> Talk:
    talk = Talk(backend, tools=[tool], root=Path("/project"))
    talk.output = FakeOutput(choices=choices)
    return talk


async def test_the_user_is_asked_while_the_call_is_pending() -> None:
    tool = edit()
    talk = talk_with(fake(calls("c1"), saying("done"), models=[TOOLS]), tool, "allow_once")
    await talk.say("change it")
    ((asked, options, _),) = talk.output.asked_calls
    assert asked.status == "pending"
    assert asked.content == (DIFF,)
    assert "allow_once" in [option.kind for option in options]
    assert talk.output.statuses("c1") == ["pending", "pending", "in_progress", "completed"]
    assert len(tool.calls) == 1


@pytest.mark.parametrize("answer", ["reject_once", None, "no such option"])
async def test_without_a_yes_the_call_is_not_made(answer: str | None) -> None:
    tool = edit()
    backend = fake(calls("c1"), saying("Then not."), models=[TOOLS])
    talk = talk_with(backend, tool, answer)
    assert await talk.say("change it") == "end_turn"
    assert tool.calls == []
    assert requests(backend)[1].messages[-1] == ToolResult("c1", "change", NOT_ALLOWED, True)
    assert talk.output.statuses("c1") == ["pending", "pending", "failed"]


async def test_allow_always_holds_for_the_session() -> None:
    backend = fake(calls("c1"), saying("one"), calls("c2"), saying("two"), models=[TOOLS])
    talk = talk_with(backend, tool := edit(), "allow_always")
    await talk.say("change it")
    await talk.say("and again")
    assert len(talk.output.asked_calls) == 1
    assert len(tool.calls) == 2


async def test_reject_always_holds_for_the_session() -> None:
    backend = fake(calls("c1"), saying("one"), calls("c2"), saying("two"), models=[TOOLS])
    talk = talk_with(backend, tool := edit(), "reject_always")
    await talk.say("change it")
    await talk.say("and again")
    assert len(talk.output.asked_calls) == 1
    assert tool.calls == []


async def test_what_is_denied_is_not_asked() -> None:
    backend = fake(calls("c1"), saying("I see."), models=[TOOLS])
    talk = talk_with(backend, tool := edit())
    talk.session.permissions = "read_only"
    await talk.say("change it")
    assert talk.output.asked_calls == []
    assert tool.calls == []
    assert talk.output.statuses("c1")[-1] == "failed"


async def test_a_cancel_while_the_user_is_asked_settles_the_call() -> None:
    backend = fake(calls("c1", "c2"), models=[TOOLS])
    talk = talk_with(backend, tool := edit(), anyio.Event())
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, "change it")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    assert tool.calls == []
    assert talk.history[2:] == [
        ToolResult(id, "change", CANCELLED, failed=True) for id in ("c1", "c2")
    ]
    assert talk.output.settled == 1


async def test_reads_of_one_message_run_at_the_same_time() -> None:
    both = anyio.Event()
    begun: list[str] = []

    async def wait_for_the_other(editor: Editor) -> Outcome:
        begun.append("x")
        if len(begun) == 2:
            both.set()
        await both.wait()
        return Outcome(f"seen {len(begun)}")

    tool = FakeTool("change", "read", [wait_for_the_other, wait_for_the_other])
    talk = talk_with(fake(calls("c1", "c2"), saying("ok"), models=[TOOLS]), tool)
    with anyio.fail_after(5):
        await talk.say("look at both")
    results = [message for message in talk.history if isinstance(message, ToolResult)]
    assert [result.call_id for result in results] == ["c1", "c2"]


async def test_a_change_among_them_runs_alone() -> None:
    running = 0
    most = 0

    async def run(editor: Editor) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1
        return Outcome("done")

    tool = FakeTool("change", "edit", [run, run])
    await talk_with(fake(calls("c1", "c2"), saying("ok"), models=[TOOLS]), tool).say("go")
    assert most == 1


async def test_two_reads_do_not_ask_at_the_same_time() -> None:
    outside = Action("read", paths=(Path("/elsewhere/a"),))
    first = anyio.Event()
    tool = FakeTool("change", "read", [Outcome("a"), Outcome("b")], outside)
    talk = talk_with(
        fake(calls("c1", "c2"), saying("ok"), models=[TOOLS]), tool, first, "allow_always"
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk.say, "look at both")
        await anyio.wait_all_tasks_blocked()
        assert len(talk.output.asked_calls) == 1
        first.set()
    assert len(talk.output.asked_calls) == 1, "the first answer settles the second call"
    assert len(tool.calls) == 2


async def test_a_running_call_shows_what_it_says() -> None:
    async def run(editor: Editor) -> Outcome:
        await editor.show(ShownText("half"))
        return Outcome("all", shown=())

    tool = FakeTool("change", "other", [run])
    talk = talk_with(fake(calls("c1"), saying("ok"), models=[TOOLS]), tool)
    await talk.say("go")
    assert talk.output.shown[-2].content == talk.output.shown[-1].content == (ShownText("half"),)
    assert talk.history[2] == ToolResult("c1", "change", "all")


async def test_a_question_of_the_models_ends_the_turn() -> None:
    tool = FakeTool("change", "other", [Outcome("asked", ends_turn=True)])
    backend = fake(calls("c1"), models=[TOOLS])
    assert await talk_with(backend, tool).say("go") == "end_turn"
    assert len(requests(backend)) == 1


async def test_what_stands_behind_a_question_waits_for_its_answer() -> None:
    tool = FakeTool("change", "other", [Outcome("asked", ends_turn=True), Outcome("changed")])
    talk = talk_with(fake(calls("c1", "c2"), models=[TOOLS]), tool)
    await talk.say("go")
    assert len(tool.calls) == 1
    assert talk.history[3] == ToolResult("c2", "change", ASKED_FIRST, failed=True)
    assert talk.output.shown[-1].status == "failed"


async def test_a_form_gives_the_tool_the_users_answer() -> None:
    async def run(editor: Editor) -> Outcome:
        assert editor.can_ask
        return Outcome(str(await editor.ask("Which?", ["a", "b"])))

    tool = FakeTool("change", "other", [run])
    talk = talk_with(fake(calls("c1"), saying("ok"), models=[TOOLS]), tool)
    talk.output = FakeOutput(replies=["b"])
    await talk.say("go")
    assert talk.output.questions == [("Which?", ["a", "b"])]
    assert talk.history[2] == ToolResult("c1", "change", "b")
    states = ["pending", "pending", "in_progress", "pending", "in_progress", "completed"]
    assert talk.output.statuses("c1") == states


ASKING = [ToolCallRequested(ToolCall("c1", "ask_user", '{"question": "Which?"}')), Done()]


async def test_a_question_is_never_in_progress_while_it_is_open() -> None:
    talk = Talk(fake(ASKING, saying("ok"), models=[TOOLS]), tools=[AskUser()])
    states: list[list[str]] = []

    class AskedOutput(FakeOutput):
        async def ask_user(self, question: str, choices: Sequence[str]) -> str | None:
            states.append(self.statuses("c1"))
            return await super().ask_user(question, choices)

    talk.output = AskedOutput(replies=["b"])
    await talk.say("go")
    assert [set(each) for each in states] == [{"pending"}]
    assert talk.output.statuses("c1")[-2:] == ["in_progress", "completed"]


async def test_a_question_that_a_cancel_withdraws_had_no_effect() -> None:
    asked = anyio.Event()

    class HeldOutput(FakeOutput):
        async def ask_user(self, question: str, choices: Sequence[str]) -> str | None:
            asked.set()
            await anyio.sleep_forever()

    talk = Talk(fake(ASKING, models=[TOOLS]), tools=[AskUser()])
    talk.output = HeldOutput(replies=["b"])
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk.say, "go")
            await asked.wait()
            tasks.cancel_scope.cancel()
    assert talk.history[2] == ToolResult("c1", "ask_user", CANCELLED, failed=True)


async def test_a_form_that_fails_leaves_the_question_to_the_next_message() -> None:
    class FailingOutput(FakeOutput):
        async def ask_user(self, question: str, choices: Sequence[str]) -> str | None:
            raise ClientError("The editor refused elicitation/create.")

    backend = fake(ASKING, models=[TOOLS])
    talk = Talk(backend, tools=[AskUser()])
    talk.output = FailingOutput(replies=["b"])
    assert await talk.say("go") == "end_turn"
    assert len(requests(backend)) == 1
    assert talk.history[2] == ToolResult("c1", "ask_user", ASKED)
    assert talk.output.statuses("c1")[-2:] == ["in_progress", "completed"]


@pytest.mark.parametrize("problem", [Outcome("no such file", failed=True), ValueError("defect")])
async def test_a_call_that_cannot_be_prepared_is_told(problem: Outcome | Exception) -> None:
    tool = FakeTool("change", "edit", unprepared=problem)
    talk = talk_with(fake(calls("c1"), saying("ok"), models=[TOOLS]), tool)
    await talk.say("go")
    result = talk.history[2]
    assert isinstance(result, ToolResult)
    assert result.failed
    assert "defect" not in result.text
    assert talk.output.statuses("c1") == ["pending", "failed"]


async def test_a_user_without_a_home_is_asked_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: type[Path]) -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", classmethod(nobody))
    talk = talk_with(fake(calls("c1"), saying("ok"), models=[TOOLS]), tool := edit(), "allow_once")
    await talk.say("change it")
    assert len(tool.calls) == 1
