"""``/permissions``: what a session allows.

Owns showing the mode and the answers given, changing the one and taking back the others.
Does not own what they mean (``acp_agent.permissions``).
"""

from typing import get_args

from acp_agent.permissions import describe_grants
from acp_agent.sessions.session import Session
from acp_agent.tools.actions import PermissionMode

_MEANING: dict[PermissionMode, str] = {
    "ask": "reading in the project is free; edits, commands and fetches are asked about",
    "accept_edits": "edits in the project are free too; commands and fetches are asked about",
    "read_only": "nothing but reading is possible",
    "full": "all is free, save what no mode lifts",
}
_USAGE = (
    "Type `/permissions ask`, `accept_edits`, `read_only` or `full` to change the mode, "
    "`/permissions revoke NUMBER` or `revoke all` to take answers back."
)


def answer(argument: str, session: Session) -> str:
    """Does what ``argument`` says, and says how things stand then."""
    words = argument.split()
    modes: tuple[PermissionMode, ...] = get_args(PermissionMode)
    if not words:
        return _describe(session)
    if len(words) == 1:
        for mode in modes:
            if words[0] == mode:
                session.permissions = mode
                return _describe(session)
    if words[0] == "revoke" and len(words) == 2:
        return _revoke(words[1], session)
    return f"`/permissions {argument}` is not understood. {_USAGE}"


def _revoke(which: str, session: Session) -> str:
    count = len(session.grants)
    if which == "all":
        session.grants.clear()
        return _describe(session)
    if not which.isdecimal() or not 1 <= int(which) <= count:
        known = f"there are 1 to {count}" if count else "there are none"
        return f"There is no answer {which}: {known}."
    del session.grants[int(which) - 1]
    return _describe(session)


def _describe(session: Session) -> str:
    mode = session.permissions
    parts = [f"Mode **{mode}**: {_MEANING[mode]}.", ""]
    if session.grants:
        parts += ["Answers that hold for this session; later ones come before earlier ones:", ""]
        lines = describe_grants(session.grants)
        parts += [f"{number}. {line}" for number, line in enumerate(lines, start=1)]
    else:
        parts.append("No answer holds for the whole session.")
    return "\n".join([*parts, "", _USAGE]) + "\n"
