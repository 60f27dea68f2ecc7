"""What a user sees in a terminal before allowing a call."""

import io
import sys

import pytest
from rich.console import Console

from acp_agent.cli.terminal import ask
from acp_agent.cli.terminal.call_view import LINES, describe_call
from acp_agent.cli.terminal.view import View


def text(value: str) -> dict[str, object]:
    return {"type": "content", "content": {"type": "text", "text": value}}


def test_text_and_diff_are_shown_in_order() -> None:
    diff = {"type": "diff", "path": "/p/a.py", "oldText": "a\nb\n", "newText": "a\nc\n"}
    lines = describe_call({"content": [text("Outside the project.\nReally."), diff]})
    assert lines == [
        ("Outside the project.", ""),
        ("Really.", ""),
        ("/p/a.py", "bold"),
        ("@@ -1,2 +1,2 @@", "cyan"),
        (" a", ""),
        ("-b", "red"),
        ("+c", "green"),
    ]


def test_a_new_file_has_only_new_lines() -> None:
    diff = {"type": "diff", "path": "/p/a.py", "newText": "a\n"}
    assert describe_call({"content": [diff]})[-1] == ("+a", "green")


def test_long_content_is_cut_and_says_so() -> None:
    lines = describe_call({"content": [text("x\n" * 500), text("last")]})
    assert len(lines) == LINES + 2
    assert lines[LINES][0] == "... and more"
    assert lines[-1] == ("last", "")


def test_what_is_not_understood_is_left_out() -> None:
    assert describe_call({"content": [{"type": "terminal", "terminalId": "t"}, {}]}) == []
    assert describe_call({}) == []


def test_the_question_shows_what_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(prompt: str) -> str:
        return "y"

    monkeypatch.setattr(ask, "read_line", answer)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    page = io.StringIO()
    diff = {"type": "diff", "path": "/p/a.py", "oldText": "a\n", "newText": "b\u001b\n"}
    call = {"title": "Edit a.py", "content": [text("Not contained."), diff]}
    option = {"optionId": "once", "name": "Allow", "kind": "allow_once"}
    prompt = ask.PermissionPrompt(View(Console(file=page)))
    assert prompt({"toolCall": call, "options": [option]}) == "once"
    shown = page.getvalue()
    assert shown.index("Edit a.py") < shown.index("Not contained.") < shown.index("+b")
    assert shown.index("-a") < shown.index("1  Allow")
    assert "\u001b" not in shown
