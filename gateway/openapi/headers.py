"""The headers that all dialects share, as the document describes them once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from storage.idempotency import KEY_LENGTH_MAX

_TEXT: Final = {"type": "string"}
_PRINTABLE: Final = "^[ -~¡-¬®-ÿ]*$"
_COUNT: Final = {"type": "integer", "minimum": 0}


def _header(description: str, schema: Mapping[str, Any], example: Any = None) -> dict[str, Any]:
    return {"description": description, "schema": schema, **({} if example is None else {"example": example})}


REQUEST_HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Idempotency-Key": _header(
        "A repetition with the same key gets the first answer again, and `Idempotent-Replayed: true`.",
        {"type": "string", "maxLength": KEY_LENGTH_MAX, "pattern": _PRINTABLE},
        "till-7/2026-11-22/0042",
    ),
    "If-Match": _header(
        "Only if what is changed still has this version: the `ETag` of the last answer. `*` is any.",
        {"type": "string", "pattern": r'^(\*|(W/)?"[^"]*"|[^\s,"*]*)$'},
        '"12"',
    ),
    "X-Dry-Run": _header(
        "`1`: the real answer, and nothing written.",
        {"type": "string", "enum": ["1", "0", "true", "false", "yes", "no", "on", "off", ""]},
        "1",
    ),
    "X-Request-Id": _header(
        "Taken over into the ledger and the log, and given back: up to 128 letters, digits and `._:-`.",
        _TEXT,
        "till-7.42",
    ),
    "Prefer": _header("`handling=strict`: all items or none.", _TEXT, "handling=strict"),
    "X-Delivery-Id": _header(
        "Does for webhooks what `Idempotency-Key` does.",
        {"type": "string", "maxLength": KEY_LENGTH_MAX - len("delivery:"), "pattern": _PRINTABLE},
        "f4a1c0de",
    ),
}
"""What a request may carry on top, by name."""

HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "X-Request-Id": _header("The id of this request: as it was sent, or made up.", _TEXT, "till-7.42"),
    "RateLimit-Limit": _header("Points that this key may spend in a minute.", _COUNT, 10_000_000),
    "RateLimit-Remaining": _header("Points of this minute that are left.", _COUNT, 9_999_990),
    "RateLimit-Reset": _header("Seconds until the minute is over.", _COUNT, 42),
    "Retry-After": _header("Seconds after which to try again.", _COUNT, 2),
    "ETag": _header("The version of what was read or changed, for `If-Match`.", _TEXT, '"12"'),
    "X-Stock-Change-Group": _header(
        "The number of the ledger's change group, when something changed.", {"type": "integer", "minimum": 1}, 1042
    ),
    "X-Ignored-Fields": _header(
        "Fields of the request that were not written, because a rule says that another API key owns them: `stock`, "
        "`prices`, `backorders`, `disabled`, `catalog`.",
        _TEXT,
        "stock, prices",
    ),
    "Idempotent-Replayed": _header(
        "`true` when this is the answer to an earlier request with the same key.", {"type": "string", "enum": ["true"]}
    ),
    "X-Dry-Run": _header("`1` when nothing was written.", {"type": "string", "enum": ["1"]}),
    "Preference-Applied": _header("The preference that was followed.", _TEXT, "handling=strict"),
    "Allow": _header("The methods that the caller may use here.", _TEXT, "GET, POST"),
    "Link": _header("Where related documents are; of a list also its `next` and `prev` pages.", _TEXT),
    "X-WP-Total": _header("How many there are in all.", _COUNT, 128),
    "X-WP-TotalPages": _header("How many pages that makes.", _COUNT, 13),
    "Location": _header("Where what was made is.", _TEXT),
    "X-Error-Code": _header("The error in one word, for programs.", _TEXT, "product_not_found"),
    "WWW-Authenticate": _header("How to say who you are.", _TEXT, "Bearer"),
    "Content-Disposition": _header("The file's name.", _TEXT),
}
"""What an answer may carry, by name."""

BUDGET: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
CHANGED: Final = ("ETag", "X-Stock-Change-Group", "X-Ignored-Fields", "Idempotent-Replayed", "X-Dry-Run")
CHANGING: Final = ("Idempotency-Key", "If-Match", "X-Dry-Run")
