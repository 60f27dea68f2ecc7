"""The settings of mode ``openai`` and of its endpoints.

Owns their shape and what an address of such a server looks like. Does not own requests.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from acp_agent.config.address import parse_address
from acp_agent.config.section import Section, Text


def _base_url(text: str) -> str:
    """An http(s) URL, as OpenAI's clients take it: with the ``/v1`` that servers have."""
    if "://" not in text:
        raise ValueError("must begin with http:// or https://")
    address = parse_address(text)
    if address.login is not None:
        raise ValueError("must not hold a login: name the variable with the key in key_env")
    return address.url


BaseUrl = Annotated[
    str,
    AfterValidator(_base_url),
    WithJsonSchema({"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^@\\s]+$"}),
]


class OpenAISettings(Section):
    """Mode ``openai``: servers with OpenAI's chat completions API."""

    base_url: BaseUrl | None = None
    """Address of the endpoint ``default``, with its ``/v1``; more are tables of their own."""
    model: Text | None = None
    """The default model, as ``MODEL`` or ``ENDPOINT/MODEL``; unset means the first listed."""
    discover: bool = True
    """Whether the customary ports of such servers on this machine are looked at."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """Sampling temperature; unset means the server's own."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Upper limit of one answer in tokens; unset means the server's own."""
    stall_timeout: float = Field(default=120.0, gt=0)
    """Seconds without a sign of life from a running stream before it is given up."""
    load_timeout: float = Field(default=600.0, gt=0)
    """Seconds that waiting for the first token may take."""


class EndpointSettings(Section):
    """An endpoint of mode ``openai``."""

    base_url: BaseUrl
    """Its address, with the ``/v1`` that most servers have."""
    model: Text | None = None
    """Its default model; unset means the first that it lists."""
    context_size: int | None = Field(default=None, ge=256)
    """Window in tokens, where the server does not tell."""
    key_env: Text | None = None
    """Name of the environment variable that holds the key; unset means that none is sent."""
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "Authorization"
    """Header that carries the key; ``Authorization`` carries it as a bearer token."""
    tools: Literal["native", "text", "none"] = "native"
    """How its models are offered tools: as the API has them, in words, or not at all."""
