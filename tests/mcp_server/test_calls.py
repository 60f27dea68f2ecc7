"""Calls through the official client: answers, progress, cancel, and what is refused."""

import re
from pathlib import Path

import anyio
import pytest
from mcp import MCPError

from acp_agent.backends.base import (
    Done,
    Progress,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from acp_agent.conversation import UserMessage
from acp_agent.errors import ConfigError
from acp_agent.mcp_server.call import Services
from acp_agent.routing.generate import NAME, PLAIN_NAME, generate_schema
from tests.mcp_server.harness import OWN, PATIENCE, Heard, Stage, ask, failure, texts

pytestmark = pytest.mark.anyio


async def test_the_tool_is_described() -> None:
    async with Stage().client() as client:
        (tool,) = (await client.list_tools()).tools
    assert tool.name == NAME
    assert tool.input_schema == generate_schema()
    assert tool.annotations is not None
    assert tool.annotations.read_only_hint is True
    assert tool.annotations.open_world_hint is False


async def test_an_answer_without_thoughts_with_its_figures_and_its_record() -> None:
    stage = Stage()
    stage.own.script(
        ThoughtDelta("Hm."), TextDelta("Here "), TextDelta("it is."), Usage(12, 34), Done()
    )
    async with stage.client() as client:
        result = await ask(client, temperature=0.25, max_tokens=99)
    assert not result.is_error
    assert texts(result) == ["Here it is."]
    structured = result.structured_content
    assert structured.pop("seconds") >= 0
    assert structured == {
        "text": "Here it is.",
        "model": "gpt-oss-20b",
        "mode": "gptoss_20b",
        "stop_reason": "end_turn",
        "input_tokens": 12,
        "output_tokens": 34,
        "decision": stage.record.id,
    }
    request = stage.own.streams[0].request
    assert request is not None
    assert (request.model, request.thought_level) == (OWN.id, "medium")
    assert (request.temperature, request.max_tokens, request.tools) == (0.25, 99, ())
    assert request.messages == [UserMessage("Write it.")]


async def test_the_record_of_an_answer() -> None:
    stage = Stage()
    stage.own.script(TextDelta("x"), Usage(12, 34), Done())
    async with stage.client() as client:
        await ask(client)
    record, outcome = stage.record, stage.record.outcome
    assert (record.origin, record.session) == ("mcp", "session-1")
    assert re.fullmatch(r"[-\d]{10}T[:\d]{8}\.\d{3}Z", record.when)
    assert (record.prompt_hash, record.prompt_bytes, record.prompt) == ("hash of 9", 9, None)
    assert record.decision.delegate
    assert record.decision.reason_code == "explicit_request"
    assert record.decision.reason == "Another agent called gptoss.generate."
    assert 0 < record.decision.score < 1
    assert record.selected == record.effective == "gptoss_20b/gpt-oss-20b"
    assert record.skipped == []
    assert (outcome.prompt_tokens, outcome.generated_tokens) == (12, 34)
    assert (outcome.stop_reason, outcome.cancelled, outcome.error) == ("end_turn", False, None)
    assert outcome.first_token_seconds is not None


async def test_progress_tells_of_phases_then_of_tokens() -> None:
    stage, heard = Stage(), Heard()
    pieces = [TextDelta(f"{number} ") for number in range(40)]
    loading = [Progress("load", "Loading", done, 100, "B") for done in range(101)]
    stage.own.script(Progress("queue", "Waiting"), *loading, ThoughtDelta("Hm."), *pieces)
    async with stage.client() as client:
        await client.call_tool(NAME, {"user_prompt": "Count."}, progress_callback=heard)
    assert heard.numbers == sorted(set(heard.numbers))
    assert heard.messages[:2] == ["Waiting", "Loading: 0 %"]
    phases = heard.messages[: heard.messages.index("Thinking")]
    assert len(phases) == 22
    assert max(heard.numbers[: len(phases)]) < 1
    assert heard.numbers[len(phases) :] == [1, 17, 33]
    assert heard.messages[-1].endswith("30 31 ")


async def test_no_progress_is_told_that_was_not_asked_for() -> None:
    stage, heard = Stage(), Heard()
    async with stage.client() as client:
        await client.call_tool(NAME, {"user_prompt": "One."}, progress_callback=heard)
        count = len(heard.numbers)
        await ask(client, "Other.")
    assert count > 0
    assert len(heard.numbers) == count


async def test_a_cancel_stops_the_model_and_is_logged() -> None:
    stage = Stage()
    playing = stage.own.script(TextDelta("Begun"), anyio.Event(), prompt="Long.")
    async with stage.client() as client, anyio.create_task_group() as tasks:
        with anyio.fail_after(PATIENCE):
            with anyio.CancelScope() as scope:

                async def cancel_when_started() -> None:
                    await playing.started.wait()
                    scope.cancel()

                tasks.start_soon(cancel_when_started)
                await ask(client, "Long.")
            await playing.stopped.wait()
            # The connection goes on.
            assert texts(await ask(client)) == ["ok"]
    assert stage.log.records[0].outcome.cancelled
    assert not stage.log.records[1].outcome.cancelled


async def test_the_end_of_the_connection_stops_the_model() -> None:
    stage = Stage()
    playing = stage.own.script(TextDelta("Begun"), anyio.Event())
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks, stage.client() as client:

            async def call() -> None:
                with pytest.raises(MCPError):
                    await ask(client)

            tasks.start_soon(call)
            await playing.started.wait()
        await playing.stopped.wait()
    assert stage.record.outcome.cancelled


async def test_calls_run_side_by_side() -> None:
    stage = Stage()
    gate = anyio.Event()
    slow = stage.own.script(gate, TextDelta("slow"), prompt="Slow.")
    results: list[str] = []
    with anyio.fail_after(PATIENCE):
        async with stage.client() as client, anyio.create_task_group() as tasks:

            async def call(prompt: str) -> None:
                results.extend(texts(await ask(client, prompt)))

            tasks.start_soon(call, "Slow.")
            await slow.started.wait()
            await call("Quick.")
            gate.set()
    assert results == ["ok", "slow"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "user_prompt is missing: it must be given."),
        ({"user_prompt": ""}, "user_prompt must not be empty."),
        ({"user_prompt": "x", "temperature": 2}, "temperature must be at most 1."),
        ({"user_prompt": "x", "max_tokens": 0}, "max_tokens must be at least 1."),
        ({"user_prompt": "x", "task_type": "cooking"}, "task_type must be 'code_generation', "),
        ({"user_prompt": "x", "model": "big"}, "model is not known: leave it out (there are user"),
        ({"user_prompt": "  "}, "user_prompt is empty: say the whole task in it."),
        ({"user_prompt": "x" * 300_000}, "sent: send the parts that matter, or split"),
    ],
)
async def test_a_faulty_call_is_a_result_that_says_what_is_wrong(
    arguments: dict[str, object], words: str
) -> None:
    stage = Stage()
    async with stage.client() as client:
        assert words in failure(await client.call_tool(NAME, arguments))
    assert stage.own.streams == []


