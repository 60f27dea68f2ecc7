"""What a chat completion request may say.

Owns validation of requests. Does not own HTTP or the answer (``outputs``).
Requests follow https://platform.openai.com/docs/api-reference/chat/create with
``return_progress`` as llama.cpp's server has it. A prompt is always messages, never
text or token ids, so that only the model's chat template writes control tokens.
"""

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from acp_agent.conversation import arguments_value
from acp_agent.engine.host.errors import ApiError, bad_request

NonEmpty = Annotated[str, StringConstraints(min_length=1)]


class TextPart(BaseModel):
    """A piece of a message's content; no other kind is supported."""

    type: Literal["text"]
    text: str


class CalledFunction(BaseModel):
    """What an assistant message called; ``arguments`` is the JSON text as it was written."""

    name: str
    arguments: str = ""

    def for_template(self) -> dict[str, Any]:
        """As chat templates expect it: ``arguments`` is the value where they are JSON."""
        return {"name": self.name, "arguments": arguments_value(self.arguments)}


class CalledTool(BaseModel):
    """A tool call of an assistant message; a tool message with its id has the result."""

    id: NonEmpty
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    reasoning_content: str | None = None
    name: str | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The content in one piece."""
        content = self.content or ""
        return content if isinstance(content, str) else "".join(part.text for part in content)

    def for_template(self) -> dict[str, Any]:
        """The message as chat templates expect it: ``content`` is a string."""
        message: dict[str, Any] = {"role": self.role, "content": self.text}
        for key in ("name", "tool_call_id"):
            if (value := getattr(self, key)) is not None:
                message[key] = value
        if self.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": call.type, "function": call.function.for_template()}
                for call in self.tool_calls
            ]
        return message

    @model_validator(mode="after")
    def _check_role(self) -> "ChatMessage":
        if self.role == "tool" and not self.tool_call_id:
            raise _fault("A tool message names the call that it answers in tool_call_id")
        if self.role != "assistant" and self.tool_calls:
            raise _fault("Only assistant messages have tool_calls")
        return self


class Function(BaseModel):
    """A function on offer; ``parameters`` is the JSON Schema of an object."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    description: str = ""
    parameters: dict[str, Any] = {}


class FunctionTool(BaseModel):
    """A tool on offer; functions are the only kind."""

    type: Literal["function"]
    function: Function


class MythosOptions(BaseModel):
    """Which OpenMythos model answers, beside the variant that ``model`` names.

    ``checkpoint`` is the file with its weights (None: random ones), ``tokenizer`` the folder
    or file of its tokenizer, ``n_loops`` its depth (None: the model's own).
    """

    checkpoint: NonEmpty | None = None
    n_loops: int | None = Field(default=None, ge=1, le=256)
    device: Literal["cuda", "mps", "cpu"] | None = None
    tokenizer: NonEmpty | None = None


class ChatRequest(BaseModel):
    """The body of ``POST /v1/chat/completions``; fields unknown here are ignored.

    ``prompt_cache_key`` names the session whose cache the answer may reuse, ``user`` the
    client among whom turns are shared fairly. With ``mythos``, an OpenMythos model answers,
    which alone heeds ``top_k`` (0: all tokens).
    """

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
    tools: list[FunctionTool] = []
    tool_choice: Literal["auto", "none"] = "auto"
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    prompt_cache_key: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    user: str | None = None
    top_k: int | None = Field(default=None, ge=0)
    mythos: MythosOptions | None = None

    @field_validator("tools")
    @classmethod
    def _check_names(cls, tools: list[FunctionTool]) -> list[FunctionTool]:
        names = Counter(tool.function.name for tool in tools)
        if repeated := next((name for name, count in names.items() if count > 1), None):
            raise _fault(f"Two tools are called {repeated!r}; each needs a name of its own")
        return tools

    @property
    def offered_tools(self) -> tuple[Function, ...]:
        """The tools that the model is told of: none where it may not call them."""
        if self.tool_choice == "none":
            return ()
        return tuple(tool.function for tool in self.tools)

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


def _fault(message: str) -> PydanticCustomError:
    # A plain ValueError would put "Value error, " in front.
    return PydanticCustomError("invalid", "{message}", {"message": message})


def _explain(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return bad_request("The body is not JSON.")
    field = ".".join(str(part) for part in first["loc"])
    return bad_request(f"{field or 'The body'}: {first['msg']}.", param=field or None)
