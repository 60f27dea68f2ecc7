"""The folder of a call: only one that the client has open, and what the model is told of it."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import INVALID_REQUEST, ErrorData, Root

from acp_agent.mcp_server.call import Services
from acp_agent.mcp_server.roots import MOST_ROOTS, read_roots
from acp_agent.mcp_server.server import build_server
from tests.mcp_server.harness import Stage, ask, failure, texts

pytestmark = pytest.mark.anyio

NO_FOLDER = (
    "workspace_root cannot be used, since no folder is open: open the project's folder first, or "
    "leave workspace_root out and put what matters into user_prompt."
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a space in its name, a file and a guide."""
    folder = tmp_path / "my project"
    folder.mkdir()
    (folder / "main.py").touch()
    (folder / "AGENTS.md").write_text("Use tabs.\n")
    return folder


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_model_is_told_of_a_folder_that_the_client_has_open(
    mode: str, project: Path
) -> None:
    stage = Stage()
    async with stage.client(project, mode=mode) as client:
        assert texts(await ask(client, workspace_root=str(project))) == ["ok"]
        request = stage.own.streams[0].request
        assert request is not None
        (message,) = request.messages
        assert "main.py" in message.text
        assert "Use tabs." in message.text
        assert message.text.endswith("</context>\n\nWrite it.")
        sentence = failure(await ask(client, workspace_root=str(project.parent)))
    assert sentence.startswith("workspace_root lies outside of the folders that are open: ")
    assert len(stage.own.streams) == 1
    refused = stage.log.records[-1]
    assert [each.gate for each in refused.skipped] == ["refused"]
    assert str(project) not in str(refused)


async def test_a_guide_that_is_cut_is_told(project: Path) -> None:
    (project / "AGENTS.md").write_text("A rule.\n" * 200)
    stage = Stage()
    async with stage.client(project) as client:
        answer, note = texts(await ask(client, workspace_root=str(project)))
    assert answer == "ok"
    assert "AGENTS.md may take 10 %" in note


async def test_without_roots_the_working_directory_counts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    async with Stage().client() as client:
        assert not (await ask(client, workspace_root=str(project))).is_error
        assert "outside" in failure(await ask(client, workspace_root=str(project.parent)))


async def test_the_root_of_the_disk_is_no_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.anchor)
    async with Stage().client() as client:
        sentence = failure(await ask(client, workspace_root=str(project)))
    assert sentence == NO_FOLDER


async def test_a_link_that_leads_out_is_refused(project: Path) -> None:
    (project / "out").symlink_to(project.parent, target_is_directory=True)
    async with Stage().client(project) as client:
        assert "outside" in failure(await ask(client, workspace_root=str(project / "out")))


async def test_a_client_that_does_not_name_its_roots_has_none(project: Path) -> None:
    stage = Stage()

    async def refuse(context: ClientRequestContext) -> ErrorData:
        return ErrorData(code=INVALID_REQUEST, message="no")

    async def load() -> Services:
        return stage.services()

    server = build_server(load)
    async with Client(server, mode="legacy", list_roots_callback=refuse) as client:
        sentence = failure(await ask(client, workspace_root=str(project)))
    assert sentence == NO_FOLDER


async def test_roots_are_asked_for_only_where_a_call_names_a_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = SimpleNamespace(count=0)

    async def count(*arguments: object) -> list[Path]:
        asked.count += 1
        return [project]

    monkeypatch.setattr("acp_agent.mcp_server.server.find_roots", count)
    async with Stage().client(project) as client:
        await ask(client)
        assert asked.count == 0
        await ask(client, workspace_root=str(project))
        assert asked.count == 1


def test_only_folders_of_this_machine_are_read() -> None:
    uris = ["file:///a%20b", "file://localhost/c", "file://elsewhere/d"]
    roots = [Root.model_validate({"uri": uri}) for uri in uris]
    assert read_roots(roots) == [Path("/a b"), Path("/c")]
    assert len(read_roots(roots[:1] * 500)) == MOST_ROOTS
