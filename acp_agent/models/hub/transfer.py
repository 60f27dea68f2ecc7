"""Bringing the files of one commit into a folder, going on where an earlier process ended.

Owns ranges, hashes and repeating. Does not own which files those are, nor making them
visible. Runs in the transfer process only, so that it may block.

Below the job's folder, ``partial/PATH`` grows and becomes ``files/PATH`` when its hash is
right. The folder belongs to one commit, so what is there belongs to the same file.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from acp_agent import __version__
from acp_agent.models.hub.faults import Fault, as_fault
from acp_agent.models.hub.messages import (
    DownloadJob,
    Event,
    FetchedFile,
    Finished,
    HubFile,
    Moved,
    Retry,
    Waiting,
)

Emit = Callable[[Event], None]

_INTERVAL: Final = 0.1
_PIECE: Final = 2**20
_CONNECT_TIMEOUT: Final = 10.0
_WRONG_LIMIT: Final = 2
"""How often the contents of one file may turn out wrong before it is given up."""
_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Transfer:
    """One download job."""

    def __init__(self, job: DownloadJob, token: str | bool, emit: Emit) -> None:
        self._job = job
        self._token = token
        self._emit = emit
        self._have: dict[str, int] = {}
        self._emitted = 0.0

    def run(self) -> Finished:
        """Brings all files, the small ones first.

        Raises:
            Fault: one could not be had; what has arrived stays.
        """
        files = sorted(self._job.files, key=lambda file: file.size)
        fetched = self._check_finished(files)
        for file in files:
            partial = self._partial(file)
            self._have[file.path] = file.size if file.path in fetched else _size(partial)
        self._report(force=True)
        for file in files:
            if file.path not in fetched:
                fetched[file.path] = self._fetch(file)
        self._report(force=True)
        return Finished(files=tuple(fetched[file.path] for file in self._job.files))

    def _check_finished(self, files: list[HubFile]) -> dict[str, FetchedFile]:
        """Reads again what earlier processes finished; what is not right any more goes."""
        present = [file for file in files if self._finished(file).is_file()]
        total, done = sum(file.size for file in present), 0
        fetched: dict[str, FetchedFile] = {}
        for file in present:
            if (found := _check(self._finished(file), file)) is None:
                self._finished(file).unlink()
            else:
                fetched[file.path] = found
            done += file.size
            self._emit(Moved(stage="check", done=done, total=total))
        return fetched

    def _fetch(self, file: HubFile) -> FetchedFile:
        partial, wrong = self._partial(file), 0
        partial.parent.mkdir(parents=True, exist_ok=True)
        while True:
            self._complete(file, partial)
            found = _check(partial, file)
            if found is not None:
                break
            partial.unlink()
            wrong += 1
            if wrong == _WRONG_LIMIT:
                raise Fault("wrong content", f"{file.path} has another hash than the hub states")
        target = self._finished(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        _flush(partial)
        partial.replace(target)
        return found

    def _complete(self, file: HubFile, partial: Path) -> None:
        """Lets ``partial`` grow to the size of ``file``, over as many requests as it takes."""
        failed = 0
        partial.touch()
        while (before := _size(partial)) != file.size:
            if before > file.size:
                os.truncate(partial, 0)
                continue
            fault = self._request(file, partial, before)
            after = self._have[file.path] = _size(partial)
            self._report(force=True)
            if fault is None:
                continue
            failed = 1 if after > before else failed + 1
            if not fault.is_passing or failed >= self._job.retry.attempts:
                raise fault
            pause(self._job.retry, failed, fault, self._emit)

    def _request(self, file: HubFile, partial: Path, start: int) -> Fault | None:
        try:
            self._stream(file, partial, start)
        except Exception as error:  # told apart by as_fault
            return as_fault(error)
        if _size(partial) < file.size:
            return Fault("unreachable", f"{file.path} ended early", is_passing=True)
        return None

    def _stream(self, file: HubFile, partial: Path, start: int) -> None:
        import httpx2
        from huggingface_hub import constants, get_session, hf_hub_url
        from huggingface_hub.utils import hf_raise_for_status

        url = hf_hub_url(self._job.repo, file.path, revision=self._job.commit)
        timeout = httpx2.Timeout(constants.HF_HUB_DOWNLOAD_TIMEOUT, connect=_CONNECT_TIMEOUT)
        headers = self._headers(start)
        with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
            if response.status_code == 416:
                os.truncate(partial, 0)
                raise Fault("server", f"{file.path}: range refused", is_passing=True)
            hf_raise_for_status(response)
            position = _position(response.status_code, response.headers.get("content-range"), file)
            if position not in (0, start):
                raise Fault("server", f"{file.path}: another range came", is_passing=True)
            with partial.open("r+b", buffering=0) as out:
                out.seek(position)
                out.truncate()
                begin = position
                for piece in response.iter_bytes():
                    is_first = position == begin
                    position += len(piece)
                    if position > file.size:
                        out.truncate(0)
                        raise Fault("server", f"{file.path} is too long", is_passing=True)
                    _write(out, piece)
                    self._have[file.path] = position
                    self._report(force=is_first)

    def _headers(self, start: int) -> dict[str, str]:
        import huggingface_hub.utils as hub

        # Not compressed, so that sizes and positions are the file's own.
        wanted = {"Accept-Encoding": "identity"}
        if start:
            wanted["Range"] = f"bytes={start}-"
        # The library leaves the type of another parameter open.
        build = hub.build_hf_headers  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return build(
            token=self._token,
            library_name="acp-agent",
            library_version=__version__,
            headers=wanted,
        )

    def _report(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._emitted >= _INTERVAL:
            self._emitted = now
            total = sum(file.size for file in self._job.files)
            self._emit(Moved(stage="download", done=sum(self._have.values()), total=total))

    def _finished(self, file: HubFile) -> Path:
        return self._job.folder / "files" / file.path

    def _partial(self, file: HubFile) -> Path:
        return self._job.folder / "partial" / file.path


def pause(retry: Retry, failed: int, fault: Fault, emit: Emit) -> None:
    """Waits before the next attempt, after ``failed`` ones: exponentially, or as asked."""
    emit(Waiting(attempt=failed + 1, attempts=retry.attempts))
    wait = min(retry.first_wait * 2 ** (failed - 1), retry.longest_wait)
    if fault.wait is not None:
        wait = max(wait, min(fault.wait, retry.longest_asked))
    time.sleep(wait)


def _position(status: int, content_range: str | None, file: HubFile) -> int:
    """Where in ``file`` the response begins; a whole file begins at 0."""
    if status != 206:
        return 0
    found = _RANGE.fullmatch(content_range or "")
    if found is None or found[2] not in ("*", str(file.size)):
        raise Fault("server", f"{file.path}: unreadable range", is_passing=True)
    return int(found[1])


def _check(path: Path, file: HubFile) -> FetchedFile | None:
    """``path`` described, if it is ``file``; reads it in pieces."""
    size = _size(path)
    if size != file.size:
        return None
    sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as content:
        while piece := content.read(_PIECE):
            sha256.update(piece)
            if file.sha256 is None:
                blob.update(piece)
    if (file.sha256 or sha256.hexdigest()) != sha256.hexdigest():
        return None
    if file.sha256 is None and file.blob != blob.hexdigest():
        return None
    return FetchedFile(path=file.path, size=size, sha256=sha256.hexdigest())


def _write(out: Any, piece: bytes) -> None:
    """All of ``piece``: an unbuffered file may take a part when the disk is nearly full."""
    view = memoryview(piece)
    while view:
        view = view[out.write(view) :]


def _flush(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
