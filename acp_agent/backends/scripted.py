"""Mode ``scripted``: the prompt is a small program, played instead of a model's output.

Owns the language of ``docs/scripted.md``. It goes through the same turn loop, events and
bounds as a model, for authors of clients and for tests. Does not own what the editor sees.
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass

import anyio
import anyio.lowlevel

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    ModelRequest,
    Plan,
    PlanStep,
    Readiness,
    StopReason,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.errors import BackendError

_CONTEXT_SIZE = 32_768
_MOST_DELTAS = 1_000_000_000
_MOST_EACH = 10_000_000
_STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "refusal": "refusal",
}


@dataclass(slots=True, frozen=True)
class _Command:
    """One line. ``count`` and ``amount`` are the numbers of ``flood``, ``slow``, ``usage``."""

    name: str
    text: str = ""
    count: int = 0
    amount: int = 0


def _text(name: str, rest: str) -> _Command | None:
    return _Command(name, rest.replace("\\n", "\n")) if rest else None


def _numbers(name: str, rest: str) -> _Command | None:
    words = rest.split()
    if len(words) != 2 or not all(word.isascii() and word.isdecimal() for word in words):
        return None
    # Python refuses to read thousands of digits.
    count, amount = (int(word[:20]) for word in words)
    if count > _MOST_DELTAS or amount > _MOST_EACH:
        limits = f"{_MOST_DELTAS} and {_MOST_EACH}"
        return _Command("fail", f"The numbers of {name} may be at most {limits}.")
    return _Command(name, count=count, amount=amount)


def _usage(name: str, rest: str) -> _Command | None:
    return _numbers(name, rest or "10 10")


def _stop(name: str, rest: str) -> _Command | None:
    return _Command(name, rest) if rest in _STOP_REASONS else None


_PARSERS: dict[str, Callable[[str, str], _Command | None]] = {
    "say": _text,
    "think": _text,
    "plan": _text,
    "fail": _text,
    "flood": _numbers,
    "slow": _numbers,
    "usage": _usage,
    "stop": _stop,
}


def parse(text: str) -> tuple[_Command, ...] | None:
    """The program in ``text``; None where any line is no command (``text`` is then prose)."""
    commands: list[_Command] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        parser = _PARSERS.get(name)
        command = parser(name, rest.strip()) if parser else None
        if command is None:
            return None
        commands.append(command)
    return tuple(commands) or None


class ScriptedBackend:
    """Plays programs. There is one model, ``scripted``."""

    id = "scripted"
    name = "Scripted"
    description = "Plays the prompt as a small program; for client authors and tests."

    # Without a window: nothing is estimated, cut or refused, and a program's own usage counts.
    _MODEL = Model("scripted", "Scripted", "No model: the prompt is the program")

    async def probe(self) -> Readiness:
        """Always ready."""
        return Readiness(True, models=(self._MODEL,), default_model=self._MODEL.id)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """Plays what the user said last.

        Raises:
            BackendError: the program says ``fail``.
        """
        program = parse(request.prompt) or (_Command("say", request.prompt or "(empty)"),)
        steps: list[PlanStep] = []
        for command in program:
            if command.name == "stop":
                yield Done(_STOP_REASONS[command.text])
                return
            if command.name == "slow":
                for _ in range(command.count):
                    await anyio.sleep(command.amount / 1000)
                    yield TextDelta(".")
                continue
            for event in _play(command, steps):
                yield event
            await anyio.lowlevel.checkpoint()
        yield Done()

    async def aclose(self) -> None:
        """Nothing to give back."""


def _play(command: _Command, steps: list[PlanStep]) -> Iterator[Event]:
    match command.name:
        case "say":
            yield TextDelta(command.text)
        case "think":
            yield ThoughtDelta(command.text)
        case "plan":
            steps.append(PlanStep(command.text))
            yield Plan(tuple(steps))
        case "flood":
            text = "x" * command.amount
            for _ in range(command.count if text else 0):
                yield TextDelta(text)
        case "usage":
            yield Usage(command.count, command.amount, _CONTEXT_SIZE)
        case _:
            raise BackendError(command.text)
