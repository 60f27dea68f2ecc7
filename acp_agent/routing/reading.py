"""A prompt read once for all features: its request, words, sizes and files; pure.

Owns the reading, and how far a request is about work on software or a text rather than an
exam's question. Does not own the features made of it (``features``), the vocabulary
(``words``), nor what is request and what is paste (``request``). Issue 5, section 2.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from acp_agent.routing.lexicon import weigh_wording
from acp_agent.routing.request import ends, find_request, without_code
from acp_agent.routing.tokens import estimate_tokens
from acp_agent.routing.words import find_kinds, words_of

_SEEN = 1000
"""Characters of a long text's start, and of its end, that are looked at: a decision takes
the same time however much was pasted."""

_OPENING = 32
"""Characters of the start that tell a request ("Please write ...") from a question."""

_LEAST, _BRIEF, _LONG = 8, 43, 96
"""Tokens of a request: it says no less in fewer, it is brief up to, it is long from."""

_POLITE = re.compile(
    r"\b(?:please|could you|can you|would you|kindly|bitte|k[öo]nntest du|kannst du|w[üu]rdest du"
    r"|s'il (?:te|vous) pla[iî]t|stp|svp|peux-tu|pouvez-vous|pourrais-tu|por favor|porfa|puedes"
    r"|podrías|me puedes|você pode|poderia|per favore|puoi|potresti|пожалуйста|подскажите"
    r"|скажите|не могли бы вы|помогите|можете|можешь|من فضلك|لو سمحت|هل يمكنك|هل تستطيع|कृपया"
    r"|क्या आप|प्लीज़)\b|请问|请|麻烦你?|帮我|一下|谢谢|ください"
    r"|お願い(?:します|できますか|いたします)|いただけますか"
    r"|いただけると(?:嬉|うれ)しいです|もらえますか|もらえると(?:嬉|うれ)しいです"
    r"|でしょうか|ますか|해 ?주세요|해 ?주실 수 있나요|부탁(?:드립니다|드려요|해요)?|주세요",
    re.IGNORECASE,
)
"""Words of politeness, which make no task larger."""
_MANY = 500
"""Characters of a request that is long with or without politeness."""

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

_CHOICE = re.compile(r"^[ \t]*\(?[A-Ea-e][.):] ", re.MULTILINE)
_EXERCISE = re.compile(
    r"\s*(?:Write an? (?:\w+ ){0,3}?(?:function|program|method)\b"
    r"|from \w+ import |import \w|def \w)"
)
"""A programming exercise by its opening: public judgements find these heavy, however short
they are."""

_WORK = (
    *("code_task", "heavy_task", "hard_topic", "tests", "software", "breadth", "small_thing"),
    *("light_task", "quick_fact", "courtesy", "tone"),
)
"""Kinds of words that show a request to be about software or a text to work on."""
_WORK_WORD_IN = 6
"""Every which word of such a request is one of them."""
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1fff\u3040-\ud7ff]")
_SMALL_WORDS = (
    "der das und ist nicht ein eine einen mit für wie ich bitte auf zum zur im ob mach wir es"
    " den dem von vom nach alle bei beim wird sind hat kein keine hier warum wer unser unsere"
    " oder wenn sich auch noch nur kann le les une et est pas dans pour que qui je ça du au"
    " aux fais quoi avec sans mon ce cette pourquoi quel quelle où à el los las y por para del"
    " una qué esto está cómo este haz lo cuando hay porque cuál dónde muy uma não com em os"
    " isso pra dos faz esse essa tem meu minha um na ao qual gli della di dal alla sul questo"
    " sono è fai nel perché quale mio la"
)
_OTHER_LANGUAGE = frozenset(_SMALL_WORDS.split())
"""Small words by which other languages show; the exams whose outcomes are known are English."""
_OURS = frozenset({"our", "ours", "we", "my", "us", "pls", "plz", "asap"})
"""English words of somebody who speaks of his own."""
_FEW_WORDS = 5
"""Words in which no exam puts a question."""
_LINK = "](file:"
_SIGNS = re.compile(r"`|[a-z][A-Z]|\w\(|\w_\w|(?:^|\s)--?[a-z]|\w\.\w+\(|[{}<>]|=")
"""Marks of code in a request."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be judged: the user's text, the tokens of history and embedded resources
    that go with it, the names of files attached, and how far the session's last panel
    disagreed, from 0 to 1 (0 too where none was asked)."""

    text: str
    context_tokens: int = 0
    attached: tuple[str, ...] = ()
    disagreement: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """``seen``: the text's ends; ``asked``: them without fenced code; ``request``: what was
    typed to say what is wanted. ``size`` and ``brief``: how long and how short it is,
    ``work``: how far it is about work, each from 0 to 1. ``choices``: whether answers to
    choose from follow; ``pasted``: characters seen that are not the request's; ``wording``: what
    the lexicon says of it, in log-odds; ``disagreement``: the prompt's."""

    seen: str
    asked: str
    request: str
    kinds: Mapping[str, set[str]]
    opening: Mapping[str, set[str]]
    size: float
    brief: float
    work: float
    choices: bool
    pasted: int
    wording: float
    tokens: int
    context_tokens: int
    files: int
    tool_calls: int
    disagreement: float


def read_prompt(prompt: Prompt) -> Reading:
    """``prompt`` read for its features. Never fails."""
    seen = ends(prompt.text, _SEEN)
    asked = ends(without_code(seen))
    request = find_request(asked)
    words = words_of(request)
    kinds = find_kinds(words, request)
    start = request.lstrip()[:_OPENING]
    opening = find_kinds(words_of(start), start)
    files = len(_named_files(request) | set(prompt.attached))
    size = estimate_tokens(_POLITE.sub("", request) if len(request) <= _MANY else request)
    choices = len(_CHOICE.findall(asked)) >= 3
    is_exam = choices or _EXERCISE.match(asked) is not None
    return Reading(
        seen=seen,
        asked=asked,
        request=request,
        kinds=kinds,
        opening=opening,
        size=between(size, _LEAST, _LONG),
        brief=1 - between(size, _LEAST, _BRIEF),
        work=0.0 if is_exam else _work(asked, request, words, kinds, opening, files),
        choices=choices,
        pasted=len(seen) - len(request),
        wording=weigh_wording(request),
        tokens=estimate_tokens(prompt.text),
        context_tokens=prompt.context_tokens,
        files=files,
        tool_calls=_forecast_tool_calls(files, kinds),
        disagreement=prompt.disagreement,
    )


def between(count: float, low: float, high: float) -> float:
    """How far ``count`` has got from ``low`` to ``high``, by doublings, 0 to 1."""
    return min(1.0, math.log(max(count, low) / low) / math.log(high / low))


def _work(
    asked: str,
    request: str,
    words: list[str],
    kinds: Mapping[str, set[str]],
    opening: Mapping[str, set[str]],
    files: int,
) -> float:
    """How far the request is about work, from 0 to 1: by the share of its words that are."""
    if files or "```" in asked or _LINK in asked or _OTHER_SCRIPT.search(request):
        return 1.0
    if len(words) <= _FEW_WORDS or not _OTHER_LANGUAGE.isdisjoint(words):
        return 1.0
    signs = len(set[str]().union(*(kinds[kind] for kind in _WORK)))
    signs += len(_OURS.intersection(words))
    signs += bool(opening["edit"]) + 2 * (_SIGNS.search(request) is not None)
    return min(1.0, signs * _WORK_WORD_IN / (len(words) + 1))


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
