"""A model's chat template, rendered in jinja's sandbox.

Owns finding it in a model's folder and the helpers that Hugging Face templates expect,
for gpt-oss and any other model. Does not own what goes in, nor tokens.
Helpers: https://huggingface.co/docs/transformers/chat_templating_writing
"""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from acp_agent.errors import BackendError
from acp_agent.harmony.contents import valid_text


class ChatTemplate:
    """The compiled template with the text ``source``.

    Raises:
        BackendError: it is no template.
    """

    def __init__(self, source: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        helpers: dict[str, Any] = {"raise_exception": _refuse}
        environment.globals.update(helpers)
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise BackendError(
                f"The model's chat template is broken (line {getattr(error, 'lineno', '?')}); "
                "install the model again."
            ) from error

    def render(self, today: date, variables: Mapping[str, Any]) -> str:
        """The text for ``variables``; ``today`` is the date where the template asks for it.

        Raises:
            BackendError: the template refuses them.
        """
        try:
            return self._template.render(**variables, strftime_now=today.strftime)
        except TemplateError as error:
            reason = valid_text(error.message or "no reason given")
            raise BackendError(
                f"The model's chat template refuses this conversation: {reason}"
            ) from error
        except Exception as error:
            # A template is foreign code: adding a number to a text is its TypeError.
            raise BackendError(
                "The model's chat template cannot render this conversation; "
                "a tool's parameters may have a form that it does not know."
            ) from error


def load_template(folder: Path) -> ChatTemplate:
    """The chat template of the model in ``folder``.

    Raises:
        BackendError: there is none that can be used.
    """
    source = _read(folder / "chat_template.jinja")
    if source is None:
        source = _find_in_config(_read(folder / "tokenizer_config.json") or "{}")
    if source is None:
        raise BackendError(
            "This model has no chat template, so it cannot chat; choose an instruct model."
        )
    return ChatTemplate(source)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8") if file.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise BackendError(f"{file.name} cannot be read; install the model again.") from error


def _find_in_config(text: str) -> str | None:
    try:
        config: Any = json.loads(text)
    except ValueError as error:
        message = "tokenizer_config.json is no JSON; install the model again."
        raise BackendError(message) from error
    match config:
        case {"chat_template": str(source)}:
            return source
        case {"chat_template": [*named]}:
            return next(filter(None, map(_default_of, named)), None)
        case _:
            return None


def _default_of(named: Any) -> str | None:
    match named:
        case {"name": "default", "template": str(source)}:
            return source
        case _:
            return None


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # jinja's own filter escapes for HTML, which no model has seen in training. Escapes
    # for what is not ASCII would spoil the disguise of contents.
    return json.dumps(
        value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)
