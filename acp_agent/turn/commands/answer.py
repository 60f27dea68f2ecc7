"""Answering a slash command.

Owns which function answers which command, and telling the user when it fails. Does not own
the answers (the modules beside it) nor finding the command (``table``).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from acp_agent.backends.base import TextDelta
from acp_agent.conversation import UserMessage
from acp_agent.errors import AgentError
from acp_agent.sessions.session import Session
from acp_agent.tools.mcp.configured import McpProblem
from acp_agent.turn.commands import export, models, permissions, prompts, routing
from acp_agent.turn.commands.services import CommandServices, PromptServers
from acp_agent.turn.commands.table import COMMANDS, CommandOnOffer
from acp_agent.turn.output import TurnOutput


@dataclass(slots=True, frozen=True)
class Asked:
    """A command as it was typed, and where."""

    argument: str
    session: Session
    services: CommandServices
    output: TurnOutput
    servers: PromptServers | None


Answer = Callable[[Asked], Awaitable[str | UserMessage]]
"""A text for the user in Markdown, or a prompt for the model in the user's place."""


async def answer_command(
    name: str,
    argument: str,
    session: Session,
    services: CommandServices,
    output: TurnOutput,
    servers: PromptServers | None = None,
) -> UserMessage | None:
    """Answers the command ``name``; gives the prompt that is left for the model, if any.

    What fails is told to the user. Answers are no part of the conversation. Cancelling
    stops the work; steps that were shown are ended.
    """
    asked = Asked(argument, session, services, output, servers)
    try:
        answer = await _ANSWERS.get(name, _call_prompt(name))(asked)
    except AgentError as error:
        answer = error.message
    except McpProblem as problem:
        answer = str(problem)
    finally:
        with anyio.CancelScope(shield=True):
            await output.settle()
    if isinstance(answer, UserMessage):
        return answer
    await output.emit(TextDelta(answer))
    return None


async def _help(asked: Asked) -> str:
    own = "\n".join(map(_line, COMMANDS))
    extra: Sequence[CommandOnOffer] = asked.servers.prompts if asked.servers else ()
    if not extra:
        return f"{own}\n"
    lines = "\n".join(map(_line, extra))
    return f"{own}\n\nPrompts of MCP servers:\n\n{lines}\n"


def _line(command: CommandOnOffer) -> str:
    typed = f"/{command.name} {command.hint}".partition(";")[0].strip()
    rest = command.hint.partition(";")[2].strip()
    more = f" ({rest})" if rest else ""
    return f"- `{typed}` {command.description}{more}"


async def _compact(asked: Asked) -> str:
    from acp_agent.turn.choice import choose
    from acp_agent.turn.compact import compact_now
    from acp_agent.turn.panel.mode import PanelMode

    modes = asked.services.modes
    mode = modes.composed.get(asked.session.mode)
    if isinstance(mode, PanelMode):
        from acp_agent.turn.panel.compacting import compact_panel

        return await compact_panel(mode, asked.session, modes, asked.output)
    choice = await choose(asked.session, modes)
    return await compact_now(choice, asked.session, asked.output)


async def _models(asked: Asked) -> str:
    return await models.describe_models(asked.session, asked.services.modes)


async def _install(asked: Asked) -> str:
    return await models.install(asked.argument, asked.session, asked.services, asked.output)


async def _unload(asked: Asked) -> str:
    return await models.unload(asked.argument, asked.services)


async def _routing(asked: Asked) -> str:
    return await routing.answer(asked.argument, asked.session, asked.services)


async def _status(asked: Asked) -> str:
    return await asked.services.status(asked.session)


async def _permissions(asked: Asked) -> str:
    return permissions.answer(asked.argument, asked.session)


async def _export(asked: Asked) -> str:
    return await export.write(asked.session, asked.services.exports)


async def _init(asked: Asked) -> UserMessage:
    return prompts.init(asked.argument)


async def _plan(asked: Asked) -> str | UserMessage:
    if asked.argument:
        return prompts.plan(asked.argument)
    return prompts.describe_plan(asked.session.plan)


def _call_prompt(name: str) -> Answer:
    """The prompt ``name`` of an MCP server."""

    async def answer(asked: Asked) -> UserMessage:
        offered = asked.servers.prompts if asked.servers else ()
        found = next((each for each in offered if each.name == name), None)
        if found is None or asked.servers is None:
            raise McpProblem(f"There is no command /{name} any more.")
        return UserMessage(await asked.servers.get_prompt(name, found.read(asked.argument)))

    return answer


_ANSWERS: dict[str, Answer] = {
    "help": _help,
    "models": _models,
    "install": _install,
    "unload": _unload,
    "status": _status,
    "compact": _compact,
    "init": _init,
    "permissions": _permissions,
    "plan": _plan,
    "routing": _routing,
    "export": _export,
}
