"""The parts of the ollama backend that need no server."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.backends.ollama.endpoint import parse_endpoint
from acp_agent.backends.ollama.models import canonical, human_size
from acp_agent.backends.ollama.ndjson import LineBuffer, LineTooLong
from acp_agent.config.address import server_url
from acp_agent.errors import BackendUnavailable


def lines_of(pieces: list[bytes], limit: int = 1 << 20) -> tuple[list[bytes], bytes]:
    buffer, lines = LineBuffer(limit), list[bytes]()
    for piece in pieces:
        buffer.feed(piece)
        while (line := buffer.pop()) is not None:
            lines.append(line)
    return lines, buffer.rest()


@given(st.lists(st.text(alphabet="aé🙂 \r{}", max_size=8), max_size=8), st.data())
def test_lines_are_the_same_however_the_bytes_arrive(texts: list[str], data: st.DataObject) -> None:
    whole = b"".join(text.encode() + b"\n" for text in texts) + "rést".encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    bounds = [0, *cuts, len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(bounds)]
    expected = [text.encode().removesuffix(b"\r") for text in texts]
    assert lines_of(pieces) == (expected, "rést".encode())


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 6] * 2, [b"ok\n" + b"x" * 11 + b"\n"]])
def test_line_over_the_limit_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(LineTooLong):
        lines_of(pieces, limit=10)


def test_line_at_the_limit_is_read() -> None:
    assert lines_of([b"x" * 10, b"\n", b"y" * 10 + b"\n"], limit=10) == (
        [b"x" * 10, b"y" * 10],
        b"",
    )


@pytest.mark.parametrize(
    ("written", "url", "host", "port", "is_loopback"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434", "127.0.0.1", 11434, True),
        ("0.0.0.0", "http://127.0.0.1:11434", "127.0.0.1", 11434, True),
        ("[::1]:80", "http://[::1]:80", "::1", 80, True),
        ("http://localhost/", "http://localhost", "localhost", 80, True),
        ("https://gpu.example/ollama/", "https://gpu.example/ollama", "gpu.example", 443, False),
        ("http://me:secret@10.0.0.2:1", "http://10.0.0.2:1", "10.0.0.2", 1, False),
    ],
)
def test_endpoint(written: str, url: str, host: str, port: int, is_loopback: bool) -> None:
    endpoint = parse_endpoint(server_url(written))
    assert (endpoint.url, endpoint.host, endpoint.port) == (url, host, port)
    assert endpoint.is_loopback == is_loopback
    assert endpoint.credentials == (("me", "secret") if "@" in written else None)
    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize("written", ["", "ftp://secret@host", "http://", "http://[secret", "host"])
def test_unreadable_endpoint_is_not_repeated(written: str) -> None:
    with pytest.raises(BackendUnavailable) as raised:
        parse_endpoint(written)
    assert "base_url" in raised.value.message
    assert "secret" not in raised.value.message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llama3.2", "llama3.2:latest"),
        ("Qwen3:8B", "qwen3:8b"),
        ("hf.co/Some/Model", "hf.co/some/model:latest"),
        ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
    ],
)
def test_names_are_compared_in_one_form(name: str, expected: str) -> None:
    assert canonical(name) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(4_683_075_271, "4.7 GB"), (141_000_000_000, "141 GB"), (91_700_000, "91.7 MB")],
)
def test_sizes_are_shown_as_ollama_does(size: int, expected: str) -> None:
    assert human_size(size) == expected
