"""A naive executor over plain rows: what the compiler must agree with. Used only in tests.

It reads every row of every table once and executes documents with graphql-core's ordinary `execute` on a schema built
from the SDL alone: one plain method per field, lists that are looped over and sorted, nothing shared with `schema/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Self

from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute,
    get_named_type,
    parse,
    validate,
)
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from storage import tables
from storage.columns import price_text, timestamp_text
from storage.upsert import table_of

Rows = Mapping[type[SQLModel], Sequence[Mapping[str, Any]]]
READ = (tables.Location, tables.Product, tables.StockLevel, tables.StockChangeGroup, tables.LedgerEntry)


async def all_rows(session: AsyncSession) -> Rows:
    """Every row of every table that can be queried."""
    return {model: [dict(row) for row in (await session.execute(select(table_of(model)))).mappings()] for model in READ}


@dataclass(frozen=True)
class Reference:
    """Executes documents over these rows. `visible`: the locations that a limited caller may see."""

    schema: GraphQLSchema
    rows: Rows

    @classmethod
    def of(cls, sdl: str, rows: Rows) -> Self:
        """A reference for the schema that this text describes."""
        return cls(build_schema(sdl), rows)

    def execute(
        self, text: str, variables: Mapping[str, Any] | None = None, *, visible: Iterable[int] | None = None
    ) -> ExecutionResult:
        """What any GraphQL server answers."""
        document = parse(text)
        if errors := validate(self.schema, document):
            return ExecutionResult(None, errors)
        root = Shop(self.rows, None if visible is None else set(visible))
        result = execute(self.schema, document, root, variable_values=dict(variables or {}), field_resolver=_resolve)
        assert isinstance(result, ExecutionResult)
        return result


class Cursor(str):
    """The text of a cursor: a place in an order. Engines may space its JSON differently."""

    __slots__ = ()

    @classmethod
    def at(cls, order: str, *values: Any) -> Self:
        """The cursor of a row with these values in this order."""
        return cls(json.dumps([order, *values], ensure_ascii=False).encode().hex())

    def parts(self) -> list[Any]:
        """The order and the values."""
        parts: list[Any] = json.loads(bytes.fromhex(self))
        return parts


def _resolve(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
    name = _snake(info.field_name)
    value = source[name] if isinstance(source, Mapping) else getattr(source, name)
    if callable(value):
        value = value(**_snaked(arguments))
    if isinstance(get_named_type(info.return_type), GraphQLEnumType) and value is not None:
        return value.upper()
    if isinstance(value, Decimal):
        return price_text(value)
    return timestamp_text(value) if isinstance(value, datetime) else value


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)


def _snaked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_snake(key): _snaked(item) for key, item in value.items()}
    return [_snaked(item) for item in value] if isinstance(value, list) else value


class Shop:
    """The root of all queries, as one caller sees it."""

    def __init__(self, rows: Rows, visible: set[int] | None) -> None:
        def seen(model: type[SQLModel], column: str) -> list[Mapping[str, Any]]:
            return [row for row in rows[model] if visible is None or row[column] in visible]

        self.all_products = sorted((Product(self, row) for row in rows[tables.Product]), key=lambda p: p.number)
        self.all_locations = [Location(self, row) for row in seen(tables.Location, "id")]
        self.all_locations.sort(key=lambda location: (location.position, location.number))
        self.all_levels = [StockLevel(self, row) for row in seen(tables.StockLevel, "location_id")]
        self.all_levels.sort(key=lambda level: (level.product_id, level.location_id))
        self.all_entries = [LedgerEntry(self, row) for row in seen(tables.LedgerEntry, "location_id")]
        self.all_entries.sort(key=lambda entry: entry.sequence)
        self.all_groups = [StockChangeGroup(self, row) for row in rows[tables.StockChangeGroup]]

    def product(self, **keys: Any) -> Any:
        name, value = _only(keys)
        if name == "id":
            return _first(p for p in self.all_products if p.number == _number("Product", value))
        if name == "sku":
            return _first(p for p in self.all_products if p.sku and p.sku.casefold() == value.casefold())
        digits = re.sub(r"[\s-]", "", value)
        return _first(p for p in self.all_products if p.row["gtin"] and p.row["gtin"] == digits.zfill(14))

    def products(self, first: int, order_by: str, after: str | None = None, filter: Any = None) -> Any:  # noqa: A002
        orders: dict[str, tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
            "ID": ("id", lambda p: (p.number,)),
            "NAME": ("name_key,id", lambda p: (p.name.casefold(), p.number)),
            "SKU": ("sku_key,id", lambda p: ((p.sku or "").casefold(), p.number)),
            "UPDATED_AT": ("updated_at,id", lambda p: (timestamp_text(p.updated_at), p.number)),
        }
        found = [product for product in self.all_products if _is_product(product, filter or {})]
        return _page(found, *orders[order_by], first=first, after=after)

    def location(self, **keys: Any) -> Any:
        _only(keys)
        named = {name: value for name, value in keys.items() if value is not None}
        return _first(location for location in self.all_locations if _is_named(location, [named]))

    def locations(self, active: bool | None = None) -> Any:  # noqa: FBT001 (called by name)
        return [location for location in self.all_locations if active is None or location.active is active]

    def stock_levels(self, first: int, after: str | None = None, filter: Any = None) -> Any:  # noqa: A002
        return _levels_page([level for level in self.all_levels if _is_level(level, filter or {})], first, after)

    def ledger_entries(self, first: int, after: str | None = None, filter: Any = None) -> Any:  # noqa: A002
        found = [entry for entry in self.all_entries if _is_entry(entry, filter or {})]
        return _page(found, "sequence desc", lambda e: (e.sequence,), first=first, after=after, descending=True)


@dataclass(frozen=True)
class Record:
    """A row. What is not a method of its type is a column."""

    shop: Shop
    row: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name not in self.row:
            raise AttributeError(f"{type(self).__name__}.{name} is no column: give it a method here")
        return self.row[name]

    @property
    def number(self) -> int:
        number: int = self.row["id"]
        return number

    def id(self) -> str:
        return f"gid://stockgate/{type(self).__name__}/{self.number}"

    def database_id(self) -> int:
        return self.number


class Product(Record):
    """A product or a variation."""

    @cached_property
    def gtin(self) -> Any:
        return self.row["gtin_text"]

    @cached_property
    def levels(self) -> list[StockLevel]:
        return [level for level in self.shop.all_levels if level.product_id == self.number]

    def on_hand(self) -> int | None:
        levels = [level for item in (self, *self.variations()) for level in item.levels]
        counted = [level.on_hand for level in levels if level.location().active and level.on_hand is not None]
        return sum(counted) if counted else None

    def parent(self) -> Any:
        return _first(p for p in self.shop.all_products if p.number == self.parent_id)

    def variations(self) -> Any:
        return [product for product in self.shop.all_products if product.parent_id == self.number]

    def stock_levels(self, locations: Any = None) -> Any:
        found = [level for level in self.levels if locations is None or _is_named(level.location(), locations)]
        return sorted(found, key=lambda level: (level.location().position, level.location_id))


class Location(Record):
    """A place."""

    def address(self) -> Any:
        parts = ("address1", "address2", "city", "region", "postcode", "country")
        return self if any(self.row[part] is not None for part in parts) else None

    def stock_levels(self, first: int, after: str | None = None) -> Any:
        return _levels_page([level for level in self.shop.all_levels if level.location_id == self.number], first, after)


class OfLevel(Record):
    """A row about a product at a location."""

    def product(self) -> Any:
        return _first(p for p in self.shop.all_products if p.number == self.product_id)

    def location(self) -> Any:
        return _first(place for place in self.shop.all_locations if place.number == self.location_id)


class StockLevel(OfLevel):
    """One item at one location."""

    def id(self) -> str:
        return f"gid://stockgate/StockLevel/{self.product_id}-{self.location_id}"

    def available(self) -> int | None:
        return None if self.on_hand is None else self.on_hand - self.reserved - self.safety_stock


class LedgerEntry(OfLevel):
    """One change of a level."""

    def id(self) -> str:
        return f"gid://stockgate/LedgerEntry/{self.sequence}"

    def after(self) -> Any:
        return self.row["on_hand"]

    def group(self) -> Any:
        return _first(group for group in self.shop.all_groups if group.number == self.group_id)


class StockChangeGroup(Record):
    """One request that changed something."""

    def entries(self) -> Any:
        return [entry for entry in self.shop.all_entries if entry.group_id == self.number]


def _page(
    records: list[Any],
    order: str,
    key: Callable[[Any], tuple[Any, ...]],
    *,
    first: int,
    after: str | None,
    descending: bool = False,
) -> dict[str, Any]:
    """A connection: the records behind the cursor `after` in this order, at most `first` of them."""
    if not 0 <= first <= 250:
        raise GraphQLError("first is out of range")
    records = sorted(records, key=key, reverse=descending)
    behind = records
    if after is not None:
        last = _place(after, order)
        behind = [record for record in records if (key(record) < last if descending else key(record) > last)]
    page = behind[:first]
    edges = [{"node": record, "cursor": Cursor.at(order, *key(record))} for record in page]
    return {
        "nodes": page,
        "edges": edges,
        "total_count": len(records),
        "page_info": {
            "has_next_page": len(behind) > first,
            "has_previous_page": after is not None,
            "start_cursor": edges[0]["cursor"] if edges else None,
            "end_cursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _place(after: str, order: str) -> tuple[Any, ...]:
    try:
        named, *values = Cursor(after).parts()
    except ValueError:
        raise GraphQLError("no cursor") from None
    if named != order:
        raise GraphQLError("a cursor of another order")
    return tuple(values)


def _levels_page(levels: list[Any], first: int, after: str | None) -> Any:
    return _page(
        levels,
        "product_id,location_id",
        lambda level: (level.product_id, level.location_id),
        first=first,
        after=after,
    )


def _first(records: Iterable[Any]) -> Any:
    return next(iter(records), None)


def _only(keys: Mapping[str, Any]) -> tuple[str, Any]:
    given = [(name, value) for name, value in keys.items() if value is not None]
    if len(given) != 1:
        raise GraphQLError("not exactly one key")
    return given[0]


def _number(type_name: str, text: str) -> int:
    digits = text.removeprefix(f"gid://stockgate/{type_name}/")
    if not re.fullmatch("[0-9]+", digits) or int(digits) >= 2**63:
        raise GraphQLError("no id")
    return int(digits)


def _is_named(location: Any, keys: Sequence[Mapping[str, Any]]) -> bool:
    for key in keys:
        [(kind, value)] = key.items()
        if kind == "id" and location.number == _number("Location", value):
            return True
        if kind == "slug" and location.slug == value.lower():
            return True
        if kind == "code" and location.code == value:
            return True
    return False


def _is_after(time: datetime, text: str) -> bool:
    bound = datetime.fromisoformat(text)
    return time > (bound if bound.tzinfo else bound.replace(tzinfo=UTC))


def _is_within(number: int | None, bounds: Mapping[str, Any]) -> bool:
    at_least, at_most = bounds.get("gte"), bounds.get("lte")
    if at_least is not None and (number is None or number < at_least):
        return False
    return at_most is None or (number is not None and number <= at_most)


def _has_sku(product: Any, skus: Sequence[str]) -> bool:
    return bool(product.sku) and product.sku.casefold() in {sku.casefold() for sku in skus}


def _is_product(product: Any, asked: Mapping[str, Any]) -> bool:
    given = {name: value for name, value in asked.items() if value is not None}
    search = given.get("search", "").casefold()
    if search not in product.name.casefold() and search not in (product.sku or "").casefold():
        return False
    if "skus" in given and not _has_sku(product, given["skus"]):
        return False
    if "ids" in given and product.number not in [_number("Product", value) for value in given["ids"]]:
        return False
    if "type" in given and product.type.upper() != given["type"]:
        return False
    if "updated_after" in given and not _is_after(product.updated_at, given["updated_after"]):
        return False
    bounds = {name: value for name, value in given.get("on_hand", {}).items() if value is not None}
    if not bounds and "location" not in given:
        return True
    return any(
        level.on_hand is not None
        and _is_within(level.on_hand, bounds)
        and ("location" not in given or _is_named(level.location(), [given["location"]]))
        for level in product.levels
    )


def _is_at(record: Any, given: Mapping[str, Any]) -> bool:
    """What filters of levels and of ledger entries share."""
    if "skus" in given and not _has_sku(record.product(), given["skus"]):
        return False
    if "product_ids" in given and record.product_id not in [_number("Product", v) for v in given["product_ids"]]:
        return False
    return "locations" not in given or _is_named(record.location(), given["locations"])


def _is_level(level: Any, asked: Mapping[str, Any]) -> bool:
    given = {name: value for name, value in asked.items() if value is not None}
    if "updated_after" in given and not _is_after(level.updated_at, given["updated_after"]):
        return False
    return _is_at(level, given) and _is_within(level.on_hand, given.get("on_hand", {}))


def _is_entry(entry: Any, asked: Mapping[str, Any]) -> bool:
    given = {name: value for name, value in asked.items() if value is not None}
    if "group_id" in given and entry.group_id != _number("StockChangeGroup", given["group_id"]):
        return False
    return _is_at(entry, given)
