"""What the agent and its transfer process say to each other, one JSON object a line.

Owns the shapes. Does not own the process (``hub/client``) or the work in it (``hub/worker``).
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from acp_agent.models.manifest import InsidePath, Sha256

FailureKind = Literal[
    "offline",
    "unreachable",
    "no repository",
    "no revision",
    "no file",
    "denied",
    "refused",
    "rate limit",
    "server",
    "bad address",
    "wrong content",
    "no room",
    "disk",
    "busy",
    "internal",
]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class HubFile(_Message):
    """One file of a repository. The hub gives either hash: ``sha256`` for large files,
    ``blob`` (git's sha1 of the contents and their length) for small ones."""

    path: InsidePath
    size: int = Field(ge=0)
    sha256: Sha256 | None = None
    blob: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")


class Snapshot(_Message):
    """A repository at one commit; ``licence`` is what its card states."""

    repo: str
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    files: tuple[HubFile, ...]
    licence: str | None = None


class FetchedFile(_Message):
    """A file that has arrived whole and has the hash that the hub gave."""

    path: InsidePath
    size: int
    sha256: Sha256


class Retry(_Message):
    """How often and after how long a failed request is made again.

    Args:
        attempts: in a row without a new byte.
        first_wait: seconds before the second; each later one waits twice as long.
        longest_wait: seconds, at most.
        longest_asked: seconds that the hub may ask for (``Retry-After``).
    """

    attempts: int = Field(default=6, ge=1)
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_asked: float = 300.0


class ResolveJob(_Message):
    """Ask what is at ``revision`` of ``repo``. Answered with any number of ``Waiting`` and one
    ``Resolved``."""

    kind: Literal["resolve"] = "resolve"
    repo: str
    revision: str
    retry: Retry


class DownloadJob(_Message):
    """Bring ``files`` below ``folder``: whole ones to ``files``, others in ``partial``.

    Answered with any number of ``Moved`` and ``Waiting``, and one ``Finished``.
    """

    kind: Literal["download"] = "download"
    repo: str
    commit: str
    files: tuple[HubFile, ...]
    folder: Path
    retry: Retry


class Job(_Message):
    """The first line to the process."""

    job: ResolveJob | DownloadJob = Field(discriminator="kind")


class Resolved(_Message):
    """What is there."""

    kind: Literal["resolved"] = "resolved"
    snapshot: Snapshot


class Moved(_Message):
    """``done`` bytes of all files are here (``stage`` "download"), or of those that an
    earlier process brought have been read again (``stage`` "check")."""

    kind: Literal["moved"] = "moved"
    stage: Literal["download", "check"]
    done: int
    total: int


class Waiting(_Message):
    """A request failed and is made again after a pause, as attempt ``attempt`` of so many."""

    kind: Literal["waiting"] = "waiting"
    attempt: int
    attempts: int


Event = Moved | Waiting
"""What a job tells before its end."""


class Finished(_Message):
    """All files are here."""

    kind: Literal["finished"] = "finished"
    files: tuple[FetchedFile, ...]


class Failure(_Message):
    """It did not work. ``detail`` is for the log and the terminal."""

    kind: Literal["failure"] = "failure"
    what: FailureKind
    detail: str = ""


class Reply(_Message):
    """A line from the process."""

    reply: Resolved | Moved | Waiting | Finished | Failure = Field(discriminator="kind")
