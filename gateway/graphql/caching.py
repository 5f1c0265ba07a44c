"""GET: what a cache may keep of an answer, and whether it has it already.

The ETag is made of the change feed's version, read before the data, and of all else that an answer depends on. Prices
depend on the time besides, so that an answer is asked for anew in the next minute, whatever has changed.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import Final

import orjson
from starlette.requests import Request

from gateway.authentication import Principal
from gateway.graphql.requests import Asked
from storage import change_feed
from storage.database import Database

_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_FRESH_S: Final = 60


async def etag_of(database: Database, principal: Principal, asked: Asked, media_type: str) -> str:
    """The tag of an answer, before it is asked for."""
    version = await database.read(change_feed.version)
    who = principal.credential
    depends_on = [
        version,
        int(time.time() // _FRESH_S),
        [who.id, who.name, sorted(who.scopes), sorted(who.locations or []), who.locations is None],
        [who.visibility, who.cap],
        [asked.query, asked.sha256, asked.operation_name, asked.variables],
        media_type,
    ]
    encoded = orjson.dumps(depends_on, option=orjson.OPT_SORT_KEYS)
    return f'"{hashlib.sha256(encoded).hexdigest()[:32]}"'


def has(request: Request, etag: str) -> bool:
    """Whether the client's cache has the answer of that tag."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag in _TAG.findall(given)


def headers_of(principal: Principal, etag: str) -> dict[str, str]:
    """What caches may do with an answer: keep it, and ask every time whether it still holds.

    A shared cache may do so too with what every visitor of a shop may see; as it asks each time, with the visitor's
    key, a key that is revoked sees nothing more.
    """
    who = "public" if principal.credential.is_public else "private"
    return {"ETag": etag, "Cache-Control": f"{who}, max-age=0, must-revalidate"}
