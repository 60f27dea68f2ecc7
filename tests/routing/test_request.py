"""What counts as the request in a prompt, and what as pasted."""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.routing.request import find_request


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("Explain this\n```\nx = 1\n```", "Explain this\n\n"),
        ("why?\nTraceback (most recent call last):\n  File 'a'\nValueError: x", "why?"),
        ("why?\n2025-03-02T09:14:01Z INFO up\n[09:00:00] GET /", "why?"),
        ("was?\nmain.c:4:24: error: expected", "was?"),
        ("early return\nfunction f(u) {\n  return u\n}", "early return"),
        ("[a.py](file:///p/a.py) which version?", "a.py which version?"),
        ('reply to "see you all at the meeting on Monday"', "reply to “…”"),
        ("move `const veryLongNameOfIt = 1` up", "move `…` up"),
        ("Translate: the migration failed", "Translate"),
        ("Tidy this up: f(a); g(b); h(c)", "Tidy this up"),
        ("Say why: it fails (once) a day", "Say why: it fails (once) a day"),
        ('what does "race condition" mean', "what does “…” mean"),
        ("翻译成英文：请先登录再继续操作", "翻译成英文"),
        ("Postgres: a table of logins", "Postgres: a table of logins"),
        ("Rename it in the whole project: mocks too", "Rename it in the whole project: mocks too"),
        ("Cette requête est lente (a : b)", "Cette requête est lente (a : b)"),
        ("", ""),
    ],
)
def test_a_request_is_what_was_typed(text: str, request_: str) -> None:
    assert find_request(text) == request_


def test_all_stays_where_everything_looks_pasted() -> None:
    assert find_request("ValueError: x") == "ValueError: x"


@given(st.text())
def test_a_request_is_found_in_any_text(text: str) -> None:
    assert find_request(text) or not text.strip("`")
