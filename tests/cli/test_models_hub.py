"""``acp-agent models`` with a model from a hub: the licence, interruptions, repairs."""

import builtins
import importlib.util
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from acp_agent.cli.bench import find_bench_model
from acp_agent.cli.models import views
from acp_agent.config.machine import Machine
from acp_agent.harmony import golden
from acp_agent.models.store import ModelStore
from tests.cli.test_models import find_anything, invoke
from tests.fixtures.hub_files import WANTED, make_files, safetensors
from tests.fixtures.hub_server import Fault, Hub, running_hub, use_hub

CONFIG = '[models.tiny]\nrepo = "tests/tiny-model"\nname = "Tiny"\n'


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> Iterator[Hub]:
    (isolated_home / "config.toml").write_text(CONFIG)
    monkeypatch.setattr(importlib.util, "find_spec", find_anything)
    with running_hub(make_files()) as hub:
        use_hub(hub, monkeypatch)
        yield hub


@pytest.fixture
def store(isolated_home: Path) -> ModelStore:
    return ModelStore(isolated_home / "models")


def answer(monkeypatch: pytest.MonkeyPatch, reply: str | BaseException) -> list[str]:
    """Makes the terminal one with a user who replies so; the questions they were asked."""
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(builtins, "input", ask)
    return asked


def use_memory(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this a machine with ``size`` GiB of memory."""

    def total(self: Machine) -> int:
        return size * 2**30

    monkeypatch.setattr(Machine, "total", total)


def test_without_a_terminal_the_licence_needs_the_flag(
    hub: Hub, store: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke("install", "tiny") == 1
    captured = capsys.readouterr()
    assert f"From tests/tiny-model, revision {hub.commit}, 330 kB." in captured.out
    page = f"{hub.address}/tests/tiny-model/blob/{hub.commit}/LICENSE"
    assert f"read it ({page}), then run the command again with --accept-license" in captured.err
    assert store.installed() == []
    assert invoke("list") == 0
    assert "tiny: Tiny, not installed yet: 0 kB of 330 kB have arrived" in capsys.readouterr().out


def test_install_verify_repair_remove(
    hub: Hub, store: ModelStore, capsys: pytest.CaptureFixture[str], isolated_home: Path
) -> None:
    assert invoke("install", "tiny", "--accept-license") == 0
    output = capsys.readouterr().out
    assert "licence mit (LICENSE)" in output
    assert f"Its revision is {hub.commit}." in output
    assert "Downloading Tiny: 100 %" in output
    assert invoke("list") == 0
    assert f"tiny: Tiny, installed (revision {hub.commit})" in capsys.readouterr().out
    model = isolated_home / "models" / "tiny"
    (model / "config.json").write_bytes(b"{}")
    assert invoke("verify", "tiny") == 1
    captured = capsys.readouterr()
    assert "config.json: size mismatch\n" in captured.out
    assert "tokenizer.json: valid\n" in captured.out
    hub.served.clear()
    assert invoke("verify", "tiny", "--repair") == 0
    assert hub.served.keys() == {"config.json"}
    assert "tiny is repaired" in capsys.readouterr().out
    assert invoke("verify", "tiny") == 0
    assert len(re.findall(": valid$", capsys.readouterr().out, re.MULTILINE)) == len(WANTED)
    assert invoke("remove", "tiny") == 0
    assert store.installed() == []


def test_a_user_who_accepts(
    hub: Hub,
    store: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub.files["LICENSE"] = b"Be \x1b[31mkind\x07.\n"
    asked = answer(monkeypatch, " Yes ")
    assert invoke("install", "tiny") == 0
    assert asked == ["Accept this licence and install the model? [y/N] "]
    assert "\nBe [31mkind.\n" in capsys.readouterr().out
    manifest = store.require("tiny")
    assert manifest.acknowledgement is not None


@pytest.mark.parametrize("reply", ["", "n", "what?", EOFError()])
def test_declining_is_no_error(
    hub: Hub,
    isolated_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reply: str | BaseException,
) -> None:
    answer(monkeypatch, reply)
    assert invoke("install", "tiny") == 1
    captured = capsys.readouterr()
    assert captured.out.endswith("Declined: Tiny is not installed.\n")
    assert captured.err == ""
    left = [path.name for path in (isolated_home / "models").iterdir()]
    assert left == [".tiny.lock"]


@pytest.mark.anyio
async def test_ctrl_c_keeps_what_has_arrived(
    hub: Hub, store: ModelStore, isolated_home: Path
) -> None:
    shard = "model-2-of-2.safetensors"
    hub.faults.append(Fault("stall", at=50_000, on=shard))
    code = (
        "import sys, importlib.util, signal\n"  # SIGINT is ignored in a shell's background
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "plain = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: plain(name) or object()\n"
        "sys.argv = ['acp-agent', 'models', 'install', 'tiny', '--accept-license']\n"
        "sys.exit(importlib.import_module('acp_agent.cli').main())\n"
    )
    with anyio.fail_after(60):
        async with await anyio.open_process([sys.executable, "-c", code]) as process:
            assert process.stderr is not None
            assert await anyio.to_thread.run_sync(hub.reached.wait, 50)
            process.send_signal(signal.SIGINT)
            error = b"".join([piece async for piece in process.stderr])
            assert await process.wait() == 130, error
    assert b"what has arrived is kept, and `acp-agent models install tiny` goes on" in error
    assert store.installed() == []
    hub.served.clear()
    assert await anyio.to_thread.run_sync(invoke, "install", "tiny", "--accept-license") == 0
    assert shard in hub.served
    assert "model-1-of-2.safetensors" not in hub.served
    assert store.verify("tiny") == []


def test_own_folder_needs_no_installation(
    isolated_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = isolated_home / "own"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (isolated_home / "config.toml").write_text(f'[models.own]\npath = "{folder}"\n')
    assert invoke("install", "own") == 0
    assert "nothing to install" in capsys.readouterr().out
    assert invoke("path", "own") == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert invoke("list") == 0
    assert "own: own, installed" in capsys.readouterr().out


@pytest.fixture
def own(isolated_home: Path) -> Path:
    """A model folder of the user's that the configuration calls ``own``."""
    folder = isolated_home / "folders" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "gpt_oss"}')
    (folder / "model.safetensors").write_bytes(safetensors({"a": b"x"}))
    (isolated_home / "config.toml").write_text(
        f'[models.own]\npath = "{folder}"\n[models.gone]\npath = "{folder}-gone"\n'
    )
    return folder


