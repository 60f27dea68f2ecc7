"""What the apple backend asks the SDK, and how an answer ends, with an error too."""

import json
from typing import Any

import anyio
import pytest

from acp_agent.backends.apple import answer as module
from acp_agent.backends.apple.backend import AppleBackend
from acp_agent.backends.base import Done, Notice, TextDelta, Usage
from acp_agent.conversation import AssistantMessage, Message, ToolCall, ToolResult, UserMessage
from acp_agent.errors import BackendError, BackendUnavailable, ContextOverflow
from tests.backends.apple.harness import ask, backend_on, run, wait
from tests.backends.harness import collect, text_of
from tests.fixtures import fake_apple_errors
from tests.fixtures.fake_apple_errors import (
    ExceededContextWindowSizeError,
    GenerationError,
    GuardrailViolationError,
    InvalidGenerationSchemaError,
    RefusalError,
)
from tests.fixtures.fake_apple_model import PATIENCE, FakeMac, Hold

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object",
    "properties": {"candidate": {"type": "string", "enum": ["local", "ollama"]}},
    "required": ["candidate"],
}
EARLIER: tuple[Message, ...] = (
    UserMessage("What is 5+3?"),
    AssistantMessage("", tool_calls=(ToolCall("1", "add", "{}"),)),
    ToolResult("1", "add", "8"),
    AssistantMessage("It is 8.", thought="hm"),
)


@pytest.fixture
def mac() -> FakeMac:
    return FakeMac()


@pytest.fixture
def backend(mac: FakeMac) -> AppleBackend:
    return backend_on(mac)


async def test_first_prompt_needs_no_transcript(backend: AppleBackend, mac: FakeMac) -> None:
    mac.script("hi", "hello there")
    events = await run(backend, ask(instructions="Be brief."))
    assert [session.instructions for session in mac.sessions] == ["Be brief."]
    assert events == [TextDelta("hello there"), Usage(1, 2, 4096), Done()]


async def test_what_was_said_before_is_a_transcript(backend: AppleBackend, mac: FakeMac) -> None:
    mac.script("And 2 more?", "10")
    await run(backend, ask("And 2 more?", EARLIER, instructions="Be brief."))
    entries = mac.sessions[-1].transcript.entries[:-2]
    assert [(entry["role"], entry["contents"][0]["text"]) for entry in entries] == [
        ("instructions", "Be brief."),
        ("user", "What is 5+3?"),
        ("response", "It is 8."),
    ]
    assert {content["type"] for entry in entries for content in entry["contents"]} == {"text"}
    assert mac.sessions[-1].model is not None


async def test_sdk_that_takes_no_transcript_gets_it_in_the_prompt(
    backend: AppleBackend, mac: FakeMac
) -> None:
    mac.takes_transcripts = False
    told = (
        "What was said before:\n\nUser: What is 5+3?\n\nYou: It is 8.\n\n"
        "Answer this now:\n\nAnd 2 more?"
    )
    mac.script(told, "10")
    events = await run(backend, ask("And 2 more?", EARLIER, instructions="Be brief."))
    assert text_of(events) == "10"
    assert mac.sessions[-1].instructions == "Be brief."


async def test_options_reach_the_model(backend: AppleBackend, mac: FakeMac) -> None:
    answer = mac.script("hi", "hello")
    await run(backend, ask(temperature=0.2, max_tokens=7))
    assert answer.options.to_dict() == {"temperature": 0.2, "maximum_response_tokens": 7}
    answer = mac.script("hi", "hello")
    await run(backend, ask())
    assert answer.options.to_dict() == {}


async def test_no_usage_where_the_system_counts_nothing(
    backend: AppleBackend, mac: FakeMac
) -> None:
    mac.counts_tokens = False
    mac.script("hi", "hello")
    assert await run(backend, ask(max_tokens=1)) == [TextDelta("hello"), Done()]


async def test_revised_snapshot_repeats_and_loses_nothing(
    backend: AppleBackend, mac: FakeMac
) -> None:
    mac.script("hi", "One cat sat", "One cat", "A cat sat on", "A cat sat on a mat\ufffd", "A cat")
    mac.script("hi", "The cat sat", "A cat sat on", "A cat sat on a mat")
    assert text_of(await run(backend, ask())) == "One cat sat on a mat"
    assert text_of(await run(backend, ask())) == "The cat sat on a mat"


async def test_schema_guides_the_answer(backend: AppleBackend, mac: FakeMac) -> None:
    answer = mac.script("hi", json.dumps({"candidate": "local"}))
    events = await run(backend, ask(response_schema=SCHEMA, temperature=0.0))
    assert answer.schema == {
        "type": "object",
        "title": "Answer",
        "properties": {"candidate": {"type": "string", "enum": ["local", "ollama"]}},
        "required": ["candidate"],
        "x-order": ["candidate"],
        "additionalProperties": False,
    }
    assert answer.options.temperature == 0.0
    assert events == [TextDelta('{"candidate": "local"}'), Usage(1, 2, 4096), Done()]


