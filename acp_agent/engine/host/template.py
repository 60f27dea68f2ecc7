"""A model's chat template: the only way messages become a prompt.

Owns finding the template in a model folder and rendering it in jinja's sandbox, with
the helpers that Hugging Face templates expect. Does not own tokens (``tokenizer``).
Helpers: https://huggingface.co/docs/transformers/chat_templating_writing
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, cast

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from acp_agent.engine.host.errors import ApiError, bad_request


class ChatTemplate:
    """The compiled template of one model.

    Args:
        source: the template's text.
        special_tokens: names as ``bos_token`` and their text, for the template to use.
    """

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        helpers: dict[str, Any] = {"raise_exception": _refuse, "strftime_now": _now}
        environment.globals.update(helpers)
        self._template = environment.from_string(source)
        self._special_tokens = dict(special_tokens)

    def render(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The prompt for the answer that follows ``messages``.

        Raises:
            ApiError: 400, the template refuses them.
        """
        try:
            return self._template.render(
                messages=messages, add_generation_prompt=True, **self._special_tokens
            )
        except TemplateError as error:
            reason = error.message or "no reason given"
            raise bad_request(
                f"The model's chat template refuses these messages: {reason}.", param="messages"
            ) from error


def load_template(folder: Path, config: Mapping[str, Any]) -> ChatTemplate:
    """The template of the model in ``folder``; ``config`` is its tokenizer_config.json.

    Raises:
        ApiError: 400, the model has none.
    """
    file = folder / "chat_template.jinja"
    source: Any = file.read_text(encoding="utf-8") if file.is_file() else None
    source = source or config.get("chat_template")
    if isinstance(source, list):
        source = _default_of(cast("list[Any]", source))
    if not isinstance(source, str):
        raise ApiError(
            400,
            "no_chat_template",
            "This model has no chat template, so it cannot chat; choose an instruct model.",
            param="model",
        )
    return ChatTemplate(source, special_tokens(config))


def special_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    """The special tokens that ``config`` names, by name."""
    found: dict[str, str] = {}
    for name in ("bos_token", "eos_token", "pad_token", "unk_token"):
        match config.get(name):
            case str(text) | {"content": str(text)}:
                found[name] = text
            case _:
                pass
    return found


def _default_of(named: list[Any]) -> str | None:
    return next((item["template"] for item in named if item.get("name") == "default"), None)


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(pattern: str) -> str:
    return datetime.now().strftime(pattern)
