"""A model's tokenizer without transformers: messages to tokens, tokens to text.

Owns encoding, the tokens that end an answer, and decoding token by token. Does not own
the template's text (``template``). Importing transformers' tokenizers takes seconds;
``tokenizers`` reads the same ``tokenizer.json``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from tokenizers import Tokenizer

from acp_agent.engine.folder import read_json
from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.template import load_template, special_tokens

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
_HELD_LIMIT = 8
"""Tokens. A character takes at most four; the rest is room for stray bytes before it."""


class ChatTokenizer:
    """The tokenizer of the model in ``folder``.

    Raises:
        ApiError: 400, files are missing or the model is no chat model.
    """

    def __init__(self, folder: Path) -> None:
        file = folder / "tokenizer.json"
        if not file.is_file():
            message = "This model has no tokenizer.json; choose one in the current MLX format."
            raise ApiError(400, "no_tokenizer", message, param="model")
        self._tokenizer = Tokenizer.from_file(str(file))
        config = read_json(folder / "tokenizer_config.json")
        self._template = load_template(folder, config)
        self.end_tokens = self._find_end_tokens(folder, config)

    def encode_chat(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """The tokens of ``messages`` and of the start of the answer."""
        text = self._template.render(messages)
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of ``tokens`` without special ones."""
        return self._tokenizer.decode(tokens, skip_special_tokens=True)

    def _find_end_tokens(self, folder: Path, config: Mapping[str, Any]) -> frozenset[int]:
        found: set[int] = set()
        for name in ("config.json", "generation_config.json"):
            value: Any = read_json(folder / name).get("eos_token_id")
            values = cast("list[Any]", value) if isinstance(value, list) else [value]
            found.update(token for token in values if isinstance(token, int))
        token = self._tokenizer.token_to_id(special_tokens(config).get("eos_token", ""))
        if token is not None:
            found.add(token)
        return frozenset(found)


class StreamDecoder:
    """Turns tokens into text as they come, in whole characters only.

    What a cut answer leaves of a character is not given out.
    """

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self._context: list[int] = []
        self._held: list[int] = []

    def add(self, token: int) -> str:
        """The text that ``token`` completes, often none."""
        self._held.append(token)
        tokens = self._context + self._held
        text = self._tokenizer.decode(tokens)
        if text.endswith(_INCOMPLETE) and len(self._held) < _HELD_LIMIT:
            return ""
        known = len(self._tokenizer.decode(self._context))
        self._context, self._held = self._held, []
        return text[known:]


class StopTexts:
    """Ends an answer before the first of ``texts``, also where it comes in pieces."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._held = ""

    def add(self, text: str) -> tuple[str, bool]:
        """What of the answer is now certain, and whether a stop text was met."""
        if not self._texts:
            return text, False
        self._held += text
        ends = [at for stop in self._texts if (at := self._held.find(stop)) >= 0]
        if ends:
            return self._held[: min(ends)], True
        keep = max(_overlap(self._held, stop) for stop in self._texts)
        certain = self._held[: len(self._held) - keep]
        self._held = self._held[len(certain) :]
        return certain, False

    def finish(self) -> str:
        """What was held back, when the answer ends otherwise."""
        return self._held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of ``text`` that starts ``stop``."""
    sizes = range(min(len(text), len(stop) - 1), 0, -1)
    return next((size for size in sizes if stop.startswith(text[-size:])), 0)
