"""Settings from environment variables: their names, values, and what is refused."""

from pathlib import Path

import pytest

from acp_agent.config.keys import dotted, setting_keys, variables_of
from acp_agent.config.load import Origin, load_settings
from acp_agent.config.paths import Paths, find_paths
from acp_agent.config.settings import Settings
from acp_agent.errors import ConfigError
from tests.config.test_load import value_of


@pytest.fixture
def paths(isolated_home: Path) -> Paths:
    return find_paths({"ACP_AGENT_HOME": str(isolated_home)})


@pytest.mark.parametrize(
    ("environ", "key", "value"),
    [
        ({"OLLAMA_HOST": ":11435"}, "ollama.base_url", "http://127.0.0.1:11435"),
        ({"OLLAMA_HOST": "a", "OLLAMA_BASE_URL": "b"}, "ollama.base_url", "http://b:11434"),
        (
            {"OLLAMA_HOST": "a:x", "OLLAMA_BASE_URL": "b", "ACP_AGENT_OLLAMA_BASE_URL": "c:1"},
            "ollama.base_url",
            "http://c:1",
        ),
        ({"OLLAMA_THINK": "TRUE"}, "ollama.think", True),
        ({"OLLAMA_THINK": "false"}, "ollama.think", False),
        ({"OLLAMA_THINK": "Medium"}, "ollama.think", "medium"),
        ({"OLLAMA_THINK": "high", "ACP_AGENT_OLLAMA_THINK": "low"}, "ollama.think", "low"),
        ({"ACP_AGENT_MERGE": "0"}, "merge", False),
        ({"ACP_AGENT_MERGE": "1"}, "merge", True),
        ({"ACP_AGENT_DEFAULT_MODE": " ollama "}, "default_mode", "ollama"),
        ({"ACP_AGENT_ENGINE_IDLE_TIMEOUT": "5"}, "engine.idle_timeout", 5.0),
        ({"ACP_AGENT_OLLAMA_NUM_CTX": "4096"}, "ollama.num_ctx", 4096),
        ({"ACP_AGENT_OLLAMA_KEEP_ALIVE": "-1"}, "ollama.keep_alive", "-1s"),
        ({"ACP_AGENT_MLX_MODEL": "/a B/c"}, "mlx.model", "/a B/c"),
        ({"ACP_AGENT_LOG_LEVEL": "DEBUG"}, "log.level", "debug"),
        ({"ACP_AGENT_LOG_LEVEL": "  "}, "log.level", "info"),
        ({"OPENAI_BASE_URL": "http://lab:8000/v1/"}, "openai.base_url", "http://lab:8000/v1"),
        ({"OPENMYTHOS_VARIANT": "Mythos_1B"}, "mythos.variant", "mythos_1b"),
        ({"OPENMYTHOS_N_LOOPS": "32"}, "mythos.n_loops", 32),
        ({"ACP_AGENT_PANEL_PEERS": " lab, attic ,"}, "panel.peers", ["lab", "attic"]),
    ],
)
def test_variables(paths: Paths, environ: dict[str, str], key: str, value: object) -> None:
    found = value_of(load_settings(paths, environ).settings, key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("OLLAMA_HOST", "x:99999", "ollama.base_url must have a port from 1 to 65535."),
        ("OLLAMA_BASE_URL", "ftp://x", "ollama.base_url must begin with http:// or https://"),
        ("OLLAMA_THINK", "perhaps", 'ollama.think must be true, false, "low", "medium" or "high".'),
        ("ACP_AGENT_MERGE", "2", "merge must be true or false."),
        ("ACP_AGENT_ENGINE_IDLE_TIMEOUT", "inf", "engine.idle_timeout must be a number above 0."),
        ("ACP_AGENT_OLLAMA_NUM_CTX", "many", "ollama.num_ctx must be a whole number of at least"),
        ("OPENAI_BASE_URL", "lab:8000/v1", "openai.base_url must begin with http:// or https://"),
        ("OPENMYTHOS_N_LOOPS", "0", "mythos.n_loops must be a whole number from 1 to 256."),
        ("ACP_AGENT_LOG_LEVEL", "loud", 'log.level must be "debug", "info", "warning" or "error".'),
    ],
)
def test_a_bad_variable_is_named(paths: Paths, name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_settings(paths, {name: text})
    assert raised.value.message.startswith(f"Environment variable {name}: {message}")


CHOSEN = (
    "log.level=error tools.permissions=full gptoss.reasoning_effort=low auto.propose=always "
    "auto.orchestrator=mlx auto.delegation=eager ollama.num_ctx=777 mythos.device=cpu "
    "mythos.variant=mythos_1b openai.base_url=http://lab:8000/v1 panel.samples=7 "
    "panel.strategy=best_of panel.validity=schema"
)
"""Values for settings that take no number, or not every one."""


def test_every_setting_has_a_variable(paths: Paths) -> None:
    samples = {bool: "0", int: "64", float: "1.25", str: "10m", type(None): "1", list: "a,b"}
    special = {word.partition("=")[0]: word.partition("=")[2] for word in CHOSEN.split()}
    for key in setting_keys():
        text = special.get(dotted(key), samples[type(value_of(Settings(), dotted(key)))])
        name = variables_of(key)[0]
        assert name == f"ACP_AGENT_{dotted(key).replace('.', '_').upper()}"
        loaded = load_settings(paths, {name: text})
        assert loaded.origins[dotted(key)] == Origin("environment", name)
        changed = [k for k, origin in loaded.origins.items() if origin.kind != "default"]
        assert changed == [dotted(key)]
