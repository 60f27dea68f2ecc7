"""How one answer is made of several: ``majority``, ``first_valid``, ``best_of``.

Owns making the strategy that was chosen. Does not own the three courses (``majority``,
``first_valid``, ``best_of``), their types (``verdict``), nor asking the candidates.
"""

from collections.abc import Sequence

from acp_agent.config.panel_settings import PanelSettings, PanelStrategy
from acp_agent.turn.panel.best_of import BestOf
from acp_agent.turn.panel.first_valid import FirstValid
from acp_agent.turn.panel.majority import Majority
from acp_agent.turn.panel.verdict import AskHead, RunTest, Strategy


def make_strategy(
    name: PanelStrategy,
    settings: PanelSettings,
    *,
    candidates: Sequence[str],
    run_test: RunTest | None,
    ask_head: AskHead | None,
) -> Strategy:
    """The strategy ``name`` for one panel of ``candidates``, all that are asked, in their
    order: the earlier one wins a tie.

    ``run_test`` is None where there is no test command, ``ask_head`` where nobody judges.

    Raises:
        ConfigError: ``first_valid`` lacks what it checks by, or its schema cannot be used.
    """
    match name:
        case "majority":
            return Majority(candidates, run_test)
        case "first_valid":
            return FirstValid(candidates, settings, run_test)
        case "best_of":
            return BestOf(candidates, ask_head)
