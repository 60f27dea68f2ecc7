"""What can go wrong with an OpenAI-compatible server, as sentences that say what to do next.

Owns the wording and the choice of error class. Does not own noticing the faults. A server's
own error texts are passed on, cut to one line, without file paths and without the key.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from acp_agent.backends.http.wording import error_text, one_line
from acp_agent.backends.openai.endpoints import Endpoint
from acp_agent.errors import BackendError, BackendUnavailable, ContextOverflow, ModelNotInstalled

_AGAIN = "Then send the message again."
_OVERFLOW = re.compile(
    r"context[ _-]?(?:length|size|window)|context the overflows|exceed_context_size"
    r"|(?:prompt|input) (?:is )?too long|ContextWindowExceeded"
    r"|maximum (?:allowed|model) length",
    re.IGNORECASE,
)
_NUMBER = r"(\d{1,3}(?:,\d{3})+|\d+)"
_WINDOW = re.compile(
    rf"(?:length|size|window)(?: of| is|:)?(?: only)? \(?{_NUMBER}|> {_NUMBER} maximum",
    re.IGNORECASE,
)
_NEEDED = re.compile(
    rf"requested(?: a total of)? {_NUMBER}|{_NUMBER} (?:input |prompt )?tokens"
    rf"|prompt \(length {_NUMBER}",
    re.IGNORECASE,
)
_TOOLS = re.compile(r"\btools?\b|tool[ _-]?(?:choice|call)|function[ _-]?call", re.IGNORECASE)
_REFUSED = re.compile(
    r"support|requires?\b|enable|permitted|not allowed|un(?:known|recognized|expected)"
    r"|not implemented|extra (?:inputs|fields)",
    re.IGNORECASE,
)
_NO_PAGE = re.compile(r"(?:404 )?(?:(?:file|page|url|path) )?(?:not found)?\W*", re.IGNORECASE)
"""What servers say of an address that they do not have, unlike of a model."""
_MODEL = re.compile(r"model .*(?:not found|does(?: not|n.t) exist)|(?:no|unknown) model", re.I)


class Failed(Exception):
    """The server reports a failure in ``error`` (``status``: HTTP's; 200 within a stream)."""

    def __init__(self, error: object, status: int = 200) -> None:
        super().__init__(status)
        self.error = error
        self.status = status

    @property
    def text(self) -> str:
        """Its readable part, which may be long, or quote anything."""
        return error_text(self.error).strip()


class BrokenOff(BackendError):
    """The connection ended before the answer did."""


@dataclass(slots=True, frozen=True)
class ConnectionFaults:
    """The faults of the connection to ``endpoint``."""

    endpoint: Endpoint

    @property
    def server(self) -> str:
        """The server in words."""
        return f"the server at {self.endpoint.url}"

    @property
    def remedy(self) -> str:
        """Where its address is written."""
        return f"Check base_url of {_table(self.endpoint)}"

    def unavailable(self) -> BackendUnavailable:
        """Nothing answers at the address."""
        start = (
            "Start it, or choose another model or mode."
            if self.endpoint.is_loopback
            else f"{self.remedy}, and that the server runs there."
        )
        if self.endpoint.url.startswith("https:"):
            start += " Its certificate must be one that this machine trusts (SSL_CERT_FILE)."
        return BackendUnavailable(f"No server answers at {self.endpoint.url}. {start}")

    def broken_off(self) -> BrokenOff:
        """The connection ended before the answer did."""
        return BrokenOff(
            f"The connection to {self.server} ended before the answer was complete. "
            f"See that it still runs (its log says why). {_AGAIN}"
        )

    def stalled(self, seconds: float) -> BackendError:
        """Nothing within ``stall_timeout`` in the middle of a stream."""
        return BackendError(
            f"{_capital(self.server)} has sent nothing for {seconds:g} s, so its answer was given "
            "up. Send the message again, or raise stall_timeout in the [openai] section."
        )

    def too_long(self, limit: int) -> BackendError:
        """A line, or a body, is longer than we are ready to hold."""
        return BackendError(
            f"{_capital(self.server)} sent more than {limit // (1 << 20)} MiB in one piece, which "
            "is not read. Send the message again, or choose another model."
        )

    def no_api(self) -> BackendError:
        """Something answers that does not speak the API."""
        return BackendError(
            f"What answers at {self.endpoint.url} does not speak OpenAI's API. {self.remedy}; "
            "most servers want /v1 at its end."
        )

    def no_address(self) -> BackendUnavailable:
        """The HTTP library cannot use the address, or the environment's proxy settings."""
        return BackendUnavailable(
            f"The address {self.endpoint.url}, or a proxy set in the environment, cannot be used. "
            f"{self.remedy}."
        )

    def no_first_token(self, model: str, seconds: float) -> BackendError:
        """No first token within ``load_timeout``."""
        return BackendError(
            f"{_capital(self.server)} gave no first token of {model} within {seconds:g} s. Choose "
            "a smaller model, or raise load_timeout in the [openai] section."
        )

    def failed(self, model: str, failure: Failed) -> BackendError:
        """The server answered with a failure."""
        text, status = failure.text, failure.status
        if is_overflow(failure):
            return _overflow(failure)
        if status in (401, 403, 407):
            return self._no_access(status)
        if status == 429:
            told = self._public(text) or "HTTP 429"
            return BackendError(
                f"{_capital(self.server)} takes no more requests now: {told}. Wait a moment, then "
                "send the message again, or choose another model."
            )
        if status == 404 and _NO_PAGE.fullmatch(text):
            return self.no_api()
        if status == 404 or (status in (200, 400) and _MODEL.search(text)):
            return self._no_model(model, text)
        if status in (502, 503, 504) and not text:
            return self.unavailable()
        if "loading model" in text.lower():
            return BackendUnavailable(
                f"{_capital(self.server)} is still loading its model. Wait a moment, {_then()}"
            )
        shown = self._public(text) or f"HTTP status {status}"
        hint = "Send the message again, or choose another model; the server's log may say more."
        if "memory" in text.lower():
            hint = "Choose a smaller model, or give the server a smaller context window."
        return BackendError(f"{_capital(self.server)} answered with an error: {shown}. {hint}")

    def _no_access(self, status: int) -> BackendError:
        table = _table(self.endpoint)
        if self.endpoint.headers():
            return BackendError(
                f"{_capital(self.server)} does not accept the key (HTTP {status}). Check the "
                f"environment variable that holds it, and header in {table}."
            )
        return BackendError(
            f"{_capital(self.server)} asks for a key (HTTP {status}). Put it into an environment "
            f"variable, and the variable's name as key_env into {table}."
        )

    def _no_model(self, model: str, text: str) -> BackendError:
        told = f" ({self._public(text)})" if text else ""
        return ModelNotInstalled(
            f"{_capital(self.server)} does not have the model {model}{told}. Choose another model, "
            f"or {self.remedy[0].lower()}{self.remedy[1:]}.",
            model=model,
        )

    def _public(self, text: str) -> str:
        for value in self.endpoint.headers().values():
            for secret in (value, value.removeprefix("Bearer ")):
                text = text.replace(secret, "(key)")
        return one_line(text)


def is_overflow(failure: Failed) -> bool:
    """Whether the conversation does not fit the model's window."""
    return failure.status not in (401, 403, 429) and bool(_OVERFLOW.search(str(failure.error)))


def refuses_tools(failure: Failed) -> bool:
    """Whether the server says that it, or the model, takes no tools."""
    is_refusal = failure.status in (400, 404, 405, 422, 500, 501)
    match failure.error:
        case {"param": "tools"}:
            # Our engine has told of a load by then, so that the status is 200.
            return is_refusal or failure.status == 200
        case _:
            text = failure.text
            return is_refusal and bool(_TOOLS.search(text) and _REFUSED.search(text))


def refused_field(failure: Failed, fields: "tuple[str, ...]") -> str | None:
    """Which of ``fields`` the server says it does not take."""
    if failure.status not in (400, 422) or is_overflow(failure):
        return None
    told = str(failure.error)
    return next((field for field in fields if re.search(rf"\b{field}\b", told)), None)


def _overflow(failure: Failed) -> ContextOverflow:
    text = failure.text
    window = next(_figures(_WINDOW, text), 0)
    # Of an answer's limit that is too large beside the prompt, no figure says too much.
    needed = max(_figures(_NEEDED, _WINDOW.sub("", text)), default=0)
    advice = "Start a new session, or give the server a larger context window."
    if not 0 < window < needed:
        message = f"The conversation does not fit the model's context window. {advice}"
        return ContextOverflow(message)
    return ContextOverflow(
        f"The conversation has {needed:,} tokens and the model's context window holds "
        f"{window:,}. {advice}",
        data={"neededTokens": needed, "contextSize": window},
    )


def _figures(kind: re.Pattern[str], text: str) -> Iterator[int]:
    for match in kind.finditer(text):
        yield int(next(filter(None, match.groups())).replace(",", ""))


def _table(endpoint: Endpoint) -> str:
    return f"[endpoints.{endpoint.name}]"


def _then() -> str:
    return _AGAIN[0].lower() + _AGAIN[1:]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
