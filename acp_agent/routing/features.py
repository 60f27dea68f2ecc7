"""What a prompt looks like to the rubric: bounded, named features of its text; pure.

Owns the features, each from 0 to 1 and growing with what it counts. Does not own what
they weigh (``rubric``, ``weights.json``), how a prompt is read (``reading``), the marks
(``marks``), the token estimate (``tokens``) nor wishes (``wishes``). Issue 5, section 2.
"""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from acp_agent.routing.marks import (
    ANSWER_SIZE,
    CODE_MARKS,
    IDENTIFIER,
    LARGE_PRODUCT,
    LIST_LINE,
    LOG_LINE,
    MATHS_MARKS,
    MEASURE,
    NUMBER,
    PART,
    QUESTION_MARKS,
    QUOTE_MARKS,
    SENTENCE_END,
    UNIT_MARKS,
)
from acp_agent.routing.reading import Prompt, Reading, between, read_prompt
from acp_agent.routing.request import ends
from acp_agent.routing.tokens import estimate_tokens
from acp_agent.routing.wishes import Wish, find_wish

WORDING = 4.0
"""Log-odds of a request's wording from which on it counts in full."""
_SHORT_PASTE = 300
"""Characters of a text or some code shown to do a little with."""
_CLAUSE = 200
"""Characters of a request's start and of its end."""
_LAST_MARKS = " .!?。！？\n"

_SUBJECTS = (
    *("code_task", "heavy_task", "hard_topic", "breadth", "tests", "extraction", "software"),
)
"""Kinds of words that show a request to be about software, so that its size counts."""


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


def _share(count: float, enough: float) -> float:
    """``count`` as a share of what is ``enough``, at most 1."""
    return min(1.0, max(0.0, count) / enough)


def _logarithmic(count: float, unit: float, enough: float) -> float:
    """Like ``_share``, but doubling counts the same at every size."""
    return _share(math.log1p(max(0.0, count) / unit), math.log1p(enough / unit))


def _count(text: str, marks: tuple[str, ...]) -> int:
    return sum(text.count(mark) for mark in marks)


def _code_marks(read: Reading) -> float:
    parts = pairwise(read.asked.split("_"))
    joints = sum(left[-1:].isalnum() and right[:1].isalnum() for left, right in parts)
    return _share(_count(read.seen, CODE_MARKS) + joints, 12)


def _code_block(read: Reading) -> float:
    return between(sum(map(len, read.seen.split("```")[1::2])), 150, 2000)


def _sentence_length(read: Reading) -> float:
    sentences = len(SENTENCE_END.findall(read.asked))
    return _share(estimate_tokens(read.asked) / (1 + sentences), 40)


def _calculation(read: Reading) -> float:
    """Figures to be worked with: a large product, or several in a long request."""
    if LARGE_PRODUCT.search(read.request):
        return 1.0
    return _share(len(NUMBER.findall(read.request)), 3) * read.size**2 * (not read.choices)


def _instruction(read: Reading) -> float:
    """Whether the prompt opens with what is to be done, half as much in very few words."""
    opening = read.opening
    told = bool(opening["edit"] or opening["heavy_task"]) and not opening["question"]
    return told * (1 - read.brief / 2)


def _task_size(read: Reading) -> float:
    """The length of a request that is about software or figures, or tells to do something;
    that of plain prose to be written does not count."""
    kinds = read.kinds
    about_software = (
        read.files > 0
        or "```" in read.seen
        or any(kinds[kind] for kind in _SUBJECTS)
        or bool(read.opening["edit"])
        or bool(kinds["reasoning"] and IDENTIFIER.search(read.request))
        or bool(kinds["maths_words"] and len(NUMBER.findall(read.request)) > 1)
    )
    technical = ("code_task", "heavy_task", "hard_topic", "breadth", "extraction")
    is_prose = kinds["prose"] and not any(kinds[kind] for kind in technical)
    return read.size * (about_software and not is_prose and not read.choices)


def _hard_topic(read: Reading) -> float:
    return _share(len(read.kinds["hard_topic"]), 2) * (not read.choices)


def _breadth(read: Reading) -> float:
    return float(bool(read.kinds["breadth"])) * (0.5 if read.opening["question"] else 1.0)


