"""Fenced code blocks."""

import pytest

from acp_agent.turn.panel.blocks import CodeBlock, find_blocks, main_block, without_blocks


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("```py\nx\n```", [CodeBlock("python", "x")]),
        ("~~~\nx\n~~~", [CodeBlock("", "x")]),
        ("````markdown\n```\nx\n```\n````", [CodeBlock("markdown", "```\nx\n```")]),
        ("```Python title=a.py\nx\n```", [CodeBlock("python", "x")]),
        ("1. So:\n   ```js\n   if (a)\n     b\n   ```", [CodeBlock("javascript", "if (a)\n  b")]),
        ("```c++\nx", [CodeBlock("cpp", "x", is_closed=False)]),
        ("```\n\n```", []),
        ("a ``` b", []),
        ("``` inline ``` x", []),
    ],
)
def test_blocks_are_found(text: str, blocks: list[CodeBlock]) -> None:
    assert list(find_blocks(text)) == blocks


def test_what_is_outside_stays() -> None:
    assert without_blocks("a\n```\nb\n```\nc") == "a\nc"


def test_the_main_block_is_the_longest_program() -> None:
    short, long = CodeBlock("python", "x"), CodeBlock("python", "x = 1")
    output, shell = CodeBlock("text", "many words"), CodeBlock("bash", "python x.py --all")
    assert main_block([short, output, long, shell]) == long
    assert main_block([output, shell]) == shell
    assert main_block([output]) == output
    assert main_block([CodeBlock("python", "a"), CodeBlock("go", "b")]) == CodeBlock("python", "a")
    assert main_block([]) is None
