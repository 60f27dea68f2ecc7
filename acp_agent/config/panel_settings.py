"""The settings of mode ``panel``.

Owns their shape. Does not own how votes are counted (``turn/panel``).
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from acp_agent.config.section import Section, Text

PanelStrategy = Literal["majority", "best_of", "first_valid"]
"""How one answer is made of several."""

PanelValidity = Literal["parse", "schema", "test"]
"""What an answer must pass for ``first_valid``."""


def _as_list(value: Any) -> Any:
    """A list; a text, as of an environment variable, with commas between its parts."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Names = Annotated[list[Text], BeforeValidator(_as_list)]


class PanelSettings(Section):
    """Mode ``panel``: several answers to a prompt, and one that is shown."""

    strategy: PanelStrategy = "majority"
    """How the answer is chosen in a new session; the session's option changes it."""
    samples: int = Field(default=5, ge=2, le=16)
    """Answers of the head model, where neither members nor peers are named."""
    head: Text | None = None
    """Who is asked, and who judges, as ``MODE/MODEL`` or ``MODE``; unset means the best
    mode that is ready."""
    members: Names = Field(default=[])
    """Candidates of their own, each as ``MODE/MODEL`` or ``MODE``."""
    peers: Names = Field(default=[])
    """Endpoints (``[endpoints.NAME]``) whose default model is a candidate each."""
    deadline: float = Field(default=120.0, gt=0)
    """Seconds after which a candidate that has not answered is left out."""
    quorum: int | None = Field(default=None, ge=1)
    """Answers that there must be for a vote; unset means more than half of the candidates."""
    temperature: float = Field(default=0.8, ge=0, le=2)
    """Sampling temperature of the candidates."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Upper limit of each candidate's answer in tokens; unset means the model's own."""
    validity: PanelValidity = "parse"
    """What ``first_valid`` asks of an answer: its code parses, it matches answer_schema, or
    test_command succeeds."""
    answer_schema: Text | None = None
    """File with the JSON Schema that an answer must match."""
    test_command: Text | None = None
    """Command that tests an answer's code; ``{file}`` in it stands for the file with it."""
