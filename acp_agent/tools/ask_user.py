"""The tool ``ask_user``: a question that only the user can answer.

Owns the question's way: a form where the editor shows one, else the question ends the turn
and the user's next message is the answer. Does not own the form (``Editor.ask``).
Source: https://agentclientprotocol.com/protocol/v1/elicitation
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from acp_agent.conversation import Tool
from acp_agent.errors import AgentError
from acp_agent.tools.actions import Action
from acp_agent.tools.base import (
    Arguments,
    Editor,
    Kind,
    Outcome,
    Prepared,
    read_arguments,
)
from acp_agent.tools.shown import ShownText
from acp_agent.tools.workspace import Workspace

MOST_TEXT = 2000
MOST_CHOICES = 20

ASKED = "The user sees the question. Your turn ends here; the user's next message is the answer."
DECLINED = (
    "The user did not answer. Do not ask the same again: go on as you think best, or end your "
    "answer."
)

_Choice = Annotated[str, Field(min_length=1, max_length=200)]


class AskUserArguments(Arguments):
    """The arguments of ``ask_user``."""

    question: str = Field(min_length=1, max_length=MOST_TEXT)
    choices: list[_Choice] = Field(default=[], max_length=MOST_CHOICES)


class AskUser:
    """Asks the user. Implements ``RunnableTool``."""

    tool = Tool(
        "ask_user",
        "Ask the user what you cannot find out.",
        {
            "type": "object",
            "properties": {
                "question": {"type": "string"},
                "choices": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["question"],
        },
    )
    kind: Kind = "other"

    def title(self, arguments: Mapping[str, Any]) -> str:
        """As ``RunnableTool.title``."""
        return "Ask the user"

    async def prepare(
        self, arguments: Mapping[str, Any], workspace: Workspace
    ) -> Prepared | Outcome:
        """As ``RunnableTool.prepare``."""
        given = read_arguments(AskUserArguments, arguments)
        if isinstance(given, Outcome):
            return given
        choices = list(dict.fromkeys(given.choices))
        run = partial(_run, given.question, choices)
        return Prepared(Action("none"), run, asks_user=True)


async def _run(question: str, choices: list[str], editor: Editor) -> Outcome:
    plain = "\n".join([question, *(f"- {choice}" for choice in choices)])
    ask_plainly = Outcome(ASKED, shown=(ShownText(plain),), ends_turn=True)
    if not editor.can_ask:
        return ask_plainly
    await editor.show(ShownText(plain))
    try:
        answer = await editor.ask(question, choices)
    except AgentError:
        return ask_plainly
    if answer is None:
        return Outcome(DECLINED, shown=(ShownText(f"{plain}\n\nNot answered."),))
    return Outcome(f"The user answers: {answer}", shown=(ShownText(f"{plain}\n\n{answer}"),))
