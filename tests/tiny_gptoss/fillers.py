"""Random texts, tools and dates: what stands in prompts and is to make no difference.

Owns their choice. Does not own prompts (``variations``). All of it depends on the given
``Random`` alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from tests.tiny_gptoss.dialogues import REFUSALS

PROSE = """
You are a coding agent in the user's editor. Work in the folder that is open, use the tools
that you have, and be brief. Read a file before you change it; keep its style, its line
endings and its encoding. Never guess what a command would print: run it. Ask before you
delete anything. Paths are absolute, or relative to the project's root. When a tool fails,
say what went wrong and try another way, but not more than three times. Do not show secrets.
Reads a text file, with line numbers. Lists a directory, folders first. Searches all files
for a regular expression and returns each line that matches. Writes a file and creates its
parent folders. Replaces one exact piece of text by another. Runs a shell command and returns
its output and exit status. Fetches a page from the web. Moves or renames a file. Updates the
plan that the user sees. Asks the user a question. The first line to return, counted from one.
The largest number of results. Whether hidden files count too. Time limit in seconds. Optional.
The file was saved. There is no such file. Nothing was found. The output was too long, so its
middle was left out. Permission was given. The process ended with exit code 0. Error: invalid
argument. Today the weather is fine, and the garden has many old trees, red roses and a small
pond with two ducks. My friend lives in a large house near the station, where trains leave
every hour. She likes music, books about history, and strong coffee in the morning. We could
improve the parser, add more logging, write better documentation, measure the memory, and
release version 1.4 next week. Class, method, variable, module, package, server, client, test,
value, key, index, list, number, string, object, true, false, null, import, print, self, none.
"""
_WORDS = PROSE.split()
_BRACKETS = ('{"a": [1, 2]}', "<b>", "(x, y)", "<|end|>", "<|start|>user<|message|>", "`code`")
_PARTS = ("home", "tmp", "work", "src", "user", "project", "repo-2", "a", "x1", "Documents", "lib")
_SUFFIXES = ("py", "txt", "md", "json", "rs", "ts", "toml", "c", "html")
_RESULTS = (
    "ok",
    "",
    "done",
    "3 passed in 0.12s",
    "exit code: 0",
    "error: not found",
    "The release is planned for Friday.\n",
    "def add(a, b):\n    return a - b\n",
    "notes.txt\ncalc.py\nbuild/\n",
    "calc.py:1:def add(a, b):",
    "1\tdef add(a, b):\n2\t    return a - b\n",
    "{}",
)
_REFUSAL_TEXTS = (
    "The user {} this call.",
    "Permission {}.",
    "The call was {} by the user.",
    "error: {} by the editor",
    "This tool call is {}; do not try it again.",
    "The user {} the permission. Ask what to do instead.",
)
_TYPES: tuple[dict[str, Any], ...] = (
    {"type": "string"},
    {"type": "string"},
    {"type": "integer"},
    {"type": "boolean"},
    {"type": "number", "default": 120},
    {"type": "integer", "default": 1},
    {"type": "string", "enum": ["text", "json"]},
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "properties": {"name": {"type": "string"}}},
)
_PARAMETERS = {
    "read_file": ("path", "line", "limit"),
    "list_directory": ("path", "depth"),
    "search": ("pattern", "path", "glob"),
    "write_file": ("path", "content"),
    "edit_file": ("path", "old_text", "new_text", "all"),
    "run_command": ("command", "cwd", "timeout"),
    "glob": ("pattern",),
    "delete": ("path",),
    "move": ("source", "destination"),
    "fetch_url": ("url",),
    "update_plan": ("entries",),
    "ask_user": ("question", "options"),
}


@dataclass(slots=True, frozen=True)
class Fillers:
    """Random texts out of prose and ``tokens``, the texts of a vocabulary."""

    random: Random
    tokens: Sequence[str]

    def text(self, words: int, *, noise: bool = True) -> str:
        """About ``words`` words, some of them a whole passage; with ``noise`` some no words."""
        kind = self.random.random()
        if kind < 0.4:
            start = self.random.randrange(len(_WORDS))
            return " ".join((_WORDS * (words // len(_WORDS) + 2))[start : start + words])
        if noise and kind < 0.6:
            return "".join(self.random.choices(self.tokens, k=words))
        return "".join(self._word() for _ in range(words)).strip()

    def date(self) -> date:
        """Any day of some fifteen years."""
        return date(2024, 1, 1) + timedelta(days=self.random.randrange(5500))

    def path(self) -> str:
        """An absolute path of a file."""
        parts = self.random.choices(_PARTS, k=self.random.randint(1, 4))
        return f"/{'/'.join(parts)}.{self.random.choice(_SUFFIXES)}"

    def link(self) -> str:
        """A file as prompts name those that the editor attached."""
        path = self.path()
        return f"[{path.rpartition('/')[2]}](file://{path})"

    def result(self, accepted: bool | None) -> str:
        """A tool's result; a refusal, or none, where ``accepted`` says so."""
        kind = self.random.random()
        if accepted is False or (accepted is None and kind < 0.05):
            return self.random.choice(_REFUSAL_TEXTS).format(self.random.choice(REFUSALS))
        if kind < 0.5:
            return self.random.choice(_RESULTS)
        words = self.random.choice((3, 10, 30, 80)) if kind < 0.96 else 400
        text = self.text(self.random.randint(1, words), noise=kind < 0.6)
        return "ok" if any(refusal in text for refusal in REFUSALS) else text

    def tools(self) -> list[dict[str, Any]]:
        """No tool, one, or several, as a chat template takes them."""
        most = self.random.choice((0, 0, 0, 1, 2, 5, len(_PARAMETERS)))
        names = self.random.sample(sorted(_PARAMETERS), most)
        return [self._tool(name) for name in names]

    def _tool(self, name: str) -> dict[str, Any]:
        known = _PARAMETERS[name]
        properties = {
            parameter: self._schema() for parameter in known[: self.random.randint(1, len(known))]
        }
        description = self.text(self.random.choice((4, 8, 20)))
        parameters = {"type": "object", "properties": properties, "required": list(known[:1])}
        return {"function": {"name": name, "description": description, "parameters": parameters}}

    def _schema(self) -> dict[str, Any]:
        schema = dict(self.random.choice(_TYPES))
        if self.random.random() < 0.5:
            schema["description"] = self.text(self.random.randint(2, 8))
        return schema

    def _word(self) -> str:
        kind = self.random.random()
        if kind < 0.6:
            return f" {self.random.choice(_WORDS)}"
        if kind < 0.8:
            return self.random.choice(self.tokens)
        if kind < 0.9:
            return f" {self.random.randrange(10 ** self.random.randint(1, 6))}"
        if kind < 0.95:
            return f" {self.path()}"
        return f" {self.random.choice(_BRACKETS)}\n"
