"""The agent's side of the transfer process: starting it, following it, killing it.

Owns the process's surroundings and the sentences for what can go wrong. Does not own the
transfer (``hub/transfer``) or what is done with the files (``models/from_hub``).
"""

import logging
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from acp_agent.errors import InstallError
from acp_agent.models.hub.messages import (
    DownloadJob,
    Event,
    Failure,
    FailureKind,
    FetchedFile,
    Finished,
    HubFile,
    Job,
    Moved,
    Reply,
    Resolved,
    ResolveJob,
    Retry,
    Snapshot,
    Waiting,
)

Follow = Callable[[Event], Awaitable[None]]

_LOG = logging.getLogger(__name__)
_LINE_LIMIT: Final = 2**24

_SETTINGS: Final = {
    # xet opens connections of its own, which neither resume across restarts nor obey
    # HF_ENDPOINT; the hub serves the same files over plain HTTP.
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
}
_REMOVED: Final = ("HF_DEBUG", "HF_HUB_VERBOSITY")
"""They would print requests, and with them the token."""

_KEPT = "What has arrived is kept, and installing again goes on from there."
SENTENCES: Final[Mapping[FailureKind, str]] = {
    "offline": "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set, which forbids asking the model "
    "hub: unset it to install models. Installed ones run without it.",
    "unreachable": "The model hub could not be reached: check that this machine is online and "
    f"that proxy and certificates are set, then try again. {_KEPT}",
    "no repository": "The model hub has no such repository, or it is private: check its name, "
    "and set HF_TOKEN if it needs an account.",
    "no revision": "The repository has no such revision: check it. If it is the commit of an "
    "earlier attempt, remove that with `acp-agent models remove`, then install again.",
    "no file": "The repository lacks a file that belongs to it: try again, and if it stays so, "
    "choose another revision.",
    "denied": "The model hub wants an account for this repository: accept its terms there, set "
    "HF_TOKEN, then try again.",
    "refused": "The model hub refused the request; the log says how. Try again later.",
    "rate limit": f"The model hub asks for a pause: try again in some minutes. {_KEPT}",
    "server": f"The model hub does not answer as it should: try again later. {_KEPT}",
    "bad address": "The address of the model hub is not usable: check HF_ENDPOINT.",
    "wrong content": "A file came with other contents than the model hub states, twice, so it "
    "was thrown away: try again, and if it stays so, check HF_ENDPOINT and the proxy.",
    "no room": f"The disk is full: make room, then install again. {_KEPT}",
    "disk": "The models folder could not be written: check its permissions, then try again.",
    "busy": "Another process writes the same files: try again when it has ended.",
    "internal": "The transfer failed for a reason that was not foreseen; the log has it.",
}
"""What the user reads of each kind of failure."""


async def resolve(repo: str, revision: str, folder: Path, retry: Retry, follow: Follow) -> Snapshot:
    """What is at ``revision`` (branch, tag, commit) of ``repo`` now.

    Args:
        folder: an existing one, the process's working folder.

    Raises:
        InstallError: the hub did not say.
    """
    reply = await _run(ResolveJob(repo=repo, revision=revision, retry=retry), folder, follow)
    if not isinstance(reply, Resolved):
        raise _unforeseen(f"unexpected reply {reply.kind}")
    return reply.snapshot


async def download(
    snapshot: Snapshot, files: tuple[HubFile, ...], folder: Path, retry: Retry, follow: Follow
) -> tuple[FetchedFile, ...]:
    """Brings ``files`` of ``snapshot`` below ``folder``, where they are in ``files``.

    Cancelling kills the process; what has arrived stays, and the next call goes on.

    Args:
        folder: an existing one that belongs to the snapshot's commit.

    Raises:
        InstallError: not all could be had.
    """
    job = DownloadJob(
        repo=snapshot.repo, commit=snapshot.commit, files=files, folder=folder, retry=retry
    )
    reply = await _run(job, folder, follow)
    if not isinstance(reply, Finished):
        raise _unforeseen(f"unexpected reply {reply.kind}")
    return reply.files


async def _run(job: ResolveJob | DownloadJob, folder: Path, follow: Follow) -> Resolved | Finished:
    # -P: no module of the folder that the editor started us in may be imported. A session
    # of its own: Ctrl-C in the terminal is for us, and the process ends with us.
    command = [sys.executable, "-P", "-m", "acp_agent.models.hub.worker"]
    with tempfile.TemporaryFile() as errors:
        async with await anyio.open_process(
            command, stderr=errors, cwd=folder, env=_environment(), start_new_session=True
        ) as process:
            try:
                reply = await _follow(process, job, follow)
            finally:
                if process.returncode is None:
                    process.kill()
        if reply is None:
            errors.seek(0)
            raise _unforeseen(errors.read()[-4000:].decode("utf-8", errors="replace"))
    if isinstance(reply, Failure):
        _LOG.info("transfer of %s failed: %s: %s", job.repo, reply.what, reply.detail)
        raise InstallError(SENTENCES[reply.what], output=reply.detail)
    return reply


async def _follow(
    process: Process, job: ResolveJob | DownloadJob, follow: Follow
) -> Resolved | Finished | Failure | None:
    """The last line of the process; None where it ended without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    lines = BufferedByteReceiveStream(process.stdout)
    try:
        await process.stdin.send(Job(job=job).model_dump_json().encode() + b"\n")
        while True:
            line = await lines.receive_until(b"\n", _LINE_LIMIT)
            reply = Reply.model_validate_json(line).reply
            if not isinstance(reply, Moved | Waiting):
                return reply
            await follow(reply)
    except (anyio.BrokenResourceError, anyio.IncompleteRead):
        return None


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _REMOVED}
    return {**kept, **_SETTINGS}


def _unforeseen(detail: str) -> InstallError:
    _LOG.warning("transfer process: %s", detail)
    return InstallError(SENTENCES["internal"], output=detail)
