"""Commands in the editor's terminals, where it offers them, else as processes of ours.

Owns a terminal's way from ``terminal/create`` to ``terminal/release``, whatever happens on
it. Does not own processes (``tools/local_commands``), how output becomes text
(``tools/commands/terminal_text``), the time limit's length, nor what is run.

A terminal that the client created is released exactly once: at the end, after an error, on
a cancel, and when the client names it only after the cancel, which waits for that a moment.

Source: https://agentclientprotocol.com/protocol/v1/terminals
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio

from acp_agent.errors import AgentError
from acp_agent.protocol.refusals import is_unknown_method, reason_of
from acp_agent.protocol.wire import client
from acp_agent.protocol.wire.mcp import EnvVariable
from acp_agent.rpc.frames import JsonObject
from acp_agent.rpc.outgoing import OnLate
from acp_agent.rpc.peer import Peer
from acp_agent.tools.commands.terminal_text import clean, shorten
from acp_agent.tools.shown import Shown, ShownTerminal
from acp_agent.tools.workspace import CommandEnd, Commands, FileProblem

_log = logging.getLogger(__name__)

ANSWER_SECONDS = 20.0
"""How long the client may take for anything but the command itself."""
RELEASE_SECONDS = 2.0
"""How long the end of a call waits for the client's word that the terminal is gone."""
KEPT_BYTES = 1024 * 1024
"""Output that the client is to keep. It keeps the end only; the head is wanted too."""

_BEGINNING_LOST = "[... the beginning is left out here: the editor kept only the end ...]\n"


class ClientCommands:
    """The commands of one session. Implements ``tools.workspace.Commands``.

    Args:
        local: runs what a client without ``terminal/create`` does not.
        answer_seconds: how long the client may take for anything but the command.
    """

    def __init__(
        self,
        peer: Peer,
        session_id: str,
        local: Commands,
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._peer = peer
        self._session_id = session_id
        self._local = local
        self._answer_seconds = answer_seconds

    async def run(
        self,
        argv: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        seconds: float,
        output_limit: int,
        show: Callable[[Shown], Awaitable[None]],
    ) -> CommandEnd:
        """Runs ``argv`` in a terminal that ``show`` is given at once.

        Raises:
            FileProblem: it could not be started, or the client lost it; then it is stopped.
        """
        request = client.CreateTerminalRequest(
            session_id=self._session_id,
            command=argv[0],
            args=list(argv[1:]),
            env=[EnvVariable(name=name, value=value) for name, value in environment.items()],
            cwd=str(directory),
            output_byte_limit=max(KEPT_BYTES, output_limit),
        )
        try:
            terminal_id = await self._create(request)
        except AgentError as error:
            if not is_unknown_method(error):
                raise FileProblem(
                    f"The editor did not start the command: {reason_of(error)}."
                ) from error
        else:
            async with self._released_after(terminal_id):
                await show(ShownTerminal(terminal_id))
                return await self._watch(terminal_id, seconds, output_limit)
        return await self._local.run(
            argv,
            directory=directory,
            environment=environment,
            seconds=seconds,
            output_limit=output_limit,
            show=show,
        )

    async def _create(self, request: client.CreateTerminalRequest) -> str:
        released = anyio.Event()
        release_late = partial(self._release_late, released)
        try:
            result = await self._ask("terminal/create", request.to_wire(), release_late)
        except anyio.get_cancelled_exc_class():
            # The editor may be starting the command at this moment: who cancels must not be
            # told that all is over while it runs.
            with anyio.move_on_after(RELEASE_SECONDS, shield=True):
                await released.wait()
            raise
        return client.CreateTerminalResponse.from_result(result).terminal_id

    def _release_late(self, released: anyio.Event, result: JsonObject | None) -> None:
        """A terminal that nobody waits for any more, if it came to be: it must not go on."""
        try:
            terminal_id = client.CreateTerminalResponse.from_result(result or {}).terminal_id
        except AgentError:
            released.set()
            return
        self._peer.start_soon(partial(self._release, terminal_id, released))

    @asynccontextmanager
    async def _released_after(self, terminal_id: str) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            # In a task of its own: a limit here must not withdraw the release.
            released = anyio.Event()
            self._peer.start_soon(partial(self._release, terminal_id, released))
            with anyio.move_on_after(RELEASE_SECONDS, shield=True):
                await released.wait()

    async def _release(self, terminal_id: str, released: anyio.Event) -> None:
        try:
            await self._peer.request("terminal/release", self._terminal(terminal_id))
        except AgentError as error:
            _log.warning("a terminal was not released: %s", error.message)
        finally:
            released.set()

    async def _watch(self, terminal_id: str, seconds: float, output_limit: int) -> CommandEnd:
        terminal = self._terminal(terminal_id)
        status = None
        try:
            with anyio.move_on_after(seconds):
                result = await self._peer.request("terminal/wait_for_exit", terminal)
                status = client.WaitForTerminalExitResponse.from_result(result)
        except AgentError as error:
            raise FileProblem(
                f"The editor's terminal failed while the command ran: {reason_of(error)}. The "
                "command was stopped; it may have done a part of its work."
            ) from error
        if status is None:
            await self._kill(terminal)
            return CommandEnd(await self._output(terminal, output_limit), timed_out=True)
        text = await self._output(terminal, output_limit)
        signal = "" if status.exit_code is not None else status.signal or "an unknown signal"
        return CommandEnd(text, status.exit_code, signal)

    async def _kill(self, terminal: JsonObject) -> None:
        try:
            await self._ask("terminal/kill", terminal)
        except (AgentError, FileProblem) as error:
            # The release ends it in any case, and its output is wanted before.
            _log.warning("a terminal was not killed: %s", error)

    async def _output(self, terminal: JsonObject, limit: int) -> str:
        """The output; how the command ended is worth telling without it."""
        try:
            result = await self._ask("terminal/output", terminal)
            return _text_of(client.TerminalOutputResponse.from_result(result), limit)
        except AgentError as error:
            return f"[The editor did not give the output: {reason_of(error)}.]"
        except FileProblem as problem:
            return f"[{problem}]"

    async def _ask(
        self,
        method: str,
        params: JsonObject,
        on_late: OnLate | None = None,
    ) -> JsonObject:
        with anyio.move_on_after(self._answer_seconds):
            return await self._peer.request(method, params, on_late)
        raise FileProblem(
            f"The editor did not answer {method} within {self._answer_seconds:g} seconds. "
            "Go on without it, or ask the user to look at the editor."
        )

    def _terminal(self, terminal_id: str) -> JsonObject:
        return {"sessionId": self._session_id, "terminalId": terminal_id}


def _text_of(output: client.TerminalOutputResponse, limit: int) -> str:
    lost = _BEGINNING_LOST if output.truncated else ""
    return lost + shorten(clean(output.output), limit)
