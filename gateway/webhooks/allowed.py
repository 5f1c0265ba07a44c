"""Which inner addresses webhooks may go to nonetheless: what the setting lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_ENTRY: Final = re.compile(r"(?:\[(?P<bracketed>[^\]]+)\]|(?P<plain>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")
_NAME: Final = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")
"""A host whose last label is a number is an address, for whoever resolves it (RFC 3986, WHATWG URL)."""


class BadEntryError(ValueError):
    """What is no host, address or network, each with or without a port."""


def is_name(host: str) -> bool:
    """Whether this is the name of a host, lower case and without a dot at its end, and no address."""
    return _NAME.fullmatch(host) is not None and _NUMERIC.fullmatch(host) is None


@dataclass(frozen=True, slots=True)
class Allowed:
    """Names and networks, each with the port it is allowed for; None: any."""

    names: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[tuple[Network, int | None], ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> Self:
        """What the entries list: `erp.internal`, `10.0.0.0/8`, `127.0.0.1:8080`, `[fd00::/8]:443`.

        Raises BadEntryError.
        """
        names, networks = set(), []
        for entry in entries:
            what, port = _parsed(entry)
            if isinstance(what, str):
                names.add((what, port))
            else:
                networks.append((what, port))
        return cls(frozenset(names), tuple(networks))

    def has_name(self, host: str, port: int) -> bool:
        """Whether whatever this name leads to is allowed."""
        return (host, None) in self.names or (host, port) in self.names

    def has_address(self, address: Address, port: int) -> bool:
        """Whether the address is allowed."""
        return any(address in network and its_port in (None, port) for network, its_port in self.networks)


def _parsed(entry: str) -> tuple[str | Network, int | None]:
    what, port = entry, None
    if entry.count(":") <= 1 or entry.startswith("["):  # other colons are IPv6, which leaves no place for a port
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise BadEntryError(entry)
        what = match["bracketed"] or match["plain"]
        port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65_535:
        raise BadEntryError(entry)
    try:
        return ip_network(what), port
    except ValueError:
        name = what.lower().removesuffix(".")
        if entry.startswith("[") or not is_name(name):
            raise BadEntryError(entry) from None
        return name, port
