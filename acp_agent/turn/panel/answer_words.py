"""The words by which answers are found and compared, in the languages that are known; data.

Owns the marks of a final answer, yes and no, and the articles. Does not own how they are
used (``answers``).
"""

# ruff: noqa: RUF001 (letters of other scripts are meant)

MARKS = (
    r"(?:my |the |your )?(?:final |correct |right |overall )?answer",
    r"(?:the )?final result",
    r"(?:the )?(?:correct|right|best) (?:option|choice)",
    r"(?:die |meine )?(?:endg[üu]ltige |richtige )?antwort",
    r"(?:la |ma )?(?:bonne )?r[ée]ponse(?: finale| correcte)?",
    r"(?:la |mi )?respuesta(?: final| correcta)?",
    r"(?:a |minha )?resposta(?: final| correta)?",
    r"(?:la |mia )?risposta(?: finale| corretta)?",
    r"(?:het |mijn )?(?:juiste )?antwoord",
    r"svaret?",
    r"(?:ostateczna |prawidłowa )?odpowied[źz]",
    r"(?:итоговый |окончательный |правильный )?ответ",
    r"відповідь",
    r"cevap",
    r"đáp án",
    r"jawaban(?:nya)?",
    r"(?:最终|最終|正确|正確)?(?:的)?(?:答案|答え|答)",
    r"(?:최종 )?(?:정답|답)",
    r"(?:الإجابة|الجواب)(?: النهائية| النهائي| الصحيحة)?",
    r"(?:अंतिम |सही )?उत्तर",
    r"התשובה|תשובה",
)
"""Patterns of what stands before a final answer, each for one language or two."""

LINKS = (
    r"\s*[:：=＝]\s*",
    r"\s+(?:is|ist|lautet|est|es|é|è|e|jest|это|är|er|adalah|هي|هو|है|là)(?:\s*[:：]\s*|\s+)",
    r"\s*(?:是|为|為|は|은|는)\s*[:：]?\s*",
)
"""What joins such a mark with the answer."""

YES = frozenset(
    (
        *("yes", "ja", "oui", "si", "sí", "sì", "sim", "da", "tak", "evet", "ya", "jo", "joo"),
        *("да", "так", "是", "是的", "对", "對", "はい", "네", "예", "نعم", "हाँ", "हां", "כן"),
        *("true", "wahr", "vrai", "verdadero", "верно"),
    )
)
"""Whole words, casefolded, that say yes; ``true`` is the same vote."""

NO = frozenset(
    (
        *("no", "nein", "non", "não", "nao", "nej", "nee", "nie", "hayır", "tidak", "ei"),
        *("нет", "ні", "否", "不是", "不", "不对", "いいえ", "아니요", "아니오", "لا", "नहीं", "לא"),
        *("false", "falsch", "faux", "falso", "неверно"),
    )
)

ARTICLES = frozenset(
    (
        *("the", "a", "an", "der", "die", "das", "den", "dem", "ein", "eine", "einen"),
        *("le", "la", "les", "un", "une", "el", "los", "las", "una", "il", "lo", "gli", "o"),
        *("os", "um", "uma", "de", "het", "een"),
    )
)
"""Left out at the start of a short text: ``the Eiffel Tower`` is ``Eiffel Tower``."""
