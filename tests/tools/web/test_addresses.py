"""Public addresses and others."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.tools.web.addresses import is_public

CLOSED = """
0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.9.9.9 169.254.169.254
172.16.0.1 172.31.255.255 192.168.1.1 192.0.0.192 198.18.0.1 224.0.0.1 239.1.1.1 240.0.0.1
255.255.255.255 168.63.129.16 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1
::ffff:169.254.169.254 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 fec0::1 2001:db8::1
2002:7f00:1:: 2001:0:7f00:1:: 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 3fff::1
localhost 127.1 0x7f000001 2130706433
"""
OPEN = """
1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.169.0.1 223.255.255.255
2606:4700:4700::1111 2a00:1450:4001::1 ::ffff:1.1.1.1 64:ff9b::1.1.1.1
"""


@pytest.mark.parametrize("address", CLOSED.split())
def test_closed(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN.split())
def test_open(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(address: IPv4Address | IPv6Address) -> None:
    if address.is_private or address.is_multicast:
        assert not is_public(str(address))


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_as_public_as_the_one_it_maps(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))
