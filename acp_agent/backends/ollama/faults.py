"""What can go wrong with an Ollama server, as sentences that say what to do next.

Owns the wording and the choice of error class. Does not own noticing the faults.
Ollama's own error texts are passed on, cut to one line and without file paths.
"""

import re
from dataclasses import dataclass

from acp_agent.backends.http.wording import error_text, one_line
from acp_agent.backends.ollama.endpoint import Endpoint
from acp_agent.errors import BackendError, BackendUnavailable, ContextOverflow, ModelNotInstalled

_OVERFLOW = re.compile(
    r"context (?:length|size|window)|exceed_context_size|prompt (?:is )?too long", re.IGNORECASE
)
_TOKENS = re.compile(r"(\d+) tokens")
_AGAIN = "Then send the message again."


@dataclass(slots=True, frozen=True)
class ConnectionFaults:
    """The faults of connections to ``endpoint``, as ``backends/http`` asks for them."""

    endpoint: Endpoint

    def unavailable(self) -> BackendUnavailable:
        """As the function of that name."""
        return unavailable(self.endpoint)

    def broken_off(self) -> BackendError:
        """As the function of that name."""
        return broken_off(self.endpoint)

    def stalled(self, seconds: float) -> BackendError:
        """As the function of that name."""
        return stalled(seconds)

    def too_long(self, limit: int) -> BackendError:
        """As ``line_too_long``."""
        return line_too_long(limit)


def unavailable(endpoint: Endpoint) -> BackendUnavailable:
    """Nothing answers at the address."""
    start = (
        "Start it with `ollama serve` or open the Ollama app, or choose another mode."
        if endpoint.is_loopback
        else "Check that it runs there and that base_url in the [ollama] section is right."
    )
    return BackendUnavailable(f"Ollama does not answer at {endpoint.url}. {start}")


def not_ollama(endpoint: Endpoint) -> BackendError:
    """Something answers that does not speak Ollama's API."""
    return BackendError(
        f"What answers at {endpoint.url} does not speak Ollama's API. "
        "Check base_url in the [ollama] section (or OLLAMA_HOST)."
    )


def not_from_ollama(endpoint: Endpoint, status: int) -> BackendError:
    """An HTTP error that Ollama did not write: of a server in front of it, or of another."""
    if status in (401, 403, 407):
        return BackendError(
            f"The server at {endpoint.url} asks for a login (HTTP {status}). Put user and "
            "password into base_url in the [ollama] section."
        )
    if status in (502, 503, 504):
        return unavailable(endpoint)
    return not_ollama(endpoint)


def no_list(endpoint: Endpoint, error: object) -> BackendError:
    """The server does not tell which models it has."""
    return BackendError(
        f"Ollama at {endpoint.url} does not list its models: {_public(error_text(error))}. "
        "See its log, or choose another mode."
    )


def broken_off(endpoint: Endpoint) -> BackendError:
    """The connection ended before the answer did."""
    return BackendError(
        f"The connection to Ollama at {endpoint.url} ended before the answer was complete. "
        f"See that Ollama still runs (its log says why). {_AGAIN}"
    )


def not_loaded(model: str, seconds: float) -> BackendError:
    """No first line within ``load_timeout``."""
    return BackendError(
        f"Ollama gave no first token of {model} within {seconds:g} s. Choose a smaller model, "
        "or raise load_timeout in the [ollama] section."
    )


def stalled(seconds: float) -> BackendError:
    """Nothing within ``stall_timeout`` in the middle of a stream."""
    return BackendError(
        f"Ollama has sent nothing for {seconds:g} s, so its answer was given up. Send the "
        "message again, or raise stall_timeout in the [ollama] section."
    )


def pull_not_started(model: str, seconds: float) -> BackendError:
    """No first line of a pull in time; the limit is fixed."""
    return BackendError(
        f"Ollama has not begun to pull {model} within {seconds:g} s. See that its machine "
        "reaches Ollama's library (its log says more), then try again."
    )


def line_too_long(limit: int) -> BackendError:
    """One line of a stream is longer than we are ready to hold."""
    return BackendError(
        f"Ollama sent a line of more than {limit // (1 << 20)} MiB, which is not read. "
        "Send the message again, or choose another model."
    )


def missing_model(model: str) -> ModelNotInstalled:
    """The server does not have the model; it can be pulled."""
    return ModelNotInstalled(
        f"Ollama does not have the model {model}. Pull it with `ollama pull {model}`, "
        "or choose another model.",
        model=model,
        title=f"Pull {model} with Ollama",
    )


def refused(model: str, error: object, *, status: int = 200) -> BackendError:
    """The server answered with ``error`` (and HTTP ``status``; 200 within a stream)."""
    text = error_text(error)
    if _OVERFLOW.search(text):
        return _overflow(text)
    if status == 404 or re.search(r"model .*not found", text):
        return missing_model(model)
    if status == 401 or text == "unauthorized":
        return BackendError(
            f"Ollama asks for a sign-in before it runs {model}. Run `ollama signin`. {_AGAIN}"
        )
    if "does not support tools" in text:
        return BackendError(f"Ollama offers {model} no tools. Choose another model.")
    if "does not support chat" in text:
        return BackendError(f"{model} is no chat model. Choose another model.")
    shown = _public(text) or f"HTTP status {status}"
    hint = "Send the message again, or choose another model."
    if "memory" in text.lower():
        hint = "Choose a smaller model, or lower num_ctx in the [ollama] section."
    return BackendError(f"Ollama answered with an error: {shown}. {hint}")


def refuses_tools(error: object) -> bool:
    """Whether the server says that the model takes no tools."""
    return "does not support tools" in error_text(error)


def pull_failed(model: str, error: object) -> BackendError:
    """Pulling ``model`` ended with ``error``."""
    text = error_text(error)
    if "file does not exist" in text or "not found" in text:
        return BackendError(
            f"Ollama's library has no model {model}. Look for its name at "
            "https://ollama.com/library."
        )
    return BackendError(
        f"Ollama could not pull {model}: {_public(text)}. Try again; what is there is kept."
    )


def _overflow(text: str) -> ContextOverflow:
    figures = [int(number) for number in _TOKENS.findall(text)]
    advice = "Start a new session, or raise num_ctx in the [ollama] section."
    if len(figures) < 2:
        message = f"The conversation does not fit the model's context window. {advice}"
        return ContextOverflow(message)
    needed, window = figures[:2]
    return ContextOverflow(
        f"The conversation has {needed:,} tokens and the model's context window holds "
        f"{window:,}. {advice}",
        data={"neededTokens": needed, "contextSize": window},
    )


def _public(text: str) -> str:
    # Behind it Ollama quotes what the model wrote.
    return one_line(text.partition("raw=")[0])
