"""What the features see in prompts of several languages, and that they stay in bounds."""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.routing.features import NAMES, Features, Prompt, read_features
from acp_agent.routing.tokens import estimate_tokens
from acp_agent.routing.words import KINDS, find_kinds, words_of

SAME_TEXT = {
    "en": "The build fails on the second run because the cache still holds the old paths.",
    "de": "Der Bau scheitert beim zweiten Lauf, weil im Zwischenspeicher noch alte Pfade stehen.",
    "fr": "La compilation échoue au deuxième essai parce que le cache contient d'anciens chemins.",
    "es": "La compilación falla en el segundo intento porque la caché contiene rutas antiguas.",
    "ru": "Сборка падает при втором запуске, потому что в кэше остались старые пути.",
    "el": "Η μεταγλώττιση αποτυγχάνει επειδή η κρυφή μνήμη έχει ακόμα τις παλιές διαδρομές.",
    "ar": "يفشل البناء في المرة الثانية لأن الذاكرة المؤقتة لا تزال تحتوي على المسارات القديمة.",
    "zh": "第二次运行时构建失败，因为缓存中仍然保留着旧路径，请在测试开始之前清除它们。",
    "ja": "二回目の実行でビルドが失敗します。キャッシュに古いパスが残っているためです。",
    "ko": "두 번째 실행에서 빌드가 실패합니다. 캐시에 오래된 경로가 남아 있기 때문입니다.",
}


def read(text: str, context_tokens: int = 0, attached: tuple[str, ...] = ()) -> Features:
    return read_features(Prompt(text, context_tokens, attached))


@pytest.mark.parametrize("text", SAME_TEXT.values(), ids=SAME_TEXT)
def test_token_estimate_is_near_the_real_count(text: str) -> None:
    real = len(pytest.importorskip("bpe_openai").get_encoding("o200k_base").encode(text))
    assert 0.75 * real <= estimate_tokens(text) <= 1.3 * real


def test_token_estimate_of_code_is_near_the_real_count() -> None:
    code = "def area(w: int, h: int) -> int:\n    return {'a': w * h}['a'] if w > 0 else -1\n" * 20
    real = len(pytest.importorskip("bpe_openai").get_encoding("o200k_base").encode(code))
    assert 0.7 * real <= estimate_tokens(code) <= 1.4 * real


def test_token_estimate_of_nothing_and_of_little() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens(" ") == 1


WORKERS = "A queue gets some requests a second and each of its few workers takes a moment for one"

HEAVY = [
    "Implement a parser for this format",
    "Implementiere einen Parser für dieses Format",
    "Implémente un analyseur pour ce format",
    "Reescribe este módulo sin globales",
    "Реализуй парсер для этого формата",
    "请实现一个解析器",
    "パーサーを実装してください",
    "이 형식의 파서를 구현해 주세요",
]


@pytest.mark.parametrize("text", HEAVY)
def test_heavy_task_in_eight_languages(text: str) -> None:
    values = read(text).values
    assert values["heavy_task"] > 0
    assert values["instruction"] > 0
    assert values["light_task"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "Thanks, that works",
        "Danke, das geht",
        "Merci, ça marche",
        "Gracias, funciona",
        "Спасибо, работает",
        "谢谢，可以了",
        "ありがとう",
        "감사합니다",
    ],
)
def test_light_task_in_eight_languages(text: str) -> None:
    values = read(text).values
    assert values["light_task"] == 1
    assert values["heavy_task"] == 0


@pytest.mark.parametrize(
    ("feature", "less", "more"),
    [
        ("length", "one word", "one word " * 50),
        ("code", "a value", "def f(x):\n    return x == my_value"),
        ("code_task", "write a poem", "a python function"),
        ("maths_notation", "x is two", "$x^2 = 4$"),
        ("maths_words", "how are you", "the probability of it"),
        ("calculation", "value of x * y", "value of 48739 * 91376"),
        ("calculation", WORKERS, WORKERS.replace("some", "40").replace("few", "3")),
        ("code_block", "```\nx\n```", "```\n" + "x = x + 1\n" * 40 + "```"),
        ("task_size", "Fix a.py", "Fix a.py so that each caller waits for the one before it"),
        ("hard_topic", "tidy the queue", "a deadlock in the queue"),
        ("breadth", "in this line", "in the whole repository"),
        ("tests", "add a line", "add tests"),
        ("small_thing", "Tidy up", "Add a blank line"),
        ("short_question", "Run it", "What does it do?"),
        ("courtesy", "Now fix it", "thanks, that works"),
        ("units", "costs ten", "costs $10, 5% off"),
        ("extraction", "read this", "extract the names into a csv"),
        ("steps", "do it", "first do this, then that"),
        ("list_lines", "a\nb", "- a\n- b\n3. c"),
        ("questions", "Why?", "Why? How? Since when？"),
        ("constraints", "a list", "a list with exactly three, without doubles"),
        ("conditions", "it rains", "if it rains"),
        ("relations", "five apples", "twice as many apples than before"),
        ("sentence_length", "Go. Stop. Go. Stop. Go.", "go and stop and go and stop and go"),
        ("quotes", "he said yes", 'he said "yes"'),
        ("reasoning", "name it", "explain why"),
        ("prose", "a table", "a poem"),
        ("lookup", "make it so", "who made it"),
        ("small_program", "Explain the function", "Write a function"),
        ("symptom", "it runs", "it hangs sometimes"),
        ("demand", "an import", "a robust import that resumes"),
        ("inquiry", "change it", "find the cause"),
        ("plan", "do it", "compare the options"),
        ("quick_fact", "the server", "the shortcut"),
        ("tiny", "all of it", "just one word"),
        ("tone", "an answer", "a politer answer in a friendly tone"),
        ("brief_answer", "tell me", "tell me briefly"),
        ("answer_size", "tell me in detail", "tell me in two sentences"),
        ("answer_size", "詳しく説明して", "2行で説明して"),
        ("measures", "takes long", "takes 4 s and 2 GB"),
        ("parts", "do it", "do this, that and more"),
        ("sentences", "It fails.", "It fails. Fix it."),
        ("brevity", "This and that and more of it " * 9, "This"),
        ("brief_question", "Tell me", "Really?"),
        ("shown", "Tidy it", "Tidy it:\n```\nx=1\n```"),
        ("heavy_wording", "what does the flag mean", "races and retries"),
        ("light_wording", "races and retries", "what does the flag mean"),
        ("work", "A man walks home and sees the old dog", "Debug the parser"),
    ],
)
def test_feature_rises_with_what_it_counts(feature: str, less: str, more: str) -> None:
    assert read(less).values[feature] < read(more).values[feature]


