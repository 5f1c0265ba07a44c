"""POST /console/key: the API key that the page fills in for a browser on this machine.

There is one when `serve --demo` serves the demo's own database: the key opens nothing else, and the next start revokes
it. Who may have it is who sits at this machine and looks at this page:

- the connection comes from a loopback address, and no proxy says that it speaks for somebody else;
- Host and Origin name the loopback, too. Browsers set both, and no script can change them: another site's page has
  another Origin, and so has a name that was rebound to 127.0.0.1.

Whoever falls short gets `null` and pastes a key.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse

_FORWARDING: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


async def offered_key(request: Request) -> JSONResponse:
    """The key, or null for everybody else."""
    key: str = request.app.state.settings.console_key.get_secret_value()
    offered = key if key and is_at_this_machine(request) else None
    return JSONResponse({"apiKey": offered}, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


def is_at_this_machine(request: Request) -> bool:
    """Whether a page that this server served to a browser on this machine is asking."""
    if request.client is None or not _is_loopback(request.client.host):
        return False
    if any(header in request.headers for header in _FORWARDING):
        return False
    host, origin = request.headers.get("host", ""), request.headers.get("origin", "")
    return origin == f"http://{host}" and _is_loopback(urlsplit(origin).hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1, on a socket that takes both families
    return (mapped or address).is_loopback
