"""The options of ``acp-agent engine``: from the settings, or as they are given."""

import argparse
from pathlib import Path

import pytest

from acp_agent.config.paths import find_paths
from acp_agent.config.settings import EngineSettings
from acp_agent.engine.host.address import Address
from acp_agent.engine.host.options import (
    MEGABYTE,
    Options,
    add_arguments,
    given_options,
    read_options,
)
from acp_agent.errors import AgentError


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def read(*words: str) -> Options:
    return read_options(parse(*words))


def test_what_is_not_given_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACP_AGENT_ENGINE_MAX_SEQUENCES", "7")
    monkeypatch.setenv("ACP_AGENT_ENGINE_UNLOAD_AFTER", "30m")
    options, paths = read(), find_paths()
    assert options.socket == paths.engine_socket
    assert options.models == paths.models
    assert options.cache_folder == paths.prompt_caches
    assert options.max_sequences == 7
    assert options.unload_after == 1800
    assert options.cache_disk == EngineSettings().cache_disk * MEGABYTE
    assert not options.ignore_memory
    assert options.listen is None


def test_what_is_given_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ACP_AGENT_ENGINE_IGNORE_MEMORY", "true")
    assert read().ignore_memory
    options = read(
        *("--socket", str(tmp_path / "x.sock"), "--cache-folder", str(tmp_path)),
        *("--no-ignore-memory", "--unload-after", "never", "--cache-memory", "3"),
        *("--listen", "8080", "--token-env", "TOKEN"),
    )
    assert options.socket == tmp_path / "x.sock"
    assert options.cache_folder == tmp_path
    assert not options.ignore_memory
    assert options.unload_after is None
    assert options.cache_memory == 3 * MEGABYTE
    assert options.listen == Address("127.0.0.1", 8080)
    assert options.token_env == "TOKEN"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("never", None), ("90s", 90), ("5m", 300), ("10m", 600), ("30m", 1800), ("1h", 3600)],
)
def test_times_of_the_settings_are_seconds_here(text: str, seconds: float | None) -> None:
    assert EngineSettings.model_validate({"unload_after": text}).unload_after == text
    assert read("--unload-after", text).unload_after == seconds


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--listen", "8080"], "belong together"),
        (["--token-env", "TOKEN"], "belong together"),
        (["--listen", "nonsense:x", "--token-env", "TOKEN"], "no address"),
        (["--idle-timeout", "0"], "above 0"),
        (["--start-timeout", "-1"], "above 0"),
        (["--max-sequences", "0"], "at least 1"),
        (["--unload-after", "0m"], "a time such as"),
        (["--unload-after", "soon"], "a time such as"),
        (["--prefill-step", "0"], "at least 1"),
        (["--cache-memory", "-1"], "below 0"),
        (["--cache-disk", "-1"], "below 0"),
    ],
)
def test_bad_option_is_explained(words: list[str], message: str) -> None:
    with pytest.raises(AgentError, match=message):
        read(*words)


def test_unreadable_option_is_a_usage_error() -> None:
    with pytest.raises(SystemExit):
        parse("--max-sequences", "x")


def test_given_options_are_named() -> None:
    assert given_options(parse()) == []
    words = ("--no-ignore-memory", "--listen", "1", "--socket", "x")
    assert given_options(parse(*words)) == ["--socket", "--listen", "--ignore-memory"]
