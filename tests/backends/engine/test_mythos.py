"""Mode ``mythos`` over the real engine client: the backend contract, variants, options, notices."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.backends.base import (
    Done,
    Event,
    Model,
    ModelRequest,
    Notice,
    Readiness,
    TextDelta,
    Usage,
)
from acp_agent.backends.engine.mythos import (
    NO_TOOLS,
    NOISE,
    MythosBackend,
    find_gpt_oss_tokenizer,
    possible_devices,
)
from acp_agent.backends.engine.mythos_variants import VARIABLE, VARIANTS, Variant, read_variants
from acp_agent.config.mythos_settings import MythosSettings
from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.conversation import AssistantMessage, UserMessage
from acp_agent.engine.client import EngineClient
from acp_agent.errors import BackendUnavailable, ModelNotInstalled
from tests.backends.contract import BackendContract
from tests.backends.engine.harness import PATIENCE, EngineHarness, Installed
from tests.backends.harness import collect, text_of
from tests.fixtures.fake_engine import Answer, FakeEngine, delta, ending, sse

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "context_size": 512}


class Mode:
    """The backend with its surroundings, for tests to change."""

    def __init__(self, engine: FakeEngine, tokenizer: Path, /, **settings: object) -> None:
        self.engine = engine
        self.missing: str | None = None
        self.tokenizer: Path | None = tokenizer
        self.backend = MythosBackend(
            MythosSettings.model_validate(settings),
            EngineClient(find_paths(), EngineSettings()),
            is_installed=lambda: self.missing,
            find_tokenizer=lambda: self.tokenizer,
            variants={**VARIANTS, "tiny": Variant(512, 4)},
            devices=("cuda", "cpu"),
        )

    async def probe(self) -> Readiness:
        with anyio.fail_after(PATIENCE):
            return await self.backend.probe()

    async def model(self, id: str) -> Model:
        return next(each for each in (await self.probe()).models if each.id == id)

    async def ask(self, *messages: Any, model: str = "tiny", **fields: Any) -> list[Event]:
        request = ModelRequest(messages or (UserMessage("hi"),), model, **fields)
        with anyio.fail_after(PATIENCE):
            return await collect(self.backend.stream(request))

    async def body(self, model: str = "tiny", **fields: Any) -> dict[str, Any]:
        """What the engine is asked."""
        answer = self.engine.answers["hi"] = Answer((ending(),))
        await self.ask(model=model, **fields)
        return answer.body


@pytest.fixture
async def engine() -> AsyncGenerator[FakeEngine, None]:
    async with FakeEngine().running(find_paths().engine_socket) as engine:
        yield engine


@pytest.fixture
def mode(engine: FakeEngine, tmp_path: Path) -> Mode:
    return Mode(engine, tmp_path)


@pytest.fixture
def harness(mode: Mode) -> EngineHarness:
    return EngineHarness(mode)


class TestContract(BackendContract):
    """The mode keeps the contract."""


@pytest.mark.anyio
class TestReadiness:
    async def test_variants_are_models_without_tools(self, mode: Mode) -> None:
        readiness = await mode.probe()
        assert readiness.ready
        assert readiness.reason == NOISE
        assert readiness.default_model == "mythos_3b"
        assert {*VARIANTS} < {model.id for model in readiness.models}
        assert {model.tools for model in readiness.models} == {"none"}
        model = await mode.model("mythos_3b")
        assert "3.6 billion parameters, 13.3 GB of memory" in model.description
        assert "4,096 tokens" in model.description
        assert model.context_size == 4096
        assert "Too large for this machine" in (await mode.model("mythos_1t")).description

    async def test_a_checkpoint_is_of_the_configured_variant_only(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        file = tmp_path / "mine.pt"
        file.touch()
        mode = Mode(engine, tmp_path, checkpoint=str(file), variant="mythos_1b")
        assert (await mode.probe()).reason == ""
        mine, other = await mode.model("mythos_1b"), await mode.model("mythos_3b")
        assert "Weights: mine.pt." in mine.description
        assert NOISE not in mine.description
        assert NOISE in other.description
        assert (await mode.body("mythos_1b"))["mythos"]["checkpoint"] == str(file)
        assert (await mode.body("mythos_3b"))["mythos"]["checkpoint"] is None

    async def test_it_says_how_to_install_it(self, mode: Mode) -> None:
        mode.missing = "OpenMythos is not installed: do it."
        readiness = await mode.probe()
        assert not readiness.ready
        assert not readiness.installed
        assert readiness.reason == mode.missing
        with pytest.raises(BackendUnavailable, match="do it"):
            await mode.ask()

    async def test_a_missing_tokenizer_is_told(self, engine: FakeEngine, tmp_path: Path) -> None:
        mode = Mode(engine, tmp_path)
        mode.tokenizer = None
        readiness = await mode.probe()
        assert not readiness.ready
        assert "mythos.tokenizer" in readiness.reason
        assert "acp-agent models install gpt-oss-20b" in readiness.reason
        with pytest.raises(BackendUnavailable, match="no tokenizer"):
            await mode.ask()
        mode = Mode(engine, tmp_path, tokenizer=str(tmp_path / "nowhere"))
        readiness = await mode.probe()
        assert "'nowhere' is not there" in readiness.reason
        assert str(tmp_path) not in readiness.reason

    async def test_a_missing_checkpoint_is_not_replaced_by_noise(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        mode = Mode(engine, tmp_path, checkpoint=str(tmp_path / "gone.pt"))
        readiness = await mode.probe()
        assert not readiness.ready
        assert "'gone.pt' is not there" in readiness.reason
        assert str(tmp_path) not in readiness.reason
        with pytest.raises(BackendUnavailable, match="gone"):
            await mode.ask(model="mythos_3b")

    async def test_an_unknown_variant_is_told(self, mode: Mode) -> None:
        with pytest.raises(ModelNotInstalled, match="mythos_10b"):
            await mode.ask(model="mythos_2b")

    async def test_a_running_engine_says_what_it_does(self, mode: Mode) -> None:
        status = {"models": [{"id": "mythos_3b", "state": "ready", "sequences": 1}]}
        mode.engine.answers["/v1/engine/status"] = Answer((json.dumps(status).encode(),))
        assert (await mode.probe()).reason == f"{NOISE} It answers 1 prompt now."


@pytest.mark.anyio
class TestOptions:
    async def test_depth_and_device_can_be_chosen(self, mode: Mode) -> None:
        depth, device = (await mode.model("mythos_10b")).options
        assert depth.id == "n_loops"
        assert list(depth.values) == ["default", "1", "2", "4", "8", "16", "32", "64"]
        assert depth.values["default"] == "The variant's own (24)"
        assert depth.default == "default"
        assert device.id == "device"
        assert list(device.values) == ["auto", "cuda", "cpu"]
        assert device.default == "auto"

    async def test_what_is_configured_is_the_default(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        mode = Mode(engine, tmp_path, n_loops=12, device="mps")
        depth, device = (await mode.model("mythos_3b")).options
        assert list(depth.values)[4:7] == ["8", "12", "16"]
        assert depth.default == "12"
        assert "mps" in device.values
        assert device.default == "mps"
        asked = (await mode.body())["mythos"]
        assert (asked["n_loops"], asked["device"]) == (12, "mps")

    async def test_what_the_session_chose_comes_first(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        mode = Mode(engine, tmp_path, n_loops=12, device="mps")
        asked = (await mode.body(options={"n_loops": "2", "device": "cpu"}))["mythos"]
        assert (asked["n_loops"], asked["device"]) == (2, "cpu")
        asked = (await mode.body(options={"n_loops": "default", "device": "auto"}))["mythos"]
        assert (asked["n_loops"], asked["device"]) == (None, None)

    async def test_sampling_comes_from_the_settings(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        mode = Mode(engine, tmp_path, temperature=0.1, top_k=3, max_tokens=9)
        body = await mode.body()
        assert (body["temperature"], body["top_k"], body["max_tokens"]) == (0.1, 3, 9)
        assert body["model"] == "tiny"
        assert body["mythos"]["tokenizer"] == str(tmp_path)
        assert "tools" not in body
        body = await mode.body(temperature=0.0, max_tokens=2)
        assert (body["temperature"], body["max_tokens"]) == (0.0, 2)


@pytest.mark.anyio
class TestNotices:
    async def test_noise_is_called_noise_before_every_answer(self, mode: Mode) -> None:
        mode.engine.answers["hi"] = Answer((delta(content="a"), delta(content="b"), ending()))
        for _ in range(2):
            events = await mode.ask(UserMessage("x"), AssistantMessage("y"), UserMessage("hi"))
            assert events[0] == Notice(f"{NOISE} {NO_TOOLS}")
            assert events[1] == TextDelta("a")
            assert text_of(events) == "ab"
            assert sum(isinstance(event, Notice) for event in events) == 1

    async def test_a_trained_model_says_once_that_it_has_no_tools(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        file = tmp_path / "mine.pt"
        file.touch()
        mode = Mode(engine, tmp_path, checkpoint=str(file))
        mode.engine.answers["hi"] = Answer((delta(content="a"), ending()))
        events = await mode.ask(model="mythos_3b")
        assert events[0] == Notice(NO_TOOLS)
        messages = UserMessage("x"), AssistantMessage("y"), UserMessage("hi")
        events = await mode.ask(*messages, model="mythos_3b")
        assert not [event for event in events if isinstance(event, Notice)]

    async def test_the_depth_is_part_of_the_usage(self, mode: Mode) -> None:
        usage = sse({"choices": [], "usage": {**USAGE, "n_loops": 8}})
        mode.engine.answers["hi"] = Answer((delta(content="a"), usage, b"data: [DONE]\n\n"))
        *_, counted, told, done = await mode.ask()
        assert isinstance(counted, Usage)
        assert counted.n_loops == 8
        assert told == Notice("7 tokens read, 3 written, 8 loops each.")
        assert done == Done()


class TestSurroundings:
    def test_the_tokenizer_is_that_of_a_gpt_oss_model(self, tmp_path: Path) -> None:
        installed: list[Installed] = []
        for name, kind in (("llama", "llama"), ("bare", "gpt_oss"), ("oss", "gpt_oss")):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "config.json").write_text(json.dumps({"model_type": kind}))
            if name != "bare":
                (folder / "tokenizer.json").touch()
            installed.append(Installed(name, folder))
        assert find_gpt_oss_tokenizer(installed) == tmp_path / "oss"
        assert find_gpt_oss_tokenizer(installed[:2]) is None

    def test_devices_are_those_the_machine_may_have(self, tmp_path: Path) -> None:
        assert possible_devices("darwin") == ("mps", "cpu")
        assert possible_devices("linux", tmp_path) == ("cpu",)
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev" / "nvidiactl").touch()
        assert possible_devices("linux", tmp_path) == ("cuda", "cpu")

    def test_a_developer_may_add_variants(self, tmp_path: Path) -> None:
        assert read_variants({}) == VARIANTS
        file = tmp_path / "variants.json"
        file.write_text(json.dumps({"tiny": {"max_seq_len": 64, "max_loop_iters": 2}, "plain": {}}))
        found = read_variants({VARIABLE: str(file)})
        assert found["tiny"] == Variant(64, 2)
        assert found["plain"] == Variant(4096, 16)
        assert {*VARIANTS} < {*found}
        for broken in ("[1]", "{", '{"a": 1}'):
            file.write_text(broken)
            assert read_variants({VARIABLE: str(file)}) == VARIANTS
