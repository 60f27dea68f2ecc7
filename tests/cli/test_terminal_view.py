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
