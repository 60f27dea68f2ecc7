"""Marks and short phrases that features look for in a text; data only.

Owns the characters and patterns, in scripts of several languages. Does not own words of a
kind (``vocabulary``) nor what is made of them (``features``).
"""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import re

NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
IDENTIFIER = re.compile(r"[a-z][A-Z]|\b[A-Z]{2,}\b|\w\(|`")
LARGE_PRODUCT = re.compile(r"\d{3} ?(?:[*×/] ?\d{3}|\^ ?\d)")
LOG_LINE = re.compile(
    r"^[^\w\n]{0,3}(?:\d{4}[-/.]\d\d[-/.]\d\d[ T])?\d\d:\d\d(?::\d\d)?\b", re.MULTILINE
)
"""A line that begins with a time of day, as those of logs do."""
LIST_LINE = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)、]) ?", re.MULTILINE)
SENTENCE_END = re.compile(r"[.!?](?:\s|$)|[。！？]")
CODE_MARKS = (
    *("```", "def ", "return", "import ", "class ", "function ", "#include", "SELECT "),
    *("=>", "->", "::", "==", "!=", "();", "()", "{", "};", "</", "const ", "let ", "fn "),
    *("func ", "public ", "Traceback", "Error:", "Exception", "assert ", '"""', "&&"),
)
MATHS_MARKS = (
    *("$", "\\", "^", " = ", " + ", "√", "∑", "∫", "≤", "≥", "×", "÷", "π", "≡", "∈", "∀", "∃"),
    *("⊃", "⊢", "→", "mod "),
)
QUESTION_MARKS = ("?", "？", "؟")
QUOTE_MARKS = ('"', "'", "’", "“", "„", "«", "「")
UNIT_MARKS = ("$", "€", "£", "¥", "%", "°", "％", "円", "元", "₽")

_UNITS = (
    *("ms", "s", "sec", "secs", "seconds", "min", "h", "KB", "kB", "MB", "GB", "TB", "gb", "mb"),
    *("k", "K", "M", "fps", "qps", "rps", "x", "мс", "сек", "с", "мин", "МБ", "ГБ", "гб", "秒"),
    *(
        "分",
        "分钟",
        "小时",
        "時間",
        "万",
        "億",
        "亿",
        "초",
        "분",
        "만",
        "억",
        "ثانية",
        "دقيقة",
        "सेकंड",
    ),
)
MEASURE = re.compile(rf"\d ?(?:{'|'.join(_UNITS)})(?![A-Za-z0-9])|\d%")
"""A figure with a unit of time, memory, rate or share."""
PART = re.compile(r"[,;、，；،]|\b(?:and|und|et|y|e|и|و)\b|和|并|及|と|し、|고 | और ")
"""What joins the parts of a request."""

_FEW = (
    *(r"\d{1,2}", "an?", "one", "two", "three", "four", "five", "couple of", "few"),
    *("eine?n?", "einem", "zwei", "drei", "vier", "fünf", "une?", "deux", "trois", "quatre"),
    *("una", "uno", "dos", "tres", "cuatro", "cinco", "uma?", "dois", "duas", "três", "due", "tre"),
    *("quattro", "один", "одно", "одну", "одна", "одной", "два", "две", "двух", "три", "тр[её]х"),
    *("пара", "пару", "한", "두", "세"),
)
_OF_TEXT = (
    *("sentences?", "lines?", "words?", "names?", "ideas?", "characters", "bullets?"),
    *("sätze?n?", "satz", "zeilen?", "wörter", "wort", "stichpunkte", "namen", "vorschläge"),
    *("phrases?", "lignes?", "mots?", "noms?", "idées?", "frases?", "líneas?", "palabras?"),
    *("nombres?", "linhas?", "palavras?", "nomes", "frasi", "riga", "righe", "parol[ae]", "nomi"),
    *(r"предложени\w*", r"строк\w*", r"слов\w*", r"фраз\w*", r"вариант\w*", "문장", "줄", "단어"),
    "마디",
)
ANSWER_SIZE = re.compile(
    rf"\b(?:{'|'.join(_FEW)})[ -]?(?:short |kurze[nr]? |petites? )?(?:{'|'.join(_OF_TEXT)})\b"
    r"|[一两二三1-9] ?[、~〜-]?[1-9]?(?:句|行|文(?!件)|字|个名|个字|つ)|\d{1,4} ?(?:字|文字)以内"
    r"|جملت|جملة|سطر|(?:एक|दो|तीन|[1-9]) (?:लाइन|वाक्य|पंक्ति|शब्द|नाम)"
)
"""How short an answer is wanted: a few sentences, lines, words or names."""
