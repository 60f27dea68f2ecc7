"""How updates look in the terminal, and what an agent cannot do to it."""

import io
from typing import Any

import pytest
from rich.console import Console

from acp_agent.cli.terminal.session import Choice
from acp_agent.cli.terminal.view import AnswerView, View, choices_table, printable


def plain_view() -> tuple[View, io.StringIO]:
    file = io.StringIO()
    return View(Console(file=file, width=40)), file


def chunk(text: str, kind: str = "agent_message_chunk", **fields: Any) -> dict[str, Any]:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": text}, **fields}


NOTICE = chunk("Small model.\n", _meta={"acp-agent": {"notice": True}})


def test_control_characters_are_made_visible() -> None:
    assert printable("a\x1b[2J\r\x00\x7f\x9b é\n\tz") == "a␛[2J␍␀\ufffd\ufffd é\n\tz"


def test_chunks_run_on_and_blocks_begin_on_new_lines() -> None:
    view, file = plain_view()
    for text in ("I ", "think"):
        view.show(chunk(text, "agent_thought_chunk"))
    view.show(NOTICE)
    for text in ("One", " two"):
        view.show(chunk(text, messageId="m1"))
    view.show(chunk("three\n", messageId="m2"))
    view.finish()
    view.finish()
    assert file.getvalue() == "I think\nSmall model.\nOne two\nthree\n"


def test_markup_and_long_lines_are_shown_as_they_are() -> None:
    view, file = plain_view()
    view.show(chunk("[bold]x[/bold] :smile: " + "word " * 20))
    assert file.getvalue() == "[bold]x[/bold] :smile: " + "word " * 20


def test_progress_is_one_line_at_each_end_where_there_is_no_terminal() -> None:
    view, file = plain_view()
    call: dict[str, Any] = {"sessionUpdate": "tool_call_update", "toolCallId": "t"}
    view.show(call | {"sessionUpdate": "tool_call", "title": "Load", "status": "in_progress"})
    view.show(call | {"title": "Load, 40%"})
    view.show(call | {"title": "Load, 90%"})
    view.show(call | {"status": "failed"})
    assert file.getvalue() == "> Load\n! Load, 90%\n"


def test_progress_overwrites_its_line_on_a_terminal() -> None:
    file = io.StringIO()
    view = View(Console(file=file, width=20, force_terminal=True, color_system=None))
    call: dict[str, Any] = {"sessionUpdate": "tool_call_update", "toolCallId": "t"}
    view.show(call | {"sessionUpdate": "tool_call", "title": "Load", "status": "in_progress"})
    view.show(call | {"title": "Load a model with a long name"})
    view.show(call | {"status": "completed", "title": "Load"})
    view.show(chunk("Hi"))
    lines = file.getvalue().split("\r\x1b[2K")
    assert lines == ["> Load", "- Load a model wit…", "+ Load\nHi"]


def test_a_plan_is_a_list() -> None:
    view, file = plain_view()
    entries = [{"content": "Look", "status": "completed"}, {"content": "Write"}]
    view.show({"sessionUpdate": "plan", "entries": entries})
    assert file.getvalue() == "+ Look\n- Write\n"


@pytest.mark.parametrize(
    "update",
    [
        {},
        {"sessionUpdate": "usage_update", "used": 1, "size": 2},
        {"sessionUpdate": "agent_message_chunk", "content": None, "_meta": "x"},
        {"sessionUpdate": "plan", "entries": "x"},
    ],
)
def test_what_has_no_look_is_passed_over(update: dict[str, Any]) -> None:
    view, file = plain_view()
    view.show(update)
    assert file.getvalue() == ""


def test_the_current_choice_is_marked() -> None:
    file = io.StringIO()
    choices = (Choice("a", "A", "[red]first"), Choice("b", "B"))
    Console(file=file, width=60).print(choices_table("Modes", choices, "b"))
    lines = file.getvalue().splitlines()
    assert [line for line in lines if ">" in line] == [line for line in lines if " b " in line]
    assert "[red]first" in file.getvalue()