async def test_an_unknown_tool_is_an_error_of_the_protocol() -> None:
    async with Stage().client() as client:
        with pytest.raises(MCPError, match=r"there is gptoss\.generate"):
            await client.call_tool("other", {"user_prompt": "x"})
        assert not (await client.call_tool(PLAIN_NAME, {"user_prompt": "x"})).is_error


async def test_a_wrong_configuration_is_told_and_may_be_corrected() -> None:
    stage = Stage()
    is_correct = False

    async def load() -> Services:
        if not is_correct:
            raise ConfigError("The configuration has a typing error.")
        return stage.services()

    stage.load = load
    async with stage.client() as client:
        assert failure(await ask(client)) == "The configuration has a typing error."
        is_correct = True
        assert texts(await ask(client)) == ["ok"]


async def test_what_was_not_foreseen_stays_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.own.script(ValueError("/home/someone/secret"))
    async with stage.client() as client:
        assert "secret" not in failure(await ask(client))
    assert "secret" in caplog.text
    assert "secret" not in str(stage.record)


async def test_decisions_are_not_logged_where_that_is_off(tmp_path: Path) -> None:
    stage = Stage()
    services = stage.services()

    async def load() -> Services:
        return Services(services.answerers, services.settings, services.weights, None, "s")

    stage.load = load
    async with stage.client() as client:
        assert "decision" not in (await ask(client)).structured_content
    assert stage.log.records == []
