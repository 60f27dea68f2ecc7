"""The parts of the ollama backend that need no server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.backends.ollama.endpoint import find_endpoint
from acp_agent.backends.ollama.models import canonical, human_size, read_parameters
from acp_agent.config.settings import OllamaSettings


@pytest.mark.parametrize(
    ("written", "url", "host", "port", "is_loopback"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434", "127.0.0.1", 11434, True),
        ("0.0.0.0", "http://127.0.0.1:11434", "127.0.0.1", 11434, True),
        ("[::1]:80", "http://[::1]:80", "::1", 80, True),
        ("http://localhost/", "http://localhost", "localhost", 80, True),
        ("https://gpu.example/ollama/", "https://gpu.example/ollama", "gpu.example", 443, False),
        ("http://LocalHost:1", "http://LocalHost:1", "LocalHost", 1, True),
        ("http://me:secret@10.0.0.2:1", "http://10.0.0.2:1", "10.0.0.2", 1, False),
        ("http://me:sec[ret@host", "http://host", "host", 80, False),
    ],
)
def test_endpoint(written: str, url: str, host: str, port: int, is_loopback: bool) -> None:
    endpoint = find_endpoint(OllamaSettings(base_url=written).base_url)
    assert (endpoint.url, endpoint.host, endpoint.port) == (url, host, port)
    assert endpoint.is_loopback == is_loopback
    password = "sec[ret" if "[r" in written else "secret"
    assert endpoint.credentials == (("me", password) if "@" in written else None)
    assert password not in repr(endpoint)


@given(st.text(max_size=40))
def test_every_address_of_the_settings_is_an_endpoint(text: str) -> None:
    try:
        settings = OllamaSettings(base_url=text)
    except ValueError:
        return
    endpoint = find_endpoint(settings.base_url)
    assert endpoint.url.startswith(("http://", "https://"))
    assert endpoint.host in endpoint.url
    assert 0 < endpoint.port < 65_536


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


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("1.5B", 1_500_000_000),
        ("350M", 350_000_000),
        ("134.52M", 134_520_000),
        ("8x7B", 56_000_000_000),
        ("8X22b", 176_000_000_000),
        ("20.9B", 20_900_000_000),
        ("1T", 1_000_000_000_000),
        (" 567K ", 567_000),
        ("", None),
        ("0B", None),
        ("7", None),
        ("large", None),
        ("1.B", None),
        ("-1B", None),
        ("9" * 5000 + "B", None),
        ("\N{ARABIC-INDIC DIGIT SEVEN}B", None),
    ],
)
def test_parameters_are_read_from_what_ollama_shows(size: str, expected: int | None) -> None:
    assert read_parameters(size) == expected
