"""What is sent for outputs, against OpenAI's documented objects."""

from dataclasses import replace

import pytest

from acp_agent.engine.host.outputs import (
    CallArguments,
    CallEnded,
    CallStarted,
    Finished,
    Output,
    Progress,
    Queued,
    Text,
    Thought,
)
from tests.fixtures.asgi_client import answer, deltas
from tests.fixtures.fake_worker import FIGURES

pytestmark = pytest.mark.anyio

END = Finished("stop", FIGURES)
CALLS: tuple[Output, ...] = (
    Thought("Which "),
    Thought("file?"),
    CallStarted(0, "call_a", "read_file"),
    CallArguments(0, '{"path":'),
    CallArguments(0, ' "é"}'),
    CallEnded(0),
    CallStarted(1, "call_b", "run"),
    CallArguments(1, '{"x'),
    CallEnded(1, "The arguments are no JSON."),
    Finished("tool_calls", FIGURES),
)


async def test_stream_is_openais_chunks() -> None:
    events = (await answer((Text("Hél"), Text("lo"), END), stream=True)).events
    for event in events:
        assert event["object"] == "chat.completion.chunk"
        assert event["id"] == events[0]["id"]
        assert event["id"].startswith("chatcmpl-")
        assert event["model"] == "tiny"
        assert event["created"] == events[0]["created"] > 1_700_000_000
    assert deltas(events) == [
        {"role": "assistant", "content": ""},
        {"content": "Hél"},
        {"content": "lo"},
        {},
    ]
    reasons = [choice["finish_reason"] for event in events for choice in event["choices"]]
    assert reasons == [None, None, None, "stop"]
    assert {choice["index"] for event in events for choice in event["choices"]} == {0}


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}])
async def test_last_chunk_has_the_figures(options: dict[str, object]) -> None:
    events = (await answer((Text("Hi"), END), stream=True, **options)).events
    assert events[-1]["choices"] == []
    assert events[-1]["usage"] == {
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 2},
        "context_size": 512,
    }
    assert events[-1]["timings"] == {
        "queue_ms": 250.0,
        "cache_n": 8,
        "prompt_n": 4,
        "prompt_ms": 500.0,
        "predicted_n": 5,
        "predicted_ms": 125.0,
        "memory_peak": 4096,
    }
    assert not [event for event in events[:-1] if "usage" in event]


async def test_depth_is_told_where_a_model_has_one() -> None:
    deep = Finished("stop", replace(FIGURES, n_loops=8))
    events = (await answer((deep,), stream=True)).events
    assert events[-1]["usage"]["n_loops"] == 8


async def test_thoughts_and_calls_are_streamed() -> None:
    events = (await answer(CALLS, stream=True)).events
    function = {"name": "read_file", "arguments": ""}
    other = {"name": "run", "arguments": ""}
    assert deltas(events)[1:] == [
        {"reasoning_content": "Which "},
        {"reasoning_content": "file?"},
        {"tool_calls": [{"index": 0, "id": "call_a", "type": "function", "function": function}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"path":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ' "é"}'}}]},
        {"tool_calls": [{"index": 1, "id": "call_b", "type": "function", "function": other}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"x'}}]},
        {
            "tool_calls": [
                {
                    "index": 1,
                    "function": {"arguments": ""},
                    "fault": "The arguments are no JSON.",
                }
            ]
        },
        {},
    ]
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


async def test_whole_answer_is_openais_completion() -> None:
    sent = await answer((Text("Hél"), Text("lo"), Finished("length", FIGURES)))
    assert sent.status == 200
    assert sent.json["object"] == "chat.completion"
    assert sent.json["id"].startswith("chatcmpl-")
    assert sent.json["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Héllo", "refusal": None},
            "logprobs": None,
            "finish_reason": "length",
        }
    ]
    assert sent.json["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}
    assert sent.json["timings"]["cache_n"] == 8


async def test_whole_answer_has_thoughts_and_calls() -> None:
    choice = (await answer(CALLS)).json["choices"][0]
    function = {"name": "read_file", "arguments": '{"path": "é"}'}
    fault = {"fault": "The arguments are no JSON."}
    broken = {"name": "run", "arguments": '{"x'}
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "reasoning_content": "Which file?",
        "tool_calls": [
            {"id": "call_a", "type": "function", "function": function},
            {"id": "call_b", "type": "function", "function": broken, **fault},
        ],
    }
    assert choice["finish_reason"] == "tool_calls"


PROGRESS: tuple[Output, ...] = (
    Queued(2),
    Queued(0),
    Progress("load", 10, 20),
    Progress("prompt", 3, 7),
    Text("Hi"),
    END,
)


async def test_progress_is_told_where_it_was_asked_for() -> None:
    events = (await answer(PROGRESS, stream=True, return_progress=True)).events
    keys = ("queue_progress", "load_progress", "prompt_progress")
    told = [{key: event[key] for key in keys if key in event} for event in events]
    assert [one for one in told if one] == [
        {"queue_progress": {"ahead": 2}},
        {"queue_progress": {"ahead": 0}},
        {"load_progress": {"processed": 10, "total": 20}},
        {"prompt_progress": {"processed": 3, "total": 7}},
    ]
    assert deltas(events)[1:5] == [{}] * 4


async def test_progress_stays_out_otherwise() -> None:
    events = (await answer(PROGRESS, stream=True)).events
    assert deltas(events) == [{"role": "assistant", "content": ""}, {"content": "Hi"}, {}]


async def test_loading_is_streamed_to_its_end() -> None:
    outputs = (Queued(1), Progress("load", 0, 0), Progress("load", 20, 20))
    assert (await answer(outputs, loads=True)).events == [
        {"queue_progress": {"ahead": 1}},
        {"load_progress": {"processed": 0, "total": 0}},
        {"load_progress": {"processed": 20, "total": 20}},
        {"loaded": "tiny"},
    ]


async def test_model_in_memory_is_loaded_at_once() -> None:
    assert (await answer((), loads=True)).events == [{"loaded": "tiny"}]
