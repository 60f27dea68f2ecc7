"""What a prompt looks like to the rubric: bounded, named features of its text; pure.

Owns the features, each from 0 to 1 and growing with what it counts. Does not own what
they weigh (``rubric``, ``weights.json``), the vocabulary (``words``), what is request and
what is paste (``request``), the token estimate (``tokens``) nor wishes (``wishes``).
Issue 5, section 2.
"""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise

from acp_agent.routing.request import ends, find_request, without_code
from acp_agent.routing.tokens import estimate_tokens
from acp_agent.routing.wishes import Wish, find_wish
from acp_agent.routing.words import find_kinds, words_of

_SEEN = 2000
"""Characters of a long text's start, and of its end, that are looked at: a decision takes
the same time however much was pasted."""

_OPENING = 32
"""Characters of the start that tell a request ("Please write ...") from a question."""

_LEAST, _BRIEF, _LONG = 8, 43, 96
"""Tokens of a request: it says no less in fewer, it is brief up to, it is long from."""

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
_IDENTIFIER = re.compile(r"[a-z][A-Z]|\b[A-Z]{2,}\b|\w\(|`")
_LARGE_PRODUCT = re.compile(r"\d{3} ?(?:[*×/] ?\d\d|\^ ?\d)")
_LIST_LINE = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)、]) ?", re.MULTILINE)
_CHOICE = re.compile(r"^[ \t]*\(?[A-Ea-e][.):] ", re.MULTILINE)
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
_QUOTE_MARKS = ('"', "'", "’", "“", "„", "«", "「")
_UNIT_MARKS = ("$", "€", "£", "¥", "%", "°", "％", "円", "元", "₽")

_SUBJECTS = (
    *("code_task", "heavy_task", "hard_topic", "breadth", "tests", "extraction", "software"),
)
"""Kinds of words that show a request to be about software, so that its size counts."""


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
    """A prompt read once, for all features. ``size`` and ``brief``: how long and how short
    its request is, each from 0 to 1; ``choices``: whether answers to choose from follow."""

    seen: str
    asked: str
    request: str
    kinds: Mapping[str, set[str]]
    opening: Mapping[str, set[str]]
    size: float
    brief: float
    choices: bool
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


def _between(count: float, low: float, high: float) -> float:
    """How far ``count`` has got from ``low`` to ``high``, by doublings."""
    return _share(math.log(max(count, low) / low), math.log(high / low))


def _count(text: str, marks: tuple[str, ...]) -> int:
    return sum(text.count(mark) for mark in marks)


def _code_marks(read: _Read) -> float:
    parts = pairwise(read.asked.split("_"))
    joints = sum(left[-1:].isalnum() and right[:1].isalnum() for left, right in parts)
    return _share(_count(read.seen, _CODE_MARKS) + joints, 12)


def _code_block(read: _Read) -> float:
    return _between(sum(map(len, read.seen.split("```")[1::2])), 150, 2000)


def _sentence_length(read: _Read) -> float:
    sentences = len(_SENTENCE_END.findall(read.asked))
    return _share(estimate_tokens(read.asked) / (1 + sentences), 40)


def _calculation(read: _Read) -> float:
    """Figures to be worked with: a large product, or several in a long request."""
    if _LARGE_PRODUCT.search(read.request):
        return 1.0
    return _share(len(_NUMBER.findall(read.request)), 3) * read.size**2 * (not read.choices)


def _instruction(read: _Read) -> float:
    """Whether the prompt opens with what is to be done, half as much in very few words."""
    opening = read.opening
    told = bool(opening["edit"] or opening["heavy_task"]) and not opening["question"]
    return told * (1 - read.brief / 2)


def _task_size(read: _Read) -> float:
    """The length of a request that is about software or figures, or tells to do something;
    that of plain prose to be written does not count."""
    kinds = read.kinds
    about_software = (
        read.files > 0
        or "```" in read.seen
        or any(kinds[kind] for kind in _SUBJECTS)
        or bool(read.opening["edit"])
        or bool(kinds["reasoning"] and _IDENTIFIER.search(read.request))
        or bool(kinds["maths_words"] and len(_NUMBER.findall(read.request)) > 1)
    )
    technical = ("code_task", "heavy_task", "hard_topic", "breadth", "extraction")
    is_prose = kinds["prose"] and not any(kinds[kind] for kind in technical)
    return read.size * (about_software and not is_prose and not read.choices)


