"""Text files through the editor, where it offers that, else from the disk.

Owns what the editor is asked (``fs/read_text_file``, ``fs/write_text_file``), for how
long, and what follows from a refusal. Does not own the disk (``tools/files/local_files``), nor
what is allowed.

A file that the disk has is looked at there first: the editor is not asked for what is too
large or no text, and encoding and byte order mark are the disk's. The text is the editor's
own, with unsaved changes and newlines as it gives them.

Source: https://agentclientprotocol.com/protocol/v1/file-system
"""

import logging
import os
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread

from acp_agent.errors import AgentError
from acp_agent.protocol.refusals import is_unknown_method, reason_of
from acp_agent.protocol.wire.client import (
    ReadTextFileRequest,
    ReadTextFileResponse,
    WriteTextFileRequest,
)
from acp_agent.rpc.peer import Peer
from acp_agent.tools.files.paths import check_unmoved
from acp_agent.tools.workspace import FileProblem, Files, FileText

_log = logging.getLogger(__name__)

READ_SECONDS = 30.0
WRITE_SECONDS = 120.0
"""Longer than a read: an editor may ask its user, or format the file."""


class ClientFiles:
    """The files of one session. Implements ``tools.workspace.Files``.

    Args:
        local: the disk.
        can_read: whether the client has ``fs/read_text_file``.
        can_write: whether the client has ``fs/write_text_file``.
        read_seconds: how long the client may take for a read.
        write_seconds: how long the client may take for a write.
    """

    def __init__(
        self,
        peer: Peer,
        session_id: str,
        local: Files,
        *,
        can_read: bool,
        can_write: bool,
        read_seconds: float = READ_SECONDS,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self._peer = peer
        self._session_id = session_id
        self._local = local
        self._can_read = can_read
        self._can_write = can_write
        self._read_seconds = read_seconds
        self._write_seconds = write_seconds

    async def read(self, path: Path) -> FileText:
        """The whole file as the editor has it.

        What the editor refuses comes from the disk; one that does not answer does not:
        it may hold changes that the disk does not have.

        Raises:
            FileProblem: there is none, it is no text, too large, or not readable.
        """
        if not self._can_read:
            return await self._local.read(path)
        # Not readable here, it may be in the editor: in a buffer, or on another machine.
        readable = await anyio.to_thread.run_sync(os.access, path, os.R_OK)
        on_disk = await self._local.read(path) if readable else None
        try:
            content = await self._ask_to_read(path)
        except AgentError as error:
            _log.info("the editor does not give %s: %s", path, error.message)
            return on_disk or await self._local.read(path)
        if on_disk is None:
            # Some editors say "" of what they do not have.
            return FileText(content) if content else await self._local.read(path)
        return replace(on_disk, content=self._with_newlines_of(on_disk, content))

    async def write(self, path: Path, text: FileText) -> None:
        """Has the editor write the file; folders on the way are made.

        A refusal is final, since the user may stand behind it; only an editor that does not
        know the method leaves the file to the disk.

        Raises:
            FileProblem: it was not written, or the editor did not say.
        """
        if not self._can_write:
            await self._local.write(path, text)
            return
        made = await anyio.to_thread.run_sync(_make_way, path)
        try:
            await self._ask_to_write(path, text.content)
        except AgentError as error:
            if is_unknown_method(error):
                await self._local.write(path, text)
                return
            await anyio.to_thread.run_sync(_remove_folders, made)
            raise FileProblem(
                f"The editor did not write {path.name}: {reason_of(error)}. The file is as it "
                "was. Go on without this change, or ask the user."
            ) from error

    async def _ask_to_read(self, path: Path) -> str:
        request = ReadTextFileRequest(session_id=self._session_id, path=str(path))
        with anyio.move_on_after(self._read_seconds):
            result = await self._peer.request("fs/read_text_file", request.to_wire())
            return ReadTextFileResponse.from_result(result).content
        raise FileProblem(
            f"The editor did not give {path.name} within {self._read_seconds:g} seconds. "
            "Try again later, or ask the user to look at the editor."
        )

    async def _ask_to_write(self, path: Path, content: str) -> None:
        request = WriteTextFileRequest(session_id=self._session_id, path=str(path), content=content)
        with anyio.move_on_after(self._write_seconds):
            await self._peer.request("fs/write_text_file", request.to_wire())
            return
        raise FileProblem(
            f"The editor did not say within {self._write_seconds:g} seconds whether it wrote "
            f"{path.name}. Read the file before you go on."
        )

    def _with_newlines_of(self, on_disk: FileText, content: str) -> str:
        """``content`` as it has to be on the disk where not the editor writes it back."""
        # Editors may give lines with LF alone whatever the file has.
        has_other = "\r" in content or "\r\n" not in on_disk.content
        if self._can_write or has_other:
            return content
        return content.replace("\n", "\r\n")


def _make_way(path: Path) -> list[Path]:
    """Makes what is missing above ``path``; the folders made, the innermost first.

    Raises:
        FileProblem: a folder cannot be made, or ``path`` is one, or leads elsewhere by now.
    """
    check_unmoved(path)
    if path.is_dir():
        raise FileProblem(f"{path.name} is a folder. Give the path of a file in it.")
    made: list[Path] = []
    try:
        missing = [folder for folder in path.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            made.insert(0, folder)
    except OSError as error:
        _remove_folders(made)
        raise FileProblem(
            f"The folder for {path.name} cannot be made: {error.strerror}. Choose another place."
        ) from error
    return made


def _remove_folders(made: list[Path]) -> None:
    for folder in made:
        try:
            folder.rmdir()
        except OSError:
            return
