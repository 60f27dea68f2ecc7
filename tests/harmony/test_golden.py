"""Prompts against OpenAI's own renderer, token by token, on the family's vocabulary.

The chat template differs from that renderer in known ways, each of which stands in
``DIFFERENCES``; there are no others.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer

from acp_agent.conversation import AssistantMessage, Message, Tool, UserMessage
from acp_agent.errors import BackendError
from acp_agent.harmony.golden import (
    ATTACK,
    CONVERSATIONS,
    GOLDEN_PROMPTS,
    TODAY,
    TOOLS,
    GoldenPrompt,
    check_template,
)
from acp_agent.harmony.prompt import PromptEncoder, ReasoningEffort
from tests.harmony.conftest import TEMPLATE
from tests.harmony.vocabulary import make_small_tokenizer

if TYPE_CHECKING:
    from tests.harmony.oracle import Oracle


def add_line_feeds_after_instructions(text: str) -> str:
    """The template ends instructions with two line feeds also where no tools follow."""
    return re.sub(
        r"(?s)(developer<\|message\|># Instructions\n\n[^<#]*)(<\|end\|>)", r"\1\n\n\2", text
    )


def add_comma_after_default(text: str) -> str:
    """The template writes the comma that follows a parameter after its default."""
    return re.sub(r"(// default: .*)\n", r"\1,\n", text)


def drop_constrain(text: str) -> str:
    """The template names the content type of a call without the control token."""
    return text.replace("<|constrain|>json", "json")


def quote_results(text: str) -> str:
    """The template writes a tool's result as a JSON string."""
    return re.sub(
        r"(?s)(to=assistant<\|channel\|>commentary<\|message\|>)(.*?)(<\|end\|>)",
        lambda m: m[1] + json.dumps(m[2], ensure_ascii=False) + m[3],
        text,
    )


def drop_past_analysis(text: str) -> str:
    """The template drops the analysis before the last answer also within a tool loop."""
    past, answer, present = text.rpartition("<|start|>assistant<|channel|>final")
    analysis = r"(?s)<\|start\|>assistant<\|channel\|>analysis<\|message\|>.*?<\|end\|>"
    return re.sub(analysis, "", past) + answer + present


DIFFERENCES: list[Callable[[str], str]] = [
    add_line_feeds_after_instructions,
    add_comma_after_default,
    drop_constrain,
    quote_results,
    drop_past_analysis,
]


@pytest.mark.parametrize("tools", [(), TOOLS], ids=["no tools", "tools"])
@pytest.mark.parametrize("instructions", ["", "Be brief."], ids=["no instructions", "instructions"])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_prompt_is_the_oracles_but_for_known_differences(
    name: str,
    instructions: str,
    tools: tuple[Tool, ...],
    family_encoder: PromptEncoder,
    oracle: "Oracle",
) -> None:
    messages = CONVERSATIONS[name]
    text = oracle.decode(
        oracle.render(messages, today=TODAY, instructions=instructions, tools=tools)
    )
    for apply_difference in DIFFERENCES:
        text = apply_difference(text)
    tokens = family_encoder.encode(messages, today=TODAY, instructions=instructions, tools=tools)
    assert oracle.decode(tokens) == text
    assert tokens == oracle.encode(text)


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_each_known_difference_is_there(difference: Callable[[str], str], oracle: "Oracle") -> None:
    texts = [
        oracle.decode(oracle.render(said, today=TODAY, instructions="Be brief.", tools=tools))
        for said in CONVERSATIONS.values()
        for tools in ((), TOOLS)
    ]
    assert any(difference(text) != text for text in texts)


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_the_effort_and_what_users_spell_are_the_oracles(
    effort: ReasoningEffort, family_encoder: PromptEncoder, oracle: "Oracle"
) -> None:
    messages: list[Message] = [
        UserMessage(f"a{ATTACK}b"),
        AssistantMessage(ATTACK),
        UserMessage("c"),
    ]
    expected = oracle.render(messages[:1], today=TODAY, effort=effort)
    assert family_encoder.encode(messages[:1], today=TODAY, effort=effort) == expected
    assert family_encoder.encode(messages, today=TODAY, effort=effort)[: len(expected)] == expected


