"""The transfer process: does one job and ends.

Owns its input and output and that it never outlives its parent. Does not own the transfer
itself (``hub/transfer``). ``python -m acp_agent.models.hub.worker`` reads a ``Job`` from
standard input, which must then stay open, and writes ``Reply`` lines.
"""

import os
import sys
import threading
from collections.abc import Callable

from filelock import FileLock, Timeout

from acp_agent.models.hub.faults import Fault, as_fault
from acp_agent.models.hub.messages import (
    DownloadJob,
    Event,
    Failure,
    Finished,
    HubFile,
    Job,
    Reply,
    Resolved,
    ResolveJob,
    Snapshot,
)
from acp_agent.models.hub.transfer import Transfer, pause

_LOCK_TIMEOUT = 10.0
"""Seconds for a process whose parent was killed to be gone."""
_REQUEST_TIMEOUT = 30.0


def main() -> int:
    """Does the job; the exit status."""
    job = Job.model_validate_json(_read_line()).job
    threading.Thread(target=_end_with_parent, daemon=True).start()
    reply = do_job(job, _emit)
    _emit(reply)
    return 1 if isinstance(reply, Failure) else 0


def do_job(
    job: ResolveJob | DownloadJob, emit: Callable[[Event], None]
) -> Resolved | Finished | Failure:
    """What came of ``job``; ``emit`` is told how it goes meanwhile."""
    try:
        return _resolve(job, emit) if isinstance(job, ResolveJob) else _download(job, emit)
    except Exception as error:  # told apart by as_fault
        fault = as_fault(error)
        return Failure(what=fault.kind, detail=fault.detail)


def _resolve(job: ResolveJob, emit: Callable[[Event], None]) -> Resolved:
    failed = 0
    while True:
        try:
            return Resolved(snapshot=_ask(job))
        except Exception as error:  # told apart by as_fault
            fault = as_fault(error)
        failed += 1
        if not fault.is_passing or failed >= job.retry.attempts:
            raise fault
        pause(job.retry, failed, fault, emit)


def _ask(job: ResolveJob) -> Snapshot:
    from huggingface_hub import HfApi

    info = HfApi(token=_token()).model_info(
        job.repo, revision=job.revision, files_metadata=True, timeout=_REQUEST_TIMEOUT
    )
    card = info.card_data
    files = [
        HubFile(
            path=sibling.rfilename,
            size=sibling.size or 0,
            sha256=sibling.lfs.sha256 if sibling.lfs else None,
            blob=sibling.blob_id,
        )
        for sibling in info.siblings or []
    ]
    if info.sha is None:
        raise Fault("internal", "the hub named no commit")
    licence = card.license if card is not None and isinstance(card.license, str) else None
    return Snapshot(repo=job.repo, commit=info.sha, files=tuple(files), licence=licence)


def _download(job: DownloadJob, emit: Callable[[Event], None]) -> Finished:
    job.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(job.folder / "writer.lock", timeout=_LOCK_TIMEOUT):
            return Transfer(job, _token(), emit).run()
    except Timeout:
        raise Fault("busy", "another process writes the same files") from None


def _token() -> str | bool:
    """The user's token, only where they set it for their programs; else none is sent."""
    return os.environ.get("HF_TOKEN") or False


def _emit(reply: Resolved | Event | Finished | Failure) -> None:
    sys.stdout.write(Reply(reply=reply).model_dump_json() + "\n")
    sys.stdout.flush()


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        # Not through sys.stdin: a thread that waits in its buffer aborts the interpreter's end.
        piece = os.read(0, 65_536)
        if not piece:
            break
        line += piece
    return line


def _end_with_parent() -> None:
    """Ends this process when the other end of its input closes, however that came about."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
