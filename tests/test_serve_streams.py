"""What a client does to the agent's streams: not reading them, and stray output on them."""

import fcntl
import os
import subprocess
import sys
import termios
from pathlib import Path

import psutil
import pytest

from tests.protocol.process import ROOT, AgentProcess, agent, wait_until

if sys.platform == "win32":
    pytest.skip("these tests use POSIX descriptors", allow_module_level=True)

# Runs in the agent when the first prompt loads the turn loop.
NOISE = """
import ctypes, os, sys, warnings

class Noise:
    def find_spec(self, name, path=None, target=None):
        if name == "acp_agent.turn.loop":
            sys.meta_path.remove(self)
            make_noise()

sys.meta_path.insert(0, Noise())

def make_noise():
"""
STRAY = """
    print("from print", flush=True)
    os.write(1, b"from write\\n")
    sys.__stdout__.write("from stdout\\n"); sys.__stdout__.flush()
    libc = ctypes.CDLL(None)
    libc.puts(b"from C"); libc.fflush(None)
    warnings.warn("from warn", stacklevel=1)
    os.system("echo from a child")
"""
MUCH = """
    for _ in range(2000):
        os.write(2, b"x" * 1000)
        os.write(1, b"y" * 1000)
"""
STRAY_LINES = ["from print", "from write", "from stdout", "from C", "from a child"]


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A folder whose ``sitecustomize`` the agent imports at its start."""
    folder = tmp_path / "noise"
    folder.mkdir()
    return folder


def noisy(folder: Path, code: str) -> dict[str, str]:
    """The settings of an agent in which ``code`` runs during the first prompt."""
    (folder / "sitecustomize.py").write_text(NOISE + code)
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def waiting_bytes(fd: int) -> int:
    """How many bytes can be read from ``fd`` at once."""
    count = fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0")
    return int.from_bytes(count, sys.byteorder)


def is_stalled(process: AgentProcess) -> bool:
    """Whether the pipe is full and the agent neither runs nor fills it any more."""
    before = waiting_bytes(process.from_agent)
    usage = psutil.Process(process.process.pid)
    times = usage.cpu_times()
    with pytest.raises(subprocess.TimeoutExpired):
        process.process.wait(0.2)
    return 0 < before == waiting_bytes(process.from_agent) and times == usage.cpu_times()


def test_stray_output_lands_on_stderr_and_only_messages_on_stdout(noise: Path) -> None:
    read_end, write_end = os.pipe()
    with agent(stderr=write_end, settings=noisy(noise, STRAY)) as process, open(read_end) as stderr:
        os.close(write_end)
        assert process.say(process.open_session(), "say well") == "well"
        process.end_input()
        assert process.rest() == []
        assert process.wait() == 0
        found = stderr.read()
    for line in STRAY_LINES:
        assert line in found.splitlines()


def test_a_client_that_never_reads_stderr_does_not_block_us(noise: Path) -> None:
    read_end, write_end = os.pipe()
    with agent(stderr=write_end, settings=noisy(noise, MUCH)) as process:
        os.close(write_end)
        assert process.say(process.open_session(), "say well") == "well"
        assert waiting_bytes(read_end) > 0
        process.end_input()
        assert process.wait() == 0
    os.close(read_end)


def test_a_client_that_has_closed_stderr_does_not_block_us(noise: Path) -> None:
    read_end, write_end = os.pipe()
    with agent(stderr=write_end, settings=noisy(noise, MUCH)) as process:
        os.close(write_end)
        os.close(read_end)
        assert process.say(process.open_session(), "say well") == "well"


def test_a_session_leaves_stderr_empty() -> None:
    read_end, write_end = os.pipe()
    with agent(stderr=write_end) as process, open(read_end) as stderr:
        os.close(write_end)
        session = process.open_session()
        assert process.say(session, "say well") == "well"
        process.write(b"garbage\n")
        process.read()
        process.end_input()
        assert process.wait() == 0
        assert stderr.read() == ""


def test_a_client_that_stops_reading_costs_no_memory_and_loses_nothing() -> None:
    with agent() as process:
        session = process.open_session()
        process.say(session, "flood 2000 100")
        usage = psutil.Process(process.process.pid)
        before = usage.memory_info().rss
        prompt = process.prompt(session, "flood 20000 1000\nsay end")
        start = len(process.seen)
        process.post(prompt)
        wait_until(lambda: is_stalled(process))
        assert usage.memory_info().rss - before < 5_000_000
        assert process.answer(prompt)["result"]["stopReason"] == "end_turn"
        assert process.text(start) == "x" * 20_000_000 + "end"
        # Merged while the client was behind.
        assert len(process.seen) - start < 20_000


def test_without_merging_every_delta_is_a_message() -> None:
    with agent(settings={"ACP_AGENT_MERGE": "0"}) as process:
        session = process.open_session()
        prompt = process.prompt(session, "flood 3000 10")
        start = len(process.seen)
        process.post(prompt)
        process.answer(prompt)
        assert len(process.seen) - start == 3001


def test_a_stalled_turn_can_be_cancelled() -> None:
    with agent() as process:
        session = process.open_session()
        prompt = process.prompt(session, "flood 1000000000 1000")
        process.post(prompt)
        wait_until(lambda: is_stalled(process))
        params = {"sessionId": session}
        process.post({"jsonrpc": "2.0", "method": "session/cancel", "params": params})
        assert process.answer(prompt)["result"]["stopReason"] == "cancelled"
        assert process.say(session, "say well") == "well"


def test_a_flood_can_be_cancelled_while_it_is_read() -> None:
    with agent() as process:
        session = process.open_session()
        prompt = process.prompt(session, "flood 1000000000 100")
        process.post(prompt)
        process.read()
        params = {"sessionId": session}
        process.post({"jsonrpc": "2.0", "method": "session/cancel", "params": params})
        assert process.answer(prompt)["result"]["stopReason"] == "cancelled"


def test_many_prompts_in_one_write_come_back_in_order() -> None:
    with agent() as process:
        sessions = [process.open_session() for _ in range(20)]
        start = len(process.seen)
        prompts = [process.prompt(session, f"say {session}") for session in sessions]
        process.post(*prompts)
        for prompt in prompts:
            if not any(message.get("id") == prompt["id"] for message in process.seen[start:]):
                process.answer(prompt)
        updates = [m["params"] for m in process.seen[start:] if "params" in m]
        said = {u["sessionId"]: u["update"]["content"]["text"] for u in updates}
        assert said == {session: session for session in sessions}
