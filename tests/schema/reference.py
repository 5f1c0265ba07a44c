"""A naive executor over plain rows: what the compiler must agree with. Used only in tests.

It reads every row of every table once and executes documents with graphql-core's ordinary `execute` on a schema built
from the SDL alone: one plain method per field, lists that are looped over and sorted, nothing shared with `schema/`.
"""

from __future__ import annotations

import json
import math
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
from storage.access import Credential, Scope
from storage.columns import price_text, timestamp_text
from storage.upsert import table_of
from tests.schema.caller import NOW, Caller, Who

Rows = Mapping[type[SQLModel], Sequence[Mapping[str, Any]]]
EXACT = frozenset({"StockLevel.onHand", "StockLevel.reserved", "StockLevel.safetyStock", "StockLevel.available"}) | {
    "Product.onHand",
    "Product.available",
}
"""Fields that are null for callers who do not see quantities as they are."""
READ = (tables.Location, tables.Product, tables.StockLevel, tables.StockChangeGroup, tables.LedgerEntry)


async def all_rows(session: AsyncSession) -> Rows:
    """Every row of every table that can be queried."""
    return {model: [dict(row) for row in (await session.execute(select(table_of(model)))).mappings()] for model in READ}


@dataclass(frozen=True)
class Reference:
    """Executes documents over these rows, for a caller of the Caller's kind."""

    schema: GraphQLSchema
    rows: Rows

    @classmethod
    def of(cls, sdl: str, rows: Rows) -> Self:
        """A reference for the schema that this text describes."""
        return cls(build_schema(sdl), rows)

    def execute(self, text: str, variables: Mapping[str, Any] | None = None, *, visible: Who = None) -> ExecutionResult:
        """What any GraphQL server answers."""
        document = parse(text)
        if errors := validate(self.schema, document):
            return ExecutionResult(None, errors)
        root = Shop(self.rows, Caller.credential(visible))
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
    if f"{info.parent_type.name}.{info.field_name}" in EXACT and not source.shop.is_exact:
        return None
    value = source[name] if isinstance(source, Mapping) else getattr(source, name)
    if callable(value):
        value = value(**_snaked(arguments))
    if isinstance(get_named_type(info.return_type), GraphQLEnumType) and value is not None:
        return [item.upper() for item in value] if isinstance(value, list) else value.upper()
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

    def __init__(self, rows: Rows, who: Credential) -> None:
        self.who, visible = who, who.locations
        self.is_exact = who.visibility == "exact"
        self.is_inside = self.is_exact and not who.is_public
        self.rows_by_id = {row["id"]: row for row in rows[tables.Product]}

        def seen(model: type[SQLModel], column: str) -> list[Mapping[str, Any]]:
            return [row for row in rows[model] if visible is None or row[column] in visible]

        self.all_products = [Product(self, row) for row in rows[tables.Product]]
        self.all_products.sort(key=lambda p: p.number)
        self.all_locations = [Location(self, row) for row in seen(tables.Location, "id")]
        self.all_locations.sort(key=lambda location: (location.position, location.number))
        self.all_levels = [StockLevel(self, row) for row in seen(tables.StockLevel, "location_id")]
        self.all_levels.sort(key=lambda level: (level.product_id, level.location_id))
        self.all_entries = [LedgerEntry(self, row) for row in seen(tables.LedgerEntry, "location_id")]
        self.all_entries.sort(key=lambda entry: entry.sequence)
        self.all_groups = [StockChangeGroup(self, row) for row in rows[tables.StockChangeGroup]]
        if who.is_public:
            self._show_only_what_is_on_show()

    def _show_only_what_is_on_show(self) -> None:
        def is_published(row: Mapping[str, Any]) -> bool:
            parent = self.rows_by_id.get(row["parent_id"])
            return row["status"] == "publish" and (parent is None or parent["status"] == "publish")

        self.all_products = [product for product in self.all_products if is_published(product.row)]
        self.all_locations = [place for place in self.all_locations if place.active and not place.archived_at]
        self.all_levels = [
            level for level in self.all_levels if not level.disabled and level.location() and level.product()
        ]

    def viewer(self) -> Any:
        limited = self.who.locations
        return {
            "key": {
                "database_id": self.who.id,
                "name": self.who.name,
                "hint": "",
                "expires_at": None,
            },
            "scopes": [str(scope) for scope in Scope if scope in self.who.scopes],
            "visibility": {"kind": self.who.visibility, "cap": self.who.cap},
            "limits": {"cost_per_minute": None, "first_max": 250, "bulk_items_max": 1000},
            "locations": None if limited is None else self.all_locations,
        }

    def availability_for(self, lines: Any, locations: Any = None, near: Any = None) -> Any:
        made = [Line(self, line, locations, near) for line in lines]
        needed: dict[Any, int] = {}
        for line in made:
            number = line.product().number if line.product() else None
            needed[number] = needed.get(number, 0) + line.requested
        by_product = {line.product().number: line for line in made if line.product()}
        if None in needed:
            return {"lines": made, "can_serve_all": False, "locations": []}
        serving = [
            place
            for place in next(iter(by_product.values())).places
            if all(by_product[number].is_served_at(place["location"], units) for number, units in needed.items())
        ]
        return {
            "lines": made,
            "can_serve_all": all(by_product[number].is_served(units) for number, units in needed.items()),
            "locations": serving,
        }

    def shown(self, quantity: int | None) -> dict[str, Any]:
        """A quantity as the caller sees it."""
        cap = self.who.cap
        if quantity is None or self.is_exact:
            return {"quantity": quantity, "quantity_is_capped": False}
        if cap is None:
            return {"quantity": None if quantity else 0, "quantity_is_capped": False}
        return {"quantity": min(quantity, cap), "quantity_is_capped": quantity > cap}

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
        self._refuse_quantities(filter)
        found = [product for product in self.all_products if _is_product(product, filter or {})]
        return _page(found, *orders[order_by], first=first, after=after)

    def location(self, **keys: Any) -> Any:
        _only(keys)
        named = {name: value for name, value in keys.items() if value is not None}
        return _first(location for location in self.all_locations if _is_named(location, [named]))

    def locations(self, active: bool | None = None) -> Any:  # noqa: FBT001 (called by name)
        return [location for location in self.all_locations if active is None or location.active is active]

    def stock_levels(self, first: int, after: str | None = None, filter: Any = None) -> Any:  # noqa: A002
        self._refuse_quantities(filter)
        return _levels_page([level for level in self.all_levels if _is_level(level, filter or {})], first, after)

    def _refuse_quantities(self, asked: Any) -> None:
        if not self.is_exact and (asked or {}).get("on_hand") is not None:
            raise GraphQLError("quantities are hidden")

    def ledger_entries(self, first: int, after: str | None = None, filter: Any = None) -> Any:  # noqa: A002
        if not self.is_inside:
            raise GraphQLError("history is hidden")
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

    @property
    def above(self) -> Mapping[str, Any]:
        """The row of its parent, whoever asks."""
        return self.shop.rows_by_id.get(self.parent_id, {})

    @property
    def is_tracked(self) -> bool:
        return self.manage_stock or self.above.get("manage_stock", False)

    @property
    def threshold(self) -> int:
        for number in (self.low_stock_threshold, self.above.get("low_stock_threshold")):
            if number is not None:
                return int(number)
        return 2

    def price(self) -> Any:
        return _price(self, None)

    def available(self) -> int | None:
        return Offered(self).quantity

    def availability(self, locations: Any = None, near: Any = None) -> Any:
        return Offered(self, locations, near).told()

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

    def price(self) -> Any:
        return _price(Product(self.shop, self.shop.rows_by_id[self.product_id]), self)

    @property
    def takes_backorders(self) -> bool:
        own: str = self.backorders or self.shop.rows_by_id[self.product_id]["backorders"]
        return own != "no"

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


