"""How session updates look in the terminal.

Owns layout and style, and that nothing an agent sends can steer the terminal. Does not own
the session's state, nor the user's input.
"""

import sys
from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.table import Table
from rich.text import Text

from acp_agent.cli.terminal.delegations import Delegations, source_call
from acp_agent.cli.terminal.json_values import Json, as_object, as_objects
from acp_agent.cli.terminal.session import Choice

_Block = Literal["", "text", "thought", "progress"]
_CONTROLS = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"},
    **dict.fromkeys(range(0x7F, 0xA0), 0xFFFD),
}
_MARKS = {"pending": "-", "in_progress": ">", "completed": "+", "failed": "!"}
_ERASE_LINE = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))


def printable(text: str) -> str:
    """``text`` with control characters other than newline and tab made visible."""
    return text.translate(_CONTROLS)


def chunk_text(update: Json) -> str:
    """The text of a message or thought chunk, empty where it carries none."""
    return str(as_object(update.get("content")).get("text") or "")


def is_answer(update: Json) -> bool:
    """Whether an update is a piece of the model's answer and no notice of the agent's."""
    notice = as_object(as_object(update.get("_meta")).get("acp-agent"))
    return update.get("sessionUpdate") == "agent_message_chunk" and not notice.get("notice")


class TerminalConsole(Console):
    """A console without guesses about colour in plain text, whose closed pipe is an error."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Lets the error pass; the base class would exit from the middle of a task."""
        raise BrokenPipeError


class View:
    """Shows a turn on ``console`` as it comes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._block: _Block = ""
        self._message: object = None
        self._at_start = True
        self._titles: dict[str, str] = {}
        self._delegations = Delegations()
        self._delegating: set[str] = set()

    def show(self, update: Json) -> None:
        """Shows one session update; kinds that have no look are passed over.

        Of delegations that answer at the same time, one is shown after another.
        """
        for each in self._delegations.order(update):
            if (call := source_call(each)) is not None:
                self._delegating.add(call)
            self.show_now(each)

    def show_now(self, update: Json) -> None:
        """Shows one session update whose turn it is."""
        match update.get("sessionUpdate"):
            case "agent_message_chunk" if is_answer(update):
                self._stream("text", update)
            case "agent_message_chunk":
                self.note(chunk_text(update).strip())
            case "agent_thought_chunk":
                self._stream("thought", update)
            case "tool_call" | "tool_call_update":
                self._progress(update)
            case "plan":
                self._plan(update)
            case _:
                pass

    def note(self, text: str, style: str = "yellow") -> None:
        """A line of its own that is no part of the answer."""
        self.finish()
        self.console.print(Text(printable(text), style=style))

    def finish(self) -> None:
        """Ends what is being shown, so that what comes next begins on a new line."""
        if self._block and not self._at_start:
            self.new_line(self._block)
        self._block, self._message, self._at_start = "", None, True

    def write(self, block: _Block, text: str) -> None:
        """Writes a piece of a running block, as it is, without a line end."""
        style = "dim italic" if block == "thought" else ""
        # The terminal wraps: a piece does not know at which column it begins.
        self.console.print(Text(printable(text), style=style), end="", soft_wrap=True)

    def new_line(self, block: _Block) -> None:
        """Ends a line that ``write`` left open."""
        self.console.print()

    def _stream(self, block: _Block, update: Json) -> None:
        text, message = chunk_text(update), update.get("messageId")
        if not text:
            return
        if block != self._block or message != self._message:
            self.finish()
        self._block, self._message = block, message
        self.write(block, text)
        self._at_start = text.endswith("\n")

    def _progress(self, update: Json) -> None:
        call = str(update.get("toolCallId"))
        title = str(update.get("title") or self._titles.get(call) or "tool call")
        status = str(update.get("status") or "")
        news = title != self._titles.get(call)
        self._titles[call] = title
        over = status in ("completed", "failed")
        if over:
            del self._titles[call]
            title += self._summary(call, update)
        if self.console.is_terminal:
            # A delegation's progress would cut its answer into pieces.
            if over or self._block in ("", "progress") or update["sessionUpdate"] == "tool_call":
                self._overwrite(status, title, over)
        elif over or (news and update["sessionUpdate"] == "tool_call"):
            self.note(_mark(status, title), style="cyan")

    def _summary(self, call: str, update: Json) -> str:
        """How a delegation went, from the first line of its content; empty for other calls."""
        if call not in self._delegating:
            return ""
        self._delegating.discard(call)
        texts = [as_object(each.get("content")) for each in as_objects(update.get("content"))]
        lines = "\n".join(str(text.get("text") or "") for text in texts).strip().splitlines()
        return f": {lines[0]}" if lines else ""

    def _overwrite(self, status: str, title: str, over: bool) -> None:
        if self._block == "progress":
            self.console.control(_ERASE_LINE)
        else:
            self.finish()
        line = Text(printable(_mark(status, title).replace("\n", " ")), style="cyan")
        line.truncate(self.console.width - 1, overflow="ellipsis")
        self.console.print(line, end="\n" if over else "", soft_wrap=True)
        self._block = "" if over else "progress"
        self._at_start = over

    def _plan(self, update: Json) -> None:
        for entry in as_objects(update.get("entries")):
            line = _mark(str(entry.get("status") or ""), str(entry.get("content") or ""))
            self.note(line, style="cyan")


class AnswerView(View):
    """Shows only the answer on stdout, bare, and all else on ``console`` (stderr).

    Where stdout is no terminal the answer is passed on as it came, with a line end between
    two messages and at the end. ``answered`` tells whether there was any text.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.answered = False
        self._piped = not sys.stdout.isatty()
        self._open_line = False
        self._answer: object = None

    def show_now(self, update: Json) -> None:
        """Shows one session update whose turn it is."""
        if is_answer(update) and self._piped:
            self._pass_on(chunk_text(update), update.get("messageId"))
        else:
            super().show_now(update)

    def write(self, block: _Block, text: str) -> None:
        """Writes answer text to stdout; other blocks go to the console."""
        if block != "text":
            super().write(block, text)
            return
        self.answered = True
        sys.stdout.write(text if self._piped else printable(text))
        sys.stdout.flush()

    def new_line(self, block: _Block) -> None:
        """Ends the line on the stream that it was written to."""
        if block == "text":
            self.write(block, "\n")
        else:
            super().new_line(block)

    def end(self) -> None:
        """Ends the answer's last line."""
        self.finish()
        if self._open_line:
            self.new_line("text")

    def _pass_on(self, text: str, message: object) -> None:
        if not text:
            return
        if self._open_line and message != self._answer:
            self.new_line("text")
        self._answer, self._open_line = message, not text.endswith("\n")
        self.write("text", text)


def choices_table(title: str, choices: Sequence[Choice], current: str) -> Table:
    """A table of modes or models, the current one marked."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    table.add_column("id", style="bold", no_wrap=True)
    table.add_column("name")
    table.add_column("description", overflow="fold")
    for choice in choices:
        cells = (choice.id, choice.name, choice.description)
        mark = Text(">" if choice.id == current else "", style="green")
        style = "green" if choice.id == current else None
        table.add_row(mark, *(Text(printable(cell)) for cell in cells), style=style)
    return table


def _mark(status: str, text: str) -> str:
    return f"{_MARKS.get(status, '-')} {text}"
