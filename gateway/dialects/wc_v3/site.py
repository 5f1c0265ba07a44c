"""What clients ask of the shop besides its products: each part in a file of its own, and what they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request

from gateway.dialects.wordpress import Answer
from gateway.dialects.wordpress.conventions import home

WC_VERSION: Final = "11.0.1"
"""The WooCommerce whose answers these are: clients ask for it before they use what is newer than they know."""
WP_VERSION: Final = "7.0.4"


def api(request: Request) -> str:
    """The URL of wc/v3."""
    return f"{home(request)}/wp-json/wc/v3"


def linked(row: Mapping[str, Any], own: str, collection: str) -> dict[str, Any]:
    """The row with links to itself and to where it is listed."""
    return {**row, "_links": {"self": [{"href": own}], "collection": [{"href": collection}]}}


def listed(rows: Sequence[Any]) -> Answer:
    """A short list that is always told as a whole."""
    return Answer(rows, headers={"X-WP-Total": str(len(rows)), "X-WP-TotalPages": "1" if rows else "0"})
