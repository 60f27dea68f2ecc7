"""Calls of ``gptoss.generate`` that must not be made: what the model is told, what is logged."""

import json
from pathlib import Path

import pytest

from acp_agent.backends.base import ToolCallRequested
from acp_agent.conversation import ToolCall, ToolResult
from acp_agent.routing.generate import PROMPT_LIMIT
from acp_agent.tools.actions import Action
from acp_agent.tools.ask_user import AskUser
from acp_agent.tools.base import Outcome
from tests.fixtures.fake_tool import FakeTool
from tests.turn.auto.talk import HEAVY, LARGE, LIGHT, AutoTalk, generates, says, small_backend
from tests.turn.output import FakeOutput

pytestmark = pytest.mark.anyio


def call(**arguments: object) -> ToolCallRequested:
    fields: dict[str, object] = {"user_prompt": HEAVY}
    return ToolCallRequested(ToolCall("c1", "gptoss_generate", json.dumps(fields | arguments)))


@pytest.mark.parametrize(
    ("arguments", "told", "logged"),
    [
        (
            {"workspace_root": "{outside}"},
            "workspace_root lies outside of the folders that are open: {root}.",
            "workspace_root lies outside of the folders that are open.",
        ),
        (
            {"workspace_root": "{root}/link"},
            "workspace_root lies outside of the folders that are open: {root}.",
            "workspace_root lies outside of the folders that are open.",
        ),
        (
            {"workspace_root": "src"},
            "workspace_root must be an absolute path in one of the folders: {root}.",
            "workspace_root must be an absolute path in one of the folders.",
        ),
        (
            {"workspace_root": "{root}/none"},
            "workspace_root is no folder.",
            "workspace_root is no folder.",
        ),
        ({"user_prompt": " "}, "user_prompt is empty", "user_prompt is empty."),
        (
            {"user_prompt": "x" * (PROMPT_LIMIT + 1)},
            "user_prompt has 262,145 bytes, and 262,144 may be sent: name the files",
            "user_prompt has 262,145 bytes, and 262,144 may be sent.",
        ),
    ],
)
async def test_a_call_that_must_not_be_made(
    arguments: dict[str, str], told: str, logged: str, tmp_path: Path
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
    (root / "link").symlink_to(outside)
    talk = AutoTalk(small_backend(window=1_000_000), root=root)

    def fill(text: str) -> str:
        return text.replace("{root}", str(root.resolve())).replace("{outside}", str(outside))

    talk.small.script(call(**{key: fill(value) for key, value in arguments.items()}))
    talk.small.script(*says("I could not."))

    assert await talk.say(LIGHT) == "end_turn"

    [result] = talk.results
    assert result.failed
    assert result.text.startswith(f"The call was not made. {fill(told)}")
    assert talk.output.statuses("c1")[-1] == "failed"
    assert talk.output.text == "I could not."
    assert not talk.large.streams
    [record] = talk.calls()
    [skipped] = record.skipped
    assert (skipped.candidate, skipped.gate, skipped.reason) == (LARGE, "refused", logged)
    assert (record.selected, record.effective) == (LARGE, "")
    assert record.outcome.error == logged
    assert not record.outcome.cancelled
    assert str(tmp_path) not in repr((record.skipped, record.outcome, record.decision))
    talk.check()
    await talk.go_on()


async def test_a_folder_inside_is_fine(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    talk = AutoTalk(root=tmp_path)
    talk.small.script(call(workspace_root=str(tmp_path / "src")))
    await talk.say(LIGHT)
    assert talk.calls()[0].effective == LARGE
    request = talk.large.streams[0].request
    assert request is not None
    assert request.messages[-1].text.endswith(f"(This is about the folder {tmp_path}/src.)")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("{}", "user_prompt"),
        ("[]", "no JSON object"),
        ('{"user_prompt": "x", "temperature": 2}', "temperature"),
        ('{"user_prompt": "x", "max_tokens": 0}', "max_tokens"),
        ('{"user_prompt": "x", "task_type": "magic"}', "task_type"),
        ('{"user_prompt": "x", "path": "y"}', "path"),
    ],
)
async def test_arguments_that_are_none_are_told_to_the_model(arguments: str, problem: str) -> None:
    talk = AutoTalk()
    talk.small.script(ToolCallRequested(ToolCall("c1", "gptoss_generate", arguments)))
    assert await talk.say(LIGHT) == "end_turn"
    [result] = talk.results
    assert result.failed
    assert result.text.startswith("The call was not made. ")
    assert problem in result.text
    assert not any("magic" in each.title for each in talk.output.shown)
    assert not talk.large.streams
    assert not talk.calls()
    talk.check()


