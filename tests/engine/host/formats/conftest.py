"""Fixtures of the formats' tests."""

import pytest

from acp_agent.engine.host.formats import load_format
from acp_agent.engine.host.formats.base import ChatFormat
from tests.engine.host.formats.folders import write_gpt_oss
from tests.engine.host.formats.talk import Talk


@pytest.fixture(scope="session")
def harmony(tmp_path_factory: pytest.TempPathFactory) -> ChatFormat:
    """The format of a model of the gpt-oss family with a small vocabulary."""
    return load_format(write_gpt_oss(tmp_path_factory.mktemp("gpt-oss")))


@pytest.fixture
def talk(harmony: ChatFormat) -> Talk:
    """A session in which the user has asked for a file."""
    found = Talk(harmony)
    found.say("Read it")
    return found
