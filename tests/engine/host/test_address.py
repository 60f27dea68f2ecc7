"""Addresses as a user may write them."""

import pytest

from acp_agent.engine.host.address import Address, is_loopback, parse_address
from acp_agent.errors import AgentError


@pytest.mark.parametrize(
    ("text", "address", "written"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080), "127.0.0.1:8080"),
        ("[::1]:0", Address("::1", 0), "[::1]:0"),
        ("Localhost:65535", Address("localhost", 65535), "localhost:65535"),
        (" 0.0.0.0:80 ", Address("0.0.0.0", 80), "0.0.0.0:80"),
        ("8080", Address("127.0.0.1", 8080), "127.0.0.1:8080"),
    ],
)
def test_addresses_are_read(text: str, address: Address, written: str) -> None:
    assert parse_address(text) == address
    assert str(address) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":8080",
        "localhost",
        "localhost:",
        "localhost:http",
        "localhost:65536",
        "localhost:-1",
        "localhost:٣",
        "::1:8080",
        "[::1]",
        "[localhost]:8080",
        "http://localhost:8080",
        "user@localhost:8080",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AgentError, match=r"127\.0\.0\.1:8080"):
        parse_address(text)


def test_only_loopback_addresses_stay_on_this_machine() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("127.8.8.8")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("::")
    assert not is_loopback("192.168.1.5")
