"""What a prompt looks like to the rubric: bounded, named features of its text; pure.

Owns the features, each from 0 to 1 and growing with what it counts. Does not own what
they weigh (``rubric``, ``weights.json``), the vocabulary (``words``), the token estimate
(``tokens``) nor wishes (``wishes``). Issue 5, section 2.
"""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

from acp_agent.routing.tokens import estimate_tokens
from acp_agent.routing.wishes import Wish, find_wish
from acp_agent.routing.words import find_kinds, words_of

_SEEN = 8000
"""Characters of a long text's start, and of its end, that are looked at: a decision takes
the same time however much was pasted."""

_ASKED = 1500
"""Characters of a long text's start, and of its end, in which task words are looked for:
what is asked stands there, what was pasted in between."""

_OPENING = 32
"""Characters of the start that tell a request ("Please write ...") from a question."""

_LONGEST_NAME = 100
_MOST_NAMES = 100

_SUFFIXES = (
    "py pyi ipynb js jsx mjs ts tsx java kt kts swift go rs rb php c h cc cpp hpp cs m mm scala"
    " lua pl r jl sh bash zsh fish ps1 sql html css scss vue svelte md rst txt json jsonl yaml"
    " yml toml ini cfg conf env xml csv tsv log lock gradle tf proto graphql dockerfile"
)
_FILE_END = re.compile(rf"\.(?:{'|'.join(_SUFFIXES.split())})(?![A-Za-z0-9_/-])")
_NAME = re.compile(r"[A-Za-z0-9_.\-/\\~@]+")
_PRODUCTS = frozenset({"node.js", "next.js", "vue.js", "three.js", "d3.js", "express.js"})

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_LIST_LINE = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)、]) ?", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|[。！？]")
_CODE_MARKS = (
    *("```", "def ", "return", "import ", "class ", "function ", "#include", "SELECT "),
    *("=>", "->", "::", "==", "!=", "();", "()", "{", "};", "</", "const ", "let ", "fn "),
    *("func ", "public ", "Traceback", "Error:", "Exception", "assert ", '"""', "&&"),
)
_MATHS_MARKS = (
    *("$", "\\", "^", " = ", " + ", "√", "∑", "∫", "≤", "≥", "×", "÷", "π", "≡", "∈", "∀", "∃"),
    *("⊃", "⊢", "→", "mod "),
)
_QUESTION_MARKS = ("?", "？", "؟")
_CLAUSE_MARKS = (",", ";", "，", "、", "；", "،")
_QUOTE_MARKS = ('"', "'", "’", "“", "„", "«", "「")
_UNIT_MARKS = ("$", "€", "£", "¥", "%", "°", "％", "円", "元", "₽")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be judged: the user's text, the tokens of history and embedded resources
    that go with it, and the names of files attached."""

    text: str
    context_tokens: int = 0
    attached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Features:
    """``values``: each feature's name and its value from 0 to 1. Beside them the counts
    that the log and the gates name: tokens, files, forecast tool calls, and the wish."""

    values: Mapping[str, float]
    prompt_tokens: int
    context_tokens: int
    files: int
    tool_calls: int
    wish: Wish | None


@dataclass(frozen=True, slots=True)
class _Read:
    """A prompt read once, for all features."""

    seen: str
    asked: str
    words: list[str]
    kinds: Mapping[str, set[str]]
    opening: Mapping[str, set[str]]
    tokens: int
    context_tokens: int
    files: int
    tool_calls: int


def _share(count: float, enough: float) -> float:
    """``count`` as a share of what is ``enough``, at most 1."""
    return min(1.0, max(0.0, count) / enough)


def _logarithmic(count: float, unit: float, enough: float) -> float:
    """Like ``_share``, but doubling counts the same at every size."""
    return _share(math.log1p(max(0.0, count) / unit), math.log1p(enough / unit))


def _count(text: str, marks: tuple[str, ...]) -> int:
    return sum(text.count(mark) for mark in marks)


def _code_marks(read: _Read) -> float:
    identifiers = sum("_" in word[1:-1] for word in read.words)
    return _share(_count(read.seen, _CODE_MARKS) + identifiers, 12)


def _sentence_length(read: _Read) -> float:
    sentences = len(_SENTENCE_END.findall(read.asked))
    return _share(estimate_tokens(read.asked) / (1 + sentences), 40)


def _opens_with(*kinds: str) -> Callable[[_Read], float]:
    return lambda read: float(any(read.opening[kind] for kind in kinds))


def _words(kind: str, enough: int) -> Callable[[_Read], float]:
    return lambda read: _share(len(read.kinds[kind]), enough)


_FEATURES: dict[str, Callable[[_Read], float]] = {
    "length": lambda read: _logarithmic(read.tokens, 16, 2048),
    "context": lambda read: _logarithmic(read.context_tokens, 256, 16384),
    "files": lambda read: _share(read.files, 4),
    "tool_calls": lambda read: _share(read.tool_calls, 6),
    "code": _code_marks,
    "code_task": _words("code_task", 2),
    "maths_notation": lambda read: _share(_count(read.asked, _MATHS_MARKS), 8),
    "maths_words": _words("maths_words", 1),
    "numbers": lambda read: _share(len(_NUMBER.findall(read.asked)), 12),
    "units": lambda read: _share(_count(read.asked, _UNIT_MARKS), 4),
    "extraction": _words("extraction", 2),
    "steps": _words("steps", 3),
    "list_lines": lambda read: _share(len(_LIST_LINE.findall(read.seen)), 8),
    "questions": lambda read: _share(_count(read.asked, _QUESTION_MARKS) - 1, 3),
    "constraints": _words("constraints", 4),
    "conditions": _words("conditions", 2),
    "relations": _words("relations", 6),
    "clauses": lambda read: _share(_count(read.asked, _CLAUSE_MARKS), 10),
    "sentence_length": _sentence_length,
    "quotes": lambda read: _share(_count(read.asked, _QUOTE_MARKS), 6),
    "reasoning": _words("reasoning", 2),
    "heavy_task": _words("heavy_task", 2),
    "instruction": _opens_with("edit", "heavy_task"),
    "light_task": _words("light_task", 1),
    "prose": _words("prose", 1),
    "lookup": _opens_with("lookup"),
}

NAMES = tuple(_FEATURES)
"""The names of the features, in the order of ``Features.values``."""


def read_features(prompt: Prompt) -> Features:
    """The features of ``prompt``. Never fails: any text has features."""
    seen = _ends(prompt.text, _SEEN)
    asked = _ends(_without_code(seen), _ASKED)
    words = words_of(asked)
    kinds = find_kinds(words, asked)
    opening = asked.lstrip()[:_OPENING]
    files = len(_named_files(seen) | set(prompt.attached))
    read = _Read(
        seen=seen,
        asked=asked,
        words=words,
        kinds=kinds,
        opening=find_kinds(words_of(opening), opening),
        tokens=estimate_tokens(prompt.text),
        context_tokens=prompt.context_tokens,
        files=files,
        tool_calls=_forecast_tool_calls(files, kinds),
    )
    return Features(
        values={name: feature(read) for name, feature in _FEATURES.items()},
        prompt_tokens=read.tokens,
        context_tokens=read.context_tokens,
        files=files,
        tool_calls=read.tool_calls,
        wish=find_wish(asked),
    )


def _ends(text: str, length: int) -> str:
    """The first and the last ``length`` characters of ``text``; all where it is short."""
    return text if len(text) <= 2 * length else f"{text[:length]}\n{text[-length:]}"


def _without_code(text: str) -> str:
    """``text`` without its fenced blocks: pasted code is not what is asked."""
    return "\n".join(text.split("```")[::2]) if "```" in text else text


def _named_files(text: str) -> set[str]:
    """File names in ``text``, found by their suffix."""
    names: set[str] = set()
    for end in islice(_FILE_END.finditer(text), _MOST_NAMES):
        before = _NAME.findall(text, max(0, end.start() - _LONGEST_NAME), end.end())
        name = before[-1] if before else ""
        if not name.startswith(".") and name.lower() not in _PRODUCTS:
            names.add(name)
    return names


def _forecast_tool_calls(files: int, kinds: Mapping[str, set[str]]) -> int:
    """How many tools the task will probably call: each file is read, an edit writes it,
    a whole project is looked through, a command is run."""
    project = bool(kinds["scope"])
    if not files and not project:
        return 0
    edits = max(1, files) if kinds["edit"] else 0
    return files + edits + (2 if project else 0) + (1 if kinds["run"] else 0)