def _hard_topic(read: _Read) -> float:
    return _share(len(read.kinds["hard_topic"]), 2) * (not read.choices)


def _breadth(read: _Read) -> float:
    return float(bool(read.kinds["breadth"])) * (0.5 if read.opening["question"] else 1.0)


def _courtesy(read: _Read) -> float:
    """Thanks or a greeting, and nothing asked beside it."""
    asked = ("edit", "heavy_task", "hard_topic", "breadth", "code_task", "question", "reasoning")
    nothing_asked = not read.files and not any(read.kinds[kind] for kind in asked)
    return read.brief * (bool(read.opening["courtesy"]) and nothing_asked)


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
    "code_block": _code_block,
    "code_task": _words("code_task", 2),
    "maths_notation": lambda read: _share(_count(read.asked, _MATHS_MARKS), 8),
    "maths_words": _words("maths_words", 1),
    "calculation": _calculation,
    "units": lambda read: _share(_count(read.asked, _UNIT_MARKS), 4),
    "extraction": _words("extraction", 2),
    "steps": _words("steps", 3),
    "list_lines": lambda read: _share(len(_LIST_LINE.findall(read.seen)), 8),
    "questions": lambda read: _share(_count(read.asked, _QUESTION_MARKS) - 1, 3),
    "constraints": _words("constraints", 4),
    "conditions": _words("conditions", 2),
    "relations": _words("relations", 6),
    "sentence_length": _sentence_length,
    "quotes": lambda read: _share(_count(read.asked, _QUOTE_MARKS), 6),
    "reasoning": _words("reasoning", 2),
    "task_size": _task_size,
    "heavy_task": _words("heavy_task", 2),
    "hard_topic": _hard_topic,
    "breadth": _breadth,
    "tests": lambda read: float(bool(read.kinds["tests"] and read.kinds["edit"])),
    "instruction": _instruction,
    "light_task": _words("light_task", 1),
    "small_thing": lambda read: read.brief * bool(read.kinds["small_thing"]),
    "short_question": lambda read: read.brief * bool(read.opening["question"]),
    "courtesy": _courtesy,
    "prose": _words("prose", 1),
    "lookup": _opens_with("lookup"),
}

NAMES = tuple(_FEATURES)
"""The names of the features, in the order of ``Features.values``."""


def read_features(prompt: Prompt) -> Features:
    """The features of ``prompt``. Never fails: any text has features."""
    read = _read(prompt)
    return Features(
        values={name: float(feature(read)) for name, feature in _FEATURES.items()},
        prompt_tokens=read.tokens,
        context_tokens=read.context_tokens,
        files=read.files,
        tool_calls=read.tool_calls,
        wish=find_wish(read.asked),
    )


def _read(prompt: Prompt) -> _Read:
    seen = ends(prompt.text, _SEEN)
    asked = ends(without_code(seen))
    request = find_request(asked)
    kinds = find_kinds(words_of(request), request)
    opening = request.lstrip()[:_OPENING]
    files = len(_named_files(request) | set(prompt.attached))
    size = estimate_tokens(request)
    return _Read(
        seen=seen,
        asked=asked,
        request=request,
        kinds=kinds,
        opening=find_kinds(words_of(opening), opening),
        size=_between(size, _LEAST, _LONG),
        brief=1 - _between(size, _LEAST, _BRIEF),
        choices=len(_CHOICE.findall(asked)) >= 3,
        tokens=estimate_tokens(prompt.text),
        context_tokens=prompt.context_tokens,
        files=files,
        tool_calls=_forecast_tool_calls(files, kinds),
    )


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
    project = bool(kinds["scope"]) and bool(kinds["edit"] or kinds["heavy_task"])
    if not files and not project:
        return 0
    edits = max(1, files) if kinds["edit"] else 0
    return files + edits + (2 if project else 0) + (1 if kinds["run"] else 0)
