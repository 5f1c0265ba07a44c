"""What each route reads from its request. Items are read in items.py, our own headers in extra_headers.py."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gateway.dialects.wordpress import RestError, RestRequest
from gateway.dialects.wordpress.answers import invalid_parameter
from storage.products import ProductFilter

PER_PAGE: Final = 100
PER_PAGE_MAX: Final = 500
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d(:?\d\d)?)?")


def bulk_items(request: RestRequest) -> Sequence[object]:
    """The items of a bulk-sync, not looked at yet. Raises RestError (400) when there are none to read or too many."""
    items = request.json.get("items") if isinstance(request.json, dict) else None
    if not isinstance(items, list):
        raise RestError(400, "invalid_data", 'Invalid data format. Expected "items" array.')
    items_max = request.settings.bulk_items_max
    if len(items) > items_max:
        raise RestError(
            400,
            "too_many_items",
            f"Too many items. Maximum {items_max} items per request. Please split your request into smaller batches.",
        )
    return items


@dataclass(frozen=True, slots=True)
class Paging:
    """Pages count from 1. What is not a positive integer is the default, and the cap is applied in silence."""

    page: int
    per_page: int

    @classmethod
    def of(cls, request: RestRequest) -> Paging:
        """From `page` and `per_page`."""
        return cls(request.positive("page", 1), min(request.positive("per_page", PER_PAGE), PER_PAGE_MAX))

    def echo(self, request: RestRequest) -> dict[str, Any]:
        """As /products repeats them: in the form they came in, so `"5"` from a query and 5 from a JSON body."""
        return {name: _as_given(request.parameter(name), getattr(self, name)) for name in ("page", "per_page")}


def _as_given(given: object, used: int) -> object:
    return given if isinstance(given, str | int) and str(given) == str(used) else used


@dataclass(frozen=True, slots=True)
class Export:
    """What /inventory/export is asked for. `location_id` and `location_slug` are as given: '' is every location."""

    csv: bool
    paging: Paging
    paged: bool
    location_id: str
    location_slug: str
    sku: str
    updated_after: datetime | None

    @classmethod
    def of(cls, request: RestRequest) -> Export:
        """Any other format than csv is json. Raises RestError (400) for a date that cannot be read."""
        location_id = request.text("location_id").strip()
        return cls(
            csv=request.text("format").strip().lower() == "csv",
            paging=Paging.of(request),
            paged=request.parameter("page") is not None,
            location_id="" if location_id == "0" else location_id,
            location_slug=request.text("location_slug").strip(),
            sku=_storable(request.text("sku")),
            updated_after=_moment(request, "updated_after"),
        )


def products(request: RestRequest) -> ProductFilter:
    """Which products /products is asked for."""
    return ProductFilter(
        search=_storable(request.text("search").strip()),
        sku=_storable(request.text("sku")),
        type=_storable(request.text("type").strip().lower()),
        variations=request.flag("include_variations"),
    )


def _storable(text: str) -> str:
    """PostgreSQL has no NUL in text: here it becomes a character that no name and no SKU has, and finds nothing."""
    return text.replace("\0", "\ufffd")


def _moment(request: RestRequest, name: str) -> datetime | None:
    """A date and time; without a zone it is UTC."""
    text = re.sub(r" (?=\d\d:?\d\d$)", "+", request.text(name).strip())  # a bare + in a query is read as a space
    if not text:
        return None
    invalid = invalid_parameter(name, "rest_invalid_date", "Invalid date.")
    if not _DATE_TIME.fullmatch(text):
        raise invalid
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # such as 30 February, or a zone that leads out of the calendar
        raise invalid from None
