"""What a chat completion request may say, and what the model's thread answers with.

Owns validation of requests and the outputs of a job. Does not own HTTP.
Requests follow https://platform.openai.com/docs/api-reference/chat/create with
``return_progress`` as llama.cpp's server has it. A prompt is always messages, never
text or token ids, so that only the model's chat template writes control tokens.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from acp_agent.engine.host.errors import ApiError, bad_request

NonEmpty = Annotated[str, StringConstraints(min_length=1)]


class TextPart(BaseModel):
    """A piece of a message's content; no other kind is supported."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None

    def for_template(self) -> dict[str, Any]:
        """The message as chat templates expect it: ``content`` is a string."""
        content = self.content or ""
        if not isinstance(content, str):
            content = "".join(part.text for part in content)
        message: dict[str, Any] = {"role": self.role, "content": content}
        for key in ("name", "tool_calls", "tool_call_id"):
            if (value := getattr(self, key)) is not None:
                message[key] = value
        return message


class ChatRequest(BaseModel):
    """The body of ``POST /v1/chat/completions``; fields unknown here are ignored."""

    model: NonEmpty
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool = False
    return_progress: bool = False
    temperature: float = Field(default=0.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stop: NonEmpty | list[NonEmpty] | None = None
    n: Literal[1] | None = None
    tools: list[Any] = Field(default=[], max_length=0)

    @property
    def token_limit(self) -> int | None:
        """The most tokens the answer may have, None for as many as fit."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stop_texts(self) -> tuple[str, ...]:
        """The texts that end an answer."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


def parse_request(body: bytes) -> ChatRequest:
    """The request in ``body``.

    Raises:
        ApiError: 400, naming the field.
    """
    try:
        return ChatRequest.model_validate_json(body)
    except ValidationError as error:
        raise _explain(error) from None


def _explain(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return bad_request("The body is not JSON.")
    field = ".".join(str(part) for part in first["loc"])
    return bad_request(f"{field or 'The body'}: {first['msg']}.", param=field or None)


@dataclass(slots=True, frozen=True)
class Text:
    """A piece of the answer, of whole characters."""

    text: str


@dataclass(slots=True, frozen=True)
class Progress:
    """How far loading (bytes) or reading the prompt (tokens) is."""

    step: Literal["load", "prompt"]
    done: int
    total: int


@dataclass(slots=True, frozen=True)
class Finished:
    """The answer is whole; token counts, and the window in force (None: unknown)."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int
    context_size: int | None


@dataclass(slots=True, frozen=True)
class Failed:
    """The answer could not be given, or not to its end."""

    error: ApiError


Output = Text | Progress | Finished | Failed
