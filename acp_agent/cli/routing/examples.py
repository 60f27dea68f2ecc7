"""Files of prompts to measure or calibrate with: JSON objects, one a line.

Owns their format: ``prompt``, and where known ``weak`` and ``strong`` (how well either model
did on it, 0 to 1), ``expected`` (local, delegate, either), ``split`` and ``context_tokens``.
Does not own what is measured (``evaluate``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from acp_agent.errors import InvalidParams

Expected = Literal["local", "delegate", "either"]
_EXPECTED = get_args(Expected)


@dataclass(slots=True, frozen=True)
class Example:
    """One line; None where it does not say."""

    prompt: str
    context_tokens: int
    outcomes: tuple[float, float] | None
    expected: Expected | None
    split: str


def read_examples(path: Path) -> list[Example]:
    """The examples in the file at ``path``, in its order; empty lines are passed over.

    Raises:
        InvalidParams: the file cannot be read, holds none, or a line is no example; the
            sentence names the file and the line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidParams(f"{path} cannot be read: {error.strerror}.") from error
    found: list[Example] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            found.append(_read(line))
        except (ValueError, RecursionError) as error:
            raise InvalidParams(f"{path}, line {number}: {_words(error)}.") from error
    if not found:
        raise InvalidParams(f"{path} holds no prompt.")
    return found


def _words(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"this is no JSON ({error.msg}, column {error.colno})"
        case UnicodeDecodeError():
            return "this is no UTF-8"
        case RecursionError():
            return "this is nested too deeply"
        case _:
            return str(error)


def _read(line: bytes) -> Example:
    value: Any = json.loads(line.decode("utf-8"))
    if not isinstance(value, dict):
        raise ValueError("a JSON object is needed, with prompt, weak and strong")
    fields = cast("dict[str, Any]", value)
    prompt = fields.get("prompt")
    if not isinstance(prompt, str):
        raise ValueError("prompt must be there, and be text")
    expected = fields.get("expected")
    if expected is not None and expected not in _EXPECTED:
        raise ValueError(f"expected must be one of {', '.join(_EXPECTED)}")
    tokens = fields.get("context_tokens", 0)
    if type(tokens) is not int or tokens < 0:
        raise ValueError("context_tokens must be a whole number from 0 on")
    return Example(prompt, tokens, _outcomes(fields), expected, str(fields.get("split") or ""))


def _outcomes(fields: Mapping[str, Any]) -> tuple[float, float] | None:
    weak, strong = fields.get("weak"), fields.get("strong")
    if weak is None and strong is None:
        return None
    if weak is None or strong is None:
        raise ValueError("weak and strong must both be there, or neither")
    return _outcome("weak", weak), _outcome("strong", strong)


def _outcome(name: str, value: Any) -> float:
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        return float(value)
    raise ValueError(f"{name} must be a number from 0 to 1")
