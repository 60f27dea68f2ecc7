"""What the user asks for outright: the big model, or a quick answer; pure.

Owns telling a wish from a mere mention: "use gpt-oss for this" is a wish, "how do I use
gpt-oss?" and "gpt-oss crashes" are not. A wish fills a clause of its own, from its start.
Does not own what follows from it (``rubric``).
"""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import re
from typing import Literal

Wish = Literal["big_model", "quick_answer"]

_LENGTH = 400
"""Characters at either end that are read: a wish stands at the start or the end."""

_CLAUSE_END = re.compile(r"[;!?,\n。！？，：、—–…]|[.:](?=\s|$)")

_POLITE = (
    r"(?:(?:please|bitte|s'il te plaît|por favor|per favore|пожалуйста|请|and|then|und|dann|et|y|"
    r"e|и|(?:can|could|would|will) you|kannst du|peux-tu|puedes)\b ?)*"
)
_MODEL = (
    r"(?:(?:the |das |le |el |o |il )?(?:gpt[-_ ]?oss(?:[-_: ]?\d+b)?"
    r"|(?:big|bigger|large|larger|strong|stronger|große|größere|starke) model(?:l)?"
    r"|(?:grand|gros) modèle|modelo grande|modello grande"
    r"|(?:большую|сильную) модель|大模型|大きなモデル|큰 모델))"
)
_USE = (
    r"(?:use|ask|take|try|delegate (?:this |that |it )?to|hand (?:this |that |it )(?:over )?to|"
    r"switch to|benutze|nutze|nimm|verwende|frage?|utilise|demande à|prends|usa|utiliza|"
    r"pregunta a|use|utilize|chiedi a|utilizza|используй(?:те)?|возьми|спроси|请?用|使用)"
)
_PURPOSE = (
    r"(?: (?:for|on) (?:this|that|it|these)\b.*| to \w.*| then .*"
    r"| and (?:answer|explain|fix|implement|refactor|show|tell|write).*| here| now| please| again"
    r"| instead(?! of).*| dafür| hierfür| dazu| bitte| für diese.*| um .*"
    r"| pour (?:ça|cela|ce|cette|cet)\b.*| para (?:esto|isto|isso|esta)\b.*| per questo"
    r"| для (?:этого|этой)\b.*| чтобы .*| ?(?:来|处理|回答|重构|写|实现|分析).*)?"
)
_BIG = re.compile(
    rf"{_POLITE}(?:{_USE} ?{_MODEL}{_PURPOSE}"
    rf"|let {_MODEL} (?:do|handle|answer|write|solve|think).*|lass {_MODEL} (?:das|dies|es)\b.*)"
    rf"|{_MODEL} ?(?:を使って|で答えて|でお願い|に任せて|로 답해|를 사용해|을 사용해).*"
)

_ONLY = (
    r"(?:(?:just|only|give me|i (?:just |only )?(?:want|need)|nur|gib mir|donne[- ]moi|juste|dame|"
    r"solo|só|dammi|дай|просто|只要|给我) ?)*(?:an? |eine |une |una |uma )?"
)
_QUICK_ANSWER = (
    r"(?:(?:quick|short|brief|one[- ]line) (?:answer|question|reply)|briefly|"
    r"answer (?:briefly|quickly)|(?:kurze|schnelle) (?:antwort|frage)|kurz und knapp|kurz gesagt|"
    r"antworte kurz|réponse (?:rapide|courte|brève)|question rapide|en bref|"
    r"(?:respuesta|pregunta) (?:rápida|corta|breve)|en breve|"
    r"resposta (?:rápida|curta|breve)|risposta (?:rapida|breve)|in breve|"
    r"(?:короткий|быстрый|краткий) ответ|кратко|коротко|快速回答|简短回答|简单回答|简要回答|"
    r"(?:手短に|簡潔に|一言で)(?:答えて.*|教えて.*|お願い.*)?|간단히 답해.*|짧게 답해.*)"
    r"(?: only| please| bitte| will do| is enough| svp)?"
)
_NOT_BIG = (
    rf"(?:(?:do not|don't|don’t|never) {_USE} {_MODEL}|(?:do not|don't|don’t) delegate\b.*"
    rf"|(?:benutze|nutze|nimm|verwende) {_MODEL} nicht|n'utilise pas {_MODEL}"
    rf"|no (?:uses|utilices) {_MODEL}|не используй(?:те)? {_MODEL}|不要用 ?{_MODEL}"
    rf"|{_MODEL}を使わないで)"
)
_QUICK = re.compile(rf"{_POLITE}(?:{_ONLY}{_QUICK_ANSWER}|{_NOT_BIG}(?: .*)?)")


def find_wish(prose: str) -> Wish | None:
    """The wish that ``prose``, the prompt without its code, states; contradictory wishes
    are none."""
    ends = prose if len(prose) <= 2 * _LENGTH else f"{prose[:_LENGTH]}\n{prose[-_LENGTH:]}"
    clauses = [" ".join(clause.split()) for clause in _CLAUSE_END.split(ends.lower())]
    quick = any(_QUICK.fullmatch(clause) for clause in clauses)
    big = any(_BIG.fullmatch(clause) for clause in clauses)
    if quick == big:
        return None
    return "quick_answer" if quick else "big_model"
