"""``acp-agent mcp`` as a person meets it; what clients meet is in ``tests/e2e``."""

import os
import subprocess
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals", allow_module_level=True)

import pty


def test_in_a_terminal_it_says_who_should_start_it() -> None:
    outer, inner = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "acp_agent", "mcp"],
            stdin=inner,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(outer)
        os.close(inner)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "docs/mcp-server.md" in done.stderr


def test_a_closed_input_is_a_client_that_has_left() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "acp_agent", "mcp"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