@pytest.mark.parametrize("refusal", [InvalidGenerationSchemaError, GenerationError])
async def test_schema_that_the_sdk_cannot_use_is_left_out(
    backend: AppleBackend, mac: FakeMac, refusal: type[Exception]
) -> None:
    mac.script("hi", refusal("(status: 255): None"))
    unguided = mac.script("hi", "local")
    assert text_of(await run(backend, ask(response_schema=SCHEMA))) == "local"
    assert unguided.schema is None


async def test_guided_answer_is_cancelled_at_once(backend: AppleBackend, mac: FakeMac) -> None:
    """Here the SDK can be interrupted, and takes time to hear the end."""
    answer = mac.script("hi", Hold(), "{}")
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, backend.stream(ask(response_schema=SCHEMA)))
            await wait(answer.started)
            tasks.cancel_scope.cancel()
        await wait(answer.ended)
    assert answer.was_cancelled
    assert not answer.is_overdue


@pytest.mark.parametrize("kind", [RefusalError, GuardrailViolationError])
@pytest.mark.parametrize("before", [(), ("I would",)])
async def test_refusal_keeps_what_was_said(
    backend: AppleBackend, mac: FakeMac, kind: type[Exception], before: tuple[str, ...]
) -> None:
    mac.script("hi", *before, kind("Model refused to generate content: None"))
    *told, notice, done = await run(backend, ask())
    assert told == [TextDelta(text) for text in before]
    assert isinstance(notice, Notice)
    assert "None" not in notice.text
    assert done == Done("refusal")


async def test_window_that_is_too_small_is_told(backend: AppleBackend, mac: FakeMac) -> None:
    mac.context_size = 8192
    mac.script("hi", ExceededContextWindowSizeError("Context window size exceeded: None"))
    with pytest.raises(ContextOverflow, match="8,192 tokens") as raised:
        await run(backend, ask())
    assert raised.value.data == {"contextSize": 8192}


async def test_answer_that_fills_the_window_is_cut(backend: AppleBackend, mac: FakeMac) -> None:
    mac.script("hi", "a long", ExceededContextWindowSizeError("Context window size exceeded: None"))
    assert await run(backend, ask()) == [TextDelta("a long"), Done("max_tokens")]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("AssetsUnavailableError", "does not have the files"),
        ("ConcurrentRequestsError", "busy with another request"),
        ("DecodingFailureError", "could not be read"),
        ("FoundationModelsError", "model failed"),
        ("GenerationError", "model failed"),
        ("RateLimitedError", "limits how often"),
        ("UnsupportedGuideError", "model failed"),
        ("UnsupportedLanguageOrLocaleError", "does not speak the language"),
    ],
)
async def test_failure_says_what_to_do(
    backend: AppleBackend, mac: FakeMac, name: str, sentence: str
) -> None:
    kind: type[Exception] = getattr(fake_apple_errors, name)
    mac.script("hi", "so far", kind("/private/var/db: secret"))
    events: list[Any] = []
    with pytest.raises(BackendError, match=sentence) as raised:
        await collect(backend.stream(ask()), events)
    assert events == [TextDelta("so far")]
    assert "secret" not in raised.value.message
    assert any(word in raised.value.message for word in ("choose another", "Choose", "try again"))
    assert isinstance(raised.value, BackendUnavailable) == (name == "AssetsUnavailableError")


async def test_model_that_has_gone_since_the_probe_is_told(
    backend: AppleBackend, mac: FakeMac
) -> None:
    mac.unavailable = "APPLE_INTELLIGENCE_NOT_ENABLED"
    with pytest.raises(BackendUnavailable, match="Turn it on"):
        await run(backend, ask())


async def test_count_that_hangs_is_not_waited_for(
    backend: AppleBackend, mac: FakeMac, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(self: object, value: object) -> int:
        await anyio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("tests.fixtures.fake_apple_fm.SystemLanguageModel.token_count", hang)
    monkeypatch.setattr(module, "COUNT_LIMIT", 0.02)
    mac.script("hi", "hello")
    assert await run(backend, ask()) == [TextDelta("hello"), Done()]


async def test_guided_failure_is_not_asked_again(backend: AppleBackend, mac: FakeMac) -> None:
    mac.script("hi", fake_apple_errors.DecodingFailureError("Failed to decode response: None"))
    with pytest.raises(BackendError, match="could not be read"):
        await run(backend, ask(response_schema=SCHEMA))
    mac.script("hi", RefusalError("Model refused to generate content: None"))
    assert (await run(backend, ask(response_schema=SCHEMA)))[-1] == Done("refusal")
    assert mac.asked == ["hi", "hi"]


async def test_end_of_an_answer_is_told_as_it_is(backend: AppleBackend, mac: FakeMac) -> None:
    mac.script("hi", "it is \ufffd")
    assert text_of(await run(backend, ask())) == "it is \ufffd"
