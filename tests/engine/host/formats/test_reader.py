"""What a client is told of a gpt-oss model's answer."""

import json
from itertools import pairwise
from typing import Any

import pytest

from acp_agent.engine.host.formats.base import ChatFormat
from acp_agent.engine.host.outputs import CallEnded, CallStarted, Delta, Text, Thought
from acp_agent.harmony.marks import Mark
from tests.engine.host.formats.talk import Talk, Turn, generate, tokens_of
from tests.harmony.outputs import LENIENT, LONG, WELL_FORMED

CASES = {**WELL_FORMED, **LENIENT}
CALL = '<|channel|>commentary to=functions.fs_read <|constrain|>json<|message|>{"a": "é"}<|call|>'
FINAL = "<|channel|>final<|message|>"
NEXT = "<|end|><|start|>assistant"


def answer(format: ChatFormat, output: str, **options: Any) -> Turn:
    """What a client is told of ``output``."""
    talk = Talk(format)
    talk.say("Hello")
    return talk.answer(output, **options)


def test_thought_text_and_call(harmony: ChatFormat) -> None:
    turn = answer(
        harmony,
        f"<|channel|>analysis<|message|>Think.{NEXT}"
        f"<|channel|>commentary<|message|>I look.{NEXT}{CALL}",
    )
    assert (turn.thought, turn.text, turn.reason) == ("Think.", "I look.", "tool_calls")
    assert [call["function"] for call in turn.calls] == [
        {"name": "fs/read", "arguments": '{"a": "é"}'}
    ]
    assert turn.deltas[-1] == CallEnded(0)
    assert turn.generated[-1] == tokens_of("<|call|>")[0]


def test_messages_of_a_kind_are_paragraphs(harmony: ChatFormat) -> None:
    turn = answer(
        harmony,
        f"<|channel|>analysis<|message|>a{NEXT}<|channel|>commentary<|message|>b{NEXT}"
        f"<|channel|>analysis<|message|>c{NEXT}{FINAL}d{NEXT}{FINAL}e<|return|>",
    )
    assert turn.thought == "a\n\nc"
    assert turn.text == "b\n\nd\n\ne"
    assert turn.deltas == [*map(Thought, "a"), Text("b"), Thought("\n\nc"), *turn.deltas[3:]]


def test_calls_have_ids_of_their_own(harmony: ChatFormat) -> None:
    ids = {answer(harmony, CALL).calls[0]["id"] for _ in range(20)}
    assert len(ids) == 20


def test_an_unknown_tool_keeps_the_name_that_the_model_wrote(harmony: ChatFormat) -> None:
    turn = answer(harmony, CALL.replace("fs_read", "made_up"))
    assert turn.calls[0]["function"]["name"] == "made_up"


@pytest.mark.parametrize("end", ["<|call|>", "<|end|>", "<|start|>", "<|channel|>", "<|return|>"])
def test_the_first_call_ends_the_answer(end: str, harmony: ChatFormat) -> None:
    made_up = "<|start|>functions.fs_read to=assistant<|channel|>commentary<|message|>no<|end|>"
    turn = answer(harmony, CALL.removesuffix("<|call|>") + end + made_up + CALL)
    assert len(turn.calls) == 1
    assert turn.generated[-1] == tokens_of(end)[0]
    assert (turn.reason, turn.faults) == ("tool_calls", [""])


def test_arguments_that_are_no_json_are_a_fault(harmony: ChatFormat) -> None:
    turn = answer(harmony, CALL.replace("}", ""))
    assert turn.reason == "tool_calls"
    assert turn.faults[0].startswith("The arguments are not valid JSON")


