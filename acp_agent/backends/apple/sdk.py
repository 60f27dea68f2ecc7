"""The Python layer of ``apple-fm-sdk``: whether this machine can have it, and importing it.

Owns the part of the SDK that is used here, as protocols (it has no type stubs, and is not to
be had on other systems), and why the model cannot be used. Does not own using it (``answer``).
Importing loads Apple's framework and asking it may take time: call this in a ``ModelThread``.

Source: https://apple.github.io/python-apple-fm-sdk/ (0.2.1).
"""

import importlib.util
import platform
import sys
from collections.abc import AsyncGenerator
from typing import Any, Protocol, cast

from acp_agent.backends.base import Model, Readiness
from acp_agent.errors import BackendUnavailable

MODEL_ID = "apple-on-device"
WINDOW = 4096
"""Tokens of the window where the SDK does not tell; that of macOS 26."""
OLDEST_MACOS = 26
_PARAMETERS = 3_000_000_000
"""About; from the names of the model's files that the SDK lists (``instruct_3b``)."""


class Content(Protocol):
    """The outcome of guided generation."""

    def to_json(self) -> str: ...


class LanguageModel(Protocol):
    """``SystemLanguageModel``. ``context_size`` is in tokens."""

    @property
    def context_size(self) -> int: ...
    def is_available(self) -> tuple[bool, object]: ...
    async def token_count(self, value: object) -> int: ...


class Session(Protocol):
    """``LanguageModelSession``. Snapshots of a stream hold the whole answer so far."""

    transcript: object

    @property
    def is_responding(self) -> bool: ...
    async def respond(
        self, prompt: str, *, json_schema: dict[str, Any], options: object
    ) -> Content: ...
    def stream_response(self, prompt: str, options: object) -> AsyncGenerator[str, None]: ...


class SessionClass(Protocol):
    """``LanguageModelSession``, to be called."""

    def __call__(self, instructions: str | None, model: LanguageModel) -> Session: ...
    def from_transcript(self, transcript: object, model: LanguageModel) -> Session: ...


class TranscriptClass(Protocol):
    """``Transcript``."""

    async def from_dict(self, dict: dict[str, Any], /) -> object: ...


class LanguageModelClass(Protocol):
    """``SystemLanguageModel``, to be called."""

    def __call__(self) -> LanguageModel: ...


class OptionsClass(Protocol):
    """``GenerationOptions``, to be called; None is the model's own."""

    def __call__(
        self, *, temperature: float | None, maximum_response_tokens: int | None
    ) -> object: ...


class Sdk(Protocol):
    """The module ``apple_fm_sdk``."""

    @property
    def SystemLanguageModel(self) -> LanguageModelClass: ...  # noqa: N802
    @property
    def LanguageModelSession(self) -> SessionClass: ...  # noqa: N802
    @property
    def Transcript(self) -> TranscriptClass: ...  # noqa: N802
    @property
    def GenerationOptions(self) -> OptionsClass: ...  # noqa: N802


_REASONS = {
    "APPLE_INTELLIGENCE_NOT_ENABLED": (
        "Apple Intelligence is off. Turn it on in System Settings, Apple Intelligence & Siri."
    ),
    "DEVICE_NOT_ELIGIBLE": (
        "This Mac cannot run Apple Intelligence, so it has no on-device model. Choose another mode."
    ),
    "MODEL_NOT_READY": (
        "macOS is still downloading or preparing its on-device model. Leave the Mac on power "
        "and the network, and try again later."
    ),
}
_UNKNOWN_REASON = (
    "macOS says that its on-device model cannot be used, and not why. Look at System Settings, "
    "Apple Intelligence & Siri."
)


def find_fault(system: str, machine: str, version: str) -> str | None:
    """Why no SDK can be used on a ``system`` (as ``sys.platform``) of this ``machine`` and macOS
    ``version``, in a sentence; None where one can."""
    if system != "darwin":
        return "Apple's on-device model exists on macOS only. Choose another mode."
    if machine != "arm64":
        return (
            "Apple's on-device model needs a Mac with Apple silicon, and a Python that is built "
            "for it. Choose another mode."
        )
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < OLDEST_MACOS:
        return (
            f"Apple's on-device model needs macOS {OLDEST_MACOS} or newer, and this Mac has "
            f"{version}. Update it, or choose another mode."
        )
    return None


def this_machine() -> tuple[str, str, str]:
    """What ``find_fault`` wants to know of this machine."""
    return sys.platform, platform.machine(), platform.mac_ver()[0]


def load_sdk() -> Sdk:
    """Imports the SDK; slow the first time.

    Raises:
        BackendUnavailable: it cannot be had here or is not installed, with what to do.
    """
    if fault := find_fault(*this_machine()):
        raise BackendUnavailable(fault)
    if "apple_fm_sdk" not in sys.modules and importlib.util.find_spec("apple_fm_sdk") is None:
        raise BackendUnavailable(
            "The Python package apple-fm-sdk is not installed. Install Xcode 26 or newer and open "
            "it once, then install acp-agent with the extra apple: acp-agent[apple]."
        )
    try:
        import apple_fm_sdk  # pyright: ignore[reportMissingImports]
    except Exception:
        raise BackendUnavailable(
            "The Python package apple-fm-sdk is installed but cannot be loaded. Install it again "
            "with Xcode 26 or newer."
        ) from None
    return cast("Sdk", apple_fm_sdk)


def open_model(sdk: Sdk) -> LanguageModel:
    """The on-device model.

    Raises:
        BackendUnavailable: macOS does not let it be used, with what to do.
    """
    model = sdk.SystemLanguageModel()
    is_available, reason = model.is_available()
    if not is_available:
        name = getattr(reason, "name", "")
        raise BackendUnavailable(_REASONS.get(name, _UNKNOWN_REASON))
    return model


def window_of(model: LanguageModel) -> int:
    """The model's window in tokens."""
    try:
        size = int(model.context_size)
    except Exception:  # before 0.2.1 there is none, and an older macOS may refuse
        return WINDOW
    return size if size > 0 else WINDOW


def describe(sdk: Sdk) -> Readiness:
    """The one model that there is.

    Raises:
        BackendUnavailable: as ``open_model``.
    """
    description = "The language model of Apple Intelligence; it takes no tools"
    window = window_of(open_model(sdk))
    model = Model(
        MODEL_ID, "Apple on-device", description, window, tools="none", parameters=_PARAMETERS
    )
    return Readiness(True, models=(model,), default_model=MODEL_ID)
