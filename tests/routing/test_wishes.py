"""Explicit wishes in several languages, and what only looks like one."""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.routing.features import Prompt, read_features
from acp_agent.routing.wishes import find_wish


@pytest.mark.parametrize(
    "text",
    [
        "use gpt-oss",
        "Use gpt-oss for this: sort the imports",
        "Please use the big model.",
        "Sort the imports. Use gpt-oss-20b please",
        "Can you use GPT-OSS for this?",
        "Could you please ask the large model to look at it",
        "let gpt-oss answer this",
        "use gpt-oss:20b to rewrite it",
        "Nutze gpt-oss dafür",
        "Bitte nimm das große Modell",
        "Utilise gpt-oss pour ce problème",
        "Usa gpt-oss para esto",
        "Usa gpt-oss per questo",
        "Используй gpt-oss для этого",
        "请用gpt-oss重构这个函数",
        "gpt-ossを使ってください",
        "gpt-oss를 사용해 주세요",
        "Let the big one handle this: sort the imports",
        "gpt-oss please: explain this line",
        "Run this through gpt-oss",
        "@gpt-oss what does this do",
        "I want gpt-oss to answer this",
        "Nimm dafür bitte gpt-oss: Was ist ein Tupel?",
        "Bitte gpt-oss benutzen: was ist ein Tupel",
        "Das soll gpt-oss beantworten: was ist ein Tupel",
        "Demande au grand modèle : c'est quoi un tuple ?",
        "Peux-tu utiliser gpt-oss pour ça ?",
        "¿Puedes usar gpt-oss para esto?",
        "Que lo haga gpt-oss: ordena la lista",
        "Manda isso pro modelo grande",
        "Chiedi al modello grande: cosa fa questo?",
        "Fai rispondere gpt-oss: cos'è questo",
        "Пусть gpt-oss ответит: что такое кортеж",
        "Передай это gpt-oss",
        "让大模型看看这段代码",
        "gpt-ossに聞いて：タプルとは",
        "gpt-oss에게 물어봐: 튜플이 뭐야",
        "استخدم gpt-oss: ما الفرق بينهما؟",
        "اسأل النموذج الكبير: كيف؟",
        "gpt-oss से पूछो: यह क्या है",
    ],
)
def test_wish_for_the_big_model(text: str) -> None:
    assert find_wish(text) == "big_model"


@pytest.mark.parametrize(
    "text",
    [
        "Quick answer: what is a tuple?",
        "What is a tuple? Short answer please",
        "just a quick answer",
        "Don't use gpt-oss for this",
        "Do not delegate this",
        "Kurze Antwort bitte: was ist ein Tupel?",
        "Réponse courte : qu'est-ce qu'un tuple ?",
        "Respuesta rápida: ¿qué es una tupla?",
        "Resposta rápida: o que é isto?",
        "Что такое кортеж? Кратко.",
        "快速回答：什么是元组？",
        "タプルとは何ですか？手短に教えてください。",
        "no need to bother gpt-oss, just tell me: tabs or spaces?",
        "Skip the big model, what is a tuple?",
        "yes or no: is a tuple mutable?",
        "In einem Satz: was ist ein Tupel?",
        "Ohne gpt-oss bitte: was ist ein Tupel?",
        "pas besoin de gpt-oss, c'est quoi un tuple ?",
        "en une phrase : c'est quoi un tuple ?",
        "sin gpt-oss: ¿qué es una tupla?",
        "responde em uma frase: o que é uma tupla?",
        "in due parole: cos'è una tupla?",
        "в двух словах: что такое кортеж?",
        "不用gpt-oss，直接告诉我：什么是元组",
        "gpt-ossは使わないで、タプルとは？",
        "한 문장으로 답해줘: 튜플이 뭐야",
        "باختصار: ما هذا؟",
        "एक वाक्य में बताओ: यह क्या है",
    ],
)
def test_wish_for_a_quick_answer(text: str) -> None:
    assert find_wish(text) == "quick_answer"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How do I use gpt-oss?",
        "What does gpt-oss cost?",
        "gpt-oss crashes on start",
        "Compare gpt-oss with the big model of last year",
        "Use gpt-oss as the default in config.toml",
        "Use gpt-oss instead of ollama in the readme",
        "Use gpt-oss and ollama in the example",
        "Users who use gpt-oss for this see an error",
        'What does "use gpt-oss" mean?',
        "The label says: 'use gpt-oss'",
        "Print the text `use gpt-oss`",
        "Explain why people use the big model",
        "Should I use gpt-oss for this",
        "Implement a quick answer button",
        "The quick answer was wrong",
        "Quickly, fix it",
        "Wie benutze ich gpt-oss?",
        "Comment utiliser gpt-oss ?",
        "¿Cómo usa gpt-oss la memoria?",
        "Как работает gpt-oss?",
        "gpt-oss是什么？",
        "gpt-ossとは何ですか？",
        "qwen, gpt-oss, mistral",
        "Can gpt-oss read images?",
        "Without gpt-oss the tests fail",
        "Write a function that sends this to the big model",
        "Remove the fallback to gpt-oss",
        "Add yes or no prompts to the installer",
        "ohne gpt-oss startet der Server nicht",
        "¿Debería usar gpt-oss para esto?",
        "Стоит ли использовать gpt-oss для этого проекта?",
        "把默认模型改成gpt-oss",
        "gpt-ossを使うコードを書いて",
        "هل gpt-oss مجاني؟",
        "क्या gpt-oss मुफ़्त है?",
    ],
)
def test_mere_mention_is_no_wish(text: str) -> None:
    assert find_wish(text) is None


def test_contradictory_wishes_are_none() -> None:
    assert find_wish("Use gpt-oss. Quick answer please.") is None


def test_wish_inside_pasted_code_is_none() -> None:
    assert read_features(Prompt("What is this?\n```\nuse gpt-oss\n```")).wish is None


def test_wish_in_the_middle_of_a_long_text_is_not_read() -> None:
    filler = "lorem ipsum dolor. " * 60
    assert find_wish(f"{filler}Use gpt-oss. {filler}") is None
    assert find_wish(f"{filler}{filler}Use gpt-oss.") == "big_model"


@given(st.text(alphabet="use gpt-oss, plea.\n!"))
def test_any_text_is_read(text: str) -> None:
    assert find_wish(text) in ("big_model", None)
