"""Column types: exact decimals as scaled integers, UTC timestamps, text that sorts the same on both engines."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, DateTime, Dialect, Integer, Text, TypeDecorator, literal_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import JSON, TypeEngine

PRICE_SCALE: Final = 10_000

Id = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit ids. SQLite numbers rows by itself only in a column declared INTEGER."""

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared and sorted by code point on both engines."""

NO_SKU: Final[ColumnElement[str]] = literal_column("''", Text())
"""The `sku_key` of what has none, written out: an index is partial by it, and were it a parameter, SQLite would plan
the statement anew for each of its values (60 of 100 µs of a look-up by SKU)."""

Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def scaled(price: Decimal | None) -> int | None:
    """A price as the integer that is stored: four decimal places."""
    return None if price is None else int(price * PRICE_SCALE)


def unscaled(value: int | None) -> Decimal | None:
    """A stored integer as the price it means."""
    return None if value is None else Decimal(value) / PRICE_SCALE


def price_text(price: Decimal | None) -> str | None:
    """A price as text: two decimals, and further ones only where they are not zero. `19.9900` is `19.99`."""
    if price is None:
        return None
    whole, places = f"{price:.4f}".split(".")
    return f"{whole}.{places[:2]}{places[2:].rstrip('0')}"


def timestamp_text(value: datetime) -> str:
    """A time as ISO 8601 in UTC, always with six decimals: `2026-11-22T05:41:00.000000Z`. Sorts by time."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class Price(TypeDecorator[Decimal]):
    """An exact decimal with four places, stored as an integer: NUMERIC on SQLite is a float."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (its signature)
        return scaled(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 (its signature)
        return unscaled(value)


class Timestamp(TypeDecorator[datetime]):
    """A time in UTC with microseconds: `timestamptz` on PostgreSQL, sortable ISO text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None or dialect.name == "postgresql":
            return value
        return timestamp_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (its signature)
        return datetime.fromisoformat(value) if isinstance(value, str) else value
