"""What went wrong with a request to the hub, and whether to make it again.

Owns telling the library's and the system's exceptions apart. Does not own the sentences for
the user (``hub/client``). Runs in the transfer process only.
"""

import errno
from typing import Final

from acp_agent.models.hub.messages import FailureKind

_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Fault(Exception):
    """A request that failed.

    Args:
        kind: what happened.
        is_passing: whether it may work when it is made again.
        wait: seconds that the hub asked to wait.
    """

    def __init__(
        self,
        kind: FailureKind,
        detail: str = "",
        *,
        is_passing: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind: FailureKind = kind
        self.detail = detail
        self.is_passing = is_passing
        self.wait = wait


def as_fault(error: Exception) -> Fault:
    """``error``, whatever raised it, as a fault."""
    import httpx2
    from huggingface_hub import errors

    if isinstance(error, Fault):
        return error
    detail = f"{type(error).__name__}: {error}"
    match error:
        case errors.OfflineModeIsEnabled():
            return Fault("offline", detail)
        case errors.GatedRepoError():
            return Fault("denied", detail)
        case errors.RevisionNotFoundError():
            return Fault("no revision", detail)
        case errors.RemoteEntryNotFoundError():
            return Fault("no file", detail)
        case errors.RepositoryNotFoundError() | errors.DisabledRepoError():
            return Fault("no repository", detail)
        case errors.HfHubHTTPError():
            headers = error.response.headers
            return _status_fault(error.response.status_code, headers.get("retry-after"), detail)
        case httpx2.UnsupportedProtocol() | httpx2.InvalidURL() | httpx2.TooManyRedirects():
            return Fault("bad address", detail)
        case httpx2.RequestError():
            return Fault("unreachable", detail, is_passing=True)
        case errors.HFValidationError():
            return Fault("no repository", detail)
        case OSError():
            return Fault("no room" if error.errno in _NO_ROOM else "disk", detail)
        case _:
            return Fault("internal", detail)


def _status_fault(status: int, retry_after: str | None, detail: str) -> Fault:
    wait = float(retry_after) if retry_after and retry_after.isdigit() else None
    if status == 429:
        return Fault("rate limit", detail, is_passing=True, wait=wait)
    if status == 408 or status >= 500:
        return Fault("server", detail, is_passing=True, wait=wait)
    if status in (401, 403):
        return Fault("denied", detail)
    if status == 404:
        return Fault("no file", detail)
    return Fault("refused", detail)
