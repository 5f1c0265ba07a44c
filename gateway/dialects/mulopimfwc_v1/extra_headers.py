"""Request headers that the plugin does not know, beside those that all dialects share."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from starlette.datastructures import Headers

from gateway.dialects import extra_headers
from storage.changes import Refused
from storage.errors import ErrorCode
from storage.idempotency import KEY_LENGTH_MAX

DELIVERY = "delivery:"  # what a delivery id is remembered under, apart from the idempotency keys

_VERSION: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class ExtraHeaders(extra_headers.ExtraHeaders):
    """What a request asks for beyond its body. `strict`: all items or none."""

    delivery_id: str | None = None
    strict: bool = False

    @classmethod
    def of(cls, headers: Headers) -> Self:
        """Read them. Raises InvalidHeaderError for one that is there but cannot be understood."""
        return replace(
            super().of(headers),
            delivery_id=extra_headers.text_of(headers, "X-Delivery-Id", longest=KEY_LENGTH_MAX - len(DELIVERY)),
            strict=_prefers_strict(headers.getlist("prefer")),
        )

    @property
    def expected_version(self) -> int | Refused | None:
        """The version of the stock level that the client has seen; 0 is one never stocked. A tag that is none of ours
        matches nothing."""
        tag = self.expected
        if tag is None:
            return None
        if _VERSION.fullmatch(tag):
            return int(tag)
        return Refused(ErrorCode.STALE_QUANTITY, "If-Match names no version of this stock level.", "If-Match")


def _prefers_strict(values: list[str]) -> bool:
    preferences = (preference for value in values for preference in re.split("[,;]", value))
    return any(
        re.fullmatch(r'\s*handling\s*=\s*"?strict"?\s*', preference, re.IGNORECASE) for preference in preferences
    )
