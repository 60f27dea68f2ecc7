"""The prompt budget in numbers: instructions and all of the agent's own tools (issue 4)."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from acp_agent.app.toolset import build_toolbox
from acp_agent.backends.base import Model, ModelRequest
from acp_agent.backends.engine.spelling import request_body
from acp_agent.backends.text_tools.spelling import told_in_words
from acp_agent.config.settings import ToolSettings
from acp_agent.conversation import Tool, UserMessage, estimate_text, estimate_tool
from acp_agent.harmony.prompt import PromptEncoder
from acp_agent.harmony.template import ChatTemplate
from acp_agent.tools.base import Toolbox
from acp_agent.turn.instructions import INSTRUCTIONS
from acp_agent.turn.offer import offer
from tests.harmony.conftest import TEMPLATE
from tests.harmony.vocabulary import make_family_tokenizer, write_o200k
from tests.protocol.backend import fake, requests
from tests.turn.talk import Talk

TOKENS = 1_500
BYTES = 10 * 1024


@pytest.fixture(scope="module")
def toolbox() -> Toolbox:
    """All tools of the agent's own."""
    return build_toolbox(ToolSettings(fetch_url=True))


@pytest.fixture(scope="module")
def tokenizer(run_folder: Path) -> Tokenizer:
    return make_family_tokenizer(write_o200k(run_folder))


def count(encoder: PromptEncoder, instructions: str, tools: Sequence[Tool]) -> int:
    return len(
        encoder.encode(
            [UserMessage("Hi.")],
            today=date(2026, 2, 3),
            instructions=instructions,
            tools=tools,
        )
    )


def test_instructions_and_tools_keep_to_the_budget(tokenizer: Tokenizer, toolbox: Toolbox) -> None:
    encoder = PromptEncoder(tokenizer, ChatTemplate(TEMPLATE.read_text(encoding="utf-8")))
    rendered = count(encoder, INSTRUCTIONS, toolbox.tools) - count(encoder, "", ())
    plain = INSTRUCTIONS + json.dumps([spell(tool) for tool in toolbox.tools])
    as_json = len(tokenizer.encode(plain, add_special_tokens=False).ids)
    assert 300 < rendered <= TOKENS
    assert 300 < as_json <= TOKENS
    estimate = estimate_text(INSTRUCTIONS) + sum(map(estimate_tool, toolbox.tools))
    assert max(rendered, as_json) <= estimate <= 2 * as_json


def spell(tool: Tool) -> dict[str, object]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}


def test_all_tools_are_offered_from_eight_thousand_tokens_on(toolbox: Toolbox) -> None:
    for support in ("native", "text"):
        assert offer(toolbox.tools, support, 8192, "m").tools == toolbox.tools
    kept = {tool.name for tool in offer(toolbox.tools, "native", 4096, "m").tools}
    assert {"read_file", "list_directory", "search", "edit_file", "run_command"} <= kept


def test_tools_in_words_are_counted_as_words(tokenizer: Tokenizer, toolbox: Toolbox) -> None:
    offered = offer(toolbox.tools, "text", 4096, "m")
    assert offered.tools == toolbox.tools
    told = told_in_words(ModelRequest((), "m", instructions=INSTRUCTIONS, tools=offered.tools))
    words = len(tokenizer.encode(told.instructions, add_special_tokens=False).ids)
    assert words <= offered.tokens <= 2 * words


@pytest.mark.anyio
async def test_the_first_request_is_small(toolbox: Toolbox, tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"a_file_of_the_project_{number}.py").touch()
    backend = fake(models=[Model("m", "M", tools="native", context_size=131_072)])
    talk = Talk(backend, tools=list(toolbox), root=tmp_path)
    await talk.say("Find where the date is read, fix it, and run the tests.")
    body = request_body(requests(backend)[0], tmp_path, temperature=1.0, max_tokens=1000)
    assert body["tools"] == [spell(tool) for tool in toolbox.tools]
    assert len(json.dumps(body).encode()) <= BYTES
