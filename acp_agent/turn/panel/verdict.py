"""What goes into a panel's vote and what comes out of it.

Owns the types that the strategies and the turn share. Does not own counting
(``strategies``), nor asking the candidates.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from acp_agent.backends.base import StopReason
from acp_agent.backends.structured import NoObject


@dataclass(slots=True, frozen=True)
class Answered:
    """A candidate's whole answer. ``candidate`` is its name, unique within the panel."""

    candidate: str
    text: str
    stop_reason: StopReason = "end_turn"


@dataclass(slots=True, frozen=True)
class Verdict:
    """Whose answer is shown, and why.

    ``winner`` is the candidate's name, None where no answer can be used. ``groups`` are the
    candidates that agree with each other, largest first; those whose answer cannot be read
    are in none. ``agreement`` is the share of the winner's group among all answers that
    were given, 0 without a winner. ``reason`` is one plain sentence for the user.
    ``is_by_likeness``: free-form texts were compared by their words, so that a low agreement
    says that they are worded in other ways and not that the candidates disagree.
    """

    winner: str | None
    groups: tuple[tuple[str, ...], ...]
    agreement: float
    reason: str
    is_by_likeness: bool = False


@dataclass(slots=True, frozen=True)
class TestRun:
    """What came of running ``settings.panel.test_command`` on an answer's code.

    ``exit_code`` is None where it was stopped (time, a signal) or did not run at all
    (``did_run`` False); ``problem`` then says why in a sentence. ``output`` is what it wrote,
    made comparable: no colours, times and addresses, the file's own path left out; bounded.
    """

    exit_code: int | None
    output: str = ""
    problem: str = ""
    did_run: bool = True

    # pytest takes classes of this name for tests.
    __test__ = False

    @property
    def has_passed(self) -> bool:
        """Whether the test says that the code is right."""
        return self.exit_code == 0


RunTest = Callable[[str, str], Awaitable[TestRun]]
"""``run_test(code, language)``; never raises for code that fails. ``testing.make_tester``
gives one."""


@dataclass(slots=True, frozen=True)
class Ranking:
    """The head's judgement: ``scores`` (0 to 10) are in the order of the answers given,
    ``choice`` is the index of the one it prefers, ``reason`` its own words, bounded."""

    choice: int
    scores: tuple[float, ...]
    reason: str


AskHead = Callable[[Sequence[str]], Awaitable[Ranking | NoObject]]
"""``ask_head(answers)``: the head's judgement of answers to the turn's prompt; a
``NoObject`` says why there is none. Never raises for a head that fails.
``judge.make_head`` gives one."""


class Strategy(Protocol):
    """How one answer is made of several. One object serves one panel."""

    async def note(self, answered: Answered) -> Verdict | None:
        """Takes an answer as it comes, one call after the other; a verdict means that no
        other answer can change it, so that the others may be ended.

        Raises:
            ConfigError: what answers are checked by turns out to be broken.
        """
        ...

    async def decide(self, answers: Sequence[Answered]) -> Verdict:
        """The verdict on ``answers``, all that came, in any order. Raises as ``note``."""
        ...
