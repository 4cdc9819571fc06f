"""Which addresses Release Control may call. Pure but for the one name lookup.

A smoke test is written by people, or imported from a document, and is sent from inside the
network: without a look at the address it could read a cloud's metadata service or a neighbour's
admin page.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

Address = IPv4Address | IPv6Address
Kind = Literal["public", "inside", "never"]

#: Metadata and control services of clouds that are not link-local. Never called, by nobody's leave.
_METADATA = frozenset(
    ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
_NAT64 = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")


class NameUnknown(Exception):
    """There is no such host."""


class NameServerSilent(Exception):
    """Whether there is such a host can't be told right now."""


def kind(address: Address) -> Kind:
    """What an address is: on the internet, inside a network or machine, or never to be called.

    >>> [kind(ip_address(text)) for text in ("1.1.1.1", "10.0.0.1", "::1", "169.254.169.254")]
    ['public', 'inside', 'inside', 'never']
    >>> kind(ip_address("::ffff:169.254.169.254"))
    'never'
    """
    inner = _embedded(address)
    if inner is not None:
        return kind(inner)
    if address.is_loopback:
        return "inside"
    if (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address in _METADATA
        or (address.version == 4 and address.is_reserved)  # noqa: PLR2004  (IP version 4)
    ):
        return "never"
    return "public" if address.is_global else "inside"


def look_up(host: str, port: int) -> list[Address]:
    """Every address of a host, once each, in the resolver's order.

    Raises NameUnknown or NameServerSilent.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as failed:
        if failed.errno == socket.EAI_AGAIN:
            raise NameServerSilent(host) from None
        raise NameUnknown(host) from None
    except UnicodeError:
        raise NameUnknown(host) from None
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return [ip_address(text) for text in texts]


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 one that only wraps it."""
    if isinstance(address, IPv4Address):
        return None
    wraps = address in _NAT64 or (address in _COMPATIBLE and int(address) > 1)
    if wraps:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
