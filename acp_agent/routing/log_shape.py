"""What the lines of the decision log look like as JSON: a decision, or a feedback.

Owns the shape of ``routing.jsonl`` and with it ``schemas/routing-decision.schema.json``.
Does not own turning records into lines (``log_lines``) nor the file (``decision_log``).
Issue 5, section 3.
"""

from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from acp_agent.routing.decisions import Origin, Skipped, Verdict
from acp_agent.routing.proposal import Proposal
from acp_agent.routing.rubric import ReasonCode
from acp_agent.routing.wishes import Wish

VERSION = 1


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, use_attribute_docstrings=True)


class DecisionLine(_Line):
    """One decision of mode ``auto``, and what became of it. What is not known is left out."""

    version: Literal[1]
    """Of the line's format; readers skip lines of versions that they do not know."""
    kind: Literal["decision"]
    id: str
    """Names the decision; opaque."""
    when: str
    """ISO 8601, UTC."""
    session: str
    """Names the session; opaque."""
    origin: Origin
    """On what was decided: a user's prompt, the small model's tool call, another agent's."""
    delegate: bool
    """The decision: true for the big model, false for the small one."""
    score: float
    """How heavy the rubric found the prompt, from 0 to 1."""
    threshold: float
    """The score from which on was delegated."""
    setting: str
    """How readily the session delegated: eager, balanced or frugal."""
    reason_code: ReasonCode
    """Why, as a code."""
    reason: str
    """Why, in a sentence."""
    selected: str
    """The candidate that the decision named, as mode/model."""
    effective: str
    """The candidate that answered, as mode/model; empty where none did."""
    skipped: list[Skipped] = []
    """Candidates that were passed over."""
    prompt_hash: str
    """HMAC-SHA256 of the prompt in hex, cut, under a key that stays on this machine."""
    prompt_bytes: int
    """Size of the prompt in UTF-8."""
    prompt: str | None = None
    """The prompt's text, cut to 32 KiB; only if the user turned that on."""
    features: dict[str, float]
    """Every feature of the prompt by name, from 0 to 1."""
    contributions: dict[str, float]
    """What each feature added to the score's log-odds; zeros are left out."""
    estimated_prompt_tokens: int
    """The prompt's tokens as the rubric estimated them."""
    context_tokens: int
    """Tokens of history and embedded resources, estimated."""
    files: int
    """Files named or attached."""
    tool_calls: int
    """Tool calls that the rubric forecast."""
    wish: Wish | None = None
    """What the prompt asked for outright."""
    proposal: Proposal | None = None
    """What the small model proposed."""
    proposal_problem: str | None = None
    """Why there is no proposal where one was asked for."""
    seconds: float | None = None
    """How long the answer took in all."""
    first_token_seconds: float | None = None
    """From the decision to the first thought or text."""
    prompt_tokens: int | None = None
    """The prompt's tokens as the model's server counted them."""
    generated_tokens: int | None = None
    """Tokens that the model wrote."""
    stop_reason: str | None = None
    """How the answer ended."""
    cancelled: bool = False
    """Whether the user cancelled it."""
    error: str | None = None
    """What went wrong, in a sentence."""
    override: str | None = None
    """The mode that the user chose by hand while the turn ran."""


class FeedbackLine(_Line):
    """What the user thought of a decision."""

    version: Literal[1]
    """Of the line's format."""
    kind: Literal["feedback"]
    decision: str
    """The decision's id."""
    when: str
    """ISO 8601, UTC."""
    verdict: Verdict
    """``wrong``: said so; ``mode_switched``: chose another mode right after it."""
    mode: str | None = None
    """The mode chosen by hand."""


_ANY = Annotated[DecisionLine | FeedbackLine, Field(discriminator="kind")]


@cache
def line_adapter() -> TypeAdapter[DecisionLine | FeedbackLine]:
    """Reads either kind of line, and knows the schema of both."""
    return TypeAdapter(_ANY)
