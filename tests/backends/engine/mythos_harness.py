"""The contract's harness for mode ``mythos`` over a real engine with tiny models.

Owns bringing a trained model to say what a script wants, and watching the engine. Does not
own the training (``fixtures/trained_mythos``) nor the process (``fixtures/engine_process``).
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import ModelRequest, StopReason
from acp_agent.backends.engine.mythos import MythosBackend
from acp_agent.backends.engine.mythos_variants import read_variants
from acp_agent.config.mythos_settings import MythosSettings
from acp_agent.conversation import UserMessage
from acp_agent.engine.client import EngineClient
from acp_agent.engine.launch import explain_no_mythos
from tests.backends.harness import Fail, Flood, Hang, Prepared, Say, Script
from tests.fixtures.engine_process import EngineProcess
from tests.fixtures.trained_mythos import (
    END,
    FAULT,
    FLOOD,
    SILENCE,
    Lesson,
    make_noise_tokenizer,
    make_tokenizer,
    token_id,
    train,
    write_variants,
)

PATIENCE = 20.0
NOISY, TRAINED = "mythos_10b", "mythos_1b"
"""Variants that have the tiny sizes here: one with random weights, one with a checkpoint."""
NOISE_TEXT = "é"
"""What every token of a model with random weights says here."""

_SAID = [
    "Paris it is",
    "so far",
    "",
    "dîner à 東京 🍣 👩‍👩‍👧 fin",
    "one",
    "1a1b",
    "2a2b",
    "twomore",
]
_TEXTS = [
    *((text, END) for text in (*_SAID, "still here")),
    *((text, then) for text in ("", "one") for then in (SILENCE, FAULT)),
    ("", FLOOD),
]
LESSONS = [Lesson(chr(ord("A") + n), text, then) for n, (text, then) in enumerate(_TEXTS)]

_FAULTY = """
import open_mythos
forward = open_mythos.OpenMythos.forward
def fail_at_fault(self, input_ids, *arguments, **named):
    if int(input_ids[0, -1]) == {fault}:
        raise RuntimeError("the runner has stopped")
    return forward(self, input_ids, *arguments, **named)
open_mythos.OpenMythos.forward = fail_at_fault
"""


@dataclass(slots=True, frozen=True)
class TinyModels:
    """Files of the tiny models below ``folder``, and an engine that runs them."""

    folder: Path
    engine: EngineProcess

    @property
    def checkpoint(self) -> Path:
        return self.folder / "weights.pt"

    @property
    def tokenizer(self) -> Path:
        return self.folder / "tokenizer.json"

    @property
    def noise(self) -> Path:
        """The tokenizer of the model with random weights."""
        return self.folder / "noise.json"


def make_models(folder: Path) -> dict[str, str]:
    """Trains the models; the environment of processes that are to know them."""
    tokenizer = make_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    make_noise_tokenizer(NOISE_TEXT).save(str(folder / "noise.json"))
    train(tokenizer, LESSONS, folder / "weights.pt")
    variants = write_variants(folder, NOISY, TRAINED)
    return {"ACP_AGENT_MYTHOS_VARIANTS": str(variants), "OMP_NUM_THREADS": "1"}


@asynccontextmanager
async def running_models(home: Path) -> AsyncGenerator[TinyModels, None]:
    """The models, and an engine below ``home`` that fails where they say ``FAULT``."""
    folder = home / "tiny"
    folder.mkdir(parents=True)
    environment = await anyio.to_thread.run_sync(make_models, folder)
    engine = EngineProcess(home)
    engine.environment |= environment
    engine.setup = _FAULTY.format(fault=token_id(make_tokenizer(), FAULT))
    await engine.start()
    try:
        yield TinyModels(folder, engine)
    finally:
        await engine.stop()


@dataclass(slots=True, eq=False)
class EngineSource:
    """The contract's view of one request to the engine."""

    engine: "WatchedEngine"
    text: str
    token_bytes: int
    decoded: int = 0
    """What the engine had decoded before."""
    said: str = ""
    """What has come of ``text``, after which the model is silent, or ends."""
    is_asked: bool = False
    is_said: anyio.Event = field(default_factory=anyio.Event)

    def has_started(self) -> bool:
        return self.is_asked

    async def wait_started(self) -> None:
        await self.engine.process.wait_until(lambda health: health["active_requests"] >= 1)
        if self.text:
            await self.is_said.wait()

    def hear(self, chunk: Mapping[str, Any]) -> None:
        """Notes what the engine says."""
        for choice in chunk.get("choices", ()):
            self.said += choice["delta"].get("content") or ""
        if self.said == self.text:
            self.is_said.set()

    async def wait_stopped(self) -> None:
        open_now = self.engine.open
        await self.engine.process.wait_until(
            lambda health: health["active_requests"] + health["queued_requests"] <= len(open_now)
        )

    async def settled(self) -> int:
        total = await self.engine.process.wait_settled("decoded_tokens")
        return (total - self.decoded) * self.token_bytes


