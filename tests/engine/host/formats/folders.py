"""Model folders without weights, for tests of what is made of their small files.

Owns writing them: one of the gpt-oss family, and chat models of other kinds.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE

from tests.harmony.conftest import TEMPLATE
from tests.harmony.vocabulary import make_small_tokenizer

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|turn|>{{ m['role'] }}:{{ m['content'] | trim }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|turn|>assistant:{% endif %}"
)
VOCABULARY_SIZE = 700


def write_gpt_oss(folder: Path, template: str | None = None) -> Path:
    """Writes a gpt-oss model's small files into ``folder``; ``template`` is another one."""
    make_small_tokenizer().save(str(folder / "tokenizer.json"))
    source = template or TEMPLATE.read_text(encoding="utf-8")
    (folder / "chat_template.jinja").write_text(source, encoding="utf-8")
    end = make_small_tokenizer().token_to_id("<|endoftext|>")
    config = {"model_type": "gpt_oss", "vocab_size": VOCABULARY_SIZE, "eos_token_id": end}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_chat_model(
    folder: Path,
    template: str = CHAT_TEMPLATE,
    *,
    visible: Sequence[str] = (),
    normalizer: normalizers.Normalizer | None = None,
) -> Path:
    """Writes a byte-level chat model's small files into ``folder``.

    ``<s>``, ``<|turn|>`` and ``<|end|>`` are special tokens, ``visible`` further ones that
    are shown when the model says them. With a ``normalizer`` they are looked for in what
    it makes of a text.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    model = BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[])
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    options: Any = {"normalized": normalizer is not None}
    names = ("<s>", "<|turn|>", "<|end|>")
    special = [AddedToken(name, special=True, **options) for name in names]
    tokenizer.add_special_tokens(special)  # pyright: ignore[reportUnknownMemberType]
    shown = [AddedToken(t, special=False) for t in visible]
    tokenizer.add_tokens(shown)  # pyright: ignore[reportUnknownMemberType]
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"bos_token": "<s>", "eos_token": {"content": "<|end|>"}}
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    (folder / "chat_template.jinja").write_text(template)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    return folder
