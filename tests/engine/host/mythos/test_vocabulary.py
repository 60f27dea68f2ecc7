"""The tokenizer's files, and how many rows a model needs."""

from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.mythos import vocabulary
from acp_agent.engine.host.mythos.vocabulary import load_vocabulary
from acp_agent.harmony.marks import Mark
from tests.fixtures.mythos_files import END, write_tokenizer


def test_folder_and_file_are_the_same(tmp_path: Path) -> None:
    file = write_tokenizer(tmp_path)
    for path in (tmp_path, file):
        found = load_vocabulary(path)
        assert (found.size, found.base_size, found.end_tokens) == (257, 256, {256})
        assert found.decode(found.encode("né")) == "né"


def test_special_tokens_count_and_are_not_found_in_text(tmp_path: Path) -> None:
    found = load_vocabulary(write_tokenizer(tmp_path))
    tokens = found.encode(f"a{END}b")
    assert max(tokens) < found.base_size
    assert found.decode(tokens) == f"a{END}b"
    assert found.decode([256]) == ""


def test_generation_config_tells_more_ends(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [3, 4]}')
    assert load_vocabulary(tmp_path / "tokenizer.json").end_tokens == {3, 4, 256}


def test_gpt_oss_has_rows_for_reserved_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_tokenizer(tmp_path)
    tokenizer = Tokenizer.from_file(str(file))
    marks = [AddedToken(mark.value, special=True) for mark in Mark]
    tokenizer.add_special_tokens(marks)  # pyright: ignore[reportUnknownMemberType]
    tokenizer.save(str(file))
    assert load_vocabulary(file).size == 257 + len(Mark)
    monkeypatch.setattr(vocabulary, "_HARMONY_BASE", 256)
    assert load_vocabulary(file).size == 201088


@pytest.mark.parametrize("content", [None, "", "{}", "[1]"])
def test_unusable_files_are_told(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_text(content)
    for path in (file, tmp_path):
        with pytest.raises(ApiError) as caught:
            load_vocabulary(path)
        assert caught.value.code == "no_tokenizer"
        assert str(tmp_path) not in caught.value.message


def test_no_tokenizer_says_where_one_comes_from() -> None:
    with pytest.raises(ApiError, match="OPENMYTHOS_TOKENIZER"):
        load_vocabulary(None)
