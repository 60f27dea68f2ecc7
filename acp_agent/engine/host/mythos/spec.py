"""Which model a request asks for.

Owns what makes two models the same one in memory. Does not own finding or loading it.
"""

from dataclasses import dataclass
from pathlib import Path

from acp_agent.engine.host.requests import ChatRequest, MythosOptions


@dataclass(slots=True, frozen=True)
class ModelSpec:
    """A variant with its weights (None: random ones), device (None: the best one there is)
    and tokenizer. The depth is no part of it: every answer has its own."""

    variant: str
    checkpoint: Path | None = None
    device: str | None = None
    tokenizer: Path | None = None


def read_spec(request: ChatRequest) -> ModelSpec:
    """The model that ``request`` asks for."""
    options = request.mythos or MythosOptions()
    return ModelSpec(
        variant=request.model,
        checkpoint=None if options.checkpoint is None else Path(options.checkpoint),
        device=options.device,
        tokenizer=None if options.tokenizer is None else Path(options.tokenizer),
    )