def test_a_piped_answer_holds_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    file = io.StringIO()
    view = AnswerView(Console(file=file, width=40))
    view.show(NOTICE)
    view.show(chunk("The cap", messageId="m1"))
    view.show(chunk("hm", "agent_thought_chunk"))
    view.show(chunk("ital\x1b[0m", messageId="m1"))
    assert capsys.readouterr().out == "The capital\x1b[0m"
    view.show(chunk("Next.", messageId="m2"))
    view.end()
    assert capsys.readouterr().out == "\nNext.\n"
    assert file.getvalue() == "Small model.\nhm\n"
    assert view.answered


def delegated(text: str, call: str, **fields: Any) -> dict[str, Any]:
    source = {"mode": "gptoss_20b", "model": "big", "toolCallId": call}
    return chunk(text, _meta={"acp-agent": {"source": source}}, messageId=call, **fields)


def call_update(call: str, text: str = "", **fields: Any) -> dict[str, Any]:
    content = [{"type": "content", "content": {"type": "text", "text": text}}] if text else []
    update = {"sessionUpdate": "tool_call_update", "toolCallId": call, "content": content}
    return update | fields


def begun(call: str) -> dict[str, Any]:
    return call_update(
        call, "Why.", sessionUpdate="tool_call", title=f"Delegate {call}", status="in_progress"
    )


def test_a_delegation_is_a_line_at_each_end_and_its_answer_between() -> None:
    view, file = plain_view()
    view.show(begun("d1"))
    view.show(delegated("One", "d1"))
    view.show(call_update("d1", "Big is answering."))
    view.show(delegated(" two", "d1"))
    view.show(call_update("d1", "Big answered (9 tokens).\nOne two", status="completed"))
    view.show(chunk("Done.", messageId="m"))
    view.finish()
    assert file.getvalue() == (
        "> Delegate d1\nOne two\n+ Delegate d1: Big answered (9 tokens).\nDone.\n"
    )


def test_a_delegations_progress_does_not_cut_its_answer_on_a_terminal() -> None:
    file = io.StringIO()
    view = View(Console(file=file, width=40, force_terminal=True, color_system=None))
    view.show(begun("d1"))
    view.show(delegated("One", "d1"))
    view.show(call_update("d1", "Big is answering."))
    view.show(delegated(" two", "d1"))
    view.show(call_update("d1", status="failed"))
    assert file.getvalue() == "> Delegate d1\nOne two\n! Delegate d1\n"


def test_the_content_of_other_calls_is_no_summary() -> None:
    view, file = plain_view()
    view.show(begun("c1"))
    view.show(call_update("c1", "a.txt", status="completed"))
    assert file.getvalue() == "> Delegate c1\n+ Delegate c1\n"


def test_delegations_at_the_same_time_are_shown_one_after_another() -> None:
    view, file = plain_view()
    for update in (
        *(begun(call) for call in ("d1", "d2", "d3")),
        delegated("one", "d1"),
        delegated("two", "d2"),
        delegated("three", "d3"),
        delegated(" one", "d1"),
        delegated(" two", "d2"),
        call_update("d2", "Well.", status="completed"),
        chunk("meanwhile", messageId="m"),
        call_update("d1", status="completed"),
        delegated(" three", "d3"),
        call_update("d3", status="failed"),
        delegated("late", "d4"),
    ):
        view.show(update)
    assert file.getvalue() == (
        "> Delegate d1\n> Delegate d2\n> Delegate d3\n"
        "one one\nmeanwhile\n+ Delegate d1\n"
        "two two\n+ Delegate d2: Well.\n"
        "three three\n! Delegate d3\nlate"
    )


def test_a_piped_answer_holds_the_delegated_one_once(capsys: pytest.CaptureFixture[str]) -> None:
    file = io.StringIO()
    view = AnswerView(Console(file=file, width=40))
    for update in (
        begun("d1"),
        delegated("The ", "d1"),
        delegated("hm", "d1", kind="agent_thought_chunk"),
        delegated("answer", "d1"),
        call_update("d1", "Well.\nThe answer", status="completed"),
    ):
        view.show(update)
    view.end()
    assert capsys.readouterr().out == "The answer\n"
    assert file.getvalue() == "> Delegate d1\nhm\n+ Delegate d1: Well.\n"
    assert view.answered