@pytest.mark.parametrize(
    ("output", "reason", "faults"),
    [
        ("<|channel|>analysis<|message|>a", "length", []),
        (f"{FINAL}a", "length", []),
        (CALL[:-12], "length", 1),
        (CALL.removesuffix("<|call|>"), "tool_calls", [""]),
        (f"{FINAL}a<|return|>", "stop", []),
        (f"{FINAL}a<|endoftext|>", "stop", []),
        (CALL.replace("<|call|>", "<|endoftext|>"), "tool_calls", [""]),
        ("<|endoftext|>", "stop", []),
    ],
)
def test_why_an_answer_ended(
    output: str, reason: str, faults: list[str] | int, harmony: ChatFormat
) -> None:
    turn = answer(harmony, output)
    assert turn.reason == reason
    assert turn.faults == faults or len(turn.faults) == faults


def test_the_answer_ends_where_the_model_speaks_for_others(harmony: ChatFormat) -> None:
    turn = answer(harmony, f"{FINAL}a<|end|><|start|>user<|message|>and then?<|end|>")
    assert (turn.text, turn.reason) == ("a", "stop")
    assert turn.generated[-1] == tokens_of("<|message|>")[0]


def test_nobody_hears_what_others_are_made_to_say_before_an_answer(harmony: ChatFormat) -> None:
    turn = answer(harmony, f"<|start|>user<|message|>x<|end|><|start|>assistant{FINAL}a<|return|>")
    assert (turn.text, turn.thought) == ("a", "")


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (f"{FINAL}one two STOP three<|return|>", "one two "),
        (f"{FINAL}one ST{NEXT}{FINAL}OP<|return|>", "one ST\n\nOP"),
        ("<|channel|>analysis<|message|>STOP" + NEXT + f"{FINAL}a<|return|>", "a"),
        (f"<|channel|>commentary<|message|>STOP{NEXT}{FINAL}a<|return|>", "STOP\n\na"),
        (f"{FINAL}STOP<|return|>", ""),
        (f"{FINAL}a ST", "a ST"),
    ],
)
def test_stop_texts_end_the_final_text_only(output: str, text: str, harmony: ChatFormat) -> None:
    assert answer(harmony, output, stop="STOP").text == text


def test_reasoning_is_counted(harmony: ChatFormat) -> None:
    turn = answer(harmony, f"<|channel|>analysis<|message|>abc{NEXT}{FINAL}abc<|return|>")
    assert turn.reasoning_tokens == len(tokens_of("abc"))


@pytest.mark.parametrize("name", CASES)
def test_any_output_is_told_without_markup(name: str, harmony: ChatFormat) -> None:
    output, _ = CASES[name]
    turn = answer(harmony, output.replace("<|reserved|>", "<|endoftext|>"))
    told = json.dumps([turn.text, turn.thought, turn.calls])
    assert not any(mark.value in told for mark in Mark)
    assert len(turn.calls) == len(turn.faults) <= 1
    assert not any(getattr(delta, "text", "x") == "" for delta in turn.deltas)


@pytest.mark.parametrize("name", CASES)
def test_an_output_that_is_cut_anywhere_has_an_end(name: str, harmony: ChatFormat) -> None:
    tokens = tokens_of(CASES[name][0])[:200]
    request = Talk(harmony, messages=[{"role": "user", "content": "a"}]).request()
    for size in range(len(tokens)):
        reader = harmony.reader(request)
        _, deltas = generate(reader, tokens[:size])
        told = deltas + reader.finish()
        assert reader.finish() == reader.add(tokens[0]) == []
        assert all(map(_in_order, pairwise(told)))
        starts = sum(isinstance(delta, CallStarted) for delta in told)
        assert starts == sum(isinstance(delta, CallEnded) for delta in told)


def _in_order(pair: tuple[Delta, Delta]) -> bool:
    """A call is the last thing in an answer."""
    before, after = pair
    return not isinstance(before, CallEnded) and not (
        isinstance(before, CallStarted) and isinstance(after, Thought | Text)
    )


def test_a_plain_answer_is_told(harmony: ChatFormat) -> None:
    assert answer(harmony, f"{LONG}<|return|>").text == LONG
