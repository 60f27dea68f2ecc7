"""Events as session updates: each is what the SDK reads, with our words in it."""

import json
from typing import Any

import pytest

from acp_agent.backends.base import Plan, PlanStep, Progress, Usage
from acp_agent.protocol import updates
from acp_agent.protocol.wire.base import WireModel
from acp_agent.rpc.frames import TextFrame
from tests.protocol.sdk import check_message


def sent(update: WireModel | None) -> dict[str, Any]:
    """The update as the client reads it."""
    assert update is not None
    message = json.loads(json.dumps(updates.notification("s1", update)))
    check_message(message)
    assert message["params"]["sessionId"] == "s1"
    return message["params"]["update"]


@pytest.mark.parametrize("kind", ["agent_message_chunk", "agent_thought_chunk"])
@pytest.mark.parametrize("text", ["hello", 'a"\\\n\u00e4\U0001f5fc\x00', ""])
@pytest.mark.parametrize("session", ["s1", 'odd "id"\n'])
def test_a_chunk_put_together_from_bytes_is_a_message(kind: str, text: str, session: str) -> None:
    head = updates.chunk_head(session, kind, "m1")
    message = json.loads(TextFrame(head, text, updates.CHUNK_TAIL).encode())
    check_message(message)
    assert message["params"] == {
        "sessionId": session,
        "update": {
            "sessionUpdate": kind,
            "messageId": "m1",
            "content": {"type": "text", "text": text},
        },
    }


def test_a_notice_is_marked_as_the_agents_own() -> None:
    update = sent(updates.notice_chunk("The model was cut.", "m1"))
    assert update == {
        "sessionUpdate": "agent_message_chunk",
        "messageId": "m1",
        "content": {"type": "text", "text": "*The model was cut.*\n\n"},
        "_meta": {"acp-agent": {"notice": True}},
    }


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("a", "A"), ""),
        (Progress("a", "A", total=100), ""),
        (Progress("a", "A", 0, 0), "0"),
        (Progress("a", "A", 5, unit="tokens"), "5 tokens"),
        (Progress("a", "A", 5, 20, "tokens"), "25 % (5 tokens of 20 tokens)"),
        (Progress("a", "A", 30, 20), "100 % (30 of 20)"),
        (Progress("a", "A", 999, unit="B"), "999 B"),
        (Progress("a", "A", 1000, unit="B"), "1.0 kB"),
        (Progress("a", "A", 46_000_000, 92_000_000, "B"), "50 % (46.0 MB of 92.0 MB)"),
        (Progress("a", "A", 13_800_000_000, unit="B"), "13.8 GB"),
    ],
)
def test_progress_is_told_in_words(progress: Progress, text: str) -> None:
    assert updates.progress_text(progress) == text
    started = sent(updates.progress_started(progress, "c1"))
    moved = sent(updates.progress_moved(progress, "c1"))
    for update in (started, moved):
        contents = [content["content"]["text"] for content in update.get("content", [])]
        assert contents == ([text] if text else [])
        assert (update["toolCallId"], update["title"]) == ("c1", "A")
    assert started["status"] == "in_progress"
    assert "status" not in moved


def test_the_end_of_a_step_has_a_status() -> None:
    ended = sent(updates.progress_moved(Progress("a", "A", finished=True), "c1"))
    assert ended["status"] == "completed"
    assert sent(updates.call_ended("c1", well=True))["status"] == "completed"
    assert sent(updates.call_ended("c1", well=False))["status"] == "failed"


def test_a_plan_is_told_whole() -> None:
    plan = Plan((PlanStep("Read", "completed"), PlanStep("Edit", "in_progress"), PlanStep("Run")))
    entries = sent(updates.plan_update(plan))["entries"]
    found = [(entry["content"], entry["status"], entry["priority"]) for entry in entries]
    assert found == [
        ("Read", "completed", "medium"),
        ("Edit", "in_progress", "medium"),
        ("Run", "pending", "medium"),
    ]


def test_usage_needs_a_window() -> None:
    update = sent(updates.usage_update(Usage(100, 20, 4096)))
    assert update == {"sessionUpdate": "usage_update", "used": 120, "size": 4096}
    assert updates.usage_update(Usage(100, 20)) is None


def test_usage_tells_the_depth_of_a_recurrent_model() -> None:
    update = sent(updates.usage_update(Usage(100, 20, 4096, n_loops=8)))
    assert update["used"] == 120
    assert update["_meta"] == {"acp-agent": {"nLoops": 8}}