@pytest.mark.parametrize("name", ["own", "{}", "mine", "./mine"])
def test_all_commands_agree_on_what_a_folder_is(
    own: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(own.parent)
    name = name.format(own)
    checked: list[Path] = []

    def check(folder: Path) -> list[golden.Difference]:
        checked.append(folder)
        return []

    monkeypatch.setattr(golden, "check_template", check)
    assert invoke("install", name) == 0
    assert "nothing to install" in capsys.readouterr().out
    assert invoke("path", name) == 0
    assert capsys.readouterr().out == f"{own}\n"
    assert find_bench_model(name)[1] == str(own)
    assert invoke("check-template", name) == 0
    assert checked == [own]
    capsys.readouterr()
    for words in (["verify", name], ["verify", "--repair", name]):
        assert invoke(*words) == 0
        output = capsys.readouterr().out
        assert "no checksums to compare it with" in output
        assert "its weights are whole" in output
    (own / "model.safetensors").write_bytes(b"half")
    assert invoke("verify", name) == 1
    assert "model.safetensors is no whole safetensors file" in capsys.readouterr().err
    assert invoke("remove", name) == 1
    assert "delete it yourself" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["install", "path", "verify", "check-template", "remove"])
def test_a_folder_that_is_not_there_is_told_with_its_setting(
    own: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(action, "gone") == 1
    assert "models.gone.path in the configuration names a folder" in capsys.readouterr().err
    assert invoke(action, str(own.parent)) == 1
    assert "is no folder with an MLX model (no config.json)" in capsys.readouterr().err
    assert invoke("list") == 0
    assert "gone: gone, not there\n  models.gone.path" in capsys.readouterr().out


def test_what_was_installed_by_a_short_name_is_known_by_its_id(
    hub: Hub, isolated_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke("install", "tiny", "--accept-license") == 0
    (isolated_home / "config.toml").write_text("")
    capsys.readouterr()
    assert invoke("install", "tiny") == 0
    assert capsys.readouterr().out == "Tiny is already installed.\n"
    (isolated_home / "models" / "tiny" / "config.json").write_bytes(b"{}")
    assert invoke("install", "tiny") == 1
    assert "acp-agent models verify --repair tiny" in capsys.readouterr().err


def test_recommendation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", find_anything)
    use_memory(32, monkeypatch)
    monkeypatch.setattr(views, "explain_no_gpu", lambda: "There is no GPU.")
    assert invoke("recommend") == 0
    assert capsys.readouterr().out.startswith("There is no GPU.\ngpt-oss-20b: recommended\n")
    monkeypatch.setattr(views, "explain_no_gpu", lambda: None)
    assert invoke("recommend") == 0
    assert capsys.readouterr().out.startswith(
        "gpt-oss-20b: recommended\n  It wants 24 GB and this machine has 32 GB.\n"
    )


def test_too_little_memory_is_said_before_anything_else(
    hub: Hub,
    isolated_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use_memory(8, monkeypatch)
    assert invoke("install", "llama3.3:70b:4bit") == 1
    assert "does not fit. It needs a machine with 50 GB" in capsys.readouterr().err
    assert hub.requests == []


def test_check_template(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found: list[golden.Difference] = []

    def check(folder: Path) -> list[golden.Difference]:
        return found

    (isolated_home / "config.json").write_text("{}")
    monkeypatch.setattr(golden, "check_template", check)
    assert invoke("check-template", str(isolated_home)) == 0
    assert "prompts are as they should be" in capsys.readouterr().out
    found.append(golden.Difference("one message", "Hello", "Hallo"))
    assert invoke("check-template", str(isolated_home)) == 1
    output = capsys.readouterr().out
    assert output.startswith("one message:\n")
    assert "-Hello" in output
    assert invoke("check-template", "gpt-oss-20b") == 1
    assert "`acp-agent models install gpt-oss-20b`" in capsys.readouterr().err
