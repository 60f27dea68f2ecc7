"""What the wire models send, and what importing them costs."""

import subprocess
import sys

from acp_agent.protocol.wire.authentication import AuthenticateResponse
from acp_agent.protocol.wire.content import TextContent
from acp_agent.protocol.wire.options import (
    SessionConfigSelect,
    SessionConfigSelectGroup,
    SessionConfigSelectOption,
)
from acp_agent.protocol.wire.prompt import CancelRequestNotification
from acp_agent.protocol.wire.tool_calls import (
    Content,
    Diff,
    ToolCall,
    ToolCallProgress,
    ToolCallUpdate,
)
from acp_agent.protocol.wire.updates import (
    AgentMessageChunk,
    CurrentModeUpdate,
    SessionInfoUpdate,
    SessionNotification,
    UsageUpdate,
)


def test_grouped_values_survive() -> None:
    option = SessionConfigSelectOption(value="v", name="V")
    group = SessionConfigSelectGroup(group="g", name="G", options=[option])
    select = SessionConfigSelect(id="i", name="n", current_value="v", options=[group])
    assert select.to_wire()["options"] == [
        {"group": "g", "name": "G", "options": [{"value": "v", "name": "V"}]}
    ]
    assert SessionConfigSelect.from_wire(select.to_wire()) == select


def test_a_chunk_carries_its_discriminators() -> None:
    chunk = AgentMessageChunk(content=TextContent(text="hé"), message_id="m")
    assert SessionNotification(session_id="s", update=chunk).to_wire() == {
        "sessionId": "s",
        "update": {
            "sessionUpdate": "agent_message_chunk",
            "content": {"type": "text", "text": "hé"},
            "messageId": "m",
        },
    }


def test_mode_updates_follow_the_schema() -> None:
    update = CurrentModeUpdate(current_mode_id="ollama").to_wire()
    assert update == {"sessionUpdate": "current_mode_update", "currentModeId": "ollama"}


def test_a_tool_call_update_is_bare_within_a_permission_request() -> None:
    diff = Diff(path="/a", new_text="b")
    assert ToolCallUpdate(tool_call_id="t", content=[diff]).to_wire() == {
        "toolCallId": "t",
        "content": [{"type": "diff", "path": "/a", "newText": "b"}],
    }
    wrapped = Content(content=TextContent(text="x"))
    assert ToolCallProgress(tool_call_id="t", content=[wrapped]).to_wire() == {
        "sessionUpdate": "tool_call_update",
        "toolCallId": "t",
        "content": [{"type": "content", "content": {"type": "text", "text": "x"}}],
    }


def test_nones_are_left_out_of_fields_but_kept_in_values() -> None:
    call = ToolCall(tool_call_id="t", title="T", raw_input={"a": None}, meta={"b": None})
    assert call.to_wire() == {
        "sessionUpdate": "tool_call",
        "toolCallId": "t",
        "title": "T",
        "rawInput": {"a": None},
        "_meta": {"b": None},
    }
    assert UsageUpdate(used=1, size=2).to_wire() == {
        "sessionUpdate": "usage_update",
        "used": 1,
        "size": 2,
    }
    assert AuthenticateResponse().to_wire() == {}


def test_nulls_that_mean_something_are_sent() -> None:
    assert CancelRequestNotification(request_id=None).to_wire() == {"requestId": None}
    cleared = SessionNotification(session_id="s", update=SessionInfoUpdate(title=None))
    assert cleared.to_wire()["update"] == {"sessionUpdate": "session_info_update", "title": None}
    assert SessionInfoUpdate(updated_at="2025-01-01").to_wire() == {
        "sessionUpdate": "session_info_update",
        "updatedAt": "2025-01-01",
    }


_PROBE = """
import sys
from acp_agent.protocol.wire.initialize import *
from acp_agent.protocol.wire.initialize import WireModel
names = (n.rpartition(".")[2] for n in sys.modules if n.startswith("acp_agent.protocol."))
print(*sorted(names))
print(*(m.__name__ for m in WireModel.__subclasses__() if m.__pydantic_complete__))
"""


def test_importing_initialize_loads_little_and_builds_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True
    )
    assert done.stdout == "base initialize wire\n\n"
