"""Settings from defaults, file and environment: what wins, and what is refused how."""

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from acp_agent.config.file import FILE_LIMIT, shown
from acp_agent.config.keys import dotted, setting_keys
from acp_agent.config.load import Loaded, Origin, load_settings
from acp_agent.config.paths import Paths, find_paths
from acp_agent.config.settings import Settings
from acp_agent.errors import ConfigError


@pytest.fixture
def paths(isolated_home: Path) -> Paths:
    return find_paths({"ACP_AGENT_HOME": str(isolated_home)})


def load(paths: Paths, text: str | bytes, environ: dict[str, str] | None = None) -> Loaded:
    paths.config_file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_settings(paths, environ or {})


def refusal(paths: Paths, text: str | bytes, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        load(paths, text, environ)
    return raised.value.message.replace(f"{paths.config_file}", "FILE")


def value_of(settings: Settings, key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def test_without_file_and_variables_the_defaults_hold(paths: Paths) -> None:
    loaded = load_settings(paths, {})

    assert loaded.settings == Settings()
    assert loaded.origins == {dotted(key): Origin("default") for key in setting_keys()}
    assert str(loaded.origins["merge"]) == "default"
    assert not paths.config_file.exists()


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "[ollama]\n", "\ufeff"])
def test_an_empty_file_changes_nothing(paths: Paths, text: str) -> None:
    loaded = load(paths, text)
    assert loaded.settings == Settings()
    assert {origin.kind for origin in loaded.origins.values()} == {"default"}


def test_the_file_wins_over_the_default_and_has_a_line(paths: Paths) -> None:
    loaded = load(
        paths,
        '\ufeffmerge = false\r\n# x\r\nollama.temperature = 1\r\n[engine]\r\n"idle_timeout" = 5\r\n'
        "[mlx]\r\nmodel = '''\r\nmine'''\r\n",
    )

    assert loaded.settings.merge is False
    assert loaded.settings.ollama.temperature == 1.0
    assert loaded.settings.engine.idle_timeout == 5.0
    assert loaded.settings.mlx.model == "mine"
    from_file = {key: o.line for key, o in loaded.origins.items() if o.kind == "file"}
    assert from_file == {
        "merge": 1,
        "ollama.temperature": 3,
        "engine.idle_timeout": 5,
        "mlx.model": 7,
    }
    assert str(loaded.origins["merge"]) == f"{shown(paths.config_file)}:1"


def test_the_environment_wins_over_the_file(paths: Paths) -> None:
    text = '[ollama]\nbase_url = "http://file:1/"\nthink = true\nnum_ctx = 512\n'
    loaded = load(paths, text, {"OLLAMA_HOST": "there:2", "OLLAMA_THINK": ""})

    assert loaded.settings.ollama.base_url == "http://there:2"
    assert loaded.origins["ollama.base_url"] == Origin("environment", "OLLAMA_HOST")
    assert str(loaded.origins["ollama.base_url"]) == "environment variable OLLAMA_HOST"
    assert loaded.settings.ollama.think is True
    assert loaded.origins["ollama.think"].line == 3
    assert loaded.settings.ollama.num_ctx == 512


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ('[ollama]\nbase_url = "there:1/"', "ollama.base_url", "http://there:1"),
        ('[ollama]\nthink = "low"', "ollama.think", "low"),
        ("[ollama]\nthink = true", "ollama.think", True),
        ('[ollama]\nkeep_alive = "1h30m"', "ollama.keep_alive", "1h30m"),
        ('[ollama]\nkeep_alive = "300"', "ollama.keep_alive", "300s"),
        ('[ollama]\nkeep_alive = "-1"', "ollama.keep_alive", "-1s"),
        ("ollama = { num_ctx = 256 }", "ollama.num_ctx", 256),
        ("mlx.temperature = 2", "mlx.temperature", 2.0),
        ('log.level = "debug"', "log.level", "debug"),
        ('default_mode = "mlx"', "default_mode", "mlx"),
    ],
)
def test_values_that_fit(paths: Paths, text: str, key: str, value: object) -> None:
    found = value_of(load(paths, text).settings, key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("merge = 1", "FILE, line 1: merge must be true or false."),
        ("\n[ollama]\nnum_ctx = 255", "line 3: ollama.num_ctx must be a whole number of at least"),
        ('ollama.num_ctx = "512"', "line 1: ollama.num_ctx must be a whole number"),
        ("ollama.num_ctx = 512.0", "line 1: ollama.num_ctx must be a whole number"),
        ("ollama.num_ctx = true", "line 1: ollama.num_ctx must be a whole number"),
        ("ollama.think = 1", 'ollama.think must be true, false, "low", "medium" or "high".'),
        ('ollama.think = "x"', 'ollama.think must be true, false, "low", "medium" or "high".'),
        ("ollama.temperature = 2.1", "ollama.temperature must be a number from 0 to 2."),
        ("ollama.temperature = nan", "ollama.temperature must be a number from 0 to 2."),
        ('engine.unload_after = "10"', 'engine.unload_after must be a time such as "10m"'),
        ("engine.idle_timeout = 0", "engine.idle_timeout must be a number above 0."),
        ("engine.idle_timeout = inf", "engine.idle_timeout must be a number above 0."),
        ("ollama.model = 1", "ollama.model must be text in quotes."),
        ('ollama.model = ""', "ollama.model must be text in quotes."),
        ('ollama.keep_alive = "soon"', "ollama.keep_alive must be a duration such as"),
        ("ollama.keep_alive = 5", "ollama.keep_alive must be text in quotes."),
        ('ollama.base_url = "a:b"', "ollama.base_url must have a port from 1 to 65535."),
        ('log.level = "INFO"', 'log.level must be "debug", "info", "warning" or "error".'),
        ("ollama = 1", "line 1: ollama must be a table: write [ollama] above its keys."),
        ("[[ollama]]", "line 1: ollama must be a table"),
        ("merg = true", "line 1: merg is not a setting; did you mean merge?"),
        ("\n[olama]\nmodel = 1", "line 2: olama is not a setting; did you mean ollama?"),
        (
            "[ollama]\nmodle = 1",
            "line 2: ollama.modle is not a setting; did you mean ollama.model?",
        ),
        ('base_url = "x"', "did you mean ollama.base_url or openai.base_url?"),
        (
            "temperature = 1",
            "did you mean ollama.temperature or mlx.temperature or gptoss.temperature or mythos.",
        ),
        ("[log]\nx = 1", "line 2: log.x is not a setting; remove it, or use one of level."),
        ("[models.a]\nx = 1\nrepo='a/b'", "line 2: models.a.x is not a setting; use one of repo,"),
        ("[models.a]", "line 1: models.a must have either repo or path."),
        ("[models.a]\npath='/a'\nminimum_memory=9", "models.a takes only name beside path"),
        ("[endpoints.a]\nbase_url='http://u:p@h'", "endpoints.a.base_url must not hold a login"),
        ("[endpoints.a]", "line 1: endpoints.a.base_url is missing; every table [endpoints.NAME]"),
        ("[endpoints.'a b']\nbase_url='http://h'", 'endpoints."a b": a name holds only letters'),
        ("models.a.repo = '..'", "line 1: models.a.repo has a value that does not fit"),
        ("[models]\na = 1", "line 2: models holds tables only: write [models.NAME] above"),
        ("x = 1", "one of default_mode, merge, ollama, mlx, gptoss, mythos, openai, panel, auto,"),
        ('"a\\nb\\u001b" = 1', 'line 1: "a\\nb\\u001b" is not a setting'),
        ("merge = ", "FILE, line 1: this is not valid TOML (Invalid value)"),
        ("\n\nmerge true", "line 3: this is not valid TOML"),
        ("\nmodel = [1,\n2", "line 3: this is not valid TOML"),
        ("merge = true\nmerge = false", "line 2: this is not valid TOML"),
        (f"x = {'1' * 5000}", "FILE: this is not valid TOML"),
        ("x = " + "[" * 5000, "FILE: the values are nested too deeply"),
        (b"# \xc3\xa4\n# \xe4\n", "FILE, line 2: this is not UTF-8; save the file as UTF-8."),
        (b"#" * (FILE_LIMIT + 1), "The configuration file FILE is larger than 1 MiB;"),
    ],
)
def test_what_is_refused_names_file_line_and_key(
    paths: Paths, text: str | bytes, message: str
) -> None:
    said = refusal(paths, text)
    assert message in said
    assert said.isprintable()


