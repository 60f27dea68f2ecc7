"""What of a prompt is about work, and that a long one is read no longer than a short one."""

import pytest

from acp_agent.routing.features import read_features
from acp_agent.routing.reading import Prompt, read_prompt
from acp_agent.routing.tokens import estimate_tokens


@pytest.mark.parametrize(
    "text",
    [
        "Fix the parser so that it survives empty files",
        "the `retry` helper is called by nobody, or is it",
        "Unsere Nutzer sehen seit gestern leere Seiten, warum?",
        "pourquoi la page met quatre secondes à s'afficher ?",
        "Почему страница открывается четыре секунды?",
        "为什么这个页面要等四秒",
        "tell me a joke",
        "Look at [the notes](file:///p/notes.md) of the meeting and say what is left to be done",
    ],
)
def test_work_in_several_languages(text: str) -> None:
    assert read_prompt(Prompt(text)).work == 1


@pytest.mark.parametrize(
    "text",
    [
        "Anna buys twice as many apples as Ben and eats three of them on the way home. How many"
        " apples are left for her brother if Ben has bought eight?",
        "Which of these carries a message from one nerve cell to the next?\nA. x\nB. y\nC. z",
        "Write a function to find the shared elements of two lists.",
        'def add(a, b):\n    """Return the sum of a and b."""\n',
    ],
)
def test_an_exam_is_no_work(text: str) -> None:
    assert read_prompt(Prompt(text)).work < 0.5


@pytest.mark.parametrize(
    ("plain", "polite"),
    [
        (
            "Rename it to cart in the module above",
            "Could you rename it to cart in the module above",
        ),
        ("Назови её корзиной в модуле выше", "Назови её, пожалуйста, корзиной в модуле выше"),
        ("これをカートという名前に変えて", "これをカートという名前に変えてください"),
    ],
)
def test_politeness_makes_no_request_longer(plain: str, polite: str) -> None:
    assert read_prompt(Prompt(polite)).brief >= read_prompt(Prompt(plain)).brief - 0.1
    assert estimate_tokens(polite) > estimate_tokens(plain)


def test_work_grows_with_the_share_of_its_words() -> None:
    filler = "and then he walks all the way back home again to see the old man "
    few = read_prompt(Prompt(f"{filler * 2}and there is a server")).work
    more = read_prompt(Prompt(f"{filler}and there is a server with a database")).work
    assert 0 < few < more < 1


@pytest.mark.parametrize("piece", ["word ", "слово ", "漢字。", "x = f(1)\n", "كلمة ", "[a](b) "])
def test_the_middle_of_a_long_prompt_is_not_read(piece: str) -> None:
    short = read_features(Prompt(piece * (4_000 // len(piece)))).values
    long = read_prompt(Prompt(piece * (200_000 // len(piece))))
    values = read_features(Prompt(piece * (200_000 // len(piece)))).values
    assert len(long.seen) <= 2_001
    assert len(long.request) <= 1_001
    assert {**values, "length": 0} == {**short, "length": 0}
