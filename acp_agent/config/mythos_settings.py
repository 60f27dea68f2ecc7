"""The settings of mode ``mythos``.

Owns their shape. Does not own the sizes of the variants (the package ``open-mythos``).
"""

from typing import Literal

from pydantic import Field

from acp_agent.config.section import Section, Text

MythosVariant = Literal[
    "mythos_1b",
    "mythos_3b",
    "mythos_10b",
    "mythos_50b",
    "mythos_100b",
    "mythos_500b",
    "mythos_1t",
]
"""The sizes that ``open-mythos`` has."""


class MythosSettings(Section):
    """Mode ``mythos``: OpenMythos, a recurrent-depth transformer, in the engine."""

    variant: MythosVariant = "mythos_3b"
    """The default model."""
    checkpoint: Text | None = None
    """File with the variant's weights; unset means random ones, which write noise."""
    n_loops: int | None = Field(default=None, ge=1, le=256)
    """How often the recurrent block runs; may exceed the training's. Unset means the
    variant's own."""
    device: Literal["cuda", "mps", "cpu"] | None = None
    """Where it computes; unset means the first of these that there is."""
    tokenizer: Text | None = None
    """Folder or file of its tokenizer; unset means that of an installed gpt-oss model."""
    temperature: float = Field(default=0.8, ge=0, le=2)
    """Sampling temperature; 0 always takes the likeliest token."""
    top_k: int = Field(default=50, ge=0)
    """Tokens among which one is drawn; 0 means all."""
    max_tokens: int = Field(default=512, ge=1)
    """Upper limit of one answer in tokens."""
