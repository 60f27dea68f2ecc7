"""Where the wire is after the claim, and what becomes of stray output."""

import os
import subprocess
import sys
import threading

import pytest

from acp_agent.rpc.descriptors import StderrRelay

LIMIT = 20.0
CLAIM = """
import os, subprocess, sys
from acp_agent.rpc.descriptors import claim
wire = claim()
"""
ECHO = CLAIM + "os.write(wire.write_fd, os.read(wire.read_fd, 100))\n"


def run(script: str, shell: str = "") -> subprocess.CompletedProcess[bytes]:
    """Runs a script with ``input`` on stdin; ``shell`` holds redirections."""
    command = ["sh", "-c", f'exec "$0" -c "$1" {shell}', sys.executable, script]
    return subprocess.run(command, input=b"input", capture_output=True, timeout=60, check=False)


def test_the_wire_is_where_stdin_and_stdout_were() -> None:
    result = run(ECHO)
    assert (result.stdout, result.stderr) == (b"input", b"")


def test_stray_output_lands_on_stderr() -> None:
    result = run(
        CLAIM + "print('from Python', flush=True)\n"
        "os.write(1, b'from C\\n')\n"
        "subprocess.run(['echo', 'from a child'])\n"
        "os.write(wire.write_fd, b'wire')\n"
    )
    assert result.stdout == b"wire"
    assert result.stderr.splitlines() == [b"from Python", b"from C", b"from a child"]


def test_nobody_else_reads_the_wire() -> None:
    result = run(
        CLAIM + "print(os.read(0, 10), flush=True)\n"
        "subprocess.run(['cat'])\n"
        "os.write(wire.write_fd, os.read(wire.read_fd, 100))\n"
    )
    assert (result.stdout, result.stderr) == (b"input", b"b''\n")


def test_children_do_not_inherit_the_wire() -> None:
    result = run(
        CLAIM + "script = f'import os\\nfor fd in {wire.read_fd, wire.write_fd}: os.fstat(fd)'\n"
        "done = subprocess.run([sys.executable, '-c', script], close_fds=False)\n"
        "os.write(wire.write_fd, str(done.returncode).encode())\n"
    )
    assert result.stdout == b"1"
    assert b"Bad file descriptor" in result.stderr


def test_a_closed_stderr_takes_nothing_from_the_wire() -> None:
    assert run(ECHO + "os.write(1, b'stray')\nos.write(2, b'stray')\n", "2>&-").stdout == b"input"


def test_a_closed_stdin_is_an_end_of_input() -> None:
    result = run(ECHO, "<&-")
    assert (result.stdout, result.stderr, result.returncode) == (b"", b"", 0)


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_no_file_takes_the_number_of_a_closed_standard_descriptor(closed: str) -> None:
    script = CLAIM + "os.write(wire.write_fd, str(os.open(os.devnull, os.O_RDONLY) > 2).encode())\n"
    assert run(script, closed).stdout == b"True"


@pytest.fixture
def relay() -> "RelayTest":
    return RelayTest()


class RelayTest:
    """A relay between two pipes: what a test writes, and what the editor reads."""

    def __init__(self) -> None:
        self.editor, self._real = os.pipe()
        pipe, self._write_end = os.pipe()
        self.relay = StderrRelay(self._real, pipe)
        self.relay.start()

    def write(self, data: bytes) -> None:
        """Writes as the agent would; fails the test where that blocks."""
        done = threading.Event()

        def work() -> None:
            view = memoryview(data)
            while view:
                view = view[os.write(self._write_end, view) :]
            done.set()

        threading.Thread(target=work, daemon=True).start()
        assert done.wait(LIMIT)

    def end(self) -> bytes:
        """What the editor finds once everything was relayed."""
        os.close(self._write_end)
        vars(self.relay)["_thread"].join(LIMIT)
        os.close(self._real)
        with open(self.editor, "rb") as stream:
            return stream.read()


def test_the_relay_passes_everything_on_while_there_is_room(relay: RelayTest) -> None:
    data = b"".join(b"line %d\n" % number for number in range(2000))
    relay.write(data)
    assert relay.end() == data
    assert relay.relay.dropped == 0


def test_an_editor_that_never_reads_stderr_blocks_nobody(relay: RelayTest) -> None:
    relay.write(b"x" * 1_000_000)
    found = relay.end()
    assert set(found) == {ord("x")}
    assert len(found) + relay.relay.dropped == 1_000_000
    assert relay.relay.dropped > 0


def test_an_editor_that_has_closed_stderr_blocks_nobody(relay: RelayTest) -> None:
    os.close(relay.editor)
    relay.write(b"x" * 1_000_000)
    relay.editor = os.open(os.devnull, os.O_RDONLY)
    assert relay.end() == b""
    assert relay.relay.dropped == 1_000_000
