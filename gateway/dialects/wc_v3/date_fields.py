"""Dates: of the site's zone, or of UTC where a field's name ends in `_gmt`."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, tzinfo
from typing import Final

from gateway.dialects.wc_v3.draft import Draft
from storage.changes import Refused
from storage.errors import ErrorCode

COLUMNS: Final = {
    "date_created": "created_at",
    "date_on_sale_from": "sale_starts_at",
    "date_on_sale_to": "sale_ends_at",
}
FIELDS: Final = frozenset({*COLUMNS, *(f"{name}_gmt" for name in COLUMNS)})
_DATE: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.[0-9]+)?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def take_dates(draft: Draft) -> Refused | None:
    """What the body says of dates. Where it has both forms of one, UTC's is believed, as on the reference."""
    for name, column in COLUMNS.items():
        for field, zone in ((name, draft.zone), (f"{name}_gmt", UTC)):
            if field not in draft.fields:
                continue
            when = read_moment(draft.fields[field], zone, field)
            if isinstance(when, Refused):
                return when
            if when is None and column == "created_at":
                continue  # there is no product that was never created
            draft.values[column] = _unless_the_same(when, draft.row[column])
    return None


def read_moment(text: str | None, zone: tzinfo, field: str) -> datetime | Refused | None:
    """A time, without a zone of its own in the given one; a date alone is its first moment."""
    text = (text or "").strip()
    if not text:
        return None
    if found := _DATE.fullmatch(text):
        day, time, own_zone = found.groups()
        with contextlib.suppress(ValueError, OverflowError):
            when = datetime.fromisoformat(f"{day}T{time or '00:00:00'}{(own_zone or '').upper()}")
            return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(UTC)
    return Refused(ErrorCode.INVALID_VALUE, "Invalid date.", field)


def _unless_the_same(when: datetime | None, stored: datetime | None) -> datetime | None:
    """Clients are shown whole seconds: one who sends them back does not mean to cut off the rest."""
    return stored if stored is not None and when == stored.replace(microsecond=0) else when
