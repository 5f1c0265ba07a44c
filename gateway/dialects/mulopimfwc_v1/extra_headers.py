"""Request headers that the plugin does not know: old clients do not send them and see no difference."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers

from gateway.dialects.wordpress import RestError
from gateway.dialects.wordpress.parameters import FALSE, TRUE
from storage.changes import Refused
from storage.errors import ErrorCode
from storage.idempotency import KEY_LENGTH_MAX

DELIVERY = "delivery:"  # what a delivery id is remembered under, apart from the idempotency keys

_VERSION: Final = re.compile(r'(?:W/)?"?([0-9]{1,18})"?')


@dataclass(frozen=True, slots=True)
class ExtraHeaders:
    """What a request asks for beyond its body.

    `strict`: all items or none. `dry_run`: answer, but write nothing. `expected_version`: the version of the stock
    level that the client has seen, which is the ETag it was given; 0 is a level never stocked.
    """

    idempotency_key: str | None = None
    delivery_id: str | None = None
    strict: bool = False
    dry_run: bool = False
    expected_version: int | Refused | None = None

    @classmethod
    def of(cls, headers: Headers) -> ExtraHeaders:
        """Read them. Raises RestError (400) for one that is there but cannot be understood."""
        return cls(
            idempotency_key=_key(headers, "Idempotency-Key"),
            delivery_id=_key(headers, "X-Delivery-Id", longest=KEY_LENGTH_MAX - len(DELIVERY)),
            strict=_prefers_strict(headers.getlist("prefer")),
            dry_run=_dry_run(headers.get("x-dry-run", "")),
            expected_version=_version(headers.get("if-match", "").strip()),
        )


def _key(headers: Headers, name: str, *, longest: int = KEY_LENGTH_MAX) -> str | None:
    value = headers.get(name, "").strip()
    if len(value) > longest:
        raise RestError(400, "invalid_header", f"{name} has more than {longest} characters.")
    return value or None


def _prefers_strict(values: list[str]) -> bool:
    preferences = (preference for value in values for preference in re.split("[,;]", value))
    return any(
        re.fullmatch(r'\s*handling\s*=\s*"?strict"?\s*', preference, re.IGNORECASE) for preference in preferences
    )


def _dry_run(value: str) -> bool:
    """A dry run that is misspelt must not become a real one: what is neither yes nor no is refused."""
    text = value.strip().lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise RestError(400, "invalid_header", "X-Dry-Run is 1 or 0.")


def _version(value: str) -> int | Refused | None:
    """`*` matches whatever is there; a tag that is none of ours matches nothing."""
    if value in {"", "*"}:
        return None
    if found := _VERSION.fullmatch(value):
        return int(found[1])
    return Refused(ErrorCode.STALE_QUANTITY, "If-Match names no version of this stock level.", "If-Match")
