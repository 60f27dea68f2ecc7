"""Which model a name means, and which models fit a machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from acp_agent.errors import InstallError, ResourceNotFound
from acp_agent.models.catalogue import CATALOGUE, GIB, GPT_OSS_MODEL, CatalogueEntry, HubSource
from acp_agent.models.custom import CustomModel, extend_catalogue
from acp_agent.models.lookup import find_entry, recommend, refuse_unfit
from acp_agent.models.short_names import folder_id


def repo_of(entry: CatalogueEntry) -> str:
    assert isinstance(entry.source, HubSource)
    return entry.source.repo


@pytest.mark.parametrize(
    ("name", "repo"),
    [
        ("qwen2.5-coder:7b:4bit", "mlx-community/Qwen2.5-Coder-7B-Instruct-4bit"),
        ("Qwen2.5-Coder:7B:4bit", "mlx-community/Qwen2.5-Coder-7B-Instruct-4bit"),
        ("qwen3:30b:8bit", "mlx-community/Qwen3-30B-A3B-8bit"),
        ("llama3.1:8b:4bit", "mlx-community/Meta-Llama-3.1-8B-Instruct-4bit"),
        ("llama3.2:3b:4bit", "mlx-community/Llama-3.2-3B-Instruct-4bit"),
        ("gemma3:12b:4bit", "mlx-community/gemma-3-12b-it-4bit"),
        ("mistral:7b:4bit", "mlx-community/Mistral-7B-Instruct-v0.3-4bit"),
        ("phi4:14b:8bit", "mlx-community/phi-4-8bit"),
        ("gpt-oss:20b:mxfp4-q8", "mlx-community/gpt-oss-20b-MXFP4-Q8"),
    ],
)
def test_short_name_is_an_instruct_repository(name: str, repo: str) -> None:
    entry = find_entry(name)
    assert repo_of(entry) == repo
    assert entry.id == folder_id(name)
    assert ":" not in entry.id


def test_short_name_has_estimates_and_a_licence() -> None:
    entry = find_entry("qwen2.5-coder:7b:4bit")
    assert entry.download_bytes == pytest.approx(4.3e9, rel=0.05)
    assert (entry.minimum_memory, entry.recommended_memory) == (6 * GIB, 8 * GIB)
    assert entry.licence == "Apache-2.0"
    assert find_entry("qwen2.5-coder:3b:4bit").licence == "Qwen Research License"
    assert find_entry("llama3.2:1b:4bit").licence == "Llama 3.2 Community License"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nope", r"'nope'.*gpt-oss-20b, smollm2-135m.*qwen2\.5-coder:7b:4bit"),
        ("nope:7b:4bit", "known family; known are qwen2.5-coder.*gpt-oss"),
        ("qwen2.5-coder:8b:4bit", "known size of qwen2.5-coder; known are 0.5b, .*32b"),
        ("qwen2.5-coder:7b:5bit", "known quantisation, as in qwen2.5-coder:7b:4bit"),
        ("qwen2.5-coder:7b", "known quantisation"),
        ("qwen2.5-coder:7b:4bit:more", "known quantisation"),
        ("gpt-oss:120b:4bit", "known are gpt-oss:20b:mxfp4-q8"),
        ("", "known are"),
    ],
)
def test_unknown_name_is_an_error_and_never_another_model(name: str, message: str) -> None:
    with pytest.raises(ResourceNotFound, match=message):
        find_entry(name)


def test_what_does_not_fit_is_refused_with_the_reason() -> None:
    entry = find_entry("llama3.3:70b:4bit")
    with pytest.raises(InstallError, match=r"Llama-3\.3-70B.*does not fit.*50 GB.*16 GB"):
        refuse_unfit(entry, 16 * GIB)
    refuse_unfit(entry, 64 * GIB)
    refuse_unfit(entry, None)


@pytest.mark.parametrize(
    ("memory", "verdicts"),
    [
        (32, {"gpt-oss-20b": "recommended", "smollm2-135m": "fits"}),
        (16, {"gpt-oss-20b": "recommended", "smollm2-135m": "fits"}),
        (8, {"gpt-oss-20b": "too large", "smollm2-135m": "recommended"}),
        (1, {"gpt-oss-20b": "too large", "smollm2-135m": "too large"}),
        (None, {"gpt-oss-20b": "fits", "smollm2-135m": "fits"}),
    ],
)
def test_recommendation_by_memory(memory: int | None, verdicts: dict[str, str]) -> None:
    found = recommend(None, None if memory is None else memory * GIB)
    assert {each.entry.id: each.verdict for each in found} == verdicts
    assert all(each.reason.endswith(".") for each in found)
    assert found[0].verdict in ("recommended", "fits", "too large")


def test_recommendation_says_what_is_tight() -> None:
    larger = replace(CATALOGUE[GPT_OSS_MODEL], id="larger", recommended_memory=64 * GIB)
    found = recommend(None, 32 * GIB, {**CATALOGUE, "larger": larger})
    assert [(each.entry.id, each.verdict) for each in found] == [
        ("gpt-oss-20b", "recommended"),
        ("larger", "tight"),
        ("smollm2-135m", "fits"),
    ]
    (first, *_) = recommend(None, 16 * GIB)
    assert "24 GB of memory are recommended" in first.reason
    (first, *_) = recommend(None, 8 * GIB)
    assert "for trying out only" in first.reason


def test_a_machine_whose_firmware_keeps_a_part_is_not_called_too_small() -> None:
    (first, *_) = recommend(None, int(23.5 * GIB))
    assert first.entry.id == GPT_OSS_MODEL
    assert first.reason == (
        "It wants a machine with 24 GB, and this is one: 23.5 GB of them are left beside its "
        "firmware."
    )


def test_nothing_is_recommended_where_no_model_runs() -> None:
    found = recommend("MLX is not installed.", 64 * GIB)
    assert {(each.verdict, each.reason) for each in found} == {
        ("unsupported", "MLX is not installed.")
    }


def test_models_of_the_configuration_are_found_first() -> None:
    custom = [
        CustomModel("mine", repo="me/my-model", revision="v1", licence="MIT", minimum_memory=8),
        CustomModel("own-folder", path=Path("/models/own")),
        CustomModel("smollm2-135m", repo="me/another"),
    ]
    catalogue = extend_catalogue(custom)
    assert set(catalogue) == {"gpt-oss-20b", "smollm2-135m", "mine"}
    entry = find_entry("mine", catalogue)
    assert (str(entry.source), entry.minimum_memory) == ("hub:me/my-model@v1", 8 * GIB)
    assert entry.install_title == "Install mine"
    assert entry.install_terms == "Licence: MIT. Memory: at least 8 GB."
    assert repo_of(find_entry("smollm2-135m", catalogue)) == "me/another"
