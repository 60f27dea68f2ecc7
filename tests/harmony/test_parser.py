"""What a model's output means, also where it is not well-formed.

Each case runs in whole texts, byte by byte, and with every cut of a text.
"""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acp_agent.errors import BackendError
from acp_agent.harmony.events import (
    ArgumentsDelta,
    HarmonyEvent,
    TextDelta,
    ThoughtDelta,
    ToolCallFailed,
    ToolCallFinished,
    ToolCallStarted,
)
from acp_agent.harmony.header import HEADER_LIMIT, PLAIN_LIMIT, Header, Origin
from acp_agent.harmony.marks import Mark, find_marks
from acp_agent.harmony.parser import HarmonyParser, find_fault
from tests.harmony.outputs import LENIENT, LONG, NO_ARGUMENTS, NO_OBJECT, WELL_FORMED, answer
from tests.harmony.stream import OTHER, Stream, by_byte, every_cut, parse, stream_of

CASES = {**WELL_FORMED, **LENIENT}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    text, expected = CASES[name]
    stream = stream_of(text)
    assert parse(stream) == expected
    assert parse(by_byte(stream)) == expected
    for cut in every_cut(stream):
        assert parse(cut) == expected


@pytest.mark.parametrize("name", WELL_FORMED)
def test_every_beginning_of_a_case_is_a_beginning_of_its_events(name: str) -> None:
    text, _ = CASES[name]
    tokens = by_byte(stream_of(text))
    whole = shown(parse(tokens))
    for end in range(len(tokens)):
        events = parse(tokens[:end])
        # What a header cut off says is no loss, and a cut message is told as ended.
        assert whole.startswith(shown(events)), tokens[:end]


def shown(events: list[HarmonyEvent]) -> str:
    """The deltas of ``events`` in one text."""
    deltas = (ThoughtDelta, TextDelta, ArgumentsDelta)
    return "".join(event.text for event in events if isinstance(event, deltas))


def test_deltas_come_at_once() -> None:
    stream = stream_of("<|channel|>final<|message|>Hello")
    assert parse(stream, finish=False) == [TextDelta("Hello")]
    stream = stream_of("<|channel|>commentary to=functions.f json<|message|>{")
    assert parse(stream, finish=False) == [ToolCallStarted("f"), ArgumentsDelta("{")]


@pytest.mark.parametrize(
    ("prefix", "limit"), [("", PLAIN_LIMIT), ("<|channel|>final ", HEADER_LIMIT)]
)
def test_a_header_that_does_not_end_is_held_back_to_its_limit(prefix: str, limit: int) -> None:
    stream = stream_of(prefix + "x" * 2 * limit)
    for size in range(limit - len(prefix.encode())):
        assert parse([*stream[:-1], b"x" * size], finish=False) == []
    assert parse(stream, finish=False) != []


HALF = "é".encode()[:1]


@pytest.mark.parametrize(
    "stream",
    [
        ["<|message|>", b"a", HALF, "<|end|>", "<|message|>", b"b", HALF, "<|return|>"],
        ["<|message|>", b"a", HALF, "<|end|>", b"b", HALF, "<|return|>"],
        ["<|message|>", b"a", "<|end|>", "<|channel|>", b"final", HALF, "<|message|>", b"b"],
    ],
)
def test_half_a_character_does_not_reach_into_the_next_message(stream: Stream) -> None:
    assert parse(stream) == answer("a") + answer("b")


def test_a_header_has_room_for_few_control_tokens() -> None:
    header = Header(Origin.PROMPT)
    room = [header.add_channel() and header.add_constrain() for _ in range(HEADER_LIMIT)]
    assert room[0]
    assert not room[-1]


def test_the_parser_tells_when_it_has_ended() -> None:
    marks = dict(enumerate(Mark))
    for last in Mark:
        parser = HarmonyParser(marks, lambda: None)  # pyright: ignore[reportArgumentType]
        parser.feed(list(Mark).index(last))
        assert parser.ended == (last is Mark.RETURN)
        assert parser.finish() == parser.finish() == []
        assert parser.ended


TEXTS = st.sampled_from(
    [
        *"aé {}:=",
        "assistant",
        "analysis",
        "final",
        "commentary",
        " to=",
        "functions.f",
        "python",
        " json",
        LONG,
    ]
)
TOKENS = st.lists(st.one_of(TEXTS, st.sampled_from([*(mark.value for mark in Mark), OTHER])))


@given(TOKENS)
@example(["a" * PLAIN_LIMIT, "<|start|>"])
@example([" " * PLAIN_LIMIT, " to=functions.f"])
def test_any_output_has_an_outcome_that_does_not_depend_on_cuts(tokens: list[str]) -> None:
    stream = stream_of("".join(tokens))
    events = parse(stream)
    assert parse(by_byte(stream)) == events
    assert not any(mark.value in shown(events) for mark in Mark)
    assert OTHER not in shown(events)
    for event in events:
        if isinstance(event, ToolCallFinished):
            assert isinstance(json.loads(event.arguments), dict)
    started = sum(isinstance(event, ToolCallStarted) for event in events)
    ended = sum(isinstance(event, ToolCallFinished | ToolCallFailed) for event in events)
    assert started == ended


@pytest.mark.parametrize("arguments", ["{}", ' {"a": [1.5, null]}\n', '{"a": {"a": 1}, "a": 2}'])
def test_objects_are_arguments(arguments: str) -> None:
    assert find_fault(arguments) is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", NO_ARGUMENTS),
        (" \n", NO_ARGUMENTS),
        ("[]", NO_OBJECT),
        ("12", NO_OBJECT),
        ("null", NO_OBJECT),
        ("{} {}", "The arguments are not valid JSON: Extra data at character 3."),
        ('{"a": NaN}', "The arguments are not valid JSON."),
        ('{"a": ' + "9" * 10_000 + "}", "The arguments are not valid JSON."),
        ('{"a":' + "[" * 200_000, "The arguments are not valid JSON."),
    ],
)
def test_anything_else_is_not(arguments: str, reason: str) -> None:
    assert find_fault(arguments) == reason


def test_a_vocabulary_without_harmony_is_refused() -> None:
    with pytest.raises(BackendError, match=r"lacks <\|call\|>, so it does not speak Harmony"):
        find_marks({mark.value: id for id, mark in enumerate(Mark) if mark is not Mark.CALL})


def test_further_control_tokens_are_known_without_a_meaning() -> None:
    controls = {mark.value: id for id, mark in enumerate(Mark)}
    marks = find_marks({**controls, "<|endoftext|>": 99})
    assert marks[99] is None
    assert set(marks.values()) == {*Mark, None}
