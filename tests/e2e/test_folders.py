"""A session's folders, through the official SDK: which are its own, and that two do not mix."""

from itertools import product
from pathlib import Path

import pytest

from tests.e2e.agent_process import agent_environ
from tests.e2e.full_editor import FullEditor, full_editor
from tests.e2e.python_client import result_of
from tests.e2e.session import OpenSession
from tests.fixtures.ollama_model import OllamaModel
from tests.fixtures.ollama_replies import Content, Hold, Reply, ToolUse
from tests.fixtures.ollama_server import OllamaServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("posix")]


def reading_server(*paths: str) -> OllamaServer:
    """A server whose model reads ``paths``, one an answer, and then says so."""
    server = OllamaServer(models=[OllamaModel("coder:latest", ("completion", "tools"))])
    server.queue += [Reply((ToolUse("read_file", {"path": path}),)) for path in paths]
    server.queue.append(Reply((Content("Read."),)))
    return server


async def open_in(editor: FullEditor, folder: Path, *extra: Path) -> OpenSession:
    """A new session in mode ``ollama``; ``extra`` are its additional folders."""
    call = editor.connection.new_session(
        cwd=str(folder), additional_directories=[*map(str, extra)], mcp_servers=[]
    )
    session = OpenSession(editor, await result_of(call))
    await session.choose("ollama")
    return session


def reject(question: dict[str, list[dict[str, str]]]) -> str:
    """The user refuses it once."""
    return next(o["optionId"] for o in question["options"] if o["kind"] == "reject_once")


async def test_an_additional_folder_is_read_without_asking(
    isolated_home: Path, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("project", "library", "elsewhere")]
    for folder in folders:
        folder.mkdir()
        (folder / "note.txt").write_text(f"from {folder.name}\n")
    project, library, elsewhere = folders
    paths = [str(folder / "note.txt") for folder in (library, elsewhere)]
    async with reading_server(*paths).running() as server:
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url)
        async with full_editor(environ, choose=reject) as editor:
            await editor.initialize()
            session = await open_in(editor, project, library)
            assert await (await session.ask("Read the notes.")).stop_reason() == "end_turn"
            (question,) = editor.questions
            assert question.params["toolCall"]["rawInput"] == {"path": paths[1]}
        results = [
            each["content"] for each in server.chats[-1]["messages"] if each["role"] == "tool"
        ]
        assert "from library" in results[0]
        assert "from elsewhere" not in results[1]


async def test_two_sessions_at_once_keep_to_their_folders(
    isolated_home: Path, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    server = reading_server("note.txt", "note.txt")
    first_reply, second_reply = server.queue[:2]
    # Not before the other session's request: each of the two makes one call.
    first_reply.steps = (Hold(second_reply.started), *first_reply.steps)
    server.queue.append(Reply((Content("Read."),)))
    async with server.running():
        environ = agent_environ(isolated_home, OLLAMA_HOST=server.url)
        async with full_editor(environ) as editor:
            await editor.initialize()
            sessions: list[OpenSession] = []
            for folder in folders:
                folder.mkdir()
                (folder / "note.txt").write_text(f"from {folder.name}\n")
                sessions.append(await open_in(editor, folder))
            first, second = sessions
            async with first.asking("one: read it.") as one, second.asking("two: read it.") as two:
                for turn in (one, two):
                    assert await turn.stop_reason() == "end_turn"
            assert not editor.questions
        for name, chat in product(("one", "two"), server.chats[-2:]):
            newest = {each["role"]: each["content"] for each in chat["messages"]}
            is_its = newest["user"].endswith(f"{name}: read it.")
            assert (f"from {name}" in newest["tool"]) == is_its
