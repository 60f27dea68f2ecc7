"""Which variants there are, and those that a developer adds."""

from pathlib import Path

import pytest

from acp_agent.engine.host.errors import ApiError
from acp_agent.engine.host.mythos.variants import VARIABLE, check_variant, read_variants
from acp_agent.errors import AgentError
from tests.fixtures.mythos_files import VARIANTS, write_variants


def test_none_are_added_in_normal_use() -> None:
    assert read_variants({}) == {}


def test_file_adds_variants(tmp_path: Path) -> None:
    assert read_variants({VARIABLE: str(write_variants(tmp_path))}) == VARIANTS


@pytest.mark.parametrize("content", [None, "no", "[]", '{"tiny": 3}'])
def test_unusable_file_ends_the_start(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "variants.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(AgentError, match=VARIABLE):
        read_variants({VARIABLE: str(file)})


def test_unknown_variant_names_the_known() -> None:
    check_variant("mythos_1b", {})
    check_variant("tiny", {"tiny": {}})
    with pytest.raises(ApiError, match=r"mythos_3b, .*tiny") as caught:
        check_variant("mythos_2b", {"tiny": {}})
    assert caught.value.status == 404
