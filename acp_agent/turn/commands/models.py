"""``/models``, ``/install`` and ``/unload``.

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
    for mode, listed in modes.listing.items():
        state = modes.readiness.get(mode, Readiness(True))
        current = " (this session's mode)" if mode == session.mode else ""
        parts += [f"**{listed.name}**, mode `{mode}`{current}", ""]
        if mode not in modes.backends:  # it answers with the models of others
            parts += [f"- {listed.description.rstrip('.')}"]
        parts += [f"- {state.reason}"] if state.reason else []
        chosen = session.models.get(mode) or state.default_model
        parts += [_describe_model(model, chosen) for model in state.models]
        if mode in modes.backends and not state.models and not state.reason:
            parts += ["- no model"]
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
    model = wanted or _find_missing(session, modes) or modes.model(session) or ""
    is_there = state.installed and session.mode not in modes.composed
    if not wanted and (is_there or not model):
        return _nothing_missing(session, modes, model)
    mode = _mode_for(model, session, modes)
    backend = modes.backends.get(mode)
    if not isinstance(backend, Installer):
        raise InvalidParams(
            f"Mode {mode} cannot install {_short(model)}. Choose the mode that it is for first; "
            "`/models` lists what each knows."
        )
    terms = services.install_terms(model)
    if terms is not None and not await output.ask(terms.title, terms.text):
        return f"{_short(model)} was not installed."
    await backend.install(model, output.emit, output.ask)
    await modes.refresh(mode)
    return f"{_short(model)} is installed. {_how_to_choose(mode, session, backend)}"


def _find_missing(session: Session, modes: Modes) -> str | None:
    """The model that a composed mode of the session's lacks: of its first part without one."""
    composed = modes.composed.get(session.mode)
    for part in () if composed is None else composed.parts:
        state = modes.readiness[part]
        if state.ready and not state.installed and state.default_model is not None:
            return state.default_model
    return None


def _nothing_missing(session: Session, modes: Modes, model: str) -> str:
    state = modes.readiness[session.mode]
    if session.mode in modes.composed:
        who = f": {state.reason.rstrip('. ')}" if state.reason else ""
        return (
            f"Nothing is missing that `/install` alone could get{who}. `/install MODEL` gets "
            "another one; `/models` lists what is known."
        )
    if not model:
        return f"Say which model: `/install MODEL`. {state.reason}".strip()
    return (
        f"{_short(model)}, the model of mode {session.mode}, is installed. `/install MODEL` "
        "gets another one; `/models` lists what is known."
    )


def _mode_for(model: str, session: Session, modes: Modes) -> str:
    """The mode that knows ``model``, this session's first; else this session's."""
    for mode in (session.mode, *modes.backends):
        state = modes.readiness[mode]
        if state.default_model == model or any(each.id == model for each in state.models):
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


def _short(model: str) -> str:
    """Of a model given as a folder, its name only."""
    return model.rpartition("/")[2] if model.startswith(("/", "~")) else model