class Offered:
    """What may be promised of a product at some places, counted level by level."""

    def __init__(self, product: Product, locations: Any = None, near: Any = None) -> None:
        self.product, self.shop, self.near = product, product.shop, near
        variations = [item for item in product.variations() if item.status != "trash"]
        carriers = variations if product.type == "variable" else [product]
        self.untracked = not all(item.is_tracked for item in carriers)
        self.levels: list[tuple[StockLevel, Product]] = []
        for item in [product, *variations]:
            for level in item.levels if item.status != "trash" else []:
                place = level.location()
                if level.disabled or not place.active or place.archived_at:
                    continue
                if (locations is None or _is_named(place, locations)) and self._is_near(place):
                    self.levels.append((level, item))
        self.quantity, self.status = self._sum(self.levels, untracked=self.untracked)

    def _is_near(self, place: Any) -> bool:
        radius = (self.near or {}).get("radius_km")
        if radius is None:
            return True
        metres = self._metres(place)
        return metres is not None and metres <= radius * 1000

    def _metres(self, place: Any) -> int | None:
        if self.near is None or place.latitude is None or place.longitude is None:
            return None
        here, there = math.radians(self.near["latitude"]), math.radians(place.latitude)
        north, east = there - here, math.radians(place.longitude - self.near["longitude"])
        square = math.sin(north / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(east / 2) ** 2
        return round(2 * 6_371_008.8 * math.asin(math.sqrt(min(1.0, square))))

    def _sum(self, levels: Any, *, untracked: bool) -> tuple[int | None, str]:
        quantity = sum(max(level.available() or 0, 0) for level, item in levels if item.is_tracked)
        if quantity:
            return quantity, "low_stock" if quantity <= self.product.threshold else "in_stock"
        if untracked:
            return None, "not_tracked"
        return 0, "backorder" if any(level.takes_backorders for level, _ in levels) else "out_of_stock"

    def places(self) -> list[dict[str, Any]]:
        """By location, in order; with the quantity as it is under `units`."""
        made = []
        for place in self.shop.all_locations:
            levels = [(level, item) for level, item in self.levels if level.location_id == place.number]
            if not levels:
                continue
            quantity, status = self._sum(levels, untracked=not all(item.is_tracked for _, item in levels))
            metres = self._metres(place)
            own = _first(level for level, item in levels if item is self.product)
            made.append(
                {
                    "location": place,
                    "metres": metres,
                    "distance_km": None if metres is None else metres / 1000,
                    "status": status,
                    "units": quantity,
                    "free": any(level.takes_backorders or not item.is_tracked for level, item in levels),
                    "pickup": place.pickup,
                    "price": _price(self.product, own),
                    **self.shop.shown(quantity),
                }
            )
        return sorted(made, key=lambda place: (place["metres"] is None, place["metres"] or 0))

    def told(self) -> dict[str, Any]:
        return {"status": self.status, "locations": self.places(), **self.shop.shown(self.quantity)}


class Line:
    """One line of a cart."""

    def __init__(self, shop: Shop, line: Any, locations: Any, near: Any) -> None:
        self.sku, self.requested = line["sku"], line["quantity"]
        self._product = shop.product(sku=self.sku)
        self.offered = Offered(self._product, locations, near) if self._product else None
        self.places = self.offered.places() if self.offered else []
        shown = shop.shown(self.offered.quantity if self.offered else None)
        self.quantity, self.quantity_is_capped = shown["quantity"], shown["quantity_is_capped"]
        self.status = self.offered.status if self.offered else None

    def product(self) -> Any:
        return self._product

    def is_served(self, units: int) -> bool:
        offered = self.offered
        if offered is None:
            return False
        takes = any(level.takes_backorders for level, _ in offered.levels)
        return (offered.quantity or 0) >= units or offered.untracked or takes

    def is_served_at(self, location: Any, units: int) -> bool:
        found = [place for place in self.places if place["location"] is location]
        return any((place["units"] or 0) >= units or place["free"] for place in found)

    def can_serve(self) -> bool:
        return self.is_served(self.requested)

    def locations(self) -> Any:
        return [place for place in self.places if self.is_served_at(place["location"], self.requested)]


def _price(product: Product, own: StockLevel | None) -> dict[str, Any]:
    """What a product costs: where it has a level with prices, those."""
    regular, sale = product.regular_price, product.sale_price
    if own is not None:
        regular = regular if own.regular_price is None else own.regular_price
        sale = sale if own.sale_price is None else own.sale_price
    has_begun = product.sale_starts_at is None or product.sale_starts_at <= NOW
    has_ended = product.sale_ends_at is not None and product.sale_ends_at <= NOW
    on_sale = None not in {regular, sale} and sale < regular and has_begun and not has_ended
    return {"regular": regular, "sale": sale, "current": sale if on_sale else regular, "on_sale": on_sale}


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
