"""The user's profile: what is kept, what is refused."""

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from acp_agent.errors import ConfigError
from acp_agent.routing.profile import (
    Profile,
    fingerprint,
    load_profile,
    remove_profile,
    save_profile,
)
from tests.fixtures.routing_records import WEIGHTS

PROFILE = Profile(
    threshold=0.123456789012345,
    when="2026-01-02T03:04:05Z",
    decisions=120,
    method="least cost of errors",
    weights=fingerprint(WEIGHTS),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "routing-profile.json"


def test_what_is_saved_is_loaded(path: Path) -> None:
    assert load_profile(path) is None
    save_profile(path, PROFILE)
    save_profile(path, PROFILE)
    assert load_profile(path) == load_profile(path, WEIGHTS) == PROFILE
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_taken_back(path: Path) -> None:
    assert not remove_profile(path)
    save_profile(path, PROFILE)
    assert remove_profile(path)
    assert load_profile(path) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version"),
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": "0.5"}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"method": None}, "method"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], words: str, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps(PROFILE.model_dump() | change))
    with pytest.raises(ConfigError) as caught:
        load_profile(path)
    assert f"routing-profile.json is not used ({words}: " in caught.value.message
    assert "acp-agent routing calibrate" in caught.value.message
    assert str(path.parent) not in caught.value.message


@pytest.mark.parametrize("text", ["", "[]", "{", "\ud800"])
def test_what_is_no_profile_is_refused(text: str, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError, match="is not used"):
        load_profile(path)


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_profile(path)


def test_a_threshold_of_other_weights_is_refused(path: Path) -> None:
    save_profile(path, PROFILE)
    with pytest.raises(ConfigError, match="found for other weights"):
        load_profile(path, replace(WEIGHTS, bias=WEIGHTS.bias + 1))
    # Another calibration of the shares leaves the scores what they are.
    assert load_profile(path, replace(WEIGHTS, thresholds=((0.1, 0.9),))) == PROFILE
