"""``/models``, ``/install``, ``/unload`` and ``/routing``.

Owns their words and course. Does not own readiness (``turn/modes``), installing (the
backends) nor the engine.
"""

from acp_agent.backends.base import Backend, Installer, Model, Readiness
from acp_agent.errors import InvalidParams
from acp_agent.sessions.session import Session
from acp_agent.turn.commands.services import CommandServices
from acp_agent.turn.modes import Modes
from acp_agent.turn.output import TurnOutput


async def describe_models(session: Session, modes: Modes) -> str:
    """The models of every mode, asked for now."""
    await modes.refresh()
    parts: list[str] = []
    for mode, backend in modes.backends.items():
        state = modes.readiness[mode]
        current = " (this session's mode)" if mode == session.mode else ""
        parts += [f"**{backend.name}**, mode `{mode}`{current}", ""]
        parts += [f"- {state.reason}"] if state.reason else []
        chosen = session.models.get(mode) or state.default_model
        parts += [_describe_model(model, chosen) for model in state.models]
        parts += ["- no model"] if not state.models and not state.reason else []
        parts.append("")
    parts.append("Choose mode and model with the session's options; `/install MODEL` gets one.")
    return "\n".join(parts) + "\n"


def _describe_model(model: Model, chosen: str | None) -> str:
    facts = [model.name] if model.name != model.id else []
    if model.context_size is not None:
        facts.append(f"window of {model.context_size:,} tokens")
    if model.tools != "none":
        facts.append("calls tools" if model.tools == "native" else "calls tools in words")
    if model.description:
        facts.append(model.description.rstrip("."))
    mark = " **in use**" if model.id == chosen else ""
    about = f": {', '.join(facts)}" if facts else ""
    return f"- `{_short(model.id)}`{mark}{about}"


async def install(
    wanted: str, session: Session, services: CommandServices, output: TurnOutput
) -> str:
    """Installs the model ``wanted``, or the one that the session's mode lacks.

    Raises:
        AgentError: it could not be installed, with what to do next.
    """
    modes = services.modes
    await modes.refresh()
    state = modes.readiness[session.mode]
    model = wanted or modes.model(session) or ""
    if not wanted and (state.installed or not model):
        return _nothing_missing(session, state, model)
    mode = _mode_for(model, session, modes)
    backend = modes.backends[mode]
    if not isinstance(backend, Installer):
        raise InvalidParams(f"Mode {mode} cannot install models. Choose another mode first.")
    terms = services.install_terms(model)
    if terms is not None and not await output.ask(terms.title, terms.text):
        return f"{_short(model)} was not installed."
    await backend.install(model, output.emit, output.ask)
    await modes.refresh(mode)
    return f"{_short(model)} is installed. {_how_to_choose(mode, session, backend)}"


def _nothing_missing(session: Session, state: Readiness, model: str) -> str:
    if not model:
        return f"Say which model: `/install MODEL`. {state.reason}".strip()
    return (
        f"{_short(model)}, the model of mode {session.mode}, is installed. `/install MODEL` "
        "gets another one; `/models` lists what is known."
    )


def _mode_for(model: str, session: Session, modes: Modes) -> str:
    """The mode that knows ``model``, this session's first; else this session's."""
    for mode in (session.mode, *modes.backends):
        if any(each.id == model for each in modes.readiness[mode].models):
            return mode
    return session.mode


def _how_to_choose(mode: str, session: Session, backend: Backend) -> str:
    if mode == session.mode:
        return "Choose it with the model option, if it is not in use already."
    return f"It answers in mode {mode} ({backend.name})."


async def unload(wanted: str, services: CommandServices) -> str:
    """Takes ``wanted``, or all models, out of the engine's memory.

    Raises:
        BackendError: the engine does not know it, or refused.
    """
    if not await services.unload(wanted or None):
        return (
            "No engine runs, so none of its models is in memory. Ollama's are its own: "
            "`ollama stop MODEL`."
        )
    what = _short(wanted) if wanted else "Every model"
    return f"{what} was taken out of the engine's memory; the next prompt loads it again."


async def describe_routing(session: Session, services: CommandServices) -> str:
    """What answers in ``session`` and why, and what would in a new one."""
    modes = services.modes
    await modes.refresh()
    rows = [f"- {name}: {value}" for name, value in modes.describe(session)]
    parts = ["**This session**", "", *rows, ""]
    parts += ["**A new session**", "", _why_default(services), ""]
    parts += ["**The modes, best first**", ""]
    known = [mode for mode in services.preference if mode in modes.backends]
    for mode in [*known, *(mode for mode in modes.backends if mode not in known)]:
        parts.append(f"- {mode}: {_describe_state(modes.readiness[mode])}")
    parts += ["", "A session keeps its mode and model until you choose others in its options."]
    return "\n".join(parts) + "\n"


def _why_default(services: CommandServices) -> str:
    mode = services.modes.default()
    if services.configured_mode == mode:
        return f"It starts in mode {mode}, which the configuration names (`default_mode`)."
    state = services.modes.readiness[mode]
    if state.ready and state.installed:
        return f"It starts in mode {mode}, the best one that is ready and has its model."
    return f"It starts in mode {mode}: no mode is ready and has its model."


def _describe_state(state: Readiness) -> str:
    word = "not ready" if not state.ready else "ready" if state.installed else "not installed"
    return f"{word}. {state.reason}".rstrip(". ") + "."


def _short(model: str) -> str:
    """Of a model given as a folder, its name only."""
    return model.rpartition("/")[2] if model.startswith(("/", "~")) else model
