"""An editor on the official Python SDK that also has files, terminals and forms.

Owns unsaved buffers (a write stays in the buffer and goes to the disk too, as editors do
that save at once), terminals as processes, and forms. Each is offered or not, as the test
says. Does not own the connection (``python_client``).
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import acp
import acp.schema

from tests.e2e.agent_process import ROOT, agent_command
from tests.e2e.editor import Json
from tests.e2e.python_client import PythonEditor, result_of

Choose = Callable[[Json], str]
"""Given the params of a permission request, the option id that the user takes."""


EditorT = TypeVar("EditorT", bound="FullEditor")


class FullEditor(PythonEditor):
    """As ``PythonEditor``, with the abilities that are named.

    Args:
        abilities: of ``files`` and ``terminals``.
        choose: answers permission requests; without it the test does.
    """

    def __init__(self, *abilities: str, choose: Choose | None = None) -> None:
        super().__init__()
        self.has_files = "files" in abilities
        self.has_terminals = "terminals" in abilities
        self._choose = choose
        self.buffers: dict[str, str] = {}
        self.written: list[str] = []
        self.read: list[str] = []
        self.terminals: dict[str, asyncio.subprocess.Process] = {}
        self.released: list[str] = []
        self._outputs: dict[str, bytes] = {}

    async def initialize(self) -> Json:
        info = acp.schema.Implementation(name="full-editor", version="1.0")
        capabilities = acp.schema.ClientCapabilities(
            fs=acp.schema.FileSystemCapabilities(
                read_text_file=self.has_files, write_text_file=self.has_files
            ),
            terminal=self.has_terminals,
        )
        return await result_of(
            self.connection.initialize(
                protocol_version=acp.PROTOCOL_VERSION,
                client_info=info,
                client_capabilities=capabilities,
            )
        )

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[Any], **meta: Any
    ) -> acp.RequestPermissionResponse:
        """Answers at once where the test said how."""
        if self._choose is not None:
            before = len(self.questions)

            def answer() -> None:
                question = self.questions[before]
                assert self._choose is not None
                question.choose(self._choose(question.params))

            asyncio.get_running_loop().call_soon(answer)
        return await super().request_permission(session_id, tool_call, options, **meta)

    async def read_text_file(
        self,
        session_id: str,
        path: str,
        line: int | None = None,
        limit: int | None = None,
        **_: Any,
    ) -> acp.ReadTextFileResponse:
        """The buffer, else the file."""
        self.read.append(path)
        if path not in self.buffers and not Path(path).is_file():
            raise acp.RequestError.resource_not_found(path)
        text = self.buffers.get(path)
        if text is None:
            text = Path(path).read_bytes().decode()
        return acp.ReadTextFileResponse(content=text)

    async def write_text_file(
        self, session_id: str, path: str, content: str, **_: Any
    ) -> acp.WriteTextFileResponse:
        """Buffer and disk."""
        self.written.append(path)
        self.buffers[path] = content
        Path(path).write_bytes(content.encode())
        return acp.WriteTextFileResponse()

    async def create_terminal(
        self,
        session_id: str,
        command: str,
        args: list[str] | None = None,
        env: list[Any] | None = None,
        cwd: str | None = None,
        output_byte_limit: int | None = None,
        **_: Any,
    ) -> acp.CreateTerminalResponse:
        """Runs the command in a process group of its own."""
        environment = os.environ | {each.name: each.value for each in env or ()}
        process = await asyncio.create_subprocess_exec(
            command,
            *(args or ()),
            cwd=cwd,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        name = f"terminal-{len(self.terminals) + 1}"
        self.terminals[name] = process
        return acp.CreateTerminalResponse(terminal_id=name)

    async def terminal_output(
        self, session_id: str, terminal_id: str, **_: Any
    ) -> acp.TerminalOutputResponse:
        """What the command has written; only once it has ended."""
        process = self.terminals[terminal_id]
        output = self._outputs.get(terminal_id, b"").decode(errors="replace")
        status = None
        if process.returncode is not None:
            status = acp.schema.TerminalExitStatus(exit_code=max(process.returncode, 0))
        return acp.TerminalOutputResponse(output=output, truncated=False, exit_status=status)

    async def wait_for_terminal_exit(
        self, session_id: str, terminal_id: str, **_: Any
    ) -> acp.WaitForTerminalExitResponse:
        """The command's end."""
        process = self.terminals[terminal_id]
        output, _errors = await process.communicate()
        self._outputs[terminal_id] = output
        if process.returncode is not None and process.returncode < 0:
            name = signal.Signals(-process.returncode).name
            return acp.WaitForTerminalExitResponse(signal=name)
        return acp.WaitForTerminalExitResponse(exit_code=process.returncode)

    async def kill_terminal(
        self, session_id: str, terminal_id: str, **_: Any
    ) -> acp.KillTerminalResponse:
        """Ends the command and what it started."""
        self._kill(terminal_id)
        return acp.KillTerminalResponse()

    async def release_terminal(
        self, session_id: str, terminal_id: str, **_: Any
    ) -> acp.ReleaseTerminalResponse:
        """As ``kill_terminal``; the terminal is gone."""
        self._kill(terminal_id)
        await self.terminals[terminal_id].wait()
        self.released.append(terminal_id)
        return acp.ReleaseTerminalResponse()

    def _kill(self, terminal_id: str) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.terminals[terminal_id].pid, signal.SIGKILL)

    def assert_nothing_left(self) -> None:
        """Fails unless every terminal was released."""
        assert sorted(self.released) == sorted(self.terminals)


@asynccontextmanager
async def full_editor(
    environ: dict[str, str], *abilities: str, choose: Choose | None = None
) -> AsyncGenerator[FullEditor, None]:
    """A running agent with such an editor. Nobody reads the agent's stderr."""
    async with joined(FullEditor(*abilities, choose=choose), environ) as editor:
        yield editor


@asynccontextmanager
async def joined(editor: EditorT, environ: dict[str, str]) -> AsyncGenerator[EditorT, None]:
    """A running agent with ``editor``; leaving checks its end and all that was recorded."""
    command, *arguments = agent_command()
    async with acp.spawn_agent_process(
        cast("acp.Client", editor),
        command,
        *arguments,
        env=environ,
        cwd=ROOT,
        transport_kwargs={"shutdown_timeout": 30.0},
        observers=[editor.observe],
        use_unstable_protocol=True,  # forms, which the SDK still calls that
    ) as (connection, process):
        editor.connection, editor.pid = connection, process.pid
        yield editor
    assert process.returncode == 0
    editor.check()
    editor.assert_nothing_left()
