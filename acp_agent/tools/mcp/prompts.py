"""Prompts of MCP servers, which the user calls as slash commands.

Owns their shape and reading what the user typed behind one. Does not own asking the server
(``McpServers.get_prompt``), nor the commands (``protocol/commands``).
"""

import re
from dataclasses import dataclass

from acp_agent.tools.mcp.configured import McpProblem

_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"(?=\s|$)|(\S+))')


@dataclass(slots=True, frozen=True)
class PromptArgument:
    """An argument of a prompt; its value is text."""

    name: str
    description: str = ""
    required: bool = False


@dataclass(slots=True, frozen=True)
class Prompt:
    """A prompt on offer. ``name`` is the command without its slash, as ``server:prompt``."""

    name: str
    description: str
    arguments: tuple[PromptArgument, ...] = ()

    @property
    def hint(self) -> str:
        """What to type behind the command, as ``<city> [state]``; empty for nothing."""
        return " ".join(
            f"<{each.name}>" if each.required else f"[{each.name}]" for each in self.arguments
        )

    def read(self, text: str) -> dict[str, str]:
        """The arguments in ``text``, what the user typed behind the command.

        They come in order, a word each or more in double quotes; the last takes the rest.

        Raises:
            McpProblem: one that is required is missing.
        """
        values: dict[str, str] = {}
        rest = text.strip()
        for number, argument in enumerate(self.arguments, start=1):
            if not rest:
                break
            value, rest = _split(rest, last=number == len(self.arguments))
            values[argument.name] = value
        missing = [
            each.name for each in self.arguments if each.required and each.name not in values
        ]
        if missing:
            raise McpProblem(
                f"/{self.name} needs {' and '.join(missing)}. Type: /{self.name} {self.hint}"
            )
        return values


def _split(text: str, *, last: bool) -> tuple[str, str]:
    """The first word of ``text`` and what follows; all of it where it is the ``last``."""
    match = _WORD.match(text)
    if match is None or (last and match.end() < len(text)):
        return text, ""
    quoted, word = match.groups()
    value = word if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return value, text[match.end() :].strip()
