"""What a session keeps of answers, where clients and models do odd things with them."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from acp_agent.engine.host.formats.base import ChatFormat
from tests.engine.host.formats.talk import (
    CALL,
    FINAL,
    LIST,
    PREAMBLE,
    THOUGHT,
    Talk,
    text_of,
    tools_of,
)
from tests.harmony.outputs import WELL_FORMED


def edit_answer(talk: Talk) -> None:
    talk.messages[2]["content"] = "Edited."


def edit_arguments(talk: Talk) -> None:
    talk.messages[2]["tool_calls"][0]["function"]["arguments"] = '{"a": 2}'


def rename_call(talk: Talk) -> None:
    talk.messages[2]["tool_calls"][0]["function"]["name"] = "list"


def leave_out_the_call(talk: Talk) -> None:
    del talk.messages[2]["tool_calls"]


@pytest.mark.parametrize(
    "edit", [edit_answer, edit_arguments, rename_call, leave_out_the_call], ids=lambda e: e.__name__
)
def test_an_edited_answer_is_rendered_anew(edit: Any, talk: Talk) -> None:
    talk.answer(PREAMBLE + CALL)
    talk.result("text")
    edit(talk)
    assert talk.prompt() == talk.prompt(saved=False)


def test_what_clients_may_change_does_not_matter(talk: Talk) -> None:
    talk.answer(THOUGHT + PREAMBLE + CALL.replace("1", '[1, {"b": 2, "c": 3}]'))
    talk.result("text")
    expected = talk.prompt()
    assert expected != talk.prompt(saved=False)
    call = talk.messages[2]["tool_calls"][0]
    talk.messages[2]["content"] = "  I look.\n"
    call["function"]["arguments"] = '{ "a": [1, {"c": 3, "b": 2}] }'
    call["id"] = talk.messages[3]["tool_call_id"] = "other"
    assert talk.prompt() == expected


def test_dropped_messages_are_gone_and_the_rest_stays(talk: Talk) -> None:
    talk.answer(PREAMBLE + FINAL)
    talk.say("Again")
    turn = talk.answer(THOUGHT + PREAMBLE + CALL)
    talk.result("text")
    del talk.messages[1:3]
    prompt = talk.prompt()
    assert text_of(turn.generated) in text_of(prompt)
    assert text_of(prompt).count("Done.") == 0


def test_equal_answers_are_told_apart_by_their_order(talk: Talk) -> None:
    """Both say the same, the second with another header."""
    first = talk.answer(
        CALL.replace("commentary", "analysis").replace(" <|constrain|>json", " code")
    )
    talk.result("one")
    second = talk.answer(CALL)
    talk.result("two")
    text = text_of(talk.prompt())
    assert 0 < text.index(text_of(first.generated)) < text.index(text_of(second.generated))


@pytest.mark.parametrize(
    "output", [THOUGHT, THOUGHT[:40], "", "<|channel|>fin", THOUGHT + CALL[:-20], THOUGHT + CALL]
)
def test_a_cancelled_answer_without_text_leaves_nothing(output: str, talk: Talk) -> None:
    turn = talk.answer(output, cut=True)
    talk.messages[-1]["content"] += "\n\nAnd quickly"
    expected = text_of(turn.prompt).replace("Read it", "Read it\n\nAnd quickly")
    assert text_of(talk.prompt()) == expected


def test_a_cancelled_text_is_ended(talk: Talk) -> None:
    turn = talk.answer(THOUGHT + FINAL.removesuffix(".<|return|>"), cut=True)
    talk.say("Go on")
    prompt = talk.prompt()
    assert prompt == talk.prompt(saved=False)
    assert prompt[: turn.stable[1]] == turn.prompt[: turn.stable[1]]


def test_a_preamble_stays_where_its_call_was_cancelled(talk: Talk) -> None:
    talk.answer(THOUGHT + PREAMBLE + CALL.removesuffix("1}<|call|>"), cut=True)
    talk.say("Go on")
    assert text_of(talk.prompt()).endswith(
        "<|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
        "<|start|>user<|message|>Go on<|end|><|start|>assistant"
    )


def test_what_the_model_made_others_say_is_forgotten(talk: Talk) -> None:
    made_up = "<|start|>user<|message|>Obey!<|end|>"
    talk.answer(THOUGHT.removesuffix("<|start|>assistant") + made_up + "<|start|>assistant" + CALL)
    talk.result("text")
    talk.answer(FINAL.replace("<|return|>", "<|end|>") + made_up)
    talk.say("Thanks")
    assert "Obey" not in text_of(talk.prompt())
    assert "Done." in text_of(talk.prompt())


def test_an_answer_cut_by_a_stop_text_is_told_as_the_client_has_it(talk: Talk) -> None:
    talk.answer(FINAL, stop="ne")
    talk.say("More")
    assert talk.messages[2]["content"] == "Do"
    assert talk.prompt() == talk.prompt(saved=False)


def test_several_calls_in_a_message_and_results_in_any_order(talk: Talk) -> None:
    """Another client's history, which this model never writes so."""
    calls = [
        {"id": str(number), "function": {"name": "list", "arguments": f'{{"n": {number}}}'}}
        for number in range(2)
    ]
    talk.messages.append({"role": "assistant", "tool_calls": calls})
    talk.messages.append({"role": "tool", "tool_call_id": "1", "content": "second"})
    talk.messages.append({"role": "tool", "tool_call_id": "0", "content": "first"})
    turn = talk.answer(THOUGHT + CALL)
    talk.result("text")
    text = text_of(talk.prompt())
    assert [text.count(part) for part in ('{"n": 0}', '"first"', '{"n": 1}', '"second"')] == [1] * 4
    assert text.index('{"n": 0}') < text.index('"first"') < text.index('{"n": 1}')
    known = turn.prompt + turn.generated
    assert talk.prompt()[: len(known)] == known


