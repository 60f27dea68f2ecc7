"""What real editors and scripts do with the three standard descriptors."""

import json
import os
import subprocess
from pathlib import Path

import anyio
import pytest

from tests.e2e.agent_process import ROOT, agent_command, agent_environ
from tests.e2e.editor import LIMIT
from tests.e2e.raw_client import raw_client

pytestmark = pytest.mark.usefixtures("posix")

NOISE = """
import importlib.abc, os, sys

class Noise(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "acp_agent.turn.loop":
            for _ in range(2000):
                print("from print " * 10)
                os.write(1, b"from a C library " * 10)
                os.write(2, b"on stderr " * 10)
        return None

sys.meta_path.insert(0, Noise())
"""
"""As ``sitecustomize``: a library that writes 1 MB to descriptors 1 and 2 in a prompt."""


@pytest.mark.anyio
async def test_input_and_output_are_sockets(isolated_home: Path) -> None:
    async with raw_client(agent_environ(isolated_home), sockets=True) as client:
        session = await client.open_session("scripted")
        assert await client.prompt(session, "flood 2000 100") == "x" * 200_000


@pytest.mark.anyio
@pytest.mark.parametrize("read", [False, True], ids=["nobody reads stderr", "stderr is closed"])
async def test_output_of_others_neither_blocks_nor_reaches_the_wire(
    isolated_home: Path, tmp_path: Path, read: bool
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOISE, encoding="utf-8")
    environ = agent_environ(isolated_home)
    environ["PYTHONPATH"] = os.pathsep.join([str(tmp_path), environ.get("PYTHONPATH", "")])
    stderr_reader, stderr = os.pipe()
    if read:
        os.close(stderr_reader)
    try:
        async with raw_client(environ, stderr=stderr) as client:
            session = await client.open_session("scripted")
            with anyio.fail_after(LIMIT):
                assert await client.prompt(session, "say clean") == "clean"
    finally:
        os.close(stderr)
        if not read:
            heard = os.read(stderr_reader, 1 << 20)
            os.close(stderr_reader)
            assert b"from print" in heard


@pytest.mark.parametrize("newline", ["\n", "\r\n", ""], ids=["LF", "CRLF", "no last line feed"])
def test_input_and_output_are_files(isolated_home: Path, tmp_path: Path, newline: str) -> None:
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}},
        {"jsonrpc": "2.0", "id": 2, "method": "authenticate", "params": {"methodId": "local"}},
    ]
    text = (newline or "\n").join(json.dumps(request) for request in requests) + newline
    (tmp_path / "in").write_bytes(text.encode())
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as target:
        result = subprocess.run(
            agent_command(),
            stdin=source,
            stdout=target,
            stderr=subprocess.PIPE,
            env=agent_environ(isolated_home),
            cwd=ROOT,
            timeout=LIMIT,
        )
    assert (result.returncode, result.stderr) == (0, b"")
    lines = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2]


def test_a_client_that_is_gone_at_once(isolated_home: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    line = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n'
    result = subprocess.run(
        agent_command(),
        input=line.encode(),
        stdout=writer,
        stderr=subprocess.PIPE,
        env=agent_environ(isolated_home),
        cwd=ROOT,
        timeout=LIMIT,
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


def test_it_runs_without_a_home_that_can_be_written(tmp_path: Path) -> None:
    environ = agent_environ(tmp_path / "file" / "home")
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    line = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n'
    result = subprocess.run(
        agent_command(),
        input=line.encode(),
        capture_output=True,
        env=environ,
        cwd=ROOT,
        timeout=LIMIT,
    )
    assert result.returncode == 0
    assert json.loads(result.stdout)["result"]["protocolVersion"] == 1
