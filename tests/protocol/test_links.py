"""Links in prompts: small files of the project are read, the rest can be read by the model."""

from pathlib import Path

import anyio
import pytest

from acp_agent.protocol import links
from acp_agent.protocol.content import read_prompt
from acp_agent.protocol.links import INLINE_BYTES, PROMPT_BYTES
from acp_agent.protocol.wire.content import ResourceLink, TextContent
from acp_agent.tools.workspace import FileText, Workspace
from tests.fixtures.workspace import make_workspace
from tests.rpc.connection import LIMIT

pytestmark = pytest.mark.anyio


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path.resolve() / "project"
    root.mkdir()
    return make_workspace(root)


async def told(workspace: Workspace, *uris: str) -> str:
    """The prompt that links to ``uris``."""
    blocks = [ResourceLink(name=uri.rsplit("/", 1)[-1], uri=uri) for uri in uris]
    return (await read_prompt([TextContent(text="See "), *blocks], workspace)).text


async def test_a_small_file_is_read_and_counts_as_seen(workspace: Workspace) -> None:
    path = workspace.root / "two words.py"
    path.write_text("x = 1\n")
    assert await told(workspace, path.as_uri()) == "See \n\ntwo words.py\n```\nx = 1\n\n```\n\n"
    assert workspace.is_current(path, "x = 1\n")


async def test_the_editors_text_is_what_is_read(workspace: Workspace) -> None:
    class Unsaved:
        async def read(self, path: Path) -> FileText:
            return FileText("unsaved")

        async def write(self, path: Path, text: FileText) -> None:
            raise AssertionError

    workspace.files = Unsaved()
    (workspace.root / "a.py").write_text("saved")
    assert "unsaved" in await told(workspace, (workspace.root / "a.py").as_uri())


async def test_an_editor_that_does_not_answer_leaves_links(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        async def read(self, path: Path) -> FileText:
            await anyio.sleep_forever()
            raise AssertionError

        async def write(self, path: Path, text: FileText) -> None:
            raise AssertionError

    monkeypatch.setattr(links, "SECONDS", 0.01)
    workspace.files = Silent()
    (workspace.root / "a.py").write_text("saved")
    with anyio.fail_after(LIMIT):
        assert await told(workspace, (workspace.root / "a.py").as_uri()) == "See [a.py](a.py)"


@pytest.mark.parametrize("size", [INLINE_BYTES, INLINE_BYTES + 1])
async def test_a_large_file_stays_a_link_that_the_model_can_follow(
    workspace: Workspace, size: int
) -> None:
    (workspace.root / "src").mkdir()
    path = workspace.root / "src" / "a.py"
    path.write_text("y" * size)
    text = await told(workspace, path.as_uri())
    if size > INLINE_BYTES:
        assert text == "See [a.py](src/a.py)"
        assert not workspace.has_seen(path)
    else:
        assert "y" * size in text


async def test_unsaved_text_can_be_too_large_as_well(workspace: Workspace) -> None:
    path = workspace.root / "ä.txt"
    path.write_text("ä" * (INLINE_BYTES // 2) + "x")
    assert (await told(workspace, path.as_uri())).endswith("](ä.txt)")


async def test_many_files_are_not_all_read(workspace: Workspace) -> None:
    paths = [workspace.root / f"{number}.txt" for number in range(6)]
    for path in paths:
        path.write_text("z" * (INLINE_BYTES - 100))
    text = await told(workspace, *(path.as_uri() for path in paths))
    assert len(text) < PROMPT_BYTES + 1000
    assert "](5.txt)" in text


async def test_what_may_not_be_read_without_asking_is_not_read(workspace: Workspace) -> None:
    outside = workspace.root.parent / "secret.txt"
    outside.write_text("secret")
    link = workspace.root / "link.txt"
    link.symlink_to(outside)
    own = workspace.root / "own"
    own.mkdir()
    (own / "state.txt").write_text("secret")
    workspace.private = (own,)
    text = await told(
        workspace,
        outside.as_uri(),
        link.as_uri(),
        (own / "state.txt").as_uri(),
        workspace.root.as_uri(),
        (workspace.root / "missing.txt").as_uri(),
    )
    assert text == (
        f"See [secret.txt]({outside})[link.txt](link.txt)[state.txt](own/state.txt)[project](.)"
        "[missing.txt](missing.txt)"
    )


async def test_additional_folders_are_the_sessions_too(workspace: Workspace) -> None:
    extra = workspace.root.parent / "extra"
    extra.mkdir()
    (extra / "a.txt").write_text("hello")
    workspace.extra = (extra,)
    assert f"{extra / 'a.txt'}\n```\nhello" in await told(workspace, (extra / "a.txt").as_uri())


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.org/a.txt",
        "file://server/share/a.txt",
        "file:a.txt",
        "file:///a%00b",
        "file://[",
        "a.txt",
        "",
        "zed:///agent/thread",
    ],
)
async def test_other_addresses_stay_as_they_are(workspace: Workspace, uri: str) -> None:
    (workspace.root / "a.txt").write_text("text")
    assert (await told(workspace, uri)).endswith(f"]({uri})")


async def test_lines_that_were_selected_do_not_spoil_the_path(workspace: Workspace) -> None:
    path = workspace.root / "a.py"
    path.write_text("x" * (INLINE_BYTES + 1))
    assert await told(workspace, path.as_uri() + "#L3-9") == "See [a.py#L3-9 (L3-9)](a.py)"