def test_all_problems_are_told_in_the_order_of_the_file(paths: Paths) -> None:
    said = refusal(paths, '[log]\nlevel = 1\n[ollama]\nx = 1\nbase_url = "http://u:secret@h:x"\n')
    lines = said.splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"FILE, line {n}" for n in (2, 4, 5)]
    assert "secret" not in said


def test_many_problems_are_counted(paths: Paths) -> None:
    said = refusal(paths, "".join(f"x{n} = 1\n" for n in range(8)))
    assert len(said.splitlines()) == 6
    assert said.endswith("There are 3 more.")


def test_the_process_environment_is_the_default(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACP_AGENT_MERGE", "off")
    assert load_settings(paths).settings.merge is False


def test_a_folder_in_place_of_the_file_is_refused(paths: Paths) -> None:
    paths.config_file.mkdir()
    with pytest.raises(ConfigError, match=r"is a folder; correct that, or set ACP_AGENT_CONFIG"):
        load_settings(paths, {})


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_a_pipe_in_place_of_the_file_does_not_block(paths: Paths) -> None:
    os.mkfifo(paths.config_file)
    with pytest.raises(ConfigError, match="is not a regular file"):
        load_settings(paths, {})


def test_an_unreadable_file_is_refused(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may read anything, so the refusal of the system is played.
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    paths.config_file.write_text("")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match=r"cannot be read \(permission denied\)"):
        load_settings(paths, {})


def test_no_file_where_a_parent_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    override = {"ACP_AGENT_CONFIG": str(tmp_path / "file" / "config.toml")}
    assert load_settings(find_paths(override), {}).settings == Settings()


def test_the_null_device_is_no_file() -> None:
    paths = find_paths({"ACP_AGENT_CONFIG": os.devnull})
    assert stat.S_ISCHR(paths.config_file.stat().st_mode) or sys.platform == "win32"
    assert load_settings(paths, {}).settings == Settings()


def test_the_home_folder_is_shown_as_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("USERPROFILE", "/home/someone")
    assert shown(Path("/home/someone/a/b.toml")) == str(Path("~/a/b.toml"))
    assert shown(Path("/home/someone2/b.toml")) == str(Path("/home/someone2/b.toml"))
    monkeypatch.setenv("HOME", "/")
    assert shown(Path("/etc/b.toml")) == str(Path("/etc/b.toml"))
    if sys.platform != "win32":
        assert shown(Path(os.fsdecode(b"/a\xff"))) == "/a\ufffd"
