"""What a tool found, told to the model as it is and shown to the user as a code block.

Owns that the user's editor draws nothing in it as formatting. Does not own code blocks
(``terminal_text``), nor what is found.
"""

from acp_agent.tools.base import Outcome
from acp_agent.tools.commands.terminal_text import code_block
from acp_agent.tools.shown import ShownText


def quoted(text: str) -> Outcome:
    """The outcome of a call that found ``text``, which may hold Markdown."""
    return Outcome(text, shown=(ShownText(code_block(text)),))
