"""What a transcript keeps, finds again and forgets."""

from datetime import date

import pytest

from acp_agent.conversation import AssistantMessage, Message, ToolCall, UserMessage
from acp_agent.harmony import transcript as module
from acp_agent.harmony.header import Kind
from acp_agent.harmony.recorder import Piece
from acp_agent.harmony.transcript import (
    Answer,
    HarmonyTranscript,
    fingerprint_of,
    load_transcript,
)

TODAY = date(2026, 2, 3)


def answer(text: str, first_token: int, *, size: int = 1) -> Answer:
    tokens = tuple(range(first_token, first_token + size))
    return Answer(fingerprint_of(text, ()), (Piece(Kind.ANSWER, tokens),))


def said(*texts: str) -> list[Message]:
    messages: list[Message] = []
    for text in texts:
        messages += [UserMessage("?"), AssistantMessage(text)]
    return messages


def found_in(transcript: HarmonyTranscript, messages: list[Message]) -> dict[int, int]:
    """The first token of each answer that stands in ``messages``, by its turn from 0."""
    found = transcript.match(messages)
    return {index // 2: answer.pieces[0].tokens[0] for index, answer in found.items()}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("ab", {0: 1, 1: 2}),
        ("aba", {0: 1, 1: 2, 2: 3}),
        ("abac", {0: 1, 1: 2, 2: 3, 3: 4}),
        ("bac", {0: 2, 1: 3, 2: 4}),
        ("axac", {0: 1, 2: 3, 3: 4}),
        ("ac", {0: 3, 1: 4}),
        ("cab", {1: 1, 2: 2}),
        ("x", {}),
        ("", {}),
    ],
)
def test_answers_are_found_in_order(told: str, found: dict[int, int]) -> None:
    answers = [answer(text, number) for number, text in enumerate("abac", start=1)]
    transcript = HarmonyTranscript(TODAY, answers)
    assert found_in(transcript, said(*told)) == found
    again = load_transcript(transcript.dump(), vocabulary_size=5)
    assert again is not None
    assert again.today == TODAY
    assert found_in(again, said(*told)) == found


def test_beyond_the_limit_the_oldest_that_was_not_told_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TOKEN_LIMIT", 30)
    transcript = HarmonyTranscript(TODAY)
    for number, text in enumerate("abc"):
        transcript.add(answer(text, 100 * number, size=10))
    assert found_in(transcript, said("a", "c")) == {0: 0, 1: 200}
    transcript.add(answer("d", 300, size=10))
    assert found_in(transcript, said(*"abcd")) == {0: 0, 2: 200, 3: 300}
    transcript.add(answer("e", 400, size=15))
    assert found_in(transcript, said(*"acde")) == {3: 400, 2: 300}
    transcript.add(answer("f", 500, size=31))
    assert found_in(transcript, said(*"acdef")) == {}


def test_calls_count_by_name_and_value() -> None:
    def made(*calls: tuple[str, str]) -> str:
        return fingerprint_of("a", [ToolCall("1", *call) for call in calls])

    assert made(("f", '{"a": 1, "b": [2]}')) == made(("f", '{"b":[2],"a":1}'))
    assert made(("f", " {oops\n")) == made(("f", "{oops"))
    assert fingerprint_of(" a\n", ()) == fingerprint_of("a", ())
    others = [made(), made(("f", "{}")), made(("g", "{}")), made(("f", "{")), made(("f", '"{"'))]
    others += [made(("f", "{}"), ("f", "{}")), fingerprint_of("b", ()), fingerprint_of("", ())]
    assert len(set(others)) == len(others)


def test_only_the_thoughts_of_the_named_answers_are_forgotten() -> None:
    thought = Piece(Kind.THOUGHT, (1, 2))
    answers = [Answer(text, (thought, Piece(Kind.ANSWER, (3,)))) for text in "ab"]
    transcript = HarmonyTranscript(TODAY, answers)
    transcript.forget_thoughts([answers[0]])
    assert transcript.dump().count("THOUGHT") == 1
