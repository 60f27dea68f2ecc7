"""The endpoints of this process, looked at anew when somebody asks and while sessions are open.

Owns when an endpoint is asked and what is remembered of it. Does not own the requests
(``asking``), the search (``discovery``), the times (``health``) nor what follows from it all
(``known``).
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import anyio

from acp_agent.backends.base import Model
from acp_agent.backends.openai.asking import ANSWER_LIMIT, Asker, Fault, look, silent
from acp_agent.backends.openai.discovery import (
    HOST,
    OTHER_MODES,
    WELL_KNOWN_PORTS,
    find_program,
    name_server,
    open_ports,
    ports_to_search,
    unnamed,
)
from acp_agent.backends.openai.endpoints import Endpoint
from acp_agent.backends.openai.health import Health
from acp_agent.backends.openai.known import Known, choose_default, explain, make_models
from acp_agent.config.settings import OpenAISettings

PATIENT_LIMIT = 5.0
"""Seconds that a server may take to answer where nobody waits for it."""
STRANGER_PAUSE = 60.0
"""Seconds before a program that is no such server is asked again while it listens."""

_Ports = frozenset[tuple[str, int]]


class Directory:
    """The endpoints that the user has named, and those found on this machine.

    Args:
        endpoints: the named ones, the most important first.
        watched: names of those that are asked at each look, whether they are used or not.
        ports: where to search on this machine, if the settings allow it.
        health: keeps the times; its clock is the directory's.
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        settings: OpenAISettings,
        *,
        watched: Collection[str] = (),
        ports: Sequence[int] = WELL_KNOWN_PORTS,
        health: Health | None = None,
    ) -> None:
        self._settings = settings
        self._watched = watched
        self._named = {each.name: Known(each) for each in endpoints}
        named = [state.endpoint for state in self._named.values()]
        self._ports = ports_to_search(ports, named) if settings.discover else ()
        self._found: dict[int, Known] = {}
        self._names: dict[tuple[int, str], str] = {}
        self._open: _Ports = frozenset()
        self._health = health or Health()
        self._asker = Asker()

    async def refresh(self) -> None:
        """Asks all of them at once what they have now: 300 ms for those that do not answer, as
        long again for the details of those that do."""
        await self._look_at_all(force=True, limit=ANSWER_LIMIT)

    async def check(self) -> None:
        """Looks whether anything has come or gone.

        On this machine it tries the ports, and asks only what has changed, is uncertain or is
        used; another machine is asked only if it is used, watched or uncertain.
        """
        await self._look_at_all(force=False, limit=PATIENT_LIMIT)

    def snapshot(self) -> object:
        """What is known now, to be compared."""
        return self.models(), self.default_model(), self.problem()

    def models(self) -> tuple[Model, ...]:
        """The models of all endpoints that answer, their ids as ``ENDPOINT/MODEL``."""
        return make_models(self._usable(), self._settings)

    def default_model(self) -> str | None:
        """The configured model; else that of the first endpoint with one."""
        return choose_default(self._usable(), self._settings)

    def problem(self) -> str:
        """Why nothing can be used, or which of the named endpoints cannot; else empty."""
        usable = self._usable()
        out = [state for state in self._named.values() if state not in usable]
        return explain(out, self.models(), self._settings)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All endpoints, the named ones first; also those that are gone."""
        return tuple(state.endpoint for state in self._all())

    def find(self, model_id: str) -> tuple[Endpoint, str] | None:
        """The endpoint of ``model_id`` and the model's name there, whether it answers or not;
        None for an endpoint that never was."""
        name, _, model = model_id.partition("/")
        state = self._state(name)
        return None if state is None or not model else (state.endpoint, model)

    def context_size(self, model_id: str) -> int | None:
        """The window of a model in tokens: what the user said, else what its server tells."""
        place = self.find(model_id)
        if place is None:
            return None
        endpoint, name = place
        state = self._state(endpoint.name)
        if endpoint.context_size is not None or state is None:
            return endpoint.context_size
        offered = state.offered(self._settings)
        return next((each.context_size for each in offered if each.id == name), None)

    def program(self, endpoint: Endpoint) -> str:
        """What the server of ``endpoint`` is by the last looks, such as ``llamacpp``; empty if
        it does not tell."""
        state = self._state(endpoint.name)
        return "" if state is None or state.found is None else state.found.program

    def note_alive(self, endpoint: Endpoint) -> None:
        """A request to ``endpoint`` was answered."""
        self._health.note_used(endpoint.name)
        self._health.note_alive(endpoint.name)
        state = self._state(endpoint.name)
        if state is not None and state.found is not None:
            state.fault = None

    def note_silent(self, endpoint: Endpoint) -> None:
        """A request to ``endpoint`` was not answered."""
        self._health.note_used(endpoint.name)
        state = self._state(endpoint.name)
        if state is not None:
            self._note_fault(state, silent(endpoint))

    def is_out(self, endpoint: Endpoint) -> bool:
        """Whether ``endpoint`` cannot be used by the last looks: it is not there, or has been
        silent for 30 s."""
        state = self._state(endpoint.name)
        return state is not None and state.fault is not None and state not in self._usable()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._asker.aclose()

    def _all(self) -> list[Known]:
        found = [self._found[port] for port in self._ports if port in self._found]
        return [*self._named.values(), *found]

    def _state(self, name: str) -> Known | None:
        return next((each for each in self._all() if each.endpoint.name == name), None)

    def _usable(self) -> list[Known]:
        return [
            state
            for state in self._all()
            if state.offered(self._settings)
            and (state.fault is None or not self._health.is_out(state.endpoint.name))
        ]

    async def _look_at_all(self, *, force: bool, limit: float) -> None:
        named = [state for state in self._named.values() if not state.endpoint.problem]
        local = [state.endpoint for state in named if state.endpoint.is_loopback]
        places = [(each.host, each.port) for each in local]
        now_open = await open_ports([*places, *((HOST, port) for port in self._ports)])
        before, self._open = self._open, now_open
        async with anyio.create_task_group() as tasks:
            for state in named:
                if self._is_due(state, now_open, before, force=force):
                    tasks.start_soon(self._look_at, state, limit)
            for port in self._ports:
                if (HOST, port) not in now_open:
                    if port in self._found:
                        self._note_absent(self._found[port])
                elif self._is_worth_asking(port, (HOST, port) in before, force=force):
                    tasks.start_soon(self._look_at_port, port, limit)

    def _is_due(self, state: Known, now_open: _Ports, before: _Ports, *, force: bool) -> bool:
        """Whether to ask a named endpoint. One on this machine where nobody listens is not
        there, which needs no asking."""
        endpoint = state.endpoint
        place = (endpoint.host, endpoint.port)
        if endpoint.is_loopback and place not in now_open:
            self._note_absent(state)
            return False
        has_come = endpoint.is_loopback and place not in before
        is_used = endpoint.name in self._watched or self._health.is_used(endpoint.name)
        return force or has_come or state.is_uncertain or is_used

    def _is_worth_asking(self, port: int, was_open: bool, *, force: bool) -> bool:
        """Whether to ask what answers at ``port``, which accepts connections."""
        state = self._found.get(port)
        if state is None or not was_open:
            return True
        name = state.endpoint.name
        if state.found is not None:
            return force or state.is_uncertain or self._health.is_used(name)
        if state.is_uncertain and not self._health.is_out(name):
            return True
        # Somebody's own program is not asked the same thing again and again.
        pause = STRANGER_PAUSE if force or state.is_starting else math.inf
        return self._health.clock() - state.looked_at >= pause

    async def _look_at(self, state: Known, limit: float) -> None:
        outcome = await look(self._asker, state.endpoint, limit)
        if isinstance(outcome, Fault):
            self._note_fault(state, outcome)
        else:
            state.note_found(outcome)
            self._health.note_alive(state.endpoint.name)

    async def _look_at_port(self, port: int, limit: float) -> None:
        state = self._found.setdefault(port, Known(unnamed(port)))
        state.looked_at = self._health.clock()
        outcome = await look(self._asker, state.endpoint, limit)
        if isinstance(outcome, Fault):
            self._note_fault(state, outcome)
            return
        program = find_program(outcome.program, port)
        if program in OTHER_MODES:
            state.found = state.fault = None
            return
        state.endpoint = replace(state.endpoint, name=self._name(port, program))
        state.note_found(replace(outcome, program=program))
        self._health.note_alive(state.endpoint.name)

    def _note_fault(self, state: Known, fault: Fault) -> None:
        state.fault = fault
        if state.is_uncertain:
            self._health.note_silent(state.endpoint.name)
        else:
            state.found = None

    def _note_absent(self, state: Known) -> None:
        """Nobody listens there, which is an answer: what comes there next starts anew."""
        state.found, state.fault = None, silent(state.endpoint, "absent")
        self._health.note_alive(state.endpoint.name)

    def _name(self, port: int, program: str) -> str:
        """The name of the server at ``port``, the same whenever the program is there."""
        if (port, program) not in self._names:
            taken = {*self._named, *self._names.values()}
            self._names[port, program] = name_server(program, port, taken)
        return self._names[port, program]