@dataclass(slots=True)
class WatchedEngine:
    """The engine's client, which notes who asks; as ``backends/engine/answer.Engine``."""

    process: EngineProcess
    sources: dict[str, EngineSource] = field(default_factory=dict[str, EngineSource])
    """By the name of the session that asks."""
    open: set[str] = field(default_factory=set[str])

    @property
    def client(self) -> EngineClient:
        return self.process.client

    def explain_unsupported(self) -> str | None:
        return None

    def explain_unfit(
        self, minimum_memory: int | None, recommended_memory: int | None, size: int
    ) -> str | None:
        return None

    async def status(self) -> Mapping[str, Any] | None:
        return await self.client.status()

    async def chat(self, body: Mapping[str, object]) -> AsyncGenerator[dict[str, Any], None]:
        session = str(body["prompt_cache_key"])
        source = self.sources[session]
        source.is_asked = True
        source.decoded = int((await self.process.health())["decoded_tokens"])
        self.open.add(session)
        try:
            async with aclosing(self.client.chat(body)) as chunks:
                async for chunk in chunks:
                    source.hear(chunk)
                    yield chunk
        finally:
            self.open.discard(session)


class MythosHarness:
    """What both harnesses have in common."""

    thinks = False
    read_ahead = 4 * 1024 * 1024
    stop_reasons: frozenset[StopReason] = frozenset()

    def __init__(self, models: TinyModels, **settings: object) -> None:
        self.engine = WatchedEngine(models.engine)
        settings = {"temperature": 0, "device": "cpu", **settings}
        self.backend = MythosBackend(
            MythosSettings.model_validate(settings),
            self.engine,
            is_installed=explain_no_mythos,
            find_tokenizer=lambda: None,
            variants=read_variants(models.engine.environment),
        )

    def request(
        self, model: str, prompt: str, text: str, *, max_tokens: int | None, token_bytes: int = 1
    ) -> Prepared:
        """A request in a session of its own."""
        session = f"session {len(self.engine.sources)}"
        source = EngineSource(self.engine, text, token_bytes)
        self.engine.sources[session] = source
        message = (UserMessage(prompt),)
        request = ModelRequest(message, model, prompt, session, max_tokens=max_tokens)
        return Prepared(request, source, text)


class TrainedHarness(MythosHarness):
    """The trained model: each script is one of its lessons."""

    stop_reasons = frozenset({"end_turn", "max_tokens"})

    def __init__(self, models: TinyModels, **settings: object) -> None:
        files = {"checkpoint": str(models.checkpoint), "tokenizer": str(models.tokenizer)}
        super().__init__(models, variant=TRAINED, **files, **settings)
        self._tokenizer = make_tokenizer()

    def prepare(self, script: Script) -> Prepared:
        """The lesson that ``script`` is; fails where there is none."""
        text, then, limit = _read(script), END, None
        last = next((step for step in script.steps if not isinstance(step, Say)), None)
        if isinstance(last, Flood):
            prompt = find_prompt("", FLOOD)
            count = last.count * last.size // len(FLOOD)
            return self.request(
                TRAINED, prompt, FLOOD * count, max_tokens=count, token_bytes=len(FLOOD)
            )
        if isinstance(last, Hang):
            then, limit = SILENCE, 4000
        elif isinstance(last, Fail):
            then = FAULT
        if script.stop_reason == "max_tokens":
            limit = len(self._tokenizer.encode(f" {text}").ids)
        return self.request(TRAINED, find_prompt(text, then), text, max_tokens=limit)


class NoiseHarness(MythosHarness):
    """Random weights: every piece that a script says is a token, whatever it is."""

    stop_reasons = frozenset({"max_tokens"})

    def __init__(self, models: TinyModels) -> None:
        super().__init__(models, variant=NOISY, tokenizer=str(models.noise))

    def prepare(self, script: Script) -> Prepared:
        """An answer of as many tokens as ``script`` has pieces."""
        if not script.steps or not all(isinstance(step, Say) for step in script.steps):
            pytest.skip("random weights do nothing on demand but write")
        count = len(script.steps)
        return self.request(NOISY, "hello", NOISE_TEXT * count, max_tokens=count)


def find_prompt(text: str, then: str = END) -> str:
    """The prompt to which the trained model says ``text``, and then an end or a token."""
    return next(each.prompt for each in LESSONS if (each.text, each.then) == (text, then))


def _read(script: Script) -> str:
    """What is said before anything else happens."""
    said: list[str] = []
    for step in script.steps:
        if not isinstance(step, Say):
            break
        said.append(step.text)
    return "".join(said)
