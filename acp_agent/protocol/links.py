"""Files that a prompt links to: small ones go into it, the others stay links.

Owns which links are read at once, and the path under which a model can read the rest by
itself. Does not own how content reads to a model (``protocol/content``), nor files.

Source: https://agentclientprotocol.com/protocol/v1/content#resource-link
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import anyio
import anyio.to_thread

from acp_agent.protocol.wire.content import (
    ContentBlock,
    EmbeddedResource,
    ResourceLink,
    TextResourceContents,
)
from acp_agent.tools.files.paths import find, is_at_home
from acp_agent.tools.workspace import FileProblem, Workspace

INLINE_BYTES = 8 * 1024
"""UTF-8 bytes of the largest file that goes into the prompt."""
PROMPT_BYTES = 32 * 1024
"""How much one prompt takes in so; what comes after stays a link."""
SECONDS = 5.0
"""How long a prompt waits for all of them; an editor need not answer."""


async def read_links(blocks: Sequence[ContentBlock], workspace: Workspace) -> list[ContentBlock]:
    """``blocks`` with small text files in the place of links to them.

    Only files in the session's folders are read, as the editor has them; they count as seen
    by the model. Every other ``file://`` link gets the path for ``read_file``.
    """
    room, deadline = PROMPT_BYTES, anyio.current_time() + SECONDS
    result: list[ContentBlock] = []
    for block in blocks:
        path = _path_of(block.uri) if isinstance(block, ResourceLink) else None
        if not isinstance(block, ResourceLink) or path is None:
            result.append(block)
            continue
        text = None
        with anyio.CancelScope(deadline=deadline):
            text = await _small_text(path, workspace, min(room, INLINE_BYTES))
        if text is None:
            result.append(_with_path(block, workspace.name(path)))
        else:
            room -= len(text.encode("utf-8", "surrogatepass"))
            resource = TextResourceContents(uri=workspace.name(path), text=text)
            result.append(EmbeddedResource(resource=resource))
    return result


def _path_of(uri: str) -> Path | None:
    """The absolute path that a ``file://`` address names; None for every other address."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    path = Path(url2pathname(parts.path))
    return path if path.is_absolute() and "\0" not in str(path) else None


async def _small_text(path: Path, workspace: Workspace, limit: int) -> str | None:
    """The file's text if it may be read without asking, and has at most ``limit`` bytes."""
    try:
        found = await find(workspace, str(path))
        if not is_at_home(found, workspace) or await _is_large(found, limit):
            return None
        content = (await workspace.files.read(found)).content
    except FileProblem:
        return None
    if len(content.encode("utf-8", "surrogatepass")) > limit:
        return None
    workspace.note_seen(found, content)
    return content


async def _is_large(path: Path, limit: int) -> bool:
    try:
        return (await anyio.to_thread.run_sync(path.stat)).st_size > limit
    except OSError:
        return False  # the editor may have it all the same


def _with_path(link: ResourceLink, name: str) -> ResourceLink:
    # Editors name the lines that were selected in the fragment; they are no part of the path.
    lines = unquote(urlsplit(link.uri).fragment)
    title = link.title or link.name
    changes = {"uri": name, "title": f"{title} ({lines})" if lines else title}
    return link.model_copy(update=changes)
