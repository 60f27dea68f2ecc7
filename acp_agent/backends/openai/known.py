"""What is known of the endpoints, and what follows from it; pure.

Owns which models an endpoint offers, how they are shown, the default model, and the sentences
on what cannot be used. Does not own looking (``directory``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from acp_agent.backends.base import Model
from acp_agent.backends.openai.asking import Fault, Found
from acp_agent.backends.openai.discovery import GATEWAYS
from acp_agent.backends.openai.endpoints import Endpoint
from acp_agent.backends.openai.listing import Listed, keep_windows
from acp_agent.config.settings import OpenAISettings

_TOLD_PROBLEMS = 3


@dataclass(slots=True, eq=False)
class Known:
    """What the last looks at an endpoint gave.

    ``found`` outlives a silence until the endpoint is out. ``looked_at`` is on the clock of
    the directory's ``Health``.
    """

    endpoint: Endpoint
    found: Found | None = None
    fault: Fault | None = None
    looked_at: float = 0.0

    def note_found(self, found: Found) -> None:
        """The endpoint has told what it has."""
        if self.found is not None:
            found = replace(found, listing=keep_windows(found.listing, self.found.listing))
        self.found, self.fault = found, None

    @property
    def is_uncertain(self) -> bool:
        """It may answer otherwise in a moment."""
        return self.fault is not None and self.fault.kind in ("silent", "starting")

    @property
    def is_starting(self) -> bool:
        """It is there, and loads its model perhaps."""
        return self.fault is not None and self.fault.kind == "starting"

    @property
    def is_busy(self) -> bool:
        """It accepts connections and has not answered yet, as a server that reads a prompt on
        all cores: what the user said of it is taken for true."""
        is_silent = self.fault is not None and self.fault.kind == "silent"
        return is_silent and self.endpoint.is_loopback and not self.endpoint.discovered

    @property
    def is_gateway(self) -> bool:
        """Nobody named it, and it may send prompts to any machine."""
        found = self.found
        return self.endpoint.discovered and found is not None and found.program in GATEWAYS

    @property
    def is_remote(self) -> bool:
        """Whether nothing but the user may choose its models: naming an endpoint makes it the
        mode's default, and is no leave for other modes to send prompts off this machine."""
        return self.is_gateway or not self.endpoint.is_loopback

    def offered(self, settings: OpenAISettings) -> list[Listed]:
        """Its models, the configured ones first, whether they are listed or not: some servers
        list one name and take any."""
        if self.found is None and not self.is_busy:
            return []
        listed = {each.id: each for each in self.found.listing.models} if self.found else {}
        prefix, _, name = (settings.model or "").partition("/")
        is_meant = prefix == self.endpoint.name and not self.endpoint.discovered
        wanted = dict.fromkeys(each for each in (self.endpoint.model, is_meant and name) if each)
        first = [listed.pop(each, Listed(each)) for each in wanted]
        return [*first, *listed.values()]


def make_models(states: Sequence[Known], settings: OpenAISettings) -> tuple[Model, ...]:
    """The models of ``states``, which can be used."""
    return tuple(_model(state, each) for state in states for each in state.offered(settings))


def choose_default(states: Sequence[Known], settings: OpenAISettings) -> str | None:
    """The id of the configured model, else of the first one, gateways last; None where there
    is none."""
    ids = {model.id for model in make_models(states, settings)}
    ordered = sorted(states, key=lambda state: state.is_gateway)
    if (wanted := settings.model) is not None:
        for place in (wanted, *(f"{state.endpoint.name}/{wanted}" for state in states)):
            if place in ids:
                return place
    found = (
        f"{state.endpoint.name}/{each.id}" for state in ordered for each in state.offered(settings)
    )
    return next(found, None)


def explain(out: Sequence[Known], models: Sequence[Model], settings: OpenAISettings) -> str:
    """What to tell of the named endpoints ``out``, which cannot be used, beside ``models``, which
    can; empty where all is well."""
    told = [_reason(state) for state in out[:_TOLD_PROBLEMS]]
    if len(out) > _TOLD_PROBLEMS:
        told.append(f"{len(out) - _TOLD_PROBLEMS} more endpoints cannot be used.")
    wanted = settings.model
    has_wanted = any(wanted in (each.id, each.id.partition("/")[2]) for each in models)
    if models and wanted is not None and not has_wanted:
        told.append(f"No endpoint has the configured model {wanted}; another one stands in for it.")
    if told or models:
        return " ".join(told)
    if not settings.discover:
        return (
            "No endpoint is named. Name one in the configuration: [endpoints.NAME] with base_url."
        )
    return (
        "No server answers at the customary ports of this machine. Start one, such as "
        "`llama-server -m MODEL.gguf`, or name one in the configuration: [endpoints.NAME] with "
        "its base_url."
    )


def _reason(state: Known) -> str:
    endpoint = state.endpoint
    if endpoint.problem:
        return endpoint.problem
    if state.fault is not None:
        return state.fault.reason
    if state.found is None:
        return f"Endpoint {endpoint.name} was not asked yet."
    return (
        f"Endpoint {endpoint.name} at {endpoint.url} lists no model that can chat. Load one there, "
        "or name one as model of the endpoint."
    )


def _model(state: Known, listed: Listed) -> Model:
    endpoint = state.endpoint
    size = endpoint.context_size or listed.context_size
    facts = [f"at {endpoint.url}"]
    if size is not None:
        facts.append(f"{size:,} tokens")
    if state.is_gateway:
        facts.append("a gateway: the model may run on another machine")
    return Model(
        id=f"{endpoint.name}/{listed.id}",
        name=f"{listed.name} ({endpoint.name})",
        description=", ".join(facts),
        context_size=size,
        tools=endpoint.tools,
        parameters=listed.parameters,
        is_remote=state.is_remote,
    )
