"""Reading the arguments of a prompt from what the user typed."""

import pytest

from acp_agent.tools.mcp.configured import McpProblem
from acp_agent.tools.mcp.prompts import Prompt, PromptArgument

PROMPT = Prompt(
    "srv:review",
    "Reviews",
    (PromptArgument("file", required=True), PromptArgument("focus"), PromptArgument("words")),
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a.py", {"file": "a.py"}),
        ("  a.py   speed ", {"file": "a.py", "focus": "speed"}),
        ('"my file.py" speed', {"file": "my file.py", "focus": "speed"}),
        (r'"say \"hi\"" x', {"file": 'say "hi"', "focus": "x"}),
        ("a b all the rest", {"file": "a", "focus": "b", "words": "all the rest"}),
        ('a b "all of it"', {"file": "a", "focus": "b", "words": "all of it"}),
        ('a b "c" d', {"file": "a", "focus": "b", "words": '"c" d'}),
        ('"open b', {"file": '"open', "focus": "b"}),
        ("a\nb", {"file": "a", "focus": "b"}),
    ],
)
def test_arguments_come_in_order(text: str, values: dict[str, str]) -> None:
    assert PROMPT.read(text) == values


def test_what_is_missing_is_named() -> None:
    with pytest.raises(McpProblem, match=r"^/srv:review needs file\. Type: /srv:review <file>"):
        PROMPT.read(" ")
    assert Prompt("a", "").read("anything") == {}
