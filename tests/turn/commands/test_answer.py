"""What the slash commands answer, but those about models."""

import stat
from pathlib import Path

import pytest

from acp_agent.backends.base import ThoughtDelta
from acp_agent.conversation import (
    AssistantMessage,
    Message,
    PlanStep,
    ToolCall,
    ToolResult,
    UserMessage,
)
from acp_agent.tools.actions import Grant
from acp_agent.turn.commands.table import COMMANDS
from tests.protocol.backend import fake
from tests.turn.commands.asking import Asking, FakeServers

pytestmark = pytest.mark.anyio

GRANTS = [
    Grant("execute", True, prefix=("git", "status")),
    Grant("fetch", False, host="docs.python.org"),
    Grant("server", True, tool="db__query"),
]


async def test_help_lists_every_command_and_the_prompts_of_servers() -> None:
    text = await Asking().read("/help")
    assert [line.split()[1].strip("`/") for line in text.splitlines()] == [
        command.name for command in COMMANDS
    ]
    assert "- `/plan [task]` Plan a task without changes yet (without one, show the plan)" in text
    assert "MCP" not in text
    with_prompts = await Asking(servers=FakeServers()).read("/help")
    assert with_prompts.startswith(text)
    assert "`/notes:review <file>` Review a file" in with_prompts


async def test_status_is_told() -> None:
    asking = Asking()
    assert await asking.read("/status") == "Session s-1 is well."
    assert asking.session.conversation.messages == []
    assert asking.output.settled == 1


async def test_a_prompt_of_a_server_is_for_the_model() -> None:
    asking = Asking(servers=FakeServers())
    left = await asking.type("/notes:review a.py")
    assert left == UserMessage("notes:review {'file': 'a.py'}")
    assert "needs file" in await asking.read("/notes:review")


async def test_init_and_plan_are_prompts_for_the_model() -> None:
    asking = Asking()
    plain, stressed = await asking.type("/init"), await asking.type("/init the tests")
    assert plain is not None
    assert stressed is not None
    assert "AGENTS.md" in plain.text
    assert stressed.text == f"{plain.text}\n\nWhat matters most: the tests"
    planned = await asking.type("/plan fix the parser")
    assert planned is not None
    assert planned.text.endswith("Task: fix the parser")
    assert "update_plan" in planned.text
    assert asking.output.events == []


async def test_plan_alone_shows_the_plan() -> None:
    asking = Asking()
    assert "There is no plan yet" in await asking.read("/plan")
    asking.session.plan = (
        PlanStep("Look", "completed"),
        PlanStep("Mend", "in_progress"),
        PlanStep("Test"),
    )
    assert await asking.read("/plan") == (
        "1 of 3 steps are done.\n\n- [x] Look\n- [~] Mend\n- [ ] Test\n"
    )


async def test_permissions_are_shown_and_changed() -> None:
    asking = Asking()
    assert "Mode **ask**" in await asking.read("/permissions")
    for mode in ("accept_edits", "read_only", "full", "ask"):
        assert f"Mode **{mode}**" in await asking.read(f"/permissions {mode}")
        assert asking.session.permissions == mode


async def test_answers_are_listed_and_taken_back() -> None:
    asking = Asking()
    assert "No answer holds" in await asking.read("/permissions")
    asking.session.grants.extend(GRANTS)
    listed = await asking.read("/permissions")
    assert "1. allowed: commands that begin with `git status`\n" in listed
    assert "3. allowed: the tool db__query" in listed
    await asking.read("/permissions revoke 2")
    assert asking.session.grants == [GRANTS[0], GRANTS[2]]
    await asking.read("/permissions revoke all")
    assert asking.session.grants == []
    assert asking.session.permissions == "ask"


@pytest.mark.parametrize("argument", ["revoke 0", "revoke 4", "revoke -1", "revoke x", "revoke"])
async def test_an_answer_that_is_not_there_is_not_taken_back(argument: str) -> None:
    asking = Asking()
    asking.session.grants.extend(GRANTS)
    text = await asking.read(f"/permissions {argument}")
    assert "there are 1 to 3" in text or "is not understood" in text
    assert asking.session.grants == GRANTS


@pytest.mark.parametrize("argument", ["off", "full please", "revoke 1 2", "FULL"])
async def test_what_is_not_understood_changes_nothing(argument: str) -> None:
    asking = Asking()
    assert "is not understood" in await asking.read(f"/permissions {argument}")
    assert asking.session.permissions == "ask"


async def test_compact_makes_room_with_the_model_in_force() -> None:
    asking = Asking([fake([ThoughtDelta("hm")])])
    assert "nothing to leave out" in await asking.read("/compact")


async def test_compact_says_why_it_cannot() -> None:
    asking = Asking([fake(models=[])])
    assert "has no model" in await asking.read("/compact")


TALK: list[Message] = [
    UserMessage("where?"),
    AssistantMessage("I look.", "secret thought", (ToolCall("c", "search", '{"pattern": "x"}'),)),
    ToolResult("c", "search", "a.py:\n```\nx\n```"),
    ToolResult("c", "search", "none", failed=True),
    AssistantMessage("There", interrupted=True),
]


async def test_export_writes_the_conversation_for_the_user_alone(tmp_path: Path) -> None:
    asking = Asking(exports=tmp_path / "exports")
    assert await asking.read("/export") == "There is nothing to export yet."
    assert not (tmp_path / "exports").exists()
    asking.session.conversation.messages.extend(TALK)
    text = await asking.read("/export")
    (path,) = (tmp_path / "exports").iterdir()
    assert str(path) in text
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    written = path.read_text(encoding="utf-8")
    assert written.startswith("# Conversation in shop\n")
    assert "secret thought" not in written
    assert written.partition("\n\n## You")[2] == (
        "\n\nwhere?\n\n## Agent\n\nI look.\n\n**search**\n\n"
        '```json\n{"pattern": "x"}\n```\n\n'
        "**search**: result\n\n````\na.py:\n```\nx\n```\n````\n\n"
        "**search**: failed\n\n```\nnone\n```\n\n"
        "## Agent\n\nThere\n\n*Interrupted here.*\n"
    )


async def test_export_says_why_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    asking = Asking(exports=tmp_path / "file")
    asking.session.conversation.messages.extend(TALK)
    text = await asking.read("/export")
    assert text.startswith("The conversation could not be written: ")
    assert str(tmp_path) not in text
