"""Fixtures of the Harmony tests: tokenizers, the chat template, and OpenAI's own library."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tokenizers import Tokenizer

from acp_agent.harmony.prompt import PromptEncoder
from acp_agent.harmony.template import ChatTemplate
from tests.harmony.vocabulary import make_family_tokenizer, make_small_tokenizer, write_o200k

if TYPE_CHECKING:
    from tests.harmony.oracle import Oracle

TEMPLATE = Path(__file__).parent / "chat_template.jinja"


@pytest.fixture(scope="session")
def template() -> ChatTemplate:
    return ChatTemplate(TEMPLATE.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def small_tokenizer() -> Tokenizer:
    return make_small_tokenizer()


@pytest.fixture(scope="session")
def encoder(template: ChatTemplate) -> PromptEncoder:
    """Encodes with the small tokenizer."""
    return PromptEncoder(make_small_tokenizer(), template)


@pytest.fixture(scope="session")
def vocabulary(run_folder: Path) -> Path:
    """The file ``o200k_base.tiktoken``."""
    return write_o200k(run_folder)


@pytest.fixture(scope="session")
def family_tokenizer(vocabulary: Path) -> Tokenizer:
    return make_family_tokenizer(vocabulary)


@pytest.fixture(scope="session")
def family_encoder(family_tokenizer: Tokenizer, template: ChatTemplate) -> PromptEncoder:
    """Encodes with the family's tokenizer."""
    return PromptEncoder(family_tokenizer, template)


@pytest.fixture(scope="session")
def oracle(vocabulary: Path) -> Iterator["Oracle"]:
    """OpenAI's own encoder and parser; the test is skipped where it has no wheel."""
    pytest.importorskip("openai_harmony")
    from tests.harmony.oracle import Oracle

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_ENCODINGS_BASE", str(vocabulary.parent))
        yield Oracle()
