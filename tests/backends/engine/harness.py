"""What the tests of the engine's modes share: a mode over a fake engine, the contract's harness."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import anyio

from acp_agent.backends.base import (
    Ask,
    Backend,
    Event,
    ModelRequest,
    Progress,
    Report,
    StopReason,
)
from acp_agent.backends.engine.gptoss import GptOssBackend
from acp_agent.backends.engine.mlx import MlxBackend
from acp_agent.backends.engine.mode import LocalModel
from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings, GptOssSettings, MlxSettings
from acp_agent.conversation import UserMessage
from acp_agent.engine.client import EngineClient
from tests.backends.harness import (
    Fail,
    Flood,
    Prepared,
    Say,
    Script,
    Step,
    Think,
    collect,
    expected_text,
    piece,
)
from tests.fixtures.fake_engine import Answer, FakeEngine, delta, ending, sse

PATIENCE = 20.0


@dataclass(slots=True, frozen=True)
class Installed:
    id: str
    path: Path
    name: str = "Tiny"
    description: str = "A tiny model."
    context_size: int | None = 512


@dataclass(slots=True, frozen=True)
class Offered:
    id: str = "smollm2-135m"
    name: str = "SmolLM2"
    description: str = "For trying out."
    context_size: int | None = 8192
    install_title: str = "Install smollm2-135m (93 MB)"
    install_terms: str = "Its licence is Apache-2.0."
    download_bytes: int | None = None
    disk_bytes: int | None = None
    minimum_memory: int | None = None
    recommended_memory: int | None = None


class Mode:
    """A backend with its surroundings, for tests to change."""

    backend: MlxBackend | GptOssBackend

    def __init__(
        self,
        engine: FakeEngine,
        limits: EngineSettings | None = None,
        offered: Offered | None = None,
        /,
        **settings: object,
    ) -> None:
        self.engine = engine
        self.limits = limits or EngineSettings()
        self.installed: list[LocalModel] = [Installed("tiny", Path("/models/tiny"))]
        self.changed: dict[str, str] = {}
        self.arrived: dict[str, tuple[int, int]] = {}
        self.fetched: list[str] = []
        self.offered = offered or Offered()
        self.backend = self._build(settings)

    def _build(self, settings: dict[str, object]) -> MlxBackend | GptOssBackend:
        return MlxBackend(
            MlxSettings.model_validate({"model": "tiny", **settings}),
            EngineClient(find_paths(), self.limits),
            find_models=lambda: self.installed,
            check=self.changed.get,
            unfinished=self.arrived.get,
            offered=[self.offered],
            install=self._install,
        )

    async def _install(self, model: str, report: Report, ask: Ask) -> None:
        self.fetched.append(model)
        await report(Progress("get", "Getting it", 1, 2, "B"))

    def prepare(self, *steps: bytes, prompt: str = "hi", **options: object) -> Answer:
        """Makes the engine answer ``prompt`` with ``steps``."""
        answer = self.engine.answers[prompt] = replace(Answer(steps), **options)  # type: ignore[arg-type]
        return answer

    async def ask(self, *messages: object, model: str = "tiny", **options: object) -> list[Event]:
        request = ModelRequest(messages or (UserMessage("hi"),), model, **options)  # type: ignore[arg-type]
        with anyio.fail_after(PATIENCE):
            return await collect(self.backend.stream(request))


class GptOssMode(Mode):
    """Mode ``gptoss_20b`` with a gpt-oss model below ``models`` installed."""

    def __init__(
        self,
        engine: FakeEngine,
        models: Path,
        offered: Offered | None = None,
        /,
        **settings: object,
    ) -> None:
        super().__init__(engine, None, offered, **settings)
        folder = models / "tiny"
        folder.mkdir()
        (folder / "config.json").write_text('{"model_type": "gpt_oss"}')
        self.installed = [Installed("tiny", folder), Installed("llama", models)]

    def _build(self, settings: dict[str, object]) -> GptOssBackend:
        return GptOssBackend(
            GptOssSettings.model_validate({"model": "tiny", **settings}),
            EngineClient(find_paths(), self.limits),
            find_models=lambda: self.installed,
            check=self.changed.get,
            unfinished=self.arrived.get,
            offered=replace(self.offered, id="gpt-oss-20b", name="GPT-OSS 20B"),
            install=self._install,
        )


class Scripted(Protocol):
    """A backend over a fake engine, one of whose models is ``tiny``."""

    @property
    def backend(self) -> Backend: ...
    @property
    def engine(self) -> FakeEngine: ...


class EngineSource:
    """The contract's view of a scripted answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def has_started(self) -> bool:
        return self._answer.started.is_set()

    async def wait_started(self) -> None:
        await self._answer.started.wait()

    async def wait_stopped(self) -> None:
        await self._answer.stopped.wait()

    async def settled(self) -> int:
        sent = -1
        while sent != self._answer.sent:
            sent = self._answer.sent
            await anyio.wait_all_tasks_blocked()
        return sent


class EngineHarness:
    """Plays the contract's scripts on the fake engine."""

    thinks = True
    read_ahead = 2 * 1024 * 1024
    stop_reasons: frozenset[StopReason] = frozenset({"end_turn", "max_tokens"})

    def __init__(self, mode: Scripted) -> None:
        self.backend = mode.backend
        self._mode = mode

    def prepare(self, script: Script) -> Prepared:
        prompt = f"prompt {len(self._mode.engine.answers)}"
        steps = [event for step in script.steps for event in events_of(step)]
        reason = "length" if script.stop_reason == "max_tokens" else "stop"
        prompt_tokens, answer_tokens = script.usage or (7, 3)
        steps.append(ending(reason, prompt=prompt_tokens, answer=answer_tokens))
        answer = Answer(tuple(steps), split=script.split)
        self._mode.engine.answers[prompt] = answer
        request = ModelRequest((UserMessage(prompt),), "tiny")
        return Prepared(request, EngineSource(answer), expected_text(script))


def events_of(step: Step) -> list[bytes | anyio.Event]:
    if isinstance(step, Say):
        return [delta(content=step.text)]
    if isinstance(step, Think):
        return [delta(reasoning_content=step.text)]
    if isinstance(step, Flood):
        return [delta(content=piece(index, step.size)) for index in range(step.count)]
    if isinstance(step, Fail):
        return [sse({"error": {"message": step.message, "code": "model_failed"}})]
    return [anyio.Event()]
