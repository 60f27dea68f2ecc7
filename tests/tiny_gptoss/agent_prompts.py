"""What the agent itself puts into prompts, made by its own code in random surroundings.

Owns the instructions, the definitions of its tools, the words before the first message of a
session, and results in the tools' own words. Does not own other random texts (``fillers``),
nor prompts (``variations``). All chance comes from the given ``Fillers``.
"""

import tempfile
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from acp_agent.app.toolset import build_toolbox
from acp_agent.config.settings import ToolSettings
from acp_agent.harmony.chat import collect_names, to_functions
from acp_agent.permissions import REJECTED
from acp_agent.tools.commands.run_command import tell_end
from acp_agent.tools.workspace import CommandEnd
from acp_agent.turn.calls import NOT_ALLOWED
from acp_agent.turn.instructions import INSTRUCTIONS
from acp_agent.turn.preamble import GUIDE, survey, write_preamble
from tests.tiny_gptoss.dialogues import REFUSALS
from tests.tiny_gptoss.fillers import Fillers

_WINDOW = 131072
_CHANGED = 0.15
"""How often instructions and tools are not those of now: a new word needs no new model."""
_WORDS = tuple(word for word in INSTRUCTIONS.lower().split() if word.isalpha())
_FAMILIAR = ("notes.txt", "calc.py", "test_calc.py", "build/", "README.md", "src/", ".gitignore")
"""What may lie in a project's folder; dialogues name some of it."""
_BRANCHES = ("main", "master", "fix-12", "feature/parser", "release-1.4")
_FOUND = (
    "[the folder is empty]",
    "[the file is empty]",
    "No matches.",
    "There is no file 'notes.txt'.",
    "There is no folder 'build'.",
    "build/\ncalc.py\nnotes.txt",
    "calc.py\nnotes.txt\n[not shown: 3 that .gitignore names]",
    "calc.py:1:def add(a, b):\ntest_calc.py:3:def test_add():",
    "def add(a, b):\n    return a - b\n[lines 1 to 2 of 20; read on with line 3]",
    "Wrote 'calc.py'; the first change is at line 2.",
    "Wrote 'calc.py', a new file of 2 lines.",
    "'calc.py' has this content already; nothing was changed.",
    "'calc.py' exists, and you have not read it: read it first.",
    "The user sees the plan: 1 of 3 steps completed.",
)
_OUTPUTS = (
    "",
    "",
    ".                                                                        [100%]\n"
    "1 passed in 0.01s",
    "..F [100%]\nFAILED test_calc.py::test_add - assert -1 == 3\n1 failed, 2 passed in 0.34s",
    "no tests ran in 0.00s",
    "rm: cannot remove 'build': No such file or directory",
    "sh: 1: pytest: not found",
)


class AgentPrompts:
    """Draws from ``fillers`` what varies."""

    def __init__(self, fillers: Fillers) -> None:
        self._fillers = fillers
        tools = build_toolbox(ToolSettings()).tools
        self._functions = to_functions(tools, collect_names(tools, []))

    @property
    def _random(self) -> Random:
        return self._fillers.random

    def instructions(self) -> str:
        """The agent's instructions; at times in another order, as they may come to be."""
        lines = INSTRUCTIONS.split("\n")
        if self._random.random() < _CHANGED:
            self._random.shuffle(lines)
            lines = lines[: self._random.randint(1, len(lines))]
        return "\n".join(lines)

    def functions(self) -> list[dict[str, Any]]:
        """The agent's tools as a chat template takes them; at times fewer, or with others."""
        functions, others = list(self._functions), list[dict[str, Any]]()
        if self._random.random() < _CHANGED:
            functions = self._random.sample(functions, self._random.randint(1, len(functions)))
            others = self._fillers.tools()
        return [*functions, *others]

    def preamble(self, today: date) -> str:
        """What stands before the first message of a session in some project."""
        place = self._fillers.path().rpartition(".")[0]
        if self._random.random() < 0.2:
            place = f"/tmp/pytest-of-{self._word()}/pytest-{self._random.randrange(900)}{place}"
        if self._random.random() < 0.1:
            place += f"_{self._random.choice(REFUSALS).replace(' ', '_')}0"
        extra = [Path(self._fillers.path()).parent] if self._random.random() < 0.05 else []
        with tempfile.TemporaryDirectory() as folder:
            self._fill(Path(folder))
            surroundings = survey(Path(folder), extra, today)
        surroundings.facts = surroundings.facts.replace(folder, place)
        return write_preamble(surroundings, _WINDOW, "gpt-oss").text

    def result(self, accepted: bool | None) -> str:
        """A tool's result in the agent's words; a refusal where ``accepted`` is False."""
        if accepted is False:
            return self._random.choice((NOT_ALLOWED, NOT_ALLOWED, REJECTED))
        if self._random.random() < 0.4:
            return self._random.choice(_FOUND)
        output = self._random.choice(_OUTPUTS)
        told = tell_end(CommandEnd(output, self._random.choice((0, 0, 0, 1, 127))), 120)
        return f"{output}\n[{told}]" if output else f"[No output. {told}]"

    def _fill(self, folder: Path) -> None:
        """Puts files of some project into ``folder``."""
        names = self._random.sample(_FAMILIAR, self._random.randrange(len(_FAMILIAR)))
        others = self._random.choice((0, 0, 3, 10, 80)) if self._random.random() < 0.5 else 0
        for name in [*names, *(self._name() for _ in range(self._random.randint(0, others)))]:
            if name.endswith("/"):
                (folder / name).mkdir(exist_ok=True)
            elif not (folder / name).exists():
                (folder / name).touch()
        if self._random.random() < 0.5:
            (folder / ".git").mkdir()
            head = f"ref: refs/heads/{self._random.choice(_BRANCHES)}\n"
            (folder / ".git" / "HEAD").write_text(head, encoding="utf-8")
        if self._random.random() < 0.3:
            text = self._fillers.text(self._random.choice((5, 20, 60, 150)), noise=False)
            (folder / GUIDE).write_text(f"# {self._word()}\n\n- {text}\n", encoding="utf-8")

    def _name(self) -> str:
        kind = self._random.random()
        if kind < 0.3:
            return f"{self._word()}/"
        return Path(self._fillers.path()).name if kind < 0.6 else f"{self._word()}.py"

    def _word(self) -> str:
        return self._random.choice(_WORDS)
