"""A naive executor over plain rows: what the compiler must agree with. Used only in tests.

It reads every row of every table once and executes documents with graphql-core's ordinary `execute` on a schema built
from the SDL alone: one plain method per field, lists that are looped over and sorted, nothing shared with `schema/`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Self

from graphql import (
    DocumentNode,
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
from storage.access import Credential
from storage.columns import price_text, timestamp_text
from storage.upsert import table_of
from tests.schema.caller import NOW, Caller, Who
from tests.schema.reference_access import ImportJob, Integrations, SourceRule, WebhookDelivery, WebhookEndpoint
from tests.schema.reference_rows import (
    Record,
    first_of,
    is_after,
    is_before,
    is_named,
    number_of,
    only_of,
    page_of,
)

Rows = Mapping[type[SQLModel], Sequence[Mapping[str, Any]]]
EXACT = frozenset({"StockLevel.onHand", "StockLevel.reserved", "StockLevel.safetyStock", "StockLevel.available"}) | {
    "Product.onHand",
    "Product.available",
    "StockLevel.deficit",
    "StockLevel.onHandAt",
    "StockLevel.outflowPerDay",
    "StockLevel.daysOfCover",
}
"""Fields that are null for callers who do not see quantities as they are."""
READ = (
    tables.Location,
    tables.Product,
    tables.StockLevel,
    tables.StockChangeGroup,
    tables.LedgerEntry,
    tables.CatalogChange,
    tables.WebhookEndpoint,
    tables.WebhookDelivery,
    tables.SourceRule,
    tables.ImportJob,
    tables.KeyUse,
)


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
        document = _parsed(self.schema, text)
        if not isinstance(document, DocumentNode):
            return ExecutionResult(None, document)
        root = Shop(self.rows, Caller.credential(visible))
        result = execute(
            self.schema,
            document,
            root,
            variable_values=dict(variables or {}),
            field_resolver=_resolve,
            type_resolver=lambda value, *_: type(value).__name__,
        )
        assert isinstance(result, ExecutionResult)
        return result


@lru_cache(maxsize=4)
def _parsed(schema: GraphQLSchema, text: str) -> DocumentNode | list[GraphQLError]:
    """The document, or why it is not valid. Remembered, because examples run a document twice."""
    document = parse(text)
    return validate(schema, document) or document


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


class Shop(Integrations):
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
        self.every_location = [Location(self, row) for row in rows[tables.Location]]
        self.all_levels = [StockLevel(self, row) for row in seen(tables.StockLevel, "location_id")]
        self.all_levels.sort(key=lambda level: (level.product_id, level.location_id))
        self.all_entries = [LedgerEntry(self, row) for row in seen(tables.LedgerEntry, "location_id")]
        self.all_entries.sort(key=lambda entry: entry.sequence)
        self.all_groups = [StockChangeGroup(self, row) for row in rows[tables.StockChangeGroup]]
        touched = {entry.group_id for entry in self.all_entries}
        self.all_groups = [group for group in self.all_groups if visible is None or group.number in touched]
        self.all_changes = [
            Change(self, {**entry.row, "kind": "stock", "deleted": False}) for entry in self.all_entries
        ]
        for row in rows[tables.CatalogChange]:
            if row["kind"] not in {"created", "updated", "deleted", "restored"}:
                continue
            if row["location_id"] is None or visible is None or row["location_id"] in visible:
                deleted = row["kind"] == "deleted"
                kind = "location" if row["product_id"] is None else "product"
                self.all_changes.append(Change(self, {**row, "kind": kind, "deleted": deleted}))
        is_everywhere = visible is None
        self.all_endpoints = [WebhookEndpoint(self, row) for row in rows[tables.WebhookEndpoint] if is_everywhere]
        self.all_deliveries = [WebhookDelivery(self, row) for row in rows[tables.WebhookDelivery] if is_everywhere]
        self.all_jobs = [ImportJob(self, row) for row in rows[tables.ImportJob]]
        self.all_rules = [SourceRule(self, row) for row in rows[tables.SourceRule]]
        self.all_uses = rows[tables.KeyUse]
        self.all_changes.sort(key=lambda change: change.sequence)
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
        name, value = only_of(keys)
        if name == "id":
            return first_of(p for p in self.all_products if p.number == number_of("Product", value))
        if name == "sku":
            return self._named(lambda p: p.sku and p.sku.casefold() == value.casefold())
        digits = re.sub(r"[\s-]", "", value)
        return self._named(lambda p: p.row["gtin"] and p.row["gtin"] == digits.zfill(14))

    def _named(self, has_key: Callable[[Any], Any]) -> Any:
        """The one that is not in the trash, else the last."""
        found = sorted(filter(has_key, self.all_products), key=lambda p: (p.status == "trash", -p.number))
        return first_of(iter(found))

    def products(
        self,
        order_by: str,
        direction: str,
        filter: Any = None,  # noqa: A002
        **page: Any,
    ) -> Any:
        orders: dict[str, tuple[str, Callable[[Product], tuple[Any, ...]]]] = {
            "ID": ("id", lambda p: (p.number,)),
            "NAME": ("name_key,id", lambda p: (p.name.casefold(), p.number)),
            "SKU": ("sku_key,id", lambda p: ((p.sku or "").casefold(), p.number)),
            "CREATED_AT": ("created_at,id", lambda p: (timestamp_text(p.created_at), p.number)),
            "UPDATED_AT": ("updated_at,id", lambda p: (timestamp_text(p.updated_at), p.number)),
        }
        self._refuse_quantities(filter)
        found = [product for product in self.all_products if _is_product(product, filter or {})]
        return page_of(found, *orders[order_by], **page, descending=direction == "DESC")

    def location(self, **keys: Any) -> Any:
        only_of(keys)
        named = {name: value for name, value in keys.items() if value is not None}
        return first_of(location for location in self.all_locations if is_named(location, [named]))

    def locations(self, active: bool | None = None, filter: Any = None) -> Any:  # noqa: A002, FBT001 (called by name)
        self._refuse_quantities(filter)
        found = [location for location in self.all_locations if active is None or location.active is active]
        return [location for location in found if _is_location(location, filter or {})]

    def stock_levels(self, order_by: str, direction: str, filter: Any = None, **page: Any) -> Any:  # noqa: A002
        self._refuse_quantities(filter)
        self._refuse_quantities({"on_hand": order_by if order_by in {"ON_HAND", "AVAILABLE"} else None})
        found = [level for level in self.all_levels if _is_level(level, filter or {})]
        return _sorted_levels(found, order_by, direction, page)

    def _refuse_quantities(self, asked: Any) -> None:
        telling = ("on_hand", "available", "below_threshold", "changed_since_sequence")
        if not self.is_exact and any((asked or {}).get(name) is not None for name in telling):
            raise GraphQLError("quantities are hidden")

    def low_stock(self, order_by: str, direction: str, locations: Any = None, **page: Any) -> Any:
        self.refuse_history()
        found = [level for level in self.all_levels if level.is_low()]
        found = [level for level in found if locations is None or is_named(level.location(), locations)]
        return _sorted_levels(found, order_by, direction, page)

    def stock_levels_by_sku(self, skus: list[str], locations: Any = None) -> Any:
        return [self.sku_stock(sku, locations) for sku in skus]

    def sku_stock(self, sku: str, locations: Any) -> Any:
        product = self.product(sku=sku)
        if product is None:
            return None
        return {"sku": product.sku, "product": product, "stock_levels": product.stock_levels(locations)}

    def stock_changes(self, filter: Any = None, **page: Any) -> Any:  # noqa: A002
        self.refuse_history()
        found = [entry for entry in self.all_entries if _is_entry(entry, filter or {})]
        return _entries_page(found, page)

    def stock_change_group(self, id: str) -> Any:  # noqa: A002
        self.refuse_history()
        return first_of(group for group in self.all_groups if group.number == number_of("StockChangeGroup", id))

    def changes(self, after_sequence: int, first: int | None = 100) -> Any:
        self.refuse_history()
        first = 100 if first is None else first
        if after_sequence < 0 or not 0 <= first <= 1000:
            raise GraphQLError("out of range")
        later = [change for change in self.all_changes if change.sequence > after_sequence]
        last = later[:first][-1].sequence if later[:first] else after_sequence
        return {"changes": later[:first], "next_sequence": last, "has_more": len(later) > first}

    def node(self, id: str) -> Any:  # noqa: A002
        found = re.fullmatch("gid://stockgate/([A-Za-z]+)/([0-9-]+)", id)
        known = {
            "Product": self.all_products,
            "Location": self.all_locations,
            "StockLevel": self.all_levels,
            "LedgerEntry": self.all_entries if self.is_inside else [],
            "StockChangeGroup": self.all_groups if self.is_inside else [],
        }
        if found is None or found[1] not in known:
            raise GraphQLError("no node id")
        return first_of(record for record in known[found[1]] if record.id() == id)

    def nodes(self, ids: list[str]) -> Any:
        return [self.node(id_) for id_ in ids]


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
    def said(self) -> str | None:
        """What the shop says of it, if it is not tracked."""
        if self.is_tracked:
            return None
        return "instock" if self.type == "variable" else self.row["stock_status"]

    @property
    def thresholds(self) -> dict[str, int | None]:
        return {"PRODUCT": self.low_stock_threshold, "PARENT": self.above.get("low_stock_threshold")}

    @property
    def threshold(self) -> int:
        return int(_threshold(self.thresholds)["value"])

    def effective_threshold(self) -> dict[str, Any]:
        return _threshold(self.thresholds)

    def price(self) -> Any:
        return _price(self, None)

    def available(self) -> int | None:
        return Offered(self).quantity

    def availability(self, locations: Any = None, near: Any = None) -> Any:
        return Offered(self, locations, near).told()

    def parent(self) -> Any:
        return first_of(p for p in self.shop.all_products if p.number == self.parent_id)

    def variations(self) -> Any:
        return [product for product in self.shop.all_products if product.parent_id == self.number]

    def stock_levels(self, locations: Any = None) -> Any:
        found = [level for level in self.levels if locations is None or is_named(level.location(), locations)]
        return sorted(found, key=lambda level: (level.location().position, level.location_id))


class Location(Record):
    """A place."""

    def address(self) -> Any:
        parts = ("address1", "address2", "city", "region", "postcode", "country")
        return self if any(self.row[part] is not None for part in parts) else None

    def stock_levels(self, **page: Any) -> Any:
        return _levels_page([level for level in self.shop.all_levels if level.location_id == self.number], page)


class OfLevel(Record):
    """A row about a product at a location."""

    def product(self) -> Any:
        return first_of(p for p in self.shop.all_products if p.number == self.product_id)

    def location(self) -> Any:
        return first_of(place for place in self.shop.all_locations if place.number == self.location_id)


class StockLevel(OfLevel):
    """One item at one location."""

    def id(self) -> str:
        return f"gid://stockgate/StockLevel/{self.product_id}-{self.location_id}"

    @cached_property
    def entries(self) -> list[LedgerEntry]:
        mine = (self.product_id, self.location_id)
        return [entry for entry in self.shop.all_entries if (entry.product_id, entry.location_id) == mine]

    def history(self, **page: Any) -> Any:
        return _entries_page(self.entries, page)

    def on_hand_at(self, time: str) -> int | None:
        past = [entry.row["on_hand"] for entry in self.entries if not is_after(entry.created_at, time)]
        return past[-1] if past else None

    def price(self) -> Any:
        return _price(Product(self.shop, self.shop.rows_by_id[self.product_id]), self)

    def available(self) -> int | None:
        return None if self.on_hand is None else self.on_hand - self.reserved - self.safety_stock

    @property
    def threshold(self) -> int:
        return int(self.effective_threshold()["value"])

    def effective_threshold(self) -> dict[str, Any]:
        product = Product(self.shop, self.shop.rows_by_id[self.product_id])
        place = first_of(place for place in self.shop.every_location if place.number == self.location_id)
        said = {"LEVEL": self.low_stock_threshold, **product.thresholds, "LOCATION": place.low_stock_threshold}
        return _threshold(said)

    def deficit(self) -> int | None:
        available = self.available()
        return None if available is None else self.threshold - available

    def _outflow(self, days: int) -> int:
        if not 1 <= days <= 366:
            raise GraphQLError("`days` must be from 1 to 366")
        used_up = {"sale", "promotion", "production", "sync", "unspecified", "other"}
        since = NOW - timedelta(days=days)
        mine = (self.product_id, self.location_id)
        went = [e for e in self.shop.all_entries if (e.product_id, e.location_id) == mine and e.delta < 0]
        return -sum(e.delta for e in went if e.created_at >= since and e.group().row["reason"] in used_up)

    def outflow_per_day(self, days: int = 28) -> float:
        return math.floor(self._outflow(days) * 100 / days + 0.5) / 100

    def days_of_cover(self, days: int = 28) -> float | None:
        available, outflow = self.available(), self._outflow(days)
        return None if available is None or not outflow else max(available, 0) * 10 * days // outflow / 10

    def is_offered(self) -> bool:
        location = first_of(place for place in self.shop.every_location if place.number == self.location_id)
        return not self.disabled and location.active and location.archived_at is None

    def offered(self) -> int:
        available = self.available()
        return available if available is not None and available > 0 and self.product().is_tracked else 0

    @property
    def takes_backorders(self) -> bool:
        own: str = self.backorders or self.shop.rows_by_id[self.product_id]["backorders"]
        return own != "no"

    def is_low(self) -> bool:
        deficit = self.deficit()
        product = self.product()
        is_kept = product.is_tracked and product.status != "trash"
        return self.is_offered() and is_kept and deficit is not None and deficit >= 0

    def status(self) -> str:
        if not self.is_offered():
            return "OUT_OF_STOCK"
        product = self.product()
        takes = self.takes_backorders if product.is_tracked else product.said == "onbackorder"
        return _status(self.offered(), self.threshold, product.said == "instock", takes)


class LedgerEntry(OfLevel):
    """One change of a level."""

    def id(self) -> str:
        return f"gid://stockgate/LedgerEntry/{self.sequence}"

    def after(self) -> Any:
        return self.row["on_hand"]

    def group(self) -> Any:
        return first_of(group for group in self.shop.all_groups if group.number == self.group_id)

    def counterpart(self) -> Any:
        same = [other for other in self.shop.all_entries if (other.group_id, other.line) == (self.group_id, self.line)]
        return first_of(other for other in same if other.location_id != self.location_id)

    def __getattr__(self, name: str) -> Any:
        of_group = ("reason", "note", "reference", "principal", "api_key_id", "dialect", "request_id")
        return getattr(self.group(), name) if name in of_group else super().__getattr__(name)


class Offered:
    """What may be promised of a product at some places, counted level by level."""

    def __init__(self, product: Product, locations: Any = None, near: Any = None) -> None:
        self.product, self.shop, self.near = product, product.shop, near
        variations = [item for item in product.variations() if item.status != "trash"]
        carriers = variations if product.type == "variable" else [product]
        self.said = {item.said for item in carriers}
        self.levels: list[tuple[StockLevel, Product]] = []
        for item in [product, *variations]:
            for level in item.levels if item.status != "trash" else []:
                place = level.location()
                if level.disabled or not place.active or place.archived_at:
                    continue
                if (locations is None or is_named(place, locations)) and self._is_near(place):
                    self.levels.append((level, item))
        self.quantity, self.status = self._sum(self.levels, self.said, self.product.threshold)

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

    def _sum(self, levels: Any, said: set[Any], threshold: int) -> tuple[int | None, str]:
        quantity = sum(max(level.available() or 0, 0) for level, item in levels if item.is_tracked)
        if quantity:
            return quantity, "low_stock" if quantity <= threshold else "in_stock"
        if "instock" in said:
            return None, "not_tracked"
        return 0, "backorder" if "onbackorder" in said or self._takes(levels) else "out_of_stock"

    @staticmethod
    def _takes(levels: Any) -> bool:
        return any(level.takes_backorders for level, item in levels if item.is_tracked)

    def is_free(self) -> bool:
        """Whether it may be ordered where there is none."""
        return bool(self.said & {"instock", "onbackorder"}) or self._takes(self.levels)

    def places(self) -> list[dict[str, Any]]:
        """By location, in order; with the quantity as it is under `units`."""
        made = []
        for place in self.shop.all_locations:
            levels = [(level, item) for level, item in self.levels if level.location_id == place.number]
            if not levels:
                continue
            own = first_of(level for level, item in levels if item is self.product)
            here = {"LEVEL": own and own.low_stock_threshold, **self.product.thresholds}
            threshold = _threshold({**here, "LOCATION": place.low_stock_threshold})["value"]
            quantity, status = self._sum(levels, {item.said for _, item in levels}, threshold)
            metres = self._metres(place)
            made.append(
                {
                    "location": place,
                    "metres": metres,
                    "distance_km": None if metres is None else metres / 1000,
                    "status": status,
                    "units": quantity,
                    "free": self._takes(levels) or any(item.said in {"instock", "onbackorder"} for _, item in levels),
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
        return (offered.quantity or 0) >= units or offered.is_free()

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

    def reverses(self) -> Any:
        return first_of(group for group in self.shop.all_groups if group.number == self.reverses_id)

    def reversed_by(self) -> Any:
        return first_of(group for group in self.shop.all_groups if group.reverses_id == self.number)


class Change(OfLevel):
    """One step of the change feed."""

    def entry(self) -> Any:
        return first_of(entry for entry in self.shop.all_entries if entry.sequence == self.sequence)


def _or_lowest(quantity: int | None) -> int:
    return -4_000_000_000 if quantity is None else quantity


def _sorted_levels(levels: list[Any], order_by: str, direction: str, page: Mapping[str, Any]) -> Any:
    orders: dict[str, tuple[str, Callable[[StockLevel], tuple[Any, ...]]]] = {
        "PRODUCT": ("product_id,location_id", lambda _level: ()),
        "LOCATION": ("location_id,product_id", lambda level: (level.location_id,)),
        "AVAILABLE": ("available,product_id,location_id", lambda level: (_or_lowest(level.available()),)),
        "ON_HAND": ("on_hand,product_id,location_id", lambda level: (_or_lowest(level.on_hand),)),
        "DEFICIT": ("deficit,product_id,location_id", lambda level: (level.deficit(),)),
        "UPDATED_AT": ("updated_at,product_id,location_id", lambda level: (timestamp_text(level.updated_at),)),
    }
    order, first_of = orders[order_by]

    def key(level: StockLevel) -> tuple[Any, ...]:
        rest = (level.product_id,) if order_by == "LOCATION" else (level.product_id, level.location_id)
        return (*first_of(level), *rest)

    return page_of(levels, order, key, **page, descending=direction == "DESC")


def _levels_page(levels: list[Any], page: Mapping[str, Any]) -> Any:
    return page_of(levels, "product_id,location_id", lambda level: (level.product_id, level.location_id), **page)


def _entries_page(entries: list[Any], page: Mapping[str, Any]) -> Any:
    return page_of(entries, "sequence", lambda entry: (entry.sequence,), **page, descending=True)


def _is_within(number: int | None, bounds: Mapping[str, Any]) -> bool:
    at_least, at_most = bounds.get("gte"), bounds.get("lte")
    if at_least is not None and (number is None or number < at_least):
        return False
    return at_most is None or (number is not None and number <= at_most)


def _has_sku(product: Any, skus: Sequence[str]) -> bool:
    return bool(product.sku) and product.sku.casefold() in {sku.casefold() for sku in skus}


def _has_gtin(product: Any, gtins: Sequence[str]) -> bool:
    return product.row["gtin"] in {re.sub(r"[\s-]", "", gtin).zfill(14) for gtin in gtins}


def _begins(product: Any, text: str) -> bool:
    return product.name.casefold().startswith(text.casefold()) or bool(
        product.sku and product.sku.casefold().startswith(text.casefold())
    )


def _contains(product: Any, text: str) -> bool:
    return text.casefold() in product.name.casefold() or text.casefold() in (product.sku or "").casefold()


def _changed_since(record: Any, sequence: int, **where: int) -> bool:
    """Whether the feed has a later change with these values."""
    return any(
        change.sequence > sequence and all(getattr(change, name) == value for name, value in where.items())
        for change in record.shop.all_changes
    )


def _not_null(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def _threshold(said: Mapping[str, int | None]) -> dict[str, Any]:
    """The first that is said, in this order."""
    return next(
        ({"value": value, "source": source} for source, value in said.items() if value is not None),
        {"value": 2, "source": "DEFAULT"},
    )


def _status(quantity: int, threshold: int, untracked: bool, backorders: bool) -> str:  # noqa: FBT001 (asked here only)
    if quantity > 0:
        return "LOW_STOCK" if quantity <= threshold else "IN_STOCK"
    if untracked:
        return "NOT_TRACKED"
    return "BACKORDER" if backorders else "OUT_OF_STOCK"


def _is_product(product: Any, asked: Mapping[str, Any]) -> bool:
    given = _not_null(asked)
    return all(
        (
            "search" not in given or _contains(product, given["search"]),
            "search_prefix" not in given or _begins(product, given["search_prefix"]),
            "skus" not in given or _has_sku(product, given["skus"]),
            "gtins" not in given or _has_gtin(product, given["gtins"]),
            "ids" not in given or product.number in [number_of("Product", value) for value in given["ids"]],
            "type" not in given or product.type.upper() == given["type"],
            "status" not in given or product.status.upper() == given["status"],
            all(pair in product.attributes for pair in given.get("attributes", ())),
            "updated_after" not in given or is_after(product.updated_at, given["updated_after"]),
            "changed_since_sequence" not in given
            or _changed_since(product, given["changed_since_sequence"], product_id=product.number),
            _is_stocked(product, given),
        )
    )


def _is_stocked(product: Any, given: Mapping[str, Any]) -> bool:
    counted = [level for level in product.levels if level.on_hand is not None]
    if any(is_named(level.location(), given.get("not_stocked_at", ())) for level in counted):
        return False
    locations = given.get("locations")
    there = [level for level in counted if locations is None or is_named(level.location(), locations)]
    if "below_threshold" in given and any(level.is_low() for level in there) is not given["below_threshold"]:
        return False
    if "availability" in given and Offered(product, locations).status.upper() != given["availability"]:
        return False
    bounds, available = _not_null(given.get("on_hand", {})), _not_null(given.get("available", {}))
    if not bounds and not available and locations is None:
        return True
    return any(_is_within(level.on_hand, bounds) and _is_within(level.available(), available) for level in there)


def _is_location(location: Any, asked: Mapping[str, Any]) -> bool:
    given = _not_null(asked)
    return all(
        (
            "keys" not in given or is_named(location, given["keys"]),
            given.get("search", "").lower() in location.slug,
            "kind" not in given or location.kind.upper() == given["kind"],
            "pickup" not in given or location.pickup is given["pickup"],
            "updated_after" not in given or is_after(location.updated_at, given["updated_after"]),
            "changed_since_sequence" not in given
            or _changed_since(location, given["changed_since_sequence"], location_id=location.number),
        )
    )


def _is_at(record: Any, given: Mapping[str, Any]) -> bool:
    """What filters of levels and of ledger entries share."""
    if "skus" in given and not _has_sku(record.product(), given["skus"]):
        return False
    if "product_ids" in given and record.product_id not in [number_of("Product", v) for v in given["product_ids"]]:
        return False
    return "locations" not in given or is_named(record.location(), given["locations"])


def _is_level(level: Any, asked: Mapping[str, Any]) -> bool:
    given = _not_null(asked)
    where = {"product_id": level.product_id, "location_id": level.location_id, "kind": "stock"}
    return _is_at(level, given) and all(
        (
            "gtins" not in given or _has_gtin(level.product(), given["gtins"]),
            "search" not in given or _contains(level.product(), given["search"]),
            "search_prefix" not in given or _begins(level.product(), given["search_prefix"]),
            "disabled" not in given or level.disabled is given["disabled"],
            "updated_after" not in given or is_after(level.updated_at, given["updated_after"]),
            "changed_since_sequence" not in given or _changed_since(level, given["changed_since_sequence"], **where),
            "availability" not in given or level.status() == given["availability"],
            "below_threshold" not in given or level.is_low() is given["below_threshold"],
            _is_within(level.on_hand, given.get("on_hand", {})),
            _is_within(level.available(), given.get("available", {})),
        )
    )


def _is_entry(entry: Any, asked: Mapping[str, Any]) -> bool:
    given = _not_null(asked)
    return _is_at(entry, given) and all(
        (
            "group_id" not in given or entry.group_id == number_of("StockChangeGroup", given["group_id"]),
            "reasons" not in given or entry.reason.upper() in given["reasons"],
            "dialects" not in given or entry.dialect in given["dialects"],
            "api_key_ids" not in given or entry.api_key_id in given["api_key_ids"],
            "created_after" not in given or is_after(entry.created_at, given["created_after"]),
            "created_before" not in given or is_before(entry.created_at, given["created_before"]),
            _is_within(entry.sequence, given.get("sequence", {})),
        )
    )
