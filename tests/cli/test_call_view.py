"""What a user sees in a terminal before allowing a call."""

from acp_agent.cli.terminal.call_view import LINES, describe_call


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