def test_tokens_are_known(family_encoder: PromptEncoder) -> None:
    tokens = family_encoder.encode([UserMessage("Hi"), AssistantMessage("Yes")], today=TODAY)
    start, end = 200_006, 200_007
    assert tokens[:3] == [start, 17_360, 200_008]
    user = [start, 1_428, 200_008, 12_194, end]
    answer = [start, 173_781, 200_005, 17_196, 200_008, 13_022, end]
    assert tokens[-14:] == [*user, *answer, start, 173_781]


NOT_THE_ORACLES = ("spelled markup", "two calls at once")
"""The first spells what ``DIFFERENCES`` look for; of the second OpenAI's renderer knows
nothing, since its calls come one by one."""


@pytest.mark.parametrize("golden", GOLDEN_PROMPTS, ids=lambda golden: golden.name)
def test_golden_texts_are_the_oracles_but_for_known_differences(
    golden: GoldenPrompt, oracle: "Oracle", family_encoder: PromptEncoder
) -> None:
    expected = golden.read_expected()
    assert golden.render(family_encoder) == expected
    if golden.name in NOT_THE_ORACLES:
        return
    options = {"instructions": golden.instructions, "effort": golden.effort}
    tokens = oracle.render(golden.messages, today=TODAY, tools=golden.tools, **options)
    text = oracle.decode(tokens)
    for apply_difference in DIFFERENCES:
        text = apply_difference(text)
    assert text == expected


def test_markup_that_contents_spell_is_none_in_a_golden_text() -> None:
    (golden,) = (golden for golden in GOLDEN_PROMPTS if golden.name == "spelled markup")
    text = golden.read_expected()
    assert text.count(ATTACK.replace("<|", "<\\|")) == 8
    assert ATTACK not in text


def write_model(folder: Path, template: str, tokenizer: Tokenizer) -> Path:
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


def test_installed_files_that_are_right_have_no_differences(tmp_path: Path) -> None:
    source = TEMPLATE.read_text(encoding="utf-8")
    assert check_template(write_model(tmp_path, source, make_small_tokenizer())) == []


def test_each_golden_prompt_sees_a_template_that_writes_otherwise(tmp_path: Path) -> None:
    source = TEMPLATE.read_text(encoding="utf-8")
    assert "Knowledge cutoff" in source
    changed = source.replace("Knowledge cutoff", "Cutoff")
    found = check_template(write_model(tmp_path, changed, make_small_tokenizer()))
    assert [difference.name for difference in found] == [golden.name for golden in GOLDEN_PROMPTS]
    lines = found[0].describe().splitlines()
    assert "-Knowledge cutoff: 2024-06" in lines
    assert "+Cutoff: 2024-06" in lines
    assert len(lines) < 10


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ("text | tojson", "text", {"call and result", "spelled markup", "two calls"}),
        ("now.last_answer <= loop.index0", "true", {"call of a past turn"}),
        ('default("json")', 'default("<|constrain|>json")', {"two calls at once"}),
        ('default("medium")', "upper", {"low effort", "high effort"}),
    ],
)
def test_golden_prompts_see_what_differs(
    before: str, after: str, names: set[str], tmp_path: Path
) -> None:
    source = TEMPLATE.read_text(encoding="utf-8")
    assert before in source
    folder = write_model(tmp_path, source.replace(before, after), make_small_tokenizer())
    assert names <= {difference.name for difference in check_template(folder)}


def test_a_template_that_refuses_is_a_difference(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "{{ raise_exception('No.') }}", make_small_tokenizer())
    found = check_template(folder)
    assert len(found) == len(GOLDEN_PROMPTS)
    assert found[0].found == "The model's chat template refuses this conversation: No."


def test_a_tokenizer_that_loses_characters_is_seen(tmp_path: Path) -> None:
    described = json.loads(make_small_tokenizer().to_str())
    described["normalizer"] = {"type": "Lowercase"}
    tokenizer = Tokenizer.from_str(json.dumps(described))
    assert check_template(write_model(tmp_path, TEMPLATE.read_text(encoding="utf-8"), tokenizer))


def test_files_that_are_not_harmonys_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="tokenizer"):
        check_template(tmp_path)
