"""The SDK's errors as ours.

Owns the sentences. Errors are told apart by the names of their classes, so that nothing here
imports the SDK; what they say stays in the log. Does not own why the model is not to be had
at all (``sdk``).

Source: https://apple.github.io/python-apple-fm-sdk/api/errors.html.
"""

import logging

from acp_agent.errors import AgentError, BackendError, BackendUnavailable, ContextOverflow

_log = logging.getLogger(__name__)

OVERFLOW = "ExceededContextWindowSizeError"
REFUSALS = {
    "RefusalError": "Apple's on-device model declines to answer this.",
    "GuardrailViolationError": (
        "The safety filter of Apple's on-device model stopped this. Put it in other words, or "
        "choose another mode."
    ),
}
"""Ends of an answer that are the model's or its filter's choice, with what the user is told."""
SCHEMA_REFUSED = frozenset(
    {"InvalidGenerationSchemaError", "UnsupportedGuideError", "GenerationError"}
)
"""What the SDK raises for a schema that it cannot use; the last where it cannot read it."""

_AGAIN = "Send the message again, or choose another mode."
_SENTENCES: dict[str, tuple[type[BackendError], str]] = {
    "AssetsUnavailableError": (
        BackendUnavailable,
        "macOS does not have the files of its on-device model at hand. See in System Settings, "
        "Apple Intelligence & Siri, that it is on, and try again later.",
    ),
    "ConcurrentRequestsError": (
        BackendError,
        "Apple's on-device model is busy with another request. Wait a moment and send the "
        "message again, or choose another mode.",
    ),
    "DecodingFailureError": (
        BackendError,
        "Apple's on-device model gave an answer that could not be read in the form that was "
        f"asked for. {_AGAIN}",
    ),
    "RateLimitedError": (
        BackendError,
        "macOS limits how often its on-device model may be asked now, as it does on battery. "
        "Wait a while, connect the Mac to power, or choose another mode.",
    ),
    "UnsupportedLanguageOrLocaleError": (
        BackendError,
        "Apple's on-device model does not speak the language of this conversation. Choose "
        "another mode.",
    ),
}


def name_of(error: Exception) -> str:
    """The name of ``error``'s class in the SDK."""
    return type(error).__name__


def translate(error: Exception, window: int) -> AgentError:
    """``error`` in our terms; ``window`` is the model's, in tokens."""
    if isinstance(error, AgentError):
        return error
    name = name_of(error)
    _log.warning("apple-fm-sdk: %s: %s", name, error)
    if name == OVERFLOW:
        return ContextOverflow(
            f"The conversation does not fit the {window:,} tokens of Apple's on-device model. "
            "Start a new session, or choose a mode with a larger window.",
            data={"contextSize": window},
        )
    kind, sentence = _SENTENCES.get(
        name, (BackendError, f"Apple's on-device model failed. {_AGAIN}")
    )
    return kind(sentence)


def stalled(seconds: float) -> BackendError:
    """Nothing came for ``seconds``."""
    return BackendError(
        f"Apple's on-device model has written nothing for {seconds:g} s, so its answer was given "
        f"up. {_AGAIN}"
    )


def crowded() -> BackendError:
    """Too many answers that were stopped have not ended yet."""
    return BackendError(
        "Apple's on-device model is still busy with answers that were stopped. Wait a moment and "
        "send the message again, or choose another mode."
    )
