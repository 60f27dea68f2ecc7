"""How the client's refusals read to a model; pure.

Owns the client's own words made fit to be told: one line, short, no control characters.
"""

from acp_agent.errors import AgentError, ClientError, MethodNotFound

REASON_LIMIT = 200
"""Characters of the client's words that are kept."""


def reason_of(error: AgentError) -> str:
    """The client's words, else what is known."""
    words = error.reason if isinstance(error, ClientError) else error.message
    printable = "".join(each if each.isprintable() else " " for each in words)
    line = " ".join(printable.split()).rstrip(".")
    if len(line) > REASON_LIMIT:
        line = line[: REASON_LIMIT - 3] + "..."
    return line or "no reason given"


def is_unknown_method(error: AgentError) -> bool:
    """Whether the client does not have the method at all, whatever it promised."""
    return isinstance(error, ClientError) and error.refused_with == MethodNotFound.code
