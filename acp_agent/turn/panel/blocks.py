"""The fenced code blocks of an answer; pure.

Owns finding them and choosing the one that is the answer's code. Does not own what the code
says (``validity``, ``testing``), nor answers in words (``answers``). Fences are CommonMark's:
https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)$")
_NO_PROGRAM = frozenset(
    ("text", "txt", "plain", "plaintext", "output", "console", "diff", "markdown", "md")
)
"""What is fenced and not the code that was asked for, unless there is nothing else."""
_SHELL = frozenset(("bash", "sh", "shell", "zsh", "powershell", "ps1", "shell-session"))
"""Mostly how to run the code; the answer itself where nothing else is fenced."""
_SAME = {
    "py": "python",
    "python3": "python",
    "py3": "python",
    "js": "javascript",
    "ts": "typescript",
    "rs": "rust",
    "golang": "go",
    "c++": "cpp",
    "cs": "csharp",
    "rb": "ruby",
    "yml": "yaml",
    "kt": "kotlin",
}


@dataclass(slots=True, frozen=True)
class CodeBlock:
    """A fenced block: ``language`` in lower case by its usual name, empty where none is
    given; ``is_closed`` is False where the answer ended within it."""

    language: str
    code: str
    is_closed: bool = True


def find_blocks(text: str) -> tuple[CodeBlock, ...]:
    """The fenced blocks of ``text``, in their order; empty ones are left out."""
    return _split(text)[0]


def without_blocks(text: str) -> str:
    """``text`` without its fenced blocks."""
    return _split(text)[1]


def main_block(blocks: Sequence[CodeBlock]) -> CodeBlock | None:
    """The one that is the answer's code: the longest that is a program, the first of equals;
    None where there is no block."""
    return max(blocks, key=lambda block: (_rank(block), len(block.code)), default=None)


def _rank(block: CodeBlock) -> int:
    if block.language in _NO_PROGRAM:
        return 0
    return 1 if block.language in _SHELL else 2


def _split(text: str) -> tuple[tuple[CodeBlock, ...], str]:
    """The blocks, and the lines outside of them."""
    blocks: list[CodeBlock] = []
    outside: list[str] = []
    inside: list[str] = []
    fence = language = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if not fence and found:
            fence, language, inside = found["fence"], _language(found["info"]), []
        elif not fence:
            outside.append(line)
        elif found and found["fence"].startswith(fence) and not found["info"].strip():
            blocks.append(_block(language, inside, is_closed=True))
            fence = ""
        else:
            inside.append(line)
    if fence:
        blocks.append(_block(language, inside, is_closed=False))
    return tuple(block for block in blocks if block.code), "\n".join(outside)


def _block(language: str, lines: Sequence[str], *, is_closed: bool) -> CodeBlock:
    """Blocks in lists are indented as a whole."""
    code = textwrap.dedent("\n".join(lines)).strip("\n")
    return CodeBlock(language, code if code.strip() else "", is_closed)


def _language(info: str) -> str:
    words = info.split()
    name = words[0].lower().strip("{}.") if words else ""
    return _SAME.get(name, name)
