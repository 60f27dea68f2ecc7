"""What the server has: its models, their windows and what they can do.

Owns listing, the cache of details by digest, and the choice of a default. Does not own
what a request does with them (``chat``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from acp_agent.backends.base import Model, ToolSupport
from acp_agent.backends.ollama import faults
from acp_agent.backends.ollama.client import OllamaClient, Refused
from acp_agent.backends.ollama.thinking import default_level, thought_levels
from acp_agent.errors import BackendError

if TYPE_CHECKING:
    from acp_agent.backends.ollama.wire import ListedModel, LoadedModel, ShownModel
    from acp_agent.config.settings import OllamaSettings

_SHOW_LIMIT = 5.0
_LOADED_LIMIT = 0.7
_SHOWS_AT_ONCE = 4
_GPT_OSS = ("gptoss", "gpt-oss")
_PARAMETERS = re.compile(r"(?:([0-9]{1,4})x)?([0-9]{1,9}(?:\.[0-9]{1,6})?)([KMBT])", re.IGNORECASE)
_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


@dataclass(slots=True, frozen=True)
class Details:
    """What is known of a model.

    ``capabilities`` is None where the server does not say (servers before 0.6.4).
    ``trained_context`` is in tokens, None if unknown.
    """

    capabilities: frozenset[str] | None = None
    trained_context: int | None = None
    family: str = ""

    @property
    def chats(self) -> bool:
        """Whether the model can hold a conversation; a guess where the server is silent."""
        if self.capabilities is None:
            return "bert" not in self.family
        return "completion" in self.capabilities

    @property
    def levels(self) -> tuple[str, ...]:
        """The thought levels a user may choose."""
        thinks = self.capabilities is not None and "thinking" in self.capabilities
        return thought_levels(thinks, self.family in _GPT_OSS)

    @property
    def tools(self) -> ToolSupport:
        """How the model is offered tools: in words where the server does not say."""
        return "native" if self.capabilities and "tools" in self.capabilities else "text"

    def window(self, cap: int, loaded: "LoadedModel | None") -> int:
        """The ``num_ctx`` to send, in tokens.

        A pure function of the model and the setting, so that all windows of an editor get
        the same value, because another one reloads the model; a model that is loaded with
        more keeps what it has, for the same reason.
        """
        wanted = min(self.trained_context or cap, cap)
        running = (loaded.context_length or 0) if loaded else 0
        return max(wanted, running)


UNKNOWN = Details()


class Catalogue:
    """The models of one server, with what was learnt about them."""

    def __init__(self, client: OllamaClient) -> None:
        self._client = client
        self._details: dict[str, Details] = {}
        self._refused_tools: set[tuple[str, str]] = set()
        self.listed: dict[str, ListedModel] = {}

    async def refresh(self) -> None:
        """Reads the list anew. Has no time limit of its own.

        Raises:
            BackendError: no server, or none that speaks Ollama's API.
        """
        from acp_agent.backends.ollama.wire import ModelList

        try:
            answer = await self._client.get("/api/tags", ModelList)
        except Refused as refusal:
            raise faults.no_list(self._client.endpoint, refusal.error) from None
        entries = [(entry.model or entry.name, entry) for entry in answer.models or ()]
        self.listed = {canonical(name): entry for name, entry in entries if name}
        digests = {entry.digest for entry in self.listed.values()}
        self._details = {key: value for key, value in self._details.items() if key in digests}
        for entry in self.listed.values():
            told = _details_of_entry(entry)
            if entry.digest and told is not None:
                self._details[entry.digest] = told

    async def describe_all(self, seconds: float) -> None:
        """Asks for the details of all listed models that lack them.

        Ends after ``seconds`` at most; what is missing then stays unknown.
        """
        limiter = anyio.CapacityLimiter(_SHOWS_AT_ONCE)

        async def learn(name: str) -> None:
            async with limiter:
                try:
                    await self.details(name)
                except BackendError:
                    return

        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as tasks:
                for name, entry in self.listed.items():
                    if entry.digest not in self._details:
                        tasks.start_soon(learn, name)

    def known(self, name: str) -> Details:
        """What is known of ``name`` without asking."""
        entry = self.listed.get(canonical(name))
        return self._details.get((entry.digest or "") if entry else "", UNKNOWN)

    async def details(self, name: str) -> Details:
        """What the server knows of the model ``name``; asked once per digest.

        Raises:
            ModelNotInstalled: the server does not have it.
            BackendError: the server cannot be asked.
        """
        known = self.known(name)
        if known is not UNKNOWN:
            return known
        from acp_agent.backends.ollama.wire import ShownModel

        found = UNKNOWN
        with anyio.move_on_after(_SHOW_LIMIT):
            try:
                found = _details_of(
                    await self._client.post("/api/show", {"model": name}, ShownModel)
                )
            except Refused as refusal:
                raise faults.refused(name, refusal.error, status=refusal.status) from None
        entry = self.listed.get(canonical(name))
        if entry and entry.digest and found is not UNKNOWN:
            self._details[entry.digest] = found
        return found

    def tools(self, name: str) -> ToolSupport:
        """How the model ``name`` is offered tools, by what is known of it now."""
        if self._identity(name) in self._refused_tools:
            return "text"
        return self.known(name).tools

    def note_tools_refused(self, name: str) -> None:
        """The server told that ``name`` has tools, and refused them all the same."""
        self._refused_tools.add(self._identity(name))

    def _identity(self, name: str) -> tuple[str, str]:
        entry = self.listed.get(canonical(name))
        return canonical(name), (entry.digest or "") if entry else ""

    async def loaded(self) -> "Mapping[str, LoadedModel]":
        """The models in memory by canonical name; empty where the server does not say.

        Ollama answers this only after a load in progress, hence the time limit. A fault
        is not raised: the request that this prepares meets it again, and tells.
        """
        from acp_agent.backends.ollama.wire import LoadedList

        with anyio.move_on_after(_LOADED_LIMIT):
            try:
                answer = await self._client.get("/api/ps", LoadedList)
            except (Refused, BackendError):
                return {}
            entries = [(entry.model or entry.name, entry) for entry in answer.models or ()]
            return {canonical(name): entry for name, entry in entries if name}
        return {}

    def models(
        self, settings: "OllamaSettings", loaded: "Mapping[str, LoadedModel]"
    ) -> tuple[Model, ...]:
        """The models that can chat, newest first; those of which little is known come last."""
        found = [(entry, self._guess(name, entry), name) for name, entry in self.listed.items()]
        found.sort(key=lambda each: each[0].modified_at or "", reverse=True)
        found.sort(key=lambda each: each[1].capabilities is None)
        return tuple(
            _model(entry, details, settings, loaded.get(name), self.tools(name))
            for entry, details, name in found
            if details.chats
        )

    def _guess(self, name: str, entry: "ListedModel") -> Details:
        known = self.known(name)
        if known is UNKNOWN and entry.details:
            return Details(family=entry.details.family or "")
        return known


def canonical(name: str) -> str:
    """``name`` in the form by which names are compared: with tag, lower case."""
    head, _, last = name.rpartition("/")
    if ":" not in last:
        last += ":latest"
    return f"{head}/{last}".lower() if head else last.lower()


def default_model(
    configured: str | None, models: Sequence[Model], remote: frozenset[str], loaded: Sequence[str]
) -> str | None:
    """The configured model, else the loaded, else the most recently modified (the first).

    All but ``models`` are canonical names. A ``remote`` model (it runs on another
    company's computers) is never chosen for the user.
    """
    by_name = {canonical(model.id): model.id for model in models}
    if configured is not None:
        return by_name.get(canonical(configured), configured)
    local = [name for name in by_name if name not in remote]
    chosen = next((name for name in loaded if name in local), local[0] if local else None)
    return by_name[chosen] if chosen is not None else None


def human_size(size: int) -> str:
    """``size`` in bytes as people read it, in decimal units like Ollama's own."""
    amount, unit = (size / 1e9, "GB") if size >= 1e9 else (size / 1e6, "MB")
    return f"{amount:.1f} {unit}" if amount < 100 else f"{amount:.0f} {unit}"


def read_parameters(size: str) -> int | None:
    """How many parameters ``size`` means, as ``20.9B``, ``350M`` or ``8x7B``; None where it
    is written otherwise."""
    match = _PARAMETERS.fullmatch(size.strip())
    if match is None:
        return None
    times, number, unit = match.groups()
    return round(int(times or 1) * float(number) * _UNITS[unit.upper()]) or None


def _model(
    entry: "ListedModel",
    details: Details,
    settings: "OllamaSettings",
    loaded: "LoadedModel | None",
    tools: ToolSupport,
) -> Model:
    name = entry.model or entry.name or ""
    about = entry.details
    facts = [about.parameter_size, about.quantization_level] if about else []
    if entry.remote_host:
        facts.append("runs on Ollama's cloud, not on this machine")
    elif entry.size:
        facts.append(human_size(entry.size))
    if loaded:
        facts.append("loaded")
    return Model(
        id=name,
        name=name.removesuffix(":latest"),
        description=", ".join(fact for fact in facts if fact),
        context_size=details.window(settings.num_ctx, loaded),
        thought_levels=details.levels,
        thought_default=default_level(details.levels, settings.think),
        tools=tools,
        parameters=read_parameters((about.parameter_size if about else None) or ""),
        # Older servers do not tell the host; the library's names of such models do.
        is_remote=bool(entry.remote_host) or name.endswith(("-cloud", ":cloud")),
    )


def _details_of_entry(entry: "ListedModel") -> Details | None:
    """Current servers tell in the list what ``/api/show`` tells, older ones do not."""
    about = entry.details
    if not entry.capabilities or about is None or not about.context_length:
        return None
    return Details(frozenset(entry.capabilities), about.context_length, about.family or "")


def _details_of(shown: "ShownModel") -> Details:
    info = shown.model_info or {}
    architecture = str(info.get("general.architecture") or "")
    trained = info.get(f"{architecture}.context_length")
    return Details(
        frozenset(shown.capabilities) if shown.capabilities is not None else None,
        trained if isinstance(trained, int) and trained > 0 else None,
        (shown.details.family if shown.details else None) or architecture,
    )
