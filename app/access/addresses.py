"""Addresses of callers: whose word is believed on them, and what stands for one in a counter."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]
_HOUSE_BITS = 64  # one household or server has this much of IPv6
_DAY_S = 86_400


def read_networks(text: str) -> Networks:
    """Networks from a list with commas, such as `10.0.0.0/8,::1`.

    Errors  ValueError for what is none
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


@lru_cache(maxsize=4096)
def read_address(text: str) -> Address | None:
    """An address; IPv4 written as IPv6 is IPv4; None for what is none."""
    try:
        address = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def caller_address(peer: str | None, forwarded_for: Sequence[str], trusted: Networks) -> Address | None:
    """Who asks: the peer, unless that is a proxy of ours; then the last hop that is none. None: not known.

    `forwarded_for` are the values of all X-Forwarded-For headers, in order. A hop before one that we do not know is
    hearsay: anybody can write it.
    """
    address = read_address(peer) if peer else None
    hops = [hop for value in forwarded_for for hop in value.split(",")]
    while address is not None and hops and is_within(address, trusted):
        told = read_address(hops.pop())
        if told is None:
            return address
        address = told
    return address


def is_within(address: Address, networks: Networks) -> bool:
    """Whether an address lies in one of some networks."""
    return any(address.version == network.version and address in network for network in networks)


def stand_in(address: Address | None, secret: bytes, now_s: float) -> str:
    """What counters know an address by: a digest whose salt changes each day, of the whole /64 for IPv6.

    Without the secret nobody can tell the address from it, and tomorrow's cannot be joined to today's.
    """
    if address is None:
        shown = b"unknown"
    elif isinstance(address, IPv6Address):
        shown = address.packed[: _HOUSE_BITS // 8]
    else:
        shown = address.packed
    salt = int(now_s // _DAY_S).to_bytes(8, "big")
    return "a:" + blake2b(shown, key=secret[:64], salt=salt, digest_size=12, person=b"sudstat-addr").hexdigest()
