"""Mode ``mlx`` over the real engine client: the backend contract, models, translation."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from acp_agent.backends.base import (
    Done,
    Progress,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.conversation import AssistantMessage, Tool, ToolCall, ToolResult, UserMessage
from acp_agent.errors import BackendUnavailable, ContextOverflow, ModelNotInstalled
from acp_agent.models.custom import CustomModel
from acp_agent.models.store import ModelStore
from tests.backends.contract import BackendContract
from tests.backends.engine.harness import EngineHarness, Mode, Offered
from tests.backends.harness import never_ask
from tests.fixtures.fake_engine import FakeEngine, delta, ending, sse


@pytest.fixture
async def engine() -> AsyncGenerator[FakeEngine, None]:
    async with FakeEngine().running(find_paths().engine_socket) as engine:
        yield engine


@pytest.fixture
def mode(engine: FakeEngine) -> Mode:
    return Mode(engine)


@pytest.fixture
def harness(mode: Mode) -> EngineHarness:
    return EngineHarness(mode)


class TestContract(BackendContract):
    """The mode keeps the contract."""


@pytest.mark.anyio
class TestModels:
    async def test_installed_models_are_offered(self, mode: Mode) -> None:
        readiness = await mode.backend.probe()
        assert readiness.ready
        assert readiness.installed
        assert readiness.default_model == "tiny"
        assert readiness.models[0].context_size == 512
        assert "Not installed" in readiness.models[1].description

    async def test_nothing_installed_offers_the_builtin(self, engine: FakeEngine) -> None:
        mode = Mode(engine, model="smollm2-135m")
        mode.installed = []
        readiness = await mode.backend.probe()
        assert readiness.ready
        assert not readiness.installed
        assert "93 MB" in readiness.reason
        assert [model.id for model in readiness.models] == ["smollm2-135m"]
        assert readiness.default_model == "smollm2-135m"

    async def test_unknown_configured_model_is_not_replaced(self, engine: FakeEngine) -> None:
        readiness = await Mode(engine, model="nonesuch").backend.probe()
        assert readiness.default_model == "nonesuch"
        assert readiness.ready
        assert not readiness.installed
        assert "nonesuch" in readiness.reason

    async def test_folder_of_a_model_is_a_model(
        self, engine: FakeEngine, isolated_home: Path
    ) -> None:
        (isolated_home / "config.json").write_text('{"max_position_embeddings": 99}')
        mode = Mode(engine, model=str(isolated_home))
        readiness = await mode.backend.probe()
        assert readiness.default_model == str(isolated_home)
        assert readiness.models[1].context_size == 99
        answer = mode.prepare(ending())
        await mode.ask(model=str(isolated_home))
        assert answer.body["model"] == str(isolated_home)

    @pytest.mark.parametrize(
        ("config", "parameters"),
        [
            ({}, 12 * 576 * 576 * 30 + 49152 * 576),
            ({"num_experts": None}, 12 * 576 * 576 * 30 + 49152 * 576),
            ({"num_local_experts": 8}, None),
            ({"hidden_size": None}, None),
        ],
    )
    async def test_parameters_are_estimated_where_the_config_allows(
        self, engine: FakeEngine, tmp_path: Path, config: dict[str, int], parameters: int | None
    ) -> None:
        sizes = {"hidden_size": 576, "num_hidden_layers": 30, "vocab_size": 49152}
        (tmp_path / "config.json").write_text(json.dumps(sizes | config))
        (_, model, *_) = (await Mode(engine, model=str(tmp_path)).backend.probe()).models
        assert model.parameters == parameters

    async def test_a_folder_that_is_not_there_is_listed_and_refused_with_its_setting(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        mode = Mode(engine)
        store = ModelStore(tmp_path, [CustomModel("own", path=tmp_path / "gone")])
        mode.installed = list(store.installed())
        mode.changed["own"] = store.check("own") or ""
        (model, _) = (await mode.backend.probe()).models
        assert model.id == "own"
        assert "models.own.path" in model.description
        with pytest.raises(BackendUnavailable, match=r"models\.own\.path"):
            await mode.ask(model="own")

    async def test_without_mlx_it_says_so(
        self, mode: Mode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # pyright: ignore
        readiness = await mode.backend.probe()
        assert not readiness.ready
        assert "MLX is not installed" in readiness.reason

    async def test_missing_builtin_can_be_installed(self, mode: Mode) -> None:
        with pytest.raises(ModelNotInstalled) as missing:
            await mode.ask(model="smollm2-135m")
        assert missing.value.title == "Install smollm2-135m (93 MB)"
        assert missing.value.model == "smollm2-135m"
        told: list[Progress] = []

        async def report(progress: Progress) -> None:
            told.append(progress)

        await mode.backend.install("smollm2-135m", report, never_ask)
        assert mode.fetched == ["smollm2-135m"]
        assert told == [Progress("get", "Getting it", 1, 2, "B")]

    @pytest.mark.parametrize(
        ("lack", "reason"),
        [
            ({"minimum_memory": 2**50}, r"needs a machine with .* of memory"),
            ({"download_bytes": 2**60}, "of free disk space"),
            ({"disk_bytes": 2**60}, "of free disk space"),
        ],
    )
    async def test_what_does_not_fit_is_not_offered(
        self, engine: FakeEngine, lack: dict[str, int], reason: str
    ) -> None:
        mode = Mode(engine, None, replace(Offered(), **lack), model="smollm2-135m")
        readiness = await mode.backend.probe()
        assert re.search(reason, readiness.reason)
        assert re.search(reason, readiness.models[1].description)
        with pytest.raises(BackendUnavailable, match=f"SmolLM2 .*does not fit.*{reason}") as told:
            await mode.ask(model="smollm2-135m")
        assert not isinstance(told.value, ModelNotInstalled)

    async def test_what_has_arrived_needs_no_room_again(self, engine: FakeEngine) -> None:
        mode = Mode(engine, None, replace(Offered(), download_bytes=2**60))
        mode.arrived["smollm2-135m"] = (2**60, 2**60)
        with pytest.raises(ModelNotInstalled):
            await mode.ask(model="smollm2-135m")

    async def test_a_user_who_knows_better_is_offered_it_all_the_same(
        self, engine: FakeEngine
    ) -> None:
        offered = replace(Offered(), minimum_memory=2**50)
        mode = Mode(engine, EngineSettings(ignore_memory=True), offered)
        with pytest.raises(ModelNotInstalled):
            await mode.ask(model="smollm2-135m")

    async def test_nothing_is_fetched_that_could_not_run(
        self, mode: Mode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def report(progress: Progress) -> None:
            raise AssertionError("nothing happens")

        def find_no_mlx_lm(name: str) -> object:
            return None if name == "mlx_lm" else object()

        monkeypatch.setattr("importlib.util.find_spec", find_no_mlx_lm)
        with pytest.raises(BackendUnavailable, match="MLX is not installed"):
            await mode.backend.install("smollm2-135m", report, never_ask)
        assert mode.fetched == []

    async def test_model_that_has_gone_is_named_by_its_id(self, mode: Mode) -> None:
        message = "There is no model '/models/tiny' here."
        mode.prepare(
            sse({"error": {"code": "model_not_found", "message": message}})[6:], status=404
        )
        with pytest.raises(ModelNotInstalled, match="'tiny' is not installed") as missing:
            await mode.ask()
        assert missing.value.data == {"model": "tiny"}
        assert "/models" not in missing.value.message

    async def test_other_missing_models_cannot(self, mode: Mode) -> None:
        with pytest.raises(ModelNotInstalled, match="acp-agent models list") as missing:
            await mode.ask(model="nonesuch")
        assert missing.value.title is None


@pytest.mark.anyio
class TestTranslation:
    async def test_conversation_is_spelt_as_messages(self, mode: Mode) -> None:
        answer = mode.prepare(ending(), prompt="and?")
        await mode.ask(
            UserMessage("look"),
            AssistantMessage("", thought="secret", tool_calls=(ToolCall("c1", "read", "{}"),)),
            ToolResult("c1", "read", ""),
            AssistantMessage("so far", thought="secret", interrupted=True),
            UserMessage("go on"),
            UserMessage("and?"),
        )
        call = {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
        assert answer.body["messages"] == [
            {"role": "user", "content": "look"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "name": "read", "content": ""},
            {"role": "assistant", "content": "so far"},
            {"role": "user", "content": "go on"},
            {"role": "user", "content": "and?"},
        ]
        assert answer.body["model"] == "/models/tiny"
        assert answer.body["stream"] is True

    async def test_request_goes_before_settings(self, engine: FakeEngine) -> None:
        mode = Mode(engine, temperature=0.5, max_tokens=10)
        answer = mode.prepare(ending())
        await mode.ask()
        assert (answer.body["temperature"], answer.body["max_tokens"]) == (0.5, 10)
        answer = mode.prepare(ending())
        await mode.ask(temperature=0.0, max_tokens=1)
        assert (answer.body["temperature"], answer.body["max_tokens"]) == (0.0, 1)

    async def test_a_wanted_object_is_spelt_as_response_format(self, mode: Mode) -> None:
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
        answer = mode.prepare(ending())
        await mode.ask()
        assert "response_format" not in answer.body
        answer = mode.prepare(ending())
        await mode.ask(response_schema=schema)
        assert answer.body["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema},
        }
        answer = mode.prepare(ending())
        await mode.ask(response_schema=schema, tools=(Tool("ls", ""),))
        assert "response_format" not in answer.body

    async def test_chunks_become_events(self, mode: Mode) -> None:
        mode.prepare(
            delta(role="assistant", content=""),
            sse({"choices": [], "queue_progress": {"ahead": 2}}),
            sse({"choices": [], "queue_progress": {"ahead": 1}}),
            sse({"choices": [], "queue_progress": {"ahead": 0}}),
            sse({"choices": [], "load_progress": {"processed": 0, "total": 0}}),
            sse({"choices": [], "load_progress": {"processed": 9, "total": 9}}),
            sse({"choices": [], "prompt_progress": {"processed": 3, "total": 8}}),
            delta(role="assistant", content=""),
            delta(reasoning_content="hm"),
            delta(content="yes"),
            ending("length"),
        )
        waiting = "Waiting for the engine: 1 prompt is answered first"
        assert await mode.ask() == [
            Progress("queue", "Waiting for the engine: 2 prompts are answered first"),
            Progress("queue", waiting),
            Progress("queue", waiting, finished=True),
            Progress("load", "Loading tiny", 0, None, "B"),
            Progress("load", "Loading tiny", 9, 9, "B", finished=True),
            Progress("prefill", "Reading the prompt", 3, 8, "tokens"),
            ThoughtDelta("hm"),
            TextDelta("yes"),
            Usage(7, 3, 512),
            Done("max_tokens"),
        ]

    async def test_overflow_keeps_its_kind(self, mode: Mode) -> None:
        error = {"code": "context_length_exceeded", "message": "It has 9 tokens, room for 8."}
        mode.prepare(sse({"error": error})[6:], status=400)
        with pytest.raises(ContextOverflow, match="room for 8"):
            await mode.ask()


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, acp_agent.backends.engine.mlx, acp_agent.engine.client, acp_agent.cli.engine;"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "acp_agent.backends.engine.mlx" in loaded
    heavy = {"mlx", "mlx_lm", "transformers", "numpy", "uvicorn", "starlette", "httpx2"}
    assert not heavy & {
        name.split(".")[0] for name in loaded if name != "acp_agent.backends.engine.mlx"
    }
