"""Keeps what people, files and tools say apart from a template's own markup.

Owns the disguise under which contents pass through a chat template, and taking it off
again. Does not own the template, nor what its markup means.

A control token's text can only come from the template if the first character of every
such text is another one in all contents. A lone surrogate stands in for it: no valid
text holds one, and since it takes the place of one character, a template that looks at
lengths or emptiness sees no difference.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from acp_agent.errors import BackendError

_FIRST_SURROGATE, _SURROGATES = 0xD800, 0x800


class Disguise:
    """The disguise against ``literals``, the texts of a vocabulary's control tokens.

    Raises:
        BackendError: they begin with too many different characters.
    """

    def __init__(self, literals: Iterable[str]) -> None:
        firsts = sorted({literal[0] for literal in literals})
        if len(firsts) > _SURROGATES:
            raise BackendError("This model's tokenizer has no usable markup; choose another model.")
        self._on = {ord(first): _FIRST_SURROGATE + at for at, first in enumerate(firsts)}
        self._off = {stand_in: first for first, stand_in in self._on.items()}

    def put_on(self, value: object) -> Any:
        """``value`` (JSON) with every string in it disguised, keys included."""
        match value:
            case str():
                return valid_text(value).translate(self._on)
            case Mapping():
                items = cast("Mapping[object, object]", value).items()
                return {self.put_on(key): self.put_on(item) for key, item in items}
            case Sequence():
                return [self.put_on(item) for item in cast("Sequence[object]", value)]
            case _:
                return value

    def take_off(self, text: str) -> str:
        """What a template made of disguised contents, as it reads without."""
        return text.translate(self._off)


def valid_text(text: str) -> str:
    """``text`` with lone surrogates replaced, which no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
