"""Commands in the editor's terminals: released whatever happens, and told as they ended."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.protocol import client_commands
from acp_agent.protocol.client_commands import ClientCommands
from acp_agent.tools.shown import Shown, ShownTerminal
from acp_agent.tools.workspace import CommandEnd, FileProblem
from tests.fixtures.workspace import FakeCommands
from tests.protocol.editor import NEVER, EditorClient, Refusal, editor_with_peer
from tests.rpc.connection import LIMIT, Message

pytestmark = pytest.mark.anyio

CREATE, WAIT, OUTPUT = "terminal/create", "terminal/wait_for_exit", "terminal/output"
KILL, RELEASE = "terminal/kill", "terminal/release"
EXITED = {"exitCode": 0, "signal": None}


class Running:
    """One editor, and commands that run in it."""

    def __init__(self, editor: EditorClient, commands: ClientCommands) -> None:
        self.editor = editor
        self.commands = commands
        self.shown: list[Shown] = []

    async def run(self, *argv: str, seconds: float = LIMIT, limit: int = 1000) -> CommandEnd:
        return await self.commands.run(
            argv or ("make",),
            directory=Path("/project"),
            environment={"PAGER": "cat"},
            seconds=seconds,
            output_limit=limit,
            show=self.show,
        )

    async def run_in_vain(self) -> None:
        with pytest.raises(FileProblem, match="The editor has closed the connection"):
            await self.run()

    async def show(self, shown: Shown) -> None:
        assert self.editor.methods[-1] == CREATE
        self.shown.append(shown)

    async def until_released(self) -> None:
        """Returns when no terminal is left; each was released once."""
        await self.editor.until(
            lambda _: bool(self.editor.terminals) and not self.editor.live_terminals
        )


@asynccontextmanager
async def opened(
    local: FakeCommands | None = None, answer_seconds: float = LIMIT
) -> AsyncGenerator[Running]:
    async with editor_with_peer() as (editor, peer):
        commands = ClientCommands(
            peer, "s1", local or FakeCommands(), answer_seconds=answer_seconds
        )
        yield Running(editor, commands)


async def test_a_command_runs_in_a_terminal_that_is_shown_and_released() -> None:
    async with opened() as running:
        running.editor.commands = lambda _: ("a\r\n\x1b[31mb\x1b[0m\n", {"exitCode": 3})
        end = await running.run("/bin/sh", "-c", "echo a; echo b")
        assert end == CommandEnd("a\nb\n", 3)
        assert running.shown == [ShownTerminal("t1")]
        assert running.editor.methods == [CREATE, WAIT, OUTPUT, RELEASE]
    assert running.editor.params(CREATE) == [
        {
            "sessionId": "s1",
            "command": "/bin/sh",
            "args": ["-c", "echo a; echo b"],
            "env": [{"name": "PAGER", "value": "cat"}],
            "cwd": "/project",
            "outputByteLimit": 1024 * 1024,
        }
    ]


async def test_long_output_keeps_head_and_tail_and_says_what_the_editor_dropped() -> None:
    async with opened() as running:
        running.editor.commands = lambda _: ("first\n" + "x\n" * 5000 + "last\n", EXITED)
        text = (await running.run(limit=500)).output
        assert text.startswith("first\n")
        assert text.endswith("last\n")
        assert len(text) < 700
        running.editor.answers[OUTPUT] = {"output": "end\n", "truncated": True}
        text = (await running.run()).output
        assert text.startswith("[... the beginning is left out here")
        assert text.endswith("end\n")


@pytest.mark.parametrize(
    ("status", "code", "signal"),
    [
        ({"exitCode": None, "signal": "SIGSEGV"}, None, "SIGSEGV"),
        ({"signal": "SIGTERM"}, None, "SIGTERM"),
        ({}, None, "an unknown signal"),
        ({"exitCode": 0, "signal": None}, 0, ""),
    ],
)
async def test_how_it_ended_is_told(status: Any, code: int | None, signal: str) -> None:
    async with opened() as running:
        running.editor.commands = lambda _: ("", status or {"_meta": None})
        end = await running.run()
    assert (end.exit_code, end.signal, end.timed_out) == (code, signal, False)


@pytest.mark.parametrize("kill", [None, NEVER, Refusal()])
async def test_at_the_limit_it_is_killed_and_what_it_said_is_kept(kill: Any) -> None:
    async with opened(answer_seconds=0.01 if kill is NEVER else LIMIT) as running:
        running.editor.commands = lambda _: ("half\n", None)
        if kill is not None:
            running.editor.answers[KILL] = kill
        end = await running.run(seconds=0.01)
        assert end == CommandEnd("half\n", timed_out=True)
        assert running.editor.methods == [CREATE, WAIT, KILL, OUTPUT, RELEASE]
        assert WAIT in running.editor.withdrawn


async def test_a_cancel_releases_the_terminal_before_it_returns() -> None:
    async with opened() as running:
        running.editor.commands = lambda _: ("", None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(running.run)
            await running.editor.asked(WAIT)
            tasks.cancel_scope.cancel()
        assert running.editor.live_terminals == []
        assert running.editor.methods == [CREATE, WAIT, RELEASE]


async def test_a_cancel_does_not_wait_for_an_editor_that_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_commands, "RELEASE_SECONDS", 0.01)
    async with opened() as running:
        running.editor.commands = lambda _: ("", None)
        running.editor.answers[RELEASE] = NEVER
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(running.run)
                await running.editor.asked(WAIT)
                tasks.cancel_scope.cancel()
        await running.until_released()
        # The release itself stands: withdrawing it would leave the command running.
        assert RELEASE not in running.editor.withdrawn


@pytest.mark.parametrize("comes", [True, False])
async def test_a_cancel_waits_for_a_terminal_on_its_way(
    monkeypatch: pytest.MonkeyPatch, comes: bool
) -> None:
    monkeypatch.setattr(client_commands, "RELEASE_SECONDS", 10 * LIMIT)
    async with opened() as running:
        editor = running.editor
        editor.answers[CREATE] = NEVER
        editor.commands = lambda _: ("", None)
        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(running.run)
                await editor.asked(CREATE)
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await editor.asked("$/cancel_request")
                    answer = editor.create({}) if comes else Refusal(-32800, "cancelled")
                    editor.reply(editor.open(CREATE), answer)
        assert editor.live_terminals == []
        assert editor.methods == [CREATE, RELEASE][: 1 + comes]


async def test_a_terminal_that_comes_after_the_cancel_is_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_commands, "RELEASE_SECONDS", 0.01)
    async with opened() as running:
        editor = running.editor
        editor.answers[CREATE] = NEVER
        editor.commands = lambda _: ("", None)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(running.run)
            await editor.asked(CREATE)
            tasks.cancel_scope.cancel()
        await editor.asked("$/cancel_request")
        assert editor.withdrawn == [CREATE]
        editor.reply(editor.open(CREATE), editor.create({}))
        await running.until_released()
        assert running.shown == []
        assert editor.methods == [CREATE, RELEASE]


async def test_a_terminal_that_comes_with_the_cancel_is_released() -> None:
    async with opened() as running:
        editor, scope = running.editor, anyio.CancelScope()

        def create(params: Message) -> Message:
            # The answer is on its way to the waiting task when the cancel reaches it.
            editor.peer.start_soon(cancel)
            return editor.create(params)

        async def cancel() -> None:
            scope.cancel()

        editor.answers[CREATE] = create
        with scope:
            await running.run()
        assert scope.cancelled_caught
        await running.until_released()


async def test_an_editor_that_never_creates_is_given_up_and_its_late_terminal_released() -> None:
    async with opened(answer_seconds=0.01) as running:
        editor = running.editor
        editor.answers[CREATE] = NEVER
        with pytest.raises(FileProblem, match=r"did not answer terminal/create within 0\.01"):
            await running.run()
        editor.reply(editor.open(CREATE), editor.create({}))
        await running.until_released()


@pytest.mark.parametrize("answer", [Refusal(message="no shell"), {}, None, {"terminalId": 7}])
async def test_a_terminal_that_does_not_start_is_a_problem(answer: Any) -> None:
    local = FakeCommands()
    async with opened(local) as running:
        running.editor.answers[CREATE] = answer
        with pytest.raises(FileProblem, match="The editor did not start the command: "):
            await running.run()
    assert not local.ran


async def test_an_editor_without_the_method_leaves_it_to_the_machine() -> None:
    local = FakeCommands(CommandEnd("local", 0))
    async with opened(local) as running:
        running.editor.answers[CREATE] = Refusal(-32601, "Method not found")
        assert (await running.run("make", "all")).output == "local"
    (ran,) = local.ran
    assert (ran.argv, ran.directory) == (("make", "all"), Path("/project"))


@pytest.mark.parametrize("answer", [Refusal(message="lost it"), {"exitCode": "x", "signal": 5}])
async def test_an_error_on_the_way_releases_the_terminal(answer: Any) -> None:
    async with opened() as running:
        running.editor.answers[WAIT] = answer
        if isinstance(answer, Refusal):
            with pytest.raises(FileProblem, match="failed while the command ran: lost it"):
                await running.run()
        else:
            assert (await running.run()).signal == "an unknown signal"
        assert running.editor.live_terminals == []


@pytest.mark.parametrize("answer", [Refusal(message="gone"), {"output": 5}, NEVER])
async def test_without_the_output_the_end_is_told_all_the_same(answer: Any) -> None:
    async with opened(answer_seconds=0.01 if answer is NEVER else LIMIT) as running:
        running.editor.commands = lambda _: ("", {"exitCode": 2})
        running.editor.answers[OUTPUT] = answer
        end = await running.run()
        assert end.exit_code == 2
        assert end.output.startswith("[The editor did not")
        assert running.editor.live_terminals == []


async def test_a_refused_release_is_no_failure() -> None:
    async with opened() as running:
        running.editor.answers[RELEASE] = Refusal()
        assert (await running.run()).exit_code == 0


async def test_a_terminal_that_cannot_be_shown_is_released() -> None:
    async def fail(shown: Shown) -> None:
        raise ValueError(shown)

    async with opened() as running:
        running.show = fail
        with pytest.raises(ValueError, match="t1"):
            await running.run()
        assert running.editor.live_terminals == []


async def test_a_running_command_does_not_hold_the_end_of_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_commands, "RELEASE_SECONDS", 10 * LIMIT)
    async with opened() as running:
        running.editor.commands = lambda _: ("", None)
        running.editor.answers[RELEASE] = NEVER
        running.editor.peer.start_soon(running.run_in_vain)
        await running.editor.asked(WAIT)
        running.editor.close()
        with anyio.fail_after(LIMIT):
            await running.editor.ended.wait()
