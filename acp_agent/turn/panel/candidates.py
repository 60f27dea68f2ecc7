"""Who answers a prompt in mode ``panel``, who judges, and who is left out with the reason.

Owns reading the settings' names and which models they stand for now. Does not own readiness
(``turn/modes``), asking the candidates (``asking``), nor the vote. Pure.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from acp_agent.backends.base import Model, Readiness
from acp_agent.config.openai_settings import EndpointSettings
from acp_agent.config.panel_settings import PanelSettings
from acp_agent.routing.gates import short_name
from acp_agent.turn.modes import Seat

PEER_MODE = "openai"
"""The mode of the endpoints that ``panel.peers`` names."""

_FOREIGN = "its model runs on another machine: name it in `panel.head` if it is to be asked."


@dataclass(slots=True, frozen=True)
class PanelCandidate:
    """One that is asked. ``name`` is unique within its panel and fit for the user, ``label``
    says it in full."""

    name: str
    label: str
    seat: Seat


@dataclass(slots=True, frozen=True)
class LeftOut:
    """One that the settings name and that cannot be asked; ``reason`` is a sentence."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason.rstrip('.')}."


@dataclass(slots=True)
class Lineup:
    """Who is asked, in order, and who is not. ``head`` judges, None where nobody can, for
    ``head_problem``; ``samples``: the candidates are answers of the head's own."""

    candidates: list[PanelCandidate] = field(default_factory=list[PanelCandidate])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    head: Seat | None = None
    head_problem: str = ""
    samples: bool = False


