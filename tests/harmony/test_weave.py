"""Generated answers in rendered prompts, where templates differ and answers are odd."""

from datetime import date

import pytest

from acp_agent.conversation import AssistantMessage, Message, ToolCall, ToolResult, UserMessage
from acp_agent.harmony.header import Kind
from acp_agent.harmony.prompt import PromptEncoder
from acp_agent.harmony.recorder import Assembler, Piece
from acp_agent.harmony.template import ChatTemplate
from acp_agent.harmony.transcript import Answer
from acp_agent.harmony.weave import Weaver
from tests.harmony.conftest import TEMPLATE
from tests.harmony.vocabulary import make_small_tokenizer

_TOKENIZER = make_small_tokenizer()
MESSAGES: list[Message] = [
    UserMessage("a"),
    AssistantMessage("", "thought", (ToolCall("1", "f", "{}"),)),
    ToolResult("1", "f", "b"),
]
CALL = "<|channel|>commentary to=functions.f<|message|>{}<|call|>"


def tokens_of(text: str) -> tuple[int, ...]:
    return tuple(_TOKENIZER.encode(text, add_special_tokens=False).ids)


def weave(source: str, held: dict[int, Answer]) -> tuple[str, str, bool]:
    """The prompt for ``MESSAGES`` by the template ``source``: rendered and woven; and
    whether that template writes one message for each."""
    encoder = PromptEncoder(make_small_tokenizer(), ChatTemplate(source))
    rendered = encoder.encode(MESSAGES, today=date(2026, 2, 3))
    woven = Weaver(encoder.marks, encoder.decode).weave(rendered, MESSAGES, held)
    return encoder.decode(rendered), encoder.decode(woven.tokens), woven.fits


HELD = {1: Answer("", (Piece(Kind.CALL, tokens_of(CALL)),))}


def test_what_was_generated_takes_the_place_of_what_was_rendered() -> None:
    rendered, woven, fits = weave(TEMPLATE.read_text(encoding="utf-8"), HELD)
    assert fits
    assert f"<|start|>assistant{CALL}<|start|>functions.f" in woven
    assert CALL not in rendered


@pytest.mark.parametrize(
    "source",
    [
        "<|start|>user<|message|>{{ messages | length }}<|end|><|start|>assistant",
        "<|start|>assistant<|message|>a<|end|><|start|>assistant<|message|>b<|end|><|start|>assistant",
        "<|start|>assistant",
        "nothing",
        "",
        "<|message|><|start|>",
    ],
)
def test_a_template_that_writes_other_messages_is_taken_as_it_is(source: str) -> None:
    rendered, woven, fits = weave(source, HELD)
    assert (rendered, fits) == (woven, False)


def assemble(*pieces: tuple[Kind, str], with_thoughts: bool = True) -> str:
    encoder = PromptEncoder(make_small_tokenizer(), ChatTemplate(""))
    assembler = Assembler(encoder.marks, tokens_of("<|start|>assistant"))
    made = [Piece(kind, tokens_of(text)) for kind, text in pieces]
    return encoder.decode(assembler.assemble(made, with_thoughts=with_thoughts))


THOUGHT = (Kind.THOUGHT, "<|channel|>analysis<|message|>a<|end|>")
FINAL = "<|channel|>final<|message|>b"


@pytest.mark.parametrize(
    ("kind", "text", "end"),
    [
        (Kind.ANSWER, "<|return|>", "<|end|>"),
        (Kind.ANSWER, "<|call|>", "<|end|>"),
        (Kind.ANSWER, "<|end|>", "<|end|>"),
        (Kind.ANSWER, "", "<|end|>"),
        (Kind.CALL, "<|return|>", "<|call|>"),
        (Kind.CALL, "", "<|call|>"),
    ],
)
def test_an_answer_ends_as_its_kind_does(kind: Kind, text: str, end: str) -> None:
    assert assemble((kind, f"<|message|>b{text}")) == f"<|start|>assistant<|message|>b{end}"


@pytest.mark.parametrize("start", ["", "<|start|>assistant"])
def test_without_thoughts_each_message_has_its_beginning_and_end(start: str) -> None:
    pieces = [THOUGHT, (Kind.PREAMBLE, f"{start}{FINAL}"), (Kind.ANSWER, f"{start}{FINAL}")]
    expected = f"<|start|>assistant{FINAL}<|end|>" * 2
    assert assemble(*pieces, with_thoughts=False) == expected


def test_with_thoughts_it_is_as_it_was_generated() -> None:
    pieces = [THOUGHT, (Kind.PREAMBLE, FINAL), (Kind.ANSWER, f"{FINAL}<|return|>")]
    expected = f"<|start|>assistant{THOUGHT[1]}{FINAL}{FINAL}<|end|>"
    assert assemble(*pieces) == expected


def test_an_answer_that_begins_itself_has_one_beginning() -> None:
    assert assemble((Kind.ANSWER, f"<|start|>assistant{FINAL}")).count("<|start|>") == 1