async def test_how_the_small_model_wants_it_asked() -> None:
    talk = AutoTalk()
    talk.small.script(call(temperature=0.25, max_tokens=77, task_type="code_generation"))
    await talk.say(LIGHT)
    request = talk.large.streams[0].request
    assert request is not None
    assert (request.temperature, request.max_tokens) == (0.25, 77)
    titles = [each.title for each in talk.output.shown if each.id == "c1"]
    assert titles[-1] == "gptoss.generate: GPT-OSS 20B, code generation"


@pytest.mark.parametrize("name", ["gptoss_generate", "gptoss.generate"])
async def test_a_nested_call_is_refused_before_the_answer(name: str) -> None:
    talk = AutoTalk(tools=[FakeTool()])
    talk.large.script(generates("x", name=name))
    talk.large.script(*says("Done myself."))

    assert await talk.say(HEAVY) == "end_turn"

    [branch] = talk.output.branches
    assert branch.text == "Done myself."
    assert branch.statuses("c1")[-1] == "failed"
    [result] = talk.results
    assert result.failed
    assert result.text == (
        "There is no gptoss.generate here: you are the larger model. Do the task yourself, with "
        "the other tools: look."
    )
    assert len(talk.large.streams) == 2
    assert len(talk.log.records) == 1
    talk.check()
    await talk.go_on()


async def test_a_nested_call_is_refused_in_a_call() -> None:
    tool = FakeTool(outcomes=[Outcome("There it is.")])
    talk = AutoTalk(tools=[tool])
    talk.small.script(generates(HEAVY, "c1"))
    talk.large.script(generates("x", "c2"), generates("y", "c3", name="look"))
    talk.large.script(*says("Done myself."))

    assert await talk.say(LIGHT) == "end_turn"

    [branch] = talk.output.branches
    assert branch.statuses("c2")[-1] == "failed"
    assert branch.statuses("c3")[-1] == "completed"
    request = talk.large.streams[1].request
    assert request is not None
    refused, _ = (each for each in request.messages if isinstance(each, ToolResult))
    assert "you are the larger model" in refused.text
    assert [each.origin for each in talk.log.records] == ["tool_call", "prompt"]
    talk.check()


async def test_a_quick_answer_that_the_user_wants_is_not_handed_on() -> None:
    talk = AutoTalk()
    talk.small.script(generates(HEAVY))
    assert await talk.say("Quick answer please: what is a mutex?") == "end_turn"
    assert not talk.large.streams
    assert "asks for a quick answer" in talk.results[0].text
    [record] = talk.calls()
    assert not record.decision.delegate
    talk.check()


async def test_the_same_call_again_and_again_ends_the_turn() -> None:
    talk = AutoTalk()
    for number in range(12):
        talk.small.script(generates("Say hello", f"c{number}"))
    assert await talk.say(LIGHT) == "end_turn"
    assert "made the same call" in talk.output.notices[-1]
    assert len(talk.small.streams) < 12
    talk.check()


async def test_what_the_session_permits_holds_for_the_large_model_too() -> None:
    tool = FakeTool("fetch", "fetch", action=Action("fetch", url="https://example.org/"))
    talk = AutoTalk(tools=[tool])
    talk.session.permissions = "read_only"
    talk.small.script(generates(HEAVY))
    talk.large.script(generates("x", "f1", name="fetch"))
    talk.large.script(*says("I may not."))
    assert await talk.say(LIGHT) == "end_turn"
    assert not tool.calls
    assert talk.output.branches[0].statuses("f1")[-1] == "failed"
    assert talk.output.statuses("c1")[-1] == "completed"
    talk.check()


@pytest.mark.parametrize("alone", [True, False])
async def test_a_question_of_the_large_models_ends_the_turn(alone: bool) -> None:
    talk = AutoTalk(tools=[AskUser(), FakeTool()])
    arguments = '{"question": "Which parser?"}'
    asking = ToolCallRequested(ToolCall("q1", "ask_user", arguments))
    talk.small.script(generates(HEAVY))
    talk.large.script(*says("Hm."), asking, *([] if alone else [generates("x", "l1", name="look")]))

    assert await talk.say(LIGHT) == "end_turn"

    [result] = talk.results
    assert not result.failed
    assert result.text.startswith("GPT-OSS 20B asks the user: Which parser?\nTheir next message")
    assert len(talk.small.streams) == len(talk.large.streams) == 1
    assert talk.output.statuses("c1")[-1] == "completed"
    talk.check()
    await talk.go_on()


async def test_a_question_that_was_answered_does_not_end_the_turn() -> None:
    talk = AutoTalk(tools=[AskUser()])
    talk.output = FakeOutput(replies=["The second."])
    talk.small.script(generates(HEAVY))
    asking = ToolCall("q1", "ask_user", '{"question": "Which parser?"}')
    talk.large.script(ToolCallRequested(asking))
    talk.large.script(*says("Done."))
    assert await talk.say(LIGHT) == "end_turn"
    assert "Done." in talk.results[0].text
    assert talk.output.text == "ok"
    talk.check()
