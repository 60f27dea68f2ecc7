"""The real agent over real descriptors: bad lines, long lines, transports, its end."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.protocol.process import Ends, agent, pipes, sockets, terminal

if sys.platform == "win32":
    pytest.skip("these tests use POSIX descriptors", allow_module_level=True)

END_SECONDS = 5.0

every_transport = pytest.mark.parametrize("make", [pipes, sockets], ids=["pipes", "sockets"])


def test_ten_thousand_lines_of_garbage_are_answered_and_survived() -> None:
    with agent() as process:
        lines = b"".join(b"garbage %d\n" % number for number in range(10_000))
        writer = threading.Thread(target=process.write, args=(lines,))
        writer.start()
        for _ in range(10_000):
            message = process.read()
            assert message["id"] is None
            assert message["error"]["code"] == -32700
        writer.join()
        assert process.say(process.open_session(), "say well") == "well"


def test_bytes_of_every_value_are_survived() -> None:
    with agent() as process:
        process.write(bytes(range(256)) + b"\n" + b"\xf0\x9f\n" + b"\x00\n")
        codes = [process.read()["error"]["code"] for _ in range(4)]
        assert codes == [-32700] * 4
        assert process.call("initialize", {"protocolVersion": 1})


def test_a_line_of_ten_million_bytes_is_read_and_answered() -> None:
    with agent() as process:
        session = process.open_session()
        text = "0123456789" * 1_000_000
        request = process.prompt(session, f"say {text}")
        writer = threading.Thread(target=process.post, args=(request,))
        writer.start()
        assert process.answer(request)["result"]["stopReason"] == "end_turn"
        writer.join()
        assert process.text() == text


def test_a_request_may_arrive_byte_by_byte() -> None:
    with agent() as process:
        line = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\r\n'
        process.request("initialize", {})
        for byte in line:
            process.write(bytes([byte]))
        assert process.read()["result"]["protocolVersion"] == 1


@every_transport
def test_a_whole_session_and_its_end(make: Callable[[], Ends]) -> None:
    with agent(make) as process:
        session = process.open_session()
        assert process.say(session, "think hm\nsay one") == "one"
        assert process.say(session, "What is this?") == "What is this?"
        assert process.call("session/close", {"sessionId": session}) == {}
        process.end_input()
        assert process.rest() == []
        assert process.wait(END_SECONDS) == 0


def test_a_session_over_a_terminal() -> None:
    with agent(terminal, arguments=["serve"]) as process:
        session = process.open_session()
        assert process.say(session, "say one") == "one"
        process.process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 128 + signal.SIGTERM


def test_input_and_output_may_be_files(tmp_path: Path) -> None:
    asked, answered = tmp_path / "in", tmp_path / "out"
    request = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}'
    asked.write_text(f"garbage\n{request}")

    def files() -> Ends:
        agent_in = os.open(asked, os.O_RDONLY)
        agent_out = os.open(answered, os.O_WRONLY | os.O_CREAT)
        return agent_in, agent_out, os.open(os.devnull, os.O_WRONLY), -1

    with agent(files) as process:
        assert process.wait(END_SECONDS) == 0
        process.from_agent = os.open(answered, os.O_RDONLY)
        process.request("initialize", {})
        error, answer = process.rest()
    assert (error["id"], answer["id"]) == (None, 1)
    assert answer["result"]["protocolVersion"] == 1


@every_transport
def test_a_prompt_and_its_cancellation_in_one_write(make: Callable[[], Ends]) -> None:
    with agent(make) as process:
        session = process.open_session()
        for _ in range(20):
            prompt = process.prompt(session, "say never\nslow 1000 1000")
            params = {"sessionId": session}
            process.post(prompt, {"jsonrpc": "2.0", "method": "session/cancel", "params": params})
            assert process.answer(prompt)["result"]["stopReason"] == "cancelled"
        assert process.text() == ""


def test_the_end_of_input_cancels_what_runs_and_ends_the_process() -> None:
    with agent() as process:
        session = process.open_session()
        prompt = process.prompt(session, "say a\nslow 1000 1000")
        process.post(prompt)
        assert "update" in process.read()["params"]
        process.end_input()
        last = process.rest()[-1]
        assert (last["id"], last["result"]["stopReason"]) == (prompt["id"], "cancelled")
        assert process.wait(END_SECONDS) == 0


def test_the_end_of_input_before_any_request_ends_the_process() -> None:
    with agent() as process:
        process.end_input()
        assert process.rest() == []
        assert process.wait(END_SECONDS) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_in_the_middle_of_a_turn(number: signal.Signals) -> None:
    with agent() as process:
        prompt = process.prompt(process.open_session(), "say a\nslow 1000 1000")
        process.post(prompt)
        process.read()
        process.process.send_signal(number)
        assert process.wait(END_SECONDS) == 128 + number


def test_a_client_that_goes_away_ends_the_process() -> None:
    with agent() as process:
        session = process.open_session()
        process.post(process.prompt(session, "flood 1000000000 100"))
        process.read()
        os.close(process.from_agent)
        process.from_agent = -1
        assert process.wait(END_SECONDS) == 0


def test_initialize_needs_no_home_and_no_environment() -> None:
    environ = {"PATH": os.environ["PATH"], "PYTEST_RUN_FOLDER": os.environ["PYTEST_RUN_FOLDER"]}
    with agent(environ=environ) as process:
        assert process.call("initialize", {"protocolVersion": 1})["protocolVersion"] == 1
        process.end_input()
        assert process.wait(END_SECONDS) == 0


def test_a_home_that_cannot_be_written_to_is_enough_for_a_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with agent(settings={"ACP_AGENT_HOME": str(tmp_path / "file" / "home")}) as process:
        assert process.say(process.open_session(), "say well") == "well"


def test_a_broken_configuration_is_told_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('default_mode = "mlx"\nmerje = true\n')
    with agent(settings={"ACP_AGENT_CONFIG": str(config)}) as process:
        process.call("initialize", {"protocolVersion": 1})
        request = process.request("session/new", {"cwd": "/", "mcpServers": []})
        process.post(request)
        error = process.answer(request)["error"]
        assert error["code"] == -32603
        assert "line 2" in error["message"]
        assert "merje" in error["message"]
        config.write_text('default_mode = "mlx"\n')
        assert process.call("session/new", {"cwd": "/", "mcpServers": []})
