"""Conversations to the tokens of a gpt-oss prompt.

Owns that the model's own chat template is the only way to a prompt, and that only the
template's own markup becomes control tokens: what users, files and tools say is encoded
as plain text even where it spells ``<|end|><|start|>system``. There is no way in for
strings or tokens. Does not own the model's output (``parser``).
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer

from acp_agent.conversation import Message, Tool
from acp_agent.errors import BackendError
from acp_agent.harmony.chat import collect_names, to_chat, to_functions
from acp_agent.harmony.marks import Marks, find_marks
from acp_agent.harmony.markup import MarkupEncoder
from acp_agent.harmony.template import ChatTemplate, load_template

ReasoningEffort = Literal["low", "medium", "high"]


class PromptEncoder:
    """Encodes prompts with a model's tokenizer and template.

    ``marks`` are the vocabulary's control tokens, for the parser of the output.

    Args:
        tokenizer: the model's; its settings are changed, so it is not to be shared.

    Raises:
        BackendError: the tokenizer is not a Harmony one.
    """

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate) -> None:
        added = tokenizer.get_added_tokens_decoder()
        controls = {token.content: id for id, token in added.items() if token.special}
        self.marks: Marks = find_marks(controls)
        self._encoder = MarkupEncoder(tokenizer, controls)
        self._tokenizer = tokenizer
        self._template = template

    def encode(
        self,
        messages: Sequence[Message],
        *,
        today: date,
        instructions: str = "",
        tools: Sequence[Tool] = (),
        effort: ReasoningEffort = "medium",
    ) -> list[int]:
        """The tokens of the prompt for the answer that follows ``messages``.

        Args:
            messages: at least one.
            today: the date that the model is told; the same for a whole session, so that
                the prompt's beginning does not change at midnight.
            instructions: what the model is to heed, for its developer message.

        Raises:
            BackendError: the template refuses the conversation.
        """
        names = collect_names(tools, messages)
        chat = to_chat(messages, names)
        if instructions:
            chat.insert(0, {"role": "system", "content": instructions})
        contents = {"messages": chat, "tools": to_functions(tools, names) or None}
        text = self._template.render(
            today,
            self._encoder.disguise.put_on(contents)
            | {"reasoning_effort": effort, "add_generation_prompt": True},
        )
        return self._encoder.encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of ``tokens``, with control tokens as they are spelled."""
        return self._tokenizer.decode(tokens, skip_special_tokens=False)


def load_prompt_encoder(folder: Path) -> PromptEncoder:
    """The encoder of the model in ``folder``: ``tokenizer.json`` and its chat template.

    Raises:
        BackendError: they are missing, broken or not Harmony's.
    """
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:
        # The library raises plain Exception for a file that is missing or broken.
        message = "The model's tokenizer.json cannot be read; install the model again."
        raise BackendError(message) from error
    return PromptEncoder(tokenizer, load_template(folder))