def _courtesy(read: Reading) -> float:
    """Thanks or a greeting, and nothing asked beside it."""
    asked = ("edit", "heavy_task", "hard_topic", "breadth", "code_task", "question", "reasoning")
    nothing_asked = not read.files and not any(read.kinds[kind] for kind in asked)
    return read.brief * (bool(read.kinds["courtesy"]) and nothing_asked)


def _small_program(read: Reading) -> float:
    """A program or a part of one to be written, in few words."""
    return read.brief * bool(read.kinds["code_task"] and read.opening["edit"]) * (not read.choices)


def _answer_size(read: Reading) -> float:
    """Whether a few lines, words or names are wanted, said at the start or the end."""
    return float(bool(ANSWER_SIZE.search(ends(read.request, _CLAUSE).lower())))


def _sentences(read: Reading) -> float:
    """Whether the request takes more than one sentence."""
    return _share(len(SENTENCE_END.findall(read.request.rstrip(_LAST_MARKS))), 2)


def _opens_with(*kinds: str) -> Callable[[Reading], float]:
    return lambda read: float(any(read.opening[kind] for kind in kinds))


def _words(kind: str, enough: int) -> Callable[[Reading], float]:
    return lambda read: _share(len(read.kinds[kind]), enough)


_FEATURES: dict[str, Callable[[Reading], float]] = {
    "length": lambda read: _logarithmic(read.tokens, 16, 2048),
    "context": lambda read: _logarithmic(read.context_tokens, 256, 16384),
    "files": lambda read: _share(read.files, 4),
    "tool_calls": lambda read: _share(read.tool_calls, 6),
    "code": _code_marks,
    "code_block": _code_block,
    "code_task": _words("code_task", 2),
    "maths_notation": lambda read: _share(_count(read.asked, MATHS_MARKS), 8),
    "maths_words": _words("maths_words", 1),
    "calculation": _calculation,
    "units": lambda read: _share(_count(read.asked, UNIT_MARKS), 4),
    "extraction": _words("extraction", 2),
    "steps": _words("steps", 3),
    "list_lines": lambda read: _share(len(LIST_LINE.findall(read.seen)), 8),
    "questions": lambda read: _share(_count(read.asked, QUESTION_MARKS) - 1, 3),
    "constraints": _words("constraints", 4),
    "conditions": _words("conditions", 2),
    "relations": _words("relations", 6),
    "sentence_length": _sentence_length,
    "quotes": lambda read: _share(_count(read.asked, QUOTE_MARKS), 6),
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
    "small_program": _small_program,
    "symptom": _words("symptom", 2),
    "demand": _words("demand", 3),
    "inquiry": _words("inquiry", 2),
    "plan": _words("plan", 2),
    "quick_fact": _words("quick_fact", 2),
    "tiny": _words("tiny", 2),
    "tone": _words("tone", 2),
    "brief_answer": _words("brief_answer", 2),
    "answer_size": _answer_size,
    "measures": lambda read: _share(len(MEASURE.findall(read.request)), 2),
    "parts": lambda read: _share(len(PART.findall(read.request)), 6),
    "sentences": _sentences,
    "brevity": lambda read: read.brief,
    "brief_question": lambda read: read.brief * bool(_count(read.request, QUESTION_MARKS)),
    "log_lines": lambda read: _share(len(LOG_LINE.findall(read.seen)) - 2, 4),
    "long_paste": lambda read: between(read.pasted, _SHORT_PASTE, 4 * _SHORT_PASTE),
    "shown": lambda read: float(0 < read.pasted <= _SHORT_PASTE),
    "heavy_wording": lambda read: _share(read.wording, WORDING),
    "light_wording": lambda read: _share(-read.wording, WORDING),
    "work": lambda read: read.work,
    "disagreement": lambda read: _share(read.disagreement, 1),
}

NAMES = tuple(_FEATURES)
"""The names of the features, in the order of ``Features.values``."""


def read_features(prompt: Prompt) -> Features:
    """The features of ``prompt``. Never fails: any text has features."""
    read = read_prompt(prompt)
    return Features(
        values={name: float(feature(read)) for name, feature in _FEATURES.items()},
        prompt_tokens=read.tokens,
        context_tokens=read.context_tokens,
        files=read.files,
        tool_calls=read.tool_calls,
        wish=find_wish(read.asked),
    )
