"""Addresses of Ollama servers in every form that people write them."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.config.address import parse_address, server_url


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("example.net", "http://example.net:11434"),
        ("example.net:8080", "http://example.net:8080"),
        ("example.net:", "http://example.net:11434"),
        ("  example.net  ", "http://example.net:11434"),
        ('"127.0.0.1"', "http://127.0.0.1:11434"),
        (":11435", "http://127.0.0.1:11435"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:11435", "http://127.0.0.1:11435"),
        ("http://0.0.0.0:11434/", "http://127.0.0.1:11434"),
        ("http://:8080", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:11434"),
        ("[::]:11435", "http://[::1]:11435"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[0:0:0:0:0:0:0:1]:80", "http://[::1]:80"),
        ("http://example.net", "http://example.net"),
        ("https://example.net", "https://example.net"),
        ("HTTPS://example.net:443", "https://example.net:443"),
        ("https://example.net/ollama/", "https://example.net/ollama"),
        ("example.net/ollama", "http://example.net:11434/ollama"),
        ("http://my_box:1///", "http://my_box:1"),
        ("http://user:p@ss@example.net", "http://user:p@ss@example.net"),
    ],
)
def test_every_form_becomes_one_url(written: str, url: str) -> None:
    assert server_url(written) == url


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "must name a server"),
        ("http://", "must name a server"),
        (":", "must name a server"),
        ("exa mple", "must name a server"),
        ("http://a b/c", "must name a server"),
        ("example.net?x=1", "must name a server"),
        ("ftp://example.net", "must begin with http"),
        ("://example.net", "must begin with http"),
        ("example.net:0", "port from 1"),
        ("example.net:65536", "port from 1"),
        ("example.net:http", "port from 1"),
        ("example.net:\uff11", "port from 1"),
        ("[::1]x", "no IPv6 address"),
        ("::g", "no IPv6 address"),
        ("[fe80::1%eth0]", "no IPv6 address"),
        ("http://example.net/a?b", "without spaces"),
        ("http://example.net/a#b", "without spaces"),
        ("http://example.net/a\nb", "without spaces"),
        ("http://us er@example.net", "without spaces"),
    ],
)
def test_what_is_no_address_is_refused(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        server_url(written)


HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{2,5})?", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
PATHS = st.lists(st.from_regex(r"[a-z0-9._-]{1,6}", fullmatch=True), max_size=3)


@given(
    scheme=st.sampled_from(["", "http://", "https://"]),
    host=HOSTS,
    port=st.none() | st.integers(1, 65535),
    path=PATHS,
    slashes=st.integers(0, 2),
)
def test_the_parts_survive(
    scheme: str, host: str, port: int | None, path: list[str], slashes: int
) -> None:
    written = scheme + host + (f":{port}" if port else "") + "".join(f"/{p}" for p in path)
    url = server_url(written + "/" * slashes)
    parts = urlsplit(url)

    assert parts.scheme == (scheme[:-3] or "http")
    assert parts.port == (port or (None if scheme else 11434))
    assert parts.path == "".join(f"/{p}" for p in path)
    expected = urlsplit(f"http://{host}").hostname
    assert parts.hostname == {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(expected or "", expected)
    assert server_url(url) == url


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        url = server_url(text)
    except ValueError:
        return
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert not url.endswith("/")
    assert server_url(url) == url
    login = parse_address(text).login
    assert (login is None) == ("@" not in parts.netloc)


def test_the_login_is_not_shown() -> None:
    address = parse_address("https://me:a[b@example.net/x/")
    assert (address.login, address.host, address.path) == ("me:a[b", "example.net", "/x")
    assert address.public_url == "https://example.net/x"
    assert "a[b" not in repr(address)
