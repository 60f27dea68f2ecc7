"""Mode ``panel`` among the others: whether it can answer, and what a session may choose.

Owns the mode's words and options. Does not own who the candidates are (``candidates``), nor
a turn (``turn``). Pure.
"""

from collections.abc import Mapping, Sequence

from acp_agent.backends.base import ModelOption, Readiness
from acp_agent.config.panel_settings import PanelSettings
from acp_agent.turn.modes import Seat
from acp_agent.turn.panel.candidates import Lineup, Roster

MODE = "panel"
"""The mode's id."""
STRATEGY = "strategy"
SAMPLES = "samples"
"""The options' ids."""

_STRATEGIES = {
    "majority": "Majority: most candidates agree on it",
    "best_of": "Best of: the head model judges",
    "first_valid": "First valid: the first that passes a check",
}
_SAMPLES = (2, 3, 5, 7, 9, 16)


class PanelMode:
    """Mode ``panel``, made of the modes of ``roster``. Implements ``turn.modes.Composed``."""

    id = MODE
    name = "Panel"
    description = "Several answers to each prompt, and a vote; answers with text, uses no tools"

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self.parts: Sequence[str] = roster.parts
        self.options: Sequence[ModelOption] = make_options(roster)

    def assess(self, readiness: Mapping[str, Readiness]) -> Readiness:
        """Ready if a candidate can be asked; the reason says who is."""
        settings = self._roster.settings
        lineup = self._roster.line_up(readiness, settings.samples, {})
        if not lineup.candidates:
            return Readiness(False, explain_nobody(lineup), installed=False)
        return Readiness(True, _describe(lineup, settings))

    def lead(self, readiness: Mapping[str, Readiness]) -> Seat | None:
        """The head, else the first candidate."""
        lineup = self._roster.line_up(readiness, self._roster.settings.samples, {})
        first = lineup.candidates[0].seat if lineup.candidates else None
        return lineup.head or first

    def find_seats(
        self, readiness: Mapping[str, Readiness], chosen: Mapping[str, str]
    ) -> list[Seat]:
        """The models that are asked, each once; ``chosen`` are the session's, by mode."""
        lineup = self._roster.line_up(readiness, self._roster.settings.samples, chosen)
        return list(dict.fromkeys(each.seat for each in lineup.candidates))


def explain_nobody(lineup: Lineup) -> str:
    """Why no candidate can be asked, with what each lacks."""
    reasons = " ".join(map(str, lineup.left_out))
    return f"no candidate can be asked. {reasons}".strip()


def _describe(lineup: Lineup, settings: PanelSettings) -> str:
    if lineup.samples:
        label = lineup.candidates[0].label.rpartition(", ")[0]
        return f"Samples of {label} are asked."
    asked = ", ".join(each.name for each in lineup.candidates)
    left_out = " ".join(f"Left out: {each}" for each in lineup.left_out)
    return f"{asked} {'is' if len(lineup.candidates) == 1 else 'are'} asked. {left_out}".strip()


def make_options(roster: Roster) -> Sequence[ModelOption]:
    """What a session may choose: the strategy, and of how many samples."""
    settings = roster.settings
    strategy = ModelOption(
        STRATEGY,
        "Strategy",
        "How one answer is made of several",
        _STRATEGIES,
        settings.strategy,
    )
    if roster.is_named:
        return (strategy,)
    counts = sorted({*_SAMPLES, settings.samples})
    samples = ModelOption(
        SAMPLES,
        "Samples",
        "How many answers the head model gives",
        {str(count): f"{count} samples" for count in counts},
        str(settings.samples),
    )
    return strategy, samples
