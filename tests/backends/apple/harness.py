"""What the tests of the apple backend share: requests, and the contract's harness."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import anyio.to_thread
import pytest

from acp_agent.backends.apple.backend import AppleBackend
from acp_agent.backends.apple.sdk import MODEL_ID, Sdk
from acp_agent.backends.base import Event, ModelRequest, StopReason
from acp_agent.conversation import Message, UserMessage
from tests.backends.harness import (
    Fail,
    Flood,
    Hang,
    Prepared,
    Say,
    Script,
    collect,
    piece,
)
from tests.backends.harness import Step as ScriptStep
from tests.fixtures.fake_apple_errors import GenerationError, RefusalError
from tests.fixtures.fake_apple_fm import build_sdk
from tests.fixtures.fake_apple_model import PATIENCE, FakeAnswer, FakeMac, Hold, Step

FLOOD_COUNT, FLOOD_SIZE = 200, 64
"""A flood that the model's window has room for; every snapshot of it holds all before."""
_SETTLED = 0.05


def backend_on(mac: FakeMac) -> AppleBackend:
    """The backend with the fake SDK of ``mac``."""
    return AppleBackend(lambda: cast("Sdk", build_sdk(mac)))


def ask(prompt: str = "hi", earlier: Sequence[Message] = (), **options: Any) -> ModelRequest:
    return ModelRequest((*earlier, UserMessage(prompt)), MODEL_ID, prompt=prompt, **options)


async def run(backend: AppleBackend, request: ModelRequest) -> list[Event]:
    with anyio.fail_after(PATIENCE):
        return await collect(backend.stream(request))


async def wait(event: Any) -> None:
    """Waits for an event of another thread."""
    assert await anyio.to_thread.run_sync(event.wait, PATIENCE)


class AppleSource:
    """The contract's view of an answer."""

    def __init__(self, answer: FakeAnswer) -> None:
        self._answer = answer

    def has_started(self) -> bool:
        return self._answer.started.is_set()

    async def wait_started(self) -> None:
        """Also until a model that hangs has been read up to there."""
        holds = any(isinstance(step, Hold) for step in self._answer.steps)
        await wait(self._answer.waiting if holds else self._answer.started)

    async def wait_stopped(self) -> None:
        """Lets a model that hangs go on: the SDK cannot be left before its next snapshot."""
        self._answer.let_go()
        await wait(self._answer.released)
        await wait(self._answer.ended)

    async def settled(self) -> int:
        settle = partial(self._answer.settle, _SETTLED)
        return len((await anyio.to_thread.run_sync(settle)).encode())


class AppleHarness:
    """Plays the contract's scripts on a fake Mac."""

    thinks = False
    read_ahead = 16 * FLOOD_SIZE
    stop_reasons: frozenset[StopReason] = frozenset({"end_turn", "max_tokens", "refusal"})

    def __init__(self) -> None:
        self.mac = FakeMac()
        self.backend = backend_on(self.mac)
        self._count = 0

    def prepare(self, script: Script) -> Prepared:
        self._count += 1
        prompt = f"prompt {self._count}"
        steps, text = spelled(script.steps)
        if script.split:
            whole = text.encode()
            ends = range(1, len(whole) + 1)
            steps[:] = [whole[:end].decode("utf-8", "replace") for end in ends]
        if script.stop_reason == "refusal":
            steps.append(RefusalError("Model refused to generate content: None"))
        answer = self.mac.script(prompt, *steps)
        limit = 1 if script.stop_reason == "max_tokens" else None
        return Prepared(ask(prompt, max_tokens=limit), AppleSource(answer), text)


def spelled(script: Sequence[ScriptStep]) -> tuple[list[Step], str]:
    """The steps of the fake for ``script``, and the whole answer."""
    steps: list[Step] = []
    text = ""
    for step in script:
        if isinstance(step, Say):
            steps.append(text := text + step.text)
        elif isinstance(step, Flood):
            for index in range(FLOOD_COUNT):
                steps.append(text := text + piece(index, FLOOD_SIZE))
        elif isinstance(step, Hang):
            steps.append(Hold())
        elif isinstance(step, Fail):
            steps.append(GenerationError(f"Generation error (status: 255): {step.message}"))
        else:
            pytest.skip("the model does not think")
    return steps, text
