"""Where webhooks may be sent: into the internet, and inward only where the setting allows it.

A URL is checked when an endpoint is registered, so that its owner is told. What counts is the check at each connection:
the name is resolved once, all its addresses are checked, and the connection goes to one of those, whatever the name may
resolve to a moment later.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import idna

from gateway.settings import Settings
from gateway.webhooks.allowed import Address, Allowed, is_name
from storage.errors import ErrorCode, InventoryError

_LENGTH_MAX: Final = 2_048
_LOOKUP_S_MAX: Final = 5.0
_RESOLVERS: Final = ThreadPoolExecutor(32, "webhook-names")
"""Threads of their own: whose names take long to resolve keeps nobody else from a thread."""

_V4: Final = {
    IPv4Network(network): kind
    for network, kind in {
        "0.0.0.0/8": "an address of this machine",
        "10.0.0.0/8": "a private address",
        "100.64.0.0/10": "an address behind a carrier's NAT",
        "127.0.0.0/8": "a loopback address",
        "168.63.129.16/32": "a cloud's metadata address",
        "169.254.0.0/16": "a link-local address",  # that of clouds' metadata, too
        "172.16.0.0/12": "a private address",
        "192.0.0.0/24": "a reserved address",
        "192.0.2.0/24": "a reserved address",
        "192.88.99.0/24": "a reserved address",
        "192.168.0.0/16": "a private address",
        "198.18.0.0/15": "a reserved address",
        "198.51.100.0/24": "a reserved address",
        "203.0.113.0/24": "a reserved address",
        "224.0.0.0/4": "a multicast address",
        "240.0.0.0/4": "a reserved address",  # 255.255.255.255, too
    }.items()
}
_GLOBAL: Final = IPv6Network("2000::/3")
_V6: Final = {
    IPv6Network(network): kind
    for network, kind in {
        "::/128": "an address of this machine",
        "::1/128": "a loopback address",
        "fc00::/7": "a private address",
        "fe80::/10": "a link-local address",
        "ff00::/8": "a multicast address",
        "2001::/23": "a reserved address",  # Teredo, too, which wraps an IPv4 address
        "2001:db8::/32": "a reserved address",
        "2002::/16": "a reserved address",  # 6to4, which wraps an IPv4 address
        "3fff::/20": "a reserved address",
    }.items()
}
_WRAPPED: Final = tuple(map(IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96")))
"""IPv4 addresses as IPv6 writes them, and as networks without IPv4 reach them (NAT64)."""

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, for a port. Raises OSError when it has none."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: a name in ASCII, or an address."""

    scheme: str
    host: str
    port: int

    @property
    def address(self) -> Address | None:
        """The address, if the URL has one and no name."""
        return None if is_name(self.host) else ip_address(self.host)


def refused(address: Address) -> str | None:
    """What kind of address this is, if webhooks do not go there unless it is listed."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _V4.items() if address in network), None)
    if any(address in network for network in _WRAPPED):
        return refused(IPv4Address(int(address) & 0xFFFF_FFFF))
    if kind := next((kind for network, kind in _V6.items() if address in network), None):
        return kind
    return None if address in _GLOBAL else "a reserved address"


_URL: Final = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>[/?][!-~]*)?", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:%\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_PORTS: Final = {"http": 80, "https": 443}


def parse(url: str) -> Target:
    """Where the URL leads. It takes less than browsers do: what two programs may read in two ways is refused.

    Refuses with: INVALID_WEBHOOK_URL.
    """
    if len(url) > _LENGTH_MAX:
        raise _invalid(f"The URL has more than {_LENGTH_MAX} characters.")
    match = _URL.fullmatch(url)
    if match is None or "\\" in url or "#" in url:
        raise _invalid("This is no URL that begins with http:// or https:// and has no spaces, backslashes and no #.")
    if "@" in match["authority"]:
        raise _invalid("A URL with a user or a password is not taken: receivers verify the signature instead.")
    parts = _AUTHORITY.fullmatch(match["authority"])
    if parts is None:
        raise _invalid("The URL's host is no name and no address, or its port is no number.")
    scheme = match["scheme"].lower()
    port = int(parts["port"] or _PORTS[scheme])
    if not 1 <= port <= 65_535:
        raise _invalid("The URL's port is not one from 1 to 65535.")
    return Target(scheme, _host(parts["v6"], parts["name"]), port)


def rest_of(url: str) -> str:
    """Path and query of a URL that parse() takes."""
    match = _URL.fullmatch(url)
    rest = (match["rest"] or "") if match else ""
    return f"/{rest}" if rest.startswith("?") else rest


def _host(v6: str | None, name: str) -> str:
    if v6 is not None:
        try:
            return str(IPv6Address(v6))
        except ValueError:
            raise _invalid(f"[{v6}] is no IPv6 address.") from None
    try:
        # 。 is a dot and １ is 1 for whoever resolves it: first make it what it is
        host = name.lower() if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        raise _invalid(f"{name!r} is no name of a host.") from None
    host = host.removesuffix(".")
    if is_name(host):
        return host
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise _invalid(f"{name!r} is no name of a host; an address is written as 192.0.2.1 or [2001:db8::1].") from None


async def lookup(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as this machine resolves it. Raises OSError when it has none, or takes too long."""
    asked = asyncio.get_running_loop().run_in_executor(
        _RESOLVERS, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    async with asyncio.timeout(_LOOKUP_S_MAX):
        return list(dict.fromkeys(str(found[4][0]) for found in await asked))


async def resolve(target: Target, allowed: Allowed, lookup: Lookup = lookup) -> Sequence[str]:
    """The addresses to connect to, all of which are allowed; of a name that leads inward none is.

    Refuses with: INVALID_WEBHOOK_URL. Raises OSError for a name that has no address now.
    """
    own = target.address
    found = [str(own)] if own else await lookup(target.host, target.port)
    if not allowed.has_name(target.host, target.port):
        for text in found:
            _insist(ip_address(text.partition("%")[0]), target, allowed)  # fe80::1%eth0 has its interface with it
    return found


def _insist(address: Address, target: Target, allowed: Allowed) -> None:
    if (kind := refused(address)) and not allowed.has_address(address, target.port):
        leads = "is" if target.address else "leads to"
        raise _invalid(
            f"{target.host} {leads} {kind}, where no webhooks are sent. Use a public address, or have the operator list"
            " this one in STOCKGATE_WEBHOOK_TARGETS_ALLOWED."
        )


async def check(url: str, settings: Settings, lookup: Lookup = lookup) -> None:
    """Refuse a URL to which nothing would be sent. One whose name does not resolve now is taken: DNS may be late.

    Refuses with: INVALID_WEBHOOK_URL.
    """
    target = parse(url)
    try:
        await resolve(target, Allowed.of(settings.webhook_targets_allowed), lookup)
    except OSError:  # TimeoutError is one
        return


def _invalid(message: str) -> InventoryError:
    return InventoryError(ErrorCode.INVALID_WEBHOOK_URL, message, "url")
