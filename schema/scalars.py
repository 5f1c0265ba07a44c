"""Scalars, described for those who read the schema."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import strawberry
from graphql import GraphQLError

from storage.columns import price_text, timestamp_text


def _parse_decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise GraphQLError(f'Decimal must be a string such as "19.99", not {value!r}.')
    try:
        return Decimal(value)
    except InvalidOperation:
        raise GraphQLError(f'Decimal must be a string such as "19.99", not {value!r}.') from None


def utc(text: Any) -> datetime:
    """A time in ISO 8601; without an offset it is meant in UTC. Raises ValueError for anything else."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (TypeError, OverflowError) as error:
        raise ValueError(text) from error


def _parse_datetime(value: Any) -> datetime:
    try:
        return utc(value)
    except ValueError:
        message = f'DateTime must be ISO 8601, such as "2026-11-22T05:41:00Z", not {value!r}.'
        raise GraphQLError(message) from None


DECIMAL = strawberry.scalar(
    name="Decimal",
    description='An exact decimal, as a string: "19.99". Prices have at least two and at most four decimals.',
    serialize=price_text,
    parse_value=_parse_decimal,
)
DATE_TIME = strawberry.scalar(
    name="DateTime",
    description='A time in ISO 8601, in UTC with microseconds: "2026-11-22T05:41:00.000000Z".',
    serialize=timestamp_text,
    parse_value=_parse_datetime,
)
SCALARS: Any = {Decimal: DECIMAL, datetime: DATE_TIME}