@dataclass(slots=True, frozen=True)
class Roster:
    """Finds the candidates.

    Args:
        endpoints: the user's, by name.
        available: the modes that have backends, in their order.
        preference: modes for the head, best first; the endpoints follow. Others lead only
            where the settings say so: without a checkpoint a model writes noise.
    """

    settings: PanelSettings
    endpoints: Mapping[str, EndpointSettings]
    available: Collection[str]
    preference: Sequence[str]

    @property
    def is_named(self) -> bool:
        """Whether the settings name candidates; else they are samples of the head's."""
        return bool(self.settings.members or self.settings.peers)

    @property
    def parts(self) -> Sequence[str]:
        """The modes that candidates and head may come from."""
        wanted = {_mode_of(text) for text in self.settings.members}
        if self.settings.peers:
            wanted.add(PEER_MODE)
        wanted.update(self._head_modes())
        return [mode for mode in self.available if mode in wanted]

    def line_up(
        self, readiness: Mapping[str, Readiness], samples: int, chosen: Mapping[str, str]
    ) -> Lineup:
        """Who can be asked by ``readiness``; ``chosen`` are the models that the session
        chose, by mode. Without named candidates so many ``samples`` of the head are."""
        lineup = Lineup(head=self.find_head(readiness, chosen), samples=not self.is_named)
        if not self.is_named:
            self._add_samples(lineup, readiness, samples, chosen)
            return lineup
        for text in self.settings.members:
            self._add(lineup, text, self._find(text, readiness, chosen), readiness)
        for peer in self.settings.peers:
            self._add(lineup, peer, self._find_peer(peer, readiness), readiness)
        if lineup.head is None and self.settings.head is not None:
            found = self._find(self.settings.head, readiness, chosen)
            lineup.head_problem = f"panel.head is {self.settings.head}: {found}"
        elif lineup.head is None and lineup.candidates:
            lineup.head = lineup.candidates[0].seat
        return lineup

    def find_head(
        self, readiness: Mapping[str, Readiness], chosen: Mapping[str, str] | None = None
    ) -> Seat | None:
        """Who judges, and whose samples are asked; None where nobody is ready."""
        if self.settings.head is not None:
            found = self._find(self.settings.head, readiness, chosen or {})
            return found if isinstance(found, Seat) else None
        for mode in self._head_modes():
            found = self._find(mode, readiness, chosen or {})
            if isinstance(found, Seat) and not self._is_foreign(found, readiness, chosen or {}):
                return found
        return None

    def _is_foreign(
        self, seat: Seat, readiness: Mapping[str, Readiness], chosen: Mapping[str, str]
    ) -> bool:
        """Whether it runs on somebody else's machine and the user did not choose it."""
        models = readiness[seat.mode].models
        is_remote = any(each.is_remote for each in models if each.id == seat.model)
        return is_remote and chosen.get(seat.mode) != seat.model

    def _head_modes(self) -> list[str]:
        if self.settings.head is not None:
            return [_mode_of(self.settings.head)]
        wanted = dict.fromkeys((*self.preference, PEER_MODE))
        return [mode for mode in wanted if mode in self.available]

    def _add_samples(
        self,
        lineup: Lineup,
        readiness: Mapping[str, Readiness],
        samples: int,
        chosen: Mapping[str, str],
    ) -> None:
        head = lineup.head
        if head is None:
            for text in (self.settings.head,) if self.settings.head else self._head_modes():
                found = self._find(text, readiness, chosen)
                reason = found if isinstance(found, str) else _FOREIGN
                lineup.left_out.append(LeftOut(text, reason))
            return
        label = _label(head, readiness)
        for number in range(1, samples + 1):
            name = f"sample {number}"
            lineup.candidates.append(PanelCandidate(name, f"{label}, {name}", head))

    def _add(
        self, lineup: Lineup, text: str, found: Seat | str, readiness: Mapping[str, Readiness]
    ) -> None:
        if isinstance(found, str):
            lineup.left_out.append(LeftOut(text, found))
            return
        known = {each.name for each in lineup.candidates}
        name, number = text, 1
        while name in known:
            number += 1
            name = f"{text} ({number})"
        label = _label(found, readiness)
        full = label if number == 1 else f"{label} ({number})"
        lineup.candidates.append(PanelCandidate(name, full, found))

    def _find(
        self, text: str, readiness: Mapping[str, Readiness], chosen: Mapping[str, str]
    ) -> Seat | str:
        """Whom ``MODE`` or ``MODE/MODEL`` stands for; a sentence where it is nobody."""
        mode, _, wanted = text.partition("/")
        state = readiness.get(mode) if mode in self.available else None
        if state is None:
            if mode in self.endpoints:
                return f"{mode} is an endpoint and no mode: write {PEER_MODE}/{text}."
            known = ", ".join(self.available)
            return f"there is no mode {mode!r}; there is {known}. Write MODE or MODE/MODEL."
        if not state.ready:
            return state.reason
        if mode == PEER_MODE and (wanted in self.endpoints or _listed(wanted, state)):
            return self._find_peer(wanted, readiness)
        model = wanted or chosen.get(mode) or state.default_model
        if model is None:
            return f"mode {mode} has no model: choose one there first."
        if not state.installed and model == state.default_model:
            return f"its model {short_name(model)} is not installed: choose mode {mode} to get it."
        if state.models and all(each.id != model for each in state.models):
            return f"mode {mode} has no model {short_name(model)!r}."
        return Seat(mode, model)

    def _find_peer(self, name: str, readiness: Mapping[str, Readiness]) -> Seat | str:
        """The default model of the endpoint ``name``; a sentence where it cannot be asked."""
        state = readiness.get(PEER_MODE)
        if state is None:
            return "there is no mode openai here."
        if listed := _listed(name, state):
            return Seat(PEER_MODE, listed[0])  # the configured one comes first
        if name not in self.endpoints:
            return f"the configuration has no table [endpoints.{name}]."
        is_told = re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", state.reason)
        return state.reason if is_told else "it does not answer, or lists no model."


def _listed(endpoint: str, state: Readiness) -> list[str]:
    """The ids of the models of ``endpoint``, if it can be used."""
    return [each.id for each in state.models if endpoint and each.id.startswith(f"{endpoint}/")]


def _mode_of(text: str) -> str:
    return text.partition("/")[0]


def _label(seat: Seat, readiness: Mapping[str, Readiness]) -> str:
    models: Sequence[Model] = readiness[seat.mode].models if seat.mode in readiness else ()
    found = next((each.name for each in models if each.id == seat.model), None)
    return found or short_name(seat.model)