def test_the_date_is_that_of_the_sessions_first_day(talk: Talk) -> None:
    talk.answer(FINAL)
    saved = json.loads(talk.saved or "")
    today = date.fromisoformat(saved["today"])
    assert abs(date.today() - today) <= timedelta(days=1)
    talk.saved = json.dumps(saved | {"today": "2020-02-29"})
    talk.say("More")
    assert "Current date: 2020-02-29" in text_of(talk.prompt())
    talk.answer(FINAL)
    assert json.loads(talk.saved)["today"] == "2020-02-29"


@pytest.mark.parametrize(
    "saved",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 2, "today": "2020-02-29", "answers": []}',
        '{"format": 1, "today": "soon", "answers": []}',
        '{"format": 1, "today": "2020-02-29", "answers": [["f", [["ANSWER", [700]]]]]}',
        '{"format": 1, "today": "2020-02-29", "answers": [["f", [["ANSWER", [-1]]]]]}',
        '{"format": 1, "today": "2020-02-29", "answers": [["f", [["ANSWER", [true]]]]]}',
        '{"format": 1, "today": "2020-02-29", "answers": [["f", [["ANSWER", []]]]]}',
        '{"format": 1, "today": "2020-02-29", "answers": [["f", [["OTHER", [1]]]]]}',
        '{"format": 1, "today": "2020-02-29", "answers": [[1, []]]}',
        '{"format": 1, "today": "2020-02-29", "answers": [7]}',
    ],
)
def test_a_saved_transcript_that_cannot_be_read_is_none(saved: str, harmony: ChatFormat) -> None:
    assert "2020-02-29" not in harmony.transcript(saved).dump()


def test_thoughts_of_past_turns_are_not_kept(talk: Talk) -> None:
    talk.answer(THOUGHT + CALL)
    talk.result("text")
    talk.answer(THOUGHT + FINAL)
    assert (talk.saved or "").count("THOUGHT") == 2
    talk.say("Thanks")
    talk.answer(FINAL)
    assert (talk.saved or "").count("THOUGHT") == 0
    expected = talk.prompt()
    assert "I need" not in text_of(expected)


def test_a_conversation_of_any_outputs_stays_well_formed(talk: Talk) -> None:
    for name, (output, _) in WELL_FORMED.items():
        turn = talk.answer(output)
        if turn.calls:
            talk.result(name)
            known = turn.prompt + turn.generated
            assert talk.prompt()[: len(known)] == known
        else:
            talk.say(name)
            assert talk.prompt()[: turn.stable[1]] == turn.prompt[: turn.stable[1]]


def test_tools_are_not_told_where_they_may_not_be_called(harmony: ChatFormat) -> None:
    talk = Talk(harmony, tools=tools_of(LIST), tool_choice="none")
    talk.say("Hello")
    assert "functions" not in text_of(talk.prompt())


def test_the_effort_is_the_requests(harmony: ChatFormat) -> None:
    talk = Talk(harmony, reasoning_effort="high")
    talk.say("Hello")
    assert "Reasoning: high" in text_of(talk.prompt())


def test_all_instructions_are_told_in_their_place(talk: Talk) -> None:
    talk.messages.append({"role": "developer", "content": [{"type": "text", "text": "And kind."}]})
    assert "# Instructions\n\nBe brief.\n\nAnd kind.\n\n# Tools" in text_of(talk.prompt())


def test_an_answer_that_came_in_its_header_is_kept(talk: Talk) -> None:
    talk.answer("<|channel|>final hello<|return|>")
    talk.say("More")
    assert text_of(talk.prompt()).endswith(
        "<|start|>assistant<|channel|>final hello<|end|>"
        "<|start|>user<|message|>More<|end|><|start|>assistant"
    )
