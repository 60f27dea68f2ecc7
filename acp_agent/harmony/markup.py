"""Rendered conversations to tokens: a template's markup to control tokens, the rest to text.

Owns telling the two apart with the disguise that contents wear (``contents``). Does not
own the template.
"""

import re
from collections.abc import Mapping

from tokenizers import Encoding, Tokenizer

from acp_agent.harmony.contents import Disguise

_STRANGE = "\U0010fffd"
"""A character for private use, which no vocabulary has."""


class MarkupEncoder:
    """Encodes what a template made of disguised contents.

    Args:
        tokenizer: its settings are changed, so it is not to be shared. Tokens in
            ``controls`` must be special ones to it.
        controls: the ids of control tokens by their text.
    """

    def __init__(self, tokenizer: Tokenizer, controls: Mapping[str, int]) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._controls = dict(controls)
        self.disguise = Disguise(controls)
        longest_first = sorted(controls, key=len, reverse=True)
        # Without controls: what matches nowhere.
        self._markup = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        # The token for what a vocabulary lacks comes of plain text, and means nothing.
        self._ids = set(controls.values()) - set(self._encode_plain(_STRANGE))

    def find_markup(self, text: str) -> list[tuple[int, int]]:
        """Where control tokens stand in ``text``: start and end of each."""
        return [found.span() for found in self._markup.finditer(text)]

    def encode(self, text: str) -> list[int]:
        """The tokens of ``text``, with contents in disguise; each piece for itself."""
        # Control tokens are found here; what the tokenizer gets to see is plain text.
        tokens: list[int] = []
        position = 0
        for start, end in self.find_markup(text):
            tokens += self._encode_piece(text[position:start])
            tokens.append(self._controls[text[start:end]])
            position = end
        return tokens + self._encode_piece(text[position:])

    def encode_together(self, text: str) -> list[int]:
        """As ``encode``, but all at once where no content spells a control token.

        Some tokenizers treat a text's beginning, or spaces beside a control token, in a
        way that shows only so.
        """
        plain = self.disguise.take_off(text)
        markup = self.find_markup(text)
        if self.find_markup(plain) != markup:
            return self.encode(text)
        self._tokenizer.encode_special_tokens = False
        found = self._tokenizer.encode(plain, add_special_tokens=False)
        # A tokenizer that changes letters may find more than was spelled.
        return found.ids if self._agrees(found, plain, markup) else self.encode(text)

    def _agrees(self, found: Encoding, text: str, markup: list[tuple[int, int]]) -> bool:
        """Whether the control tokens in ``found`` are those of ``markup``, in its places."""
        wanted = [(self._controls[text[start:end]], start, end) for start, end in markup]
        wanted = [each for each in wanted if each[0] in self._ids]
        there = [
            (token, *(found.token_to_chars(at) or (0, 0)))
            for at, token in enumerate(found.ids)
            if token in self._ids
        ]
        # A token may take the spaces beside it with it.
        return len(there) == len(wanted) and all(
            token == expected and first <= start and end <= last
            for (token, first, last), (expected, start, end) in zip(there, wanted, strict=True)
        )

    def _encode_piece(self, text: str) -> list[int]:
        plain = self.disguise.take_off(text)
        tokens = self._encode_plain(plain)
        if self._ids.isdisjoint(tokens):
            return tokens
        # Some vocabularies have the texts of control tokens as words too.
        letters = (token for letter in plain for token in self._encode_plain(letter))
        return [token for token in letters if token not in self._ids]

    def _encode_plain(self, text: str) -> list[int]:
        self._tokenizer.encode_special_tokens = True
        return self._tokenizer.encode(text, add_special_tokens=False).ids if text else []