def test_words_of_a_lookup_count_at_the_start_only() -> None:
    assert read("Where is it?").values["lookup"] == 1
    text = "Please change the order of the imports in the file where they are"
    assert read(text).values["lookup"] == 0


def test_pasted_code_is_not_what_is_asked() -> None:
    fenced = "What is this?\n```\nrefactor implement debug json\n```"
    assert read(fenced).values["heavy_task"] == 0
    assert read(fenced).values["extraction"] == 0
    assert read(fenced.replace("```", "")).values["heavy_task"] == 1


@pytest.mark.parametrize(
    "choices", ["A. one\nB. two\nC. three", "(a) one\n(b) two\n(c) three", "A: 1\nB: 2\nC: 3"]
)
def test_a_question_with_choices_is_no_task_of_an_editor(choices: str) -> None:
    text = "Which of these makes the transactions of a database fail with a deadlock?\n"
    assert read(text).values["task_size"] > 0
    values = read(text + choices).values
    assert values["task_size"] == values["hard_topic"] == values["calculation"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "thanks, now fix the parser",
        "Danke, aber warum?",
        "merci ! et c'est quoi un tuple ?",
        "ok. [a.py](file:///p/a.py)",
        "谢谢，请重构这个模块",
    ],
)
def test_courtesy_with_a_task_is_not_courtesy_only(text: str) -> None:
    assert read(text).values["courtesy"] == 0


def test_thanks_may_stand_at_the_end() -> None:
    assert (
        read("无事可做了，你回答得很耐心，让我学到了很多东西，也让我很放心，非常感谢").values[
            "courtesy"
        ]
        > 0
    )


def test_words_in_the_middle_of_a_long_paste_do_not_count() -> None:
    filler = "lorem ipsum dolor " * 200
    assert read(f"{filler} refactor {filler}").values["heavy_task"] == 0
    assert read(f"{filler} {filler} refactor").values["heavy_task"] > 0


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("Look at src/app.py and src/app.py", 1),
        ("Look at app.py, docs/index.md and `Main.java`.", 3),
        ("请修改app.py里的错误", 1),
        ("Is Node.js faster? See example.com, version 1.2, e.g. this.", 0),
        ("It ends.python", 0),
        (".py", 0),
    ],
)
def test_files_named(text: str, files: int) -> None:
    assert read(text).files == files


def test_files_attached_count_once_with_those_named() -> None:
    assert read("See a.py", attached=("a.py", "b.py")).files == 2


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("What is a monad?", 0),
        ("Run the tests", 0),
        ("Explain a.py", 1),
        ("Fix a.py", 2),
        ("Fix a.py and b.py and run the tests", 5),
        ("Add types to the whole project", 3),
        ("Добавь типы: исправь a.py", 2),
    ],
)
def test_tool_calls_forecast(text: str, calls: int) -> None:
    assert read(text).tool_calls == calls


def test_context_counts_beside_the_prompt() -> None:
    features = read("Go on", context_tokens=5000)
    assert features.context_tokens == 5000
    assert features.prompt_tokens < 10
    assert 0 < read("Go on", context_tokens=100).values["context"] < features.values["context"]


def test_kinds_are_found_in_words_and_in_unspaced_text() -> None:
    text = "refactored 重构"
    found = find_kinds(words_of(text), text)
    assert tuple(found) == KINDS
    assert found["heavy_task"] == {"refactor", "重构"}


@given(st.text(), st.integers(0, 10**9))
def test_any_text_has_bounded_features(text: str, context_tokens: int) -> None:
    features = read(text, context_tokens)
    assert tuple(features.values) == NAMES
    assert all(0 <= value <= 1 for value in features.values.values())
    assert features == read(text, context_tokens)


@pytest.mark.parametrize("text", ["\ud800", "\0", "\n" * 50_000, "(" * 50_000, "- " * 50_000])
def test_odd_text_has_bounded_features(text: str) -> None:
    assert all(0 <= value <= 1 for value in read(text).values.values())
