"""What is read out of an answer, and which answers are the same."""

# ruff: noqa: RUF001 (marks of other scripts are meant)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.turn.panel.answers import AnswerKind, extract_answer
from acp_agent.turn.panel.wording import normalise_text


def value(text: str) -> str | None:
    found = extract_answer(text)
    return None if found is None else found.value


def kind(text: str) -> AnswerKind | None:
    found = extract_answer(text)
    return None if found is None else found.kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\boxed{42}", "42"),
        ("so $\\boxed{\\frac{1}{2}}$ it is, not 7", "1/2"),
        ("$\\boxed{1{,}000}$", "1000"),
        ("\\boxed{\\text{x}=5}", "5"),
        ("\\boxed{3} no, \\boxed{4}", "4"),
        ("Answer: 1,000", "1000"),
        ("The answer is 3.50.", "7/2"),
        ("Answer: 50%", "50"),
        ("Answer: \\$1,234.50", "2469/2"),
        ("Answer: 1/2", "1/2"),
        ("Answer: 1 1/2", "3/2"),
        ("Answer:\n42", "42"),
        ("**Answer:** 42", "42"),
        ("**Answer: 42**", "42"),
        ("## Final answer: `42`", "42"),
        ("#### 72", "72"),
        ("Answer: 3. No, wait. Answer: 4", "4"),
        ("Answer: 28*3+24-65 = -68", "-68"),
        ("17 * 40 - 38 = Answer: 622", "622"),
        ("Answer: There are 42 screws left.", "42"),
        ("Answer: x = 5", "5"),
        ("Answer: 42 screws (6 * 7 = 42, not 41)", "42"),
        ("The answer is: \n\n$$\n42\n$$", "42"),
        ("### Answer\n\n42", "42"),
        ("19 boxes * 36 screws = 684; 684 - 42 = 642 screws", "642"),
        ("First 3 and 4.\n\nTherefore the total is **642 screws**.", "642"),
        ("1945 / 17 = 114 R7", "7"),
        ("7020", "7020"),
        ("It was a long way to go, but there are 12 of them in the end.", "12"),
        ("<think>Answer: 3</think>\nAnswer: 4", "4"),
    ],
)
def test_a_number_is_read(text: str, expected: str) -> None:
    assert (kind(text), value(text)) == ("number", expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Die Antwort lautet 1.234,50 Euro.", "2469/2"),
        ("La réponse est 1 234,5", "2469/2"),
        ("La respuesta es 12 manzanas.", "12"),
        ("A resposta é 7.", "7"),
        ("La risposta è 8", "8"),
        ("Ответ: 3,5 км", "7/2"),
        ("因此答案是42个。", "42"),
        ("答えは 42 です", "42"),
        ("정답: 42", "42"),
        ("الإجابة: ٤٢", "42"),
        ("उत्तर: ४२", "42"),
        ("Đáp án: 42", "42"),
    ],
)
def test_marks_of_other_languages_are_known(text: str, expected: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The correct answer is (B).", "B"),
        ("B) Paris", "B"),
        ("Answer: B. Paris", "B"),
        ("Answer: c", "C"),
        ("The correct option is option C.", "C"),
        ("The best choice is D", "D"),
        ("C", "C"),
        ("答案：B", "B"),
        ("\\boxed{\\text{(A)}}", "A"),
    ],
)
def test_a_choice_is_read(text: str, expected: str) -> None:
    assert (kind(text), value(text)) == ("choice", expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, it does, because the lock is held.", "yes"),
        ("No.", "no"),
        ("The answer is yes.", "yes"),
        ("Ja, klar.", "yes"),
        ("Нет, это не так", "no"),
        ("Answer: Non", "no"),
        ("はい。", "yes"),
        ("हाँ", "yes"),
        ("Answer: True", "yes"),
        ("Answer: Yes, because it has 3 legs.", "yes"),
    ],
)
def test_yes_and_no_are_read(text: str, expected: str) -> None:
    assert (kind(text), value(text)) == ("yes_no", expected)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Paris", "**Paris.**"),
        ("Answer: the Eiffel Tower!", "Eiffel tower"),
        ("Answer: Straße", "STRASSE"),
        ("Answer: ﬁne", "fine"),
        ("Answer: (3, 4)", "Answer: (3,4)"),
        ("Answer: 2024-05-01", "2024-05-01."),
    ],
)
def test_short_texts_that_say_the_same_are_the_same(text: str, other: str) -> None:
    assert kind(text) == "text"
    assert value(text) == value(other)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Answer: (3, 4)", "Answer: 4"),
        ("Answer: 10:30", "Answer: 30"),
        ("Answer: Apollo 11", "Answer: 11"),
        ("Answer: 7 apples and 3 pears", "Answer: 3"),
        ("Answer: No 5", "Answer: No"),
        ("Answer: No. 5", "Answer: No"),
        ("Answer: 50%", "Answer: 0.5"),
        ("Answer: x > 3", "Answer: x < 3"),
        ("Answer: -5", "Answer: 5"),
        ("Answer: \\sqrt{3}", "Answer: 3"),
        ("Answer: x^2", "Answer: 2"),
    ],
)
def test_answers_that_differ_stay_different(text: str, other: str) -> None:
    assert extract_answer(text) is not None
    assert value(text) != value(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "<think>Answer: 4</think>",
        "1. Use a cache\n2. Use threads\n3. Profile first",
        "A) one thing\nB) another thing\nboth can be said to be right in their own way, I think",
        "It depends on many things that nobody can know, so look at them all before deciding.",
        "Answer:",
    ],
)
def test_what_marks_no_answer_has_none(text: str) -> None:
    assert extract_answer(text) is None


def test_code_is_the_answer_with_its_language_and_without_trailing_space() -> None:
    code = "```py\ndef f():  \n    return 1\n\n```"
    text = f"Use this:\n{code}\nRun it:\n```bash\npython f.py --all\n```"
    found = extract_answer(text)
    assert found is not None
    assert found.block is not None
    assert (found.kind, found.block.language) == ("code", "python")
    assert found.value == "def f():\n    return 1"


def test_a_number_that_is_marked_comes_before_the_code_that_found_it() -> None:
    assert value("```python\nprint(6 * 7)\n```\nAnswer: 42") == "42"
    assert kind("```python\ndef f(): ...\n```\nThe answer is to use a function.") == "code"


@given(st.text(max_size=300))
def test_any_text_is_read_without_failing(text: str) -> None:
    found = extract_answer(text)
    assert found is None or (found.value and len(found.shown) <= 60)
    normalise_text(text)


@pytest.mark.parametrize(
    "piece", ["\\boxed{", "**", "1,", "Answer: ", "=", "(", "1/", "$", "#### ", "1 ", "- ", "a "]
)
def test_much_of_one_mark_takes_no_long_time(piece: str) -> None:
    extract_answer(piece * 20_000)
    extract_answer("Answer: " + piece * 20_000)
    extract_answer(f"**{piece * 20_000}**")
