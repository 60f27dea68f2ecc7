"""Mode ``gptoss_20b`` over the real engine client: the contract, tools, and its states."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acp_agent.backends.base import (
    Done,
    Progress,
    TextDelta,
    ThoughtDelta,
    ToolCallRequested,
    ToolCallStarted,
    Usage,
)
from acp_agent.backends.engine.state import describe_state
from acp_agent.config.paths import find_paths
from acp_agent.conversation import Tool, ToolCall, UserMessage
from acp_agent.errors import BackendUnavailable, ModelNotInstalled
from tests.backends.contract import BackendContract
from tests.backends.engine.harness import EngineHarness, GptOssMode, Installed, Offered
from tests.fixtures.fake_engine import Answer, FakeEngine, delta, ending, sse

LOOK = Tool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})


@pytest.fixture
async def engine() -> AsyncGenerator[FakeEngine, None]:
    async with FakeEngine().running(find_paths().engine_socket) as engine:
        yield engine


@pytest.fixture
def mode(engine: FakeEngine, tmp_path: Path) -> GptOssMode:
    return GptOssMode(engine, tmp_path)


@pytest.fixture
def harness(mode: GptOssMode) -> EngineHarness:
    return EngineHarness(mode)


class TestContract(BackendContract):
    """The mode keeps the contract."""


@pytest.mark.anyio
class TestModels:
    async def test_only_gpt_oss_models_are_offered(self, mode: GptOssMode) -> None:
        readiness = await mode.backend.probe()
        (model,) = readiness.models
        assert model.id == readiness.default_model == "tiny"
        assert model.thought_levels == ("low", "medium", "high")
        assert model.thought_default == "medium"
        assert model.tools == "native"

    async def test_the_effort_of_the_settings_is_the_default(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        mode = GptOssMode(engine, tmp_path, reasoning_effort="high")
        assert (await mode.backend.probe()).models[0].thought_default == "high"

    async def test_a_missing_model_is_offered(self, engine: FakeEngine, tmp_path: Path) -> None:
        mode = GptOssMode(engine, tmp_path, model="gpt-oss-20b")
        mode.installed = []
        readiness = await mode.backend.probe()
        assert readiness.ready
        assert not readiness.installed
        assert readiness.models[0].tools == "native"
        with pytest.raises(ModelNotInstalled, match=r"licence is Apache-2\.0") as missing:
            await mode.ask(model="gpt-oss-20b")
        assert missing.value.title == "Install smollm2-135m (93 MB)"

    async def test_a_download_under_way_is_told(self, engine: FakeEngine, tmp_path: Path) -> None:
        mode = GptOssMode(engine, tmp_path, model="gpt-oss-20b")
        mode.installed = []
        mode.arrived["gpt-oss-20b"] = (34, 100)
        readiness = await mode.backend.probe()
        assert readiness.reason.startswith("34 % of its download are here. The first prompt")
        assert "34 %" in readiness.models[0].description

    async def test_a_machine_that_is_too_small_is_told_so(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        mode = GptOssMode(
            engine, tmp_path, replace(Offered(), minimum_memory=2**60), model="gpt-oss-20b"
        )
        mode.installed = []
        readiness = await mode.backend.probe()
        assert not readiness.ready
        assert "memory" in readiness.reason

    async def test_a_disk_that_is_too_small_is_told_before_the_offer(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        offered = replace(Offered(), download_bytes=2**60)
        mode = GptOssMode(engine, tmp_path, offered, model="gpt-oss-20b")
        mode.installed = []
        readiness = await mode.backend.probe()
        assert not readiness.ready
        assert "of free disk space" in readiness.reason

    async def test_another_model_is_not_replaced(self, engine: FakeEngine, tmp_path: Path) -> None:
        readiness = await GptOssMode(engine, tmp_path, model="llama").backend.probe()
        assert not readiness.ready
        assert "'llama' is no installed gpt-oss model" in readiness.reason

    async def test_a_named_folder_that_is_not_there_is_told_with_its_setting(
        self, engine: FakeEngine, tmp_path: Path
    ) -> None:
        mode = GptOssMode(engine, tmp_path, model="own")
        mode.installed = [Installed("own", tmp_path / "gone")]
        mode.changed["own"] = "models.own.path in the configuration names a folder."
        readiness = await mode.backend.probe()
        assert not readiness.ready
        assert readiness.reason == mode.changed["own"]

    async def test_a_wrong_folder_is_called_one(self, engine: FakeEngine, tmp_path: Path) -> None:
        readiness = await GptOssMode(engine, tmp_path, model="/nowhere/llama").backend.probe()
        assert not readiness.ready
        assert "'llama' is no folder with a gpt-oss model: correct its path" in readiness.reason

    async def test_a_folder_is_a_model(self, engine: FakeEngine, tmp_path: Path) -> None:
        mode = GptOssMode(engine, tmp_path, model=str(tmp_path / "tiny"))
        mode.installed = []
        readiness = await mode.backend.probe()
        assert readiness.default_model == str(tmp_path / "tiny")
        assert readiness.models[0].name == "tiny"

    async def test_a_changed_model_is_not_run(self, mode: GptOssMode) -> None:
        mode.changed["tiny"] = "model.safetensors is not as it was installed."
        with pytest.raises(BackendUnavailable, match="not as it was installed"):
            await mode.ask()


@pytest.mark.anyio
class TestState:
    async def test_a_running_engine_is_asked(self, mode: GptOssMode) -> None:
        entry = {"id": "tiny", "state": "ready", "sequences": 2}
        status = {"models": [entry], "queued_requests": 1}
        mode.engine.answers["/v1/engine/status"] = Answer((json.dumps(status).encode(),))
        assert (await mode.backend.probe()).reason == "It answers 2 prompts now, 1 wait."

    async def test_no_engine_is_no_hindrance(self, mode: GptOssMode) -> None:
        find_paths().engine_socket.unlink()
        readiness = await mode.backend.probe()
        assert readiness.ready
        assert readiness.reason == ""

    @pytest.mark.parametrize(
        ("entry", "sentence"),
        [
            ({"id": "tiny", "state": "loading"}, "It is being loaded."),
            (
                {"id": "tiny", "state": "loading", "loaded_bytes": 40, "total_bytes": 100},
                "It is being loaded (40 %).",
            ),
            ({"id": "tiny", "state": "ready", "sequences": 0}, "It is in memory."),
            ({"id": "tiny", "state": "busy", "sequences": 1}, "It answers 1 prompt now."),
            ({"id": "other", "state": "ready"}, ""),
        ],
    )
    def test_states_are_told_in_words(self, entry: dict[str, Any], sentence: str) -> None:
        assert describe_state({"models": [entry]}, "tiny") == sentence
        assert describe_state({}, "tiny") == ""


def call_piece(index: int, **piece: object) -> bytes:
    change = {"tool_calls": [{"index": index, **piece}]}
    return sse({"choices": [{"index": 0, "delta": change, "finish_reason": None}]})


@pytest.mark.anyio
class TestAnswers:
    async def test_tools_effort_and_session_go_along(self, mode: GptOssMode) -> None:
        answer = mode.prepare(ending())
        await mode.ask(
            UserMessage("hi"),
            session="s1",
            instructions="Be brief.",
            tools=(LOOK,),
            thought_level="low",
        )
        body = answer.body
        assert body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert body["prompt_cache_key"] == "s1"
        assert body["reasoning_effort"] == "low"
        assert body["temperature"] == 1.0
        assert body["user"]
        (tool,) = body["tools"]
        assert tool["type"] == "function"
        assert tool["function"]["name"] == "look"
        assert tool["function"]["parameters"] == LOOK.parameters

    async def test_calls_are_put_together(self, mode: GptOssMode) -> None:
        function = {"name": "look", "arguments": ""}
        mode.prepare(
            delta(reasoning_content="hm"),
            call_piece(0, id="c1", type="function", function=function),
            call_piece(0, function={"arguments": '{"at":'}),
            call_piece(0, function={"arguments": '"a"}'}),
            call_piece(1, id="c2", type="function", function=function),
            call_piece(1, function={"arguments": "{"}),
            call_piece(1, function={"arguments": ""}, fault="It was cut off."),
            ending("tool_calls"),
        )
        assert await mode.ask(tools=(LOOK,)) == [
            ThoughtDelta("hm"),
            ToolCallStarted("c1", "look"),
            ToolCallStarted("c2", "look"),
            ToolCallRequested(ToolCall("c1", "look", '{"at":"a"}')),
            ToolCallRequested(ToolCall("c2", "look", "{"), "It was cut off."),
            Usage(7, 3, 512),
            Done("end_turn"),
        ]

    async def test_figures_are_told(self, mode: GptOssMode) -> None:
        usage = {
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "context_size": 512,
            "prompt_tokens_details": {"cached_tokens": 8},
            "completion_tokens_details": {"reasoning_tokens": 3},
        }
        timings = {"queue_ms": 1000, "prompt_ms": 250, "predicted_ms": 500, "memory_peak": 77}
        mode.prepare(
            delta(content="yes"),
            sse({"choices": [], "usage": usage, "timings": timings}),
            b"data: [DONE]\n\n",
        )
        assert await mode.ask() == [
            TextDelta("yes"),
            Usage(9, 4, 512, 8, 3, 1.0, 0.25, 0.5, 77),
            Done("end_turn"),
        ]

    async def test_waiting_for_another_engine_is_shown(self, mode: GptOssMode) -> None:
        sentence = "Waiting for another engine to finish"
        mode.prepare(sse({"choices": [], "engine_wait": sentence}), delta(content="yes"), ending())
        assert (await mode.ask())[:3] == [
            Progress("engine", sentence),
            Progress("engine", sentence, finished=True),
            TextDelta("yes"),
        ]
