"""OpenAI's own Harmony library, as the tests ask it.

Owns telling it our conversations, and reading its messages.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Sequence
from datetime import date

from openai_harmony import (
    Author,
    Conversation,
    DeveloperContent,
    ReasoningEffort,
    Role,
    StreamableParser,
    SystemContent,
    ToolDescription,
    load_harmony_encoding,
)
from openai_harmony import Message as Said

from acp_agent.conversation import AssistantMessage, Message, Tool, ToolResult, UserMessage

Parsed = tuple[str, str | None, str]
"""Channel, recipient and text of a message; the channel of a call is ``call``."""


class Oracle:
    """The library with the family's vocabulary, which ``TIKTOKEN_ENCODINGS_BASE`` names."""

    def __init__(self) -> None:
        self._encoding = load_harmony_encoding("HarmonyGptOss")

    def encode(self, text: str) -> list[int]:
        """The tokens of ``text``, in which control tokens are spelled out."""
        return self._encoding.encode(text, allowed_special="all")

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of ``tokens`` with control tokens spelled out."""
        return self._encoding.decode(tokens)

    def render(
        self,
        messages: Sequence[Message],
        *,
        today: date,
        instructions: str = "",
        tools: Sequence[Tool] = (),
        effort: str = "medium",
    ) -> list[int]:
        """The prompt for the answer that follows ``messages``."""
        system = SystemContent.new().with_conversation_start_date(today.isoformat())
        system = system.with_reasoning_effort(ReasoningEffort(effort.capitalize()))
        said = [Said.from_role_and_content(Role.SYSTEM, system)]
        if instructions or tools:
            said.append(_developer(instructions, tools))
        for message in messages:
            said += _said(message)
        conversation = Conversation.from_messages(said)
        return self._encoding.render_conversation_for_completion(conversation, Role.ASSISTANT)

    def parse(self, tokens: Sequence[int]) -> list[Parsed]:
        """The messages of an output."""
        parser = StreamableParser(self._encoding, role=Role.ASSISTANT)
        for token in tokens:
            parser.process(token)
        parser.process_eos()
        return [
            (
                "call" if message.recipient else message.channel or "",
                message.recipient,
                "".join(content.to_dict()["text"] for content in message.content),
            )
            for message in parser.messages
        ]


def _developer(instructions: str, tools: Sequence[Tool]) -> Said:
    content = DeveloperContent.new()
    if instructions:
        content = content.with_instructions(instructions)
    if tools:
        functions = [
            ToolDescription.new(tool.name, tool.description, dict(tool.parameters) or None)
            for tool in tools
        ]
        content = content.with_function_tools(functions)
    return Said.from_role_and_content(Role.DEVELOPER, content)


def _said(message: Message) -> list[Said]:
    match message:
        case UserMessage(text):
            return [Said.from_role_and_content(Role.USER, text)]
        case ToolResult(_, name, text):
            author = Author.new(Role.TOOL, f"functions.{name}")
            result = Said.from_author_and_content(author, text).with_channel("commentary")
            return [result.with_recipient("assistant")]
        case AssistantMessage(text, thought, calls):
            said = [_assistant(thought, "analysis")] if thought else []
            said += [_assistant(text, "final")] if text else []
            for call in calls:
                arguments = _assistant(call.arguments, "commentary")
                arguments = arguments.with_recipient(f"functions.{call.name}")
                said.append(arguments.with_content_type("<|constrain|>json"))
            return said


def _assistant(text: str, channel: str) -> Said:
    return Said.from_role_and_content(Role.ASSISTANT, text).with_channel(channel)
