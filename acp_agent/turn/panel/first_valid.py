"""The strategy ``first_valid``: the first answer that passes the check ends the panel.

Owns the order of valid, unchecked and invalid answers. Does not own the checks
(``validity``, ``testing``).
"""

from collections.abc import Awaitable, Callable, Sequence

import anyio.to_thread

from acp_agent.config.panel_settings import PanelSettings
from acp_agent.errors import ConfigError
from acp_agent.turn.panel.blocks import find_blocks, main_block
from acp_agent.turn.panel.majority import NOTHING
from acp_agent.turn.panel.validity import Checked, SchemaCheck, Standing, check_parse
from acp_agent.turn.panel.verdict import Answered, RunTest, Verdict
from acp_agent.turn.panel.votes import sort_out
from acp_agent.turn.panel.wording import without_thoughts

Check = Callable[[str], Awaitable[Checked]]


class FirstValid:
    """Takes the first valid answer. Implements ``verdict.Strategy``."""

    def __init__(
        self, candidates: Sequence[str], settings: PanelSettings, run_test: RunTest | None
    ) -> None:
        """Raises ConfigError where what ``settings.validity`` needs is missing or broken."""
        self._candidates = tuple(candidates)
        self._check = _make_check(settings, run_test)
        self._checked: dict[Answered, Checked] = {}

    async def note(self, answered: Answered) -> Verdict | None:
        """As ``Strategy.note``: a valid answer that is whole ends the others."""
        if answered.stop_reason != "end_turn" or not without_thoughts(answered.text):
            return None
        checked = await self._look_at(answered)
        if checked.standing != "valid":
            return None
        name, tried = answered.candidate, len(self._checked)
        which = "The first answer" if tried == 1 else f"The first valid of {tried} answers"
        return Verdict(name, ((name,),), 1 / tried, f"{which} is shown. {checked.reason}")

    async def decide(self, answers: Sequence[Answered]) -> Verdict:
        """As ``Strategy.decide``: without a valid answer, one that could not be checked; else
        the first, and the reason says that it is not valid."""
        ballots = sort_out(answers, self._candidates)
        if not ballots.counted:
            return Verdict(None, (), 0.0, NOTHING)
        checked = {each.candidate: await self._look_at(each) for each in ballots.counted}
        standings: tuple[Standing, ...] = ("valid", "unknown", "invalid")
        groups = {
            standing: tuple(name for name, each in checked.items() if each.standing == standing)
            for standing in standings
        }
        best: Standing = next(each for each in standings if groups[each])
        return _tell(best, groups[best], checked[groups[best][0]], ballots.given)

    async def _look_at(self, answered: Answered) -> Checked:
        """Each answer is checked once."""
        if answered not in self._checked:
            self._checked[answered] = await self._check(answered.text)
        return self._checked[answered]


def _tell(standing: Standing, group: tuple[str, ...], checked: Checked, given: int) -> Verdict:
    agreement = len(group) / given
    if standing == "valid":
        said = f"{len(group)} of {given} answers are valid; the first of these is shown."
    elif standing == "unknown":
        said = "No answer could be checked and found valid; the first unchecked one is shown."
    else:
        said = f"None of {given} answers is valid; the first is shown as it is."
        agreement = 0.0
    return Verdict(group[0], (group,), agreement, f"{said} {checked.reason}")


def _make_check(settings: PanelSettings, run_test: RunTest | None) -> Check:
    match settings.validity:
        case "parse":
            return _in_thread(check_parse)
        case "schema":
            if settings.answer_schema is None:
                raise ConfigError(
                    'panel.validity is "schema", and panel.answer_schema names no file: name one.'
                )
            return _in_thread(SchemaCheck(settings.answer_schema).check)
        case "test":
            if run_test is None:
                raise ConfigError(
                    'panel.validity is "test", and there is no panel.test_command: write one.'
                )
            return _by_test(run_test)


def _in_thread(check: Callable[[str], Checked]) -> Check:
    """A long answer takes a while to parse."""

    async def run(text: str) -> Checked:
        return await anyio.to_thread.run_sync(check, text)

    return run


def _by_test(run_test: RunTest) -> Check:
    async def run(text: str) -> Checked:
        block = main_block(find_blocks(without_thoughts(text)))
        if block is None:
            return Checked("unknown", "It has no code block, so there is nothing to test.")
        ended = await run_test(block.code, block.language)
        if ended.has_passed:
            return Checked("valid", "Its code passes the test.")
        if not ended.did_run:
            return Checked("unknown", ended.problem)
        if ended.exit_code is None:
            return Checked("invalid", ended.problem)
        return Checked("invalid", f"The test ends with exit code {ended.exit_code}.")

    return run
