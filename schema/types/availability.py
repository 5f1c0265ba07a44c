"""Availability: what may be promised of a product, and where. AvailabilityFor: of a whole cart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import strawberry
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Float,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    case,
    cast,
    column,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    table,
    true,
)

from schema.conditions import Given, at
from schema.errors import bad_input
from schema.inputs import CartLineInput, LocationKeyInput, NearInput
from schema.selection import Slot
from schema.sources import Argument, Condition, Rows, Sees, derived, elsewhere, embedded, leaf, many, one
from schema.sources import column as column_
from schema.types.choices import AvailabilityStatus
from schema.types.price import Price
from storage import availability, distances, tables, thresholds
from storage.availability import Offers, holds_of_any
from storage.changes import QUANTITY_MAX, is_storable, sku_key
from storage.columns import NO_SKU, Timestamp
from storage.columns import Price as PriceType
from storage.conditions import is_named_by
from storage.json_rows import among, json_text, members_of, rows_of
from storage.upsert import table_of
from storage.visibility import is_capped, shown_quantity

_Product = elsewhere("Product", "schema.types.product")
_Location = elsewhere("Location", "schema.types.location")
LINES_MAX: Final = 250
PLACES: Final[dict[str, Any]] = {
    "locations": Argument(list[LocationKeyInput] | None, "Only at these locations."),
    "near": Argument(NearInput | None, "Nearest locations first, and only those within its radius."),
}
"""The arguments that say where."""
NewName = Callable[[str], str]

_OFFER: Final[dict[str, Any]] = {
    "product_id": BigInteger(),
    "location_id": BigInteger(),
    "position": Integer(),
    "pickup": Boolean(),
    "metres": Integer(),
    "quantity": BigInteger(),
    "untracked": Boolean(),
    "backorders": Boolean(),
    "own_regular_price": PriceType(),
    "own_sale_price": PriceType(),
    "own_threshold": Integer(),
    "place_threshold": Integer(),
}
_PRICES: Final = ("regular_price", "sale_price", "sale_starts_at", "sale_ends_at")


def _km(row: Any) -> ColumnElement[float]:
    km: ColumnElement[Any] = cast(row.metres, Float) / literal_column("1000.0", Float())
    return km


def _quantity(row: Any) -> ColumnElement[int | None]:
    return availability.quantity_or_null(row.quantity, row.untracked)


def _shown(row: Any, sees: Sees) -> ColumnElement[int | None]:
    return shown_quantity(_quantity(row), sees.visibility, sees)


def _capped(row: Any, sees: Sees) -> Condition:
    return is_capped(_quantity(row), sees.visibility, sees)


def _status(row: Any) -> ColumnElement[str]:
    named = availability.status(row.quantity, row.threshold, row.untracked, row.backorders)
    return func.upper(named)


def _status_there(row: Any) -> ColumnElement[str]:
    threshold = thresholds.first(row.own_threshold, row.said_threshold, row.place_threshold)
    named = availability.status(row.quantity, threshold, row.untracked, row.backorders)
    return func.upper(named)


def _serves(row: Any, requested: Any) -> Condition:
    """Whether so many units can be had of what a row offers."""
    return or_(row.quantity >= requested, row.untracked, row.backorders)


_STATUS: Final = "In one word."
_QUANTITY: Final = (
    "Units that may be promised. 0 is none; null when it may always be ordered, as stock is not tracked, or when this "
    "key sees quantities only in bands."
)
_IS_CAPPED: Final = "Whether there are more than `quantity` says: the key sees quantities only up to a cap."
_DISTANCE: Final = "How far it is from `near`, as the crow flies; null without `near` or without coordinates."
_PICKUP: Final = "Whether customers may collect here."


@derived(**_OFFER)
@strawberry.type(description="What may be promised of a product at one location.")
class AvailabilityLocation:
    """A row of offers, with the prices of its product, and what is said of its threshold."""

    @one(_Location)
    def location(row: Any, location: Any) -> Rows:
        """The place."""
        return Rows([location.id == row.location_id])

    distance_km: float | None = leaf(_km, _DISTANCE)
    status: AvailabilityStatus = leaf(_status_there, _STATUS)
    quantity: int | None = leaf(_shown, _QUANTITY, limited=True)
    quantity_is_capped: bool = leaf(_capped, _IS_CAPPED, limited=True)
    pickup: bool = column_("pickup", _PICKUP)
    price: Price = embedded(None, "What it costs here.")


@derived(quantity=BigInteger(), backorders=Boolean())
@strawberry.type(description="What may be promised of a product: on hand, less what is reserved and what is kept back.")
class Availability:
    """The sum of the offers that it carries the name of."""

    status: AvailabilityStatus = leaf(
        lambda row: func.upper(
            availability.status(row.quantity, row.threshold, row.untracked, or_(row.backorders, row.on_backorder))
        ),
        _STATUS,
    )
    quantity: int | None = leaf(_shown, _QUANTITY, limited=True)
    quantity_is_capped: bool = leaf(_capped, _IS_CAPPED, limited=True)

    @many(AvailabilityLocation)
    def locations(row: Any, offer: Any) -> Rows:
        """Where it is stocked and not disabled: nearest first when `near` is given, else in the locations' order."""
        product = row.product
        said = thresholds.said_of_product(product)
        carries = {"said_threshold": said, **{name: getattr(product, name) for name in _PRICES}}
        return Rows((), _order(offer), of=table(row.offers), carries=carries)


@derived(location_id=BigInteger(), position=Integer(), pickup=Boolean(), metres=Integer())
@strawberry.type(description="A location that can serve a whole cart.")
class ServingLocation:
    """A location of the offers that are enough for every need."""

    @one(_Location)
    def location(row: Any, location: Any) -> Rows:
        """The place."""
        return Rows([location.id == row.location_id])

    distance_km: float | None = leaf(_km, _DISTANCE)
    pickup: bool = column_("pickup", _PICKUP)


_LINE: Final[dict[str, Any]] = {
    "n": Integer(),
    "sku": Text(),
    "requested": BigInteger(),
    "product_id": BigInteger(),
    "quantity": BigInteger(),
    "untracked": Boolean(),
    "backorders": Boolean(),
    "threshold": Integer(),
    "said_threshold": Integer(),
    "regular_price": PriceType(),
    "sale_price": PriceType(),
    "sale_starts_at": Timestamp(),
    "sale_ends_at": Timestamp(),
}


@derived(**_LINE)
@strawberry.type(description="What may be promised of one line of a cart, by itself.")
class LineAvailability:
    """A line with the sum of its product's offers."""

    sku: str = column_("sku", "The SKU as it was asked for.")
    requested: int = column_("requested", "The units asked for.")

    @one(_Product | None)
    def product(row: Any, product: Any) -> Rows:
        """The product or variation; null when no SKU on show is that one."""
        return Rows([product.id == row.product_id])

    status: AvailabilityStatus | None = leaf(
        lambda row: case((row.product_id.is_not(None), _status(row))), "In one word; null when the SKU is unknown."
    )
    quantity: int | None = leaf(
        lambda row, sees: case((row.product_id.is_not(None), _shown(row, sees))), _QUANTITY, limited=True
    )
    quantity_is_capped: bool = leaf(_capped, _IS_CAPPED, limited=True)
    can_serve: bool = leaf(
        lambda row: case((and_(row.product_id.is_not(None), _serves(row, row.requested)), true()), else_=false()),
        "Whether so many can be had, from all these locations together: they are there, or are back-ordered, or are "
        "not tracked.",
    )

    @many(AvailabilityLocation)
    def locations(row: Any, offer: Any) -> Rows:
        """Where the line can be served by one location alone, in the order of `Availability.locations`."""
        enough = [offer.product_id == row.product_id, _serves(offer, row.requested)]
        carries = {name: getattr(row, name) for name in ("said_threshold", *_PRICES)}
        return Rows(enough, _order(offer), of=table(row.offers), carries=carries)


@derived(can_serve_all=Boolean())
@strawberry.type(description="What may be promised of a cart. Quantities of lines for the same product add up.")
class AvailabilityFor:
    """One row, which carries the names of the cart's lines, offers and needs."""

    can_serve_all: bool = leaf(
        lambda row: _all_served(row.needs),
        "Whether every line can be served, from all these locations together.",
    )

    @many(LineAvailability)
    def lines(row: Any, line: Any) -> Rows:
        """The lines as they were asked for, in their order."""
        return Rows((), [line.n], of=table(row.lines), carries={"offers": row.offers})

    @many(ServingLocation)
    def locations(row: Any, place: Any) -> Rows:
        """Where one location alone can serve all lines, in the order of `Availability.locations`."""
        return Rows((), _order(place), of=_serving_all(row.offers, row.needs))


def of_product(
    product: Any, sees: Sees, new_name: NewName, locations: Slot | None = None, near: Given | None = None
) -> Rows:
    """The Availability of a product, as the caller sees it."""
    offers = Offers.of(product, *_seen(sees))
    name = new_name("offers")
    total: Any = select(
        func.coalesce(func.sum(column("quantity")), literal_column("0")).cast(BigInteger).label("quantity"),
        holds_of_any(column("backorders", Boolean())).label("backorders"),
    )
    return Rows(
        of=total.select_from(table(name)),
        shared={name: _offered(offers, product, locations, near).group_by(offers.location.c.id)},
        carries={
            "offers": name,
            "product": product,
            "threshold": thresholds.of_product(product),
            "untracked": availability.is_untracked(product, _seen(sees)[1]),
            "on_backorder": availability.is_on_backorder(product, _seen(sees)[1]),
        },
    )


def of_cart(
    sees: Sees, new_name: NewName, lines: Slot, locations: Slot | None = None, near: Given | None = None
) -> Rows:
    """The AvailabilityFor a cart, as the caller sees it."""
    offered, asked, needed = new_name("offers"), new_name("lines"), new_name("needs")
    product = table_of(tables.Product).alias(new_name("asked"))
    offers = Offers.of(product.c, *_seen(sees))
    keys = among(product.c.sku_key, lines.bind(_keys, type_=Text()))
    found = and_(product.c.sku_key != NO_SKU, sees.row("Product", product.c))
    of_products = _offered(offers, product.c, locations, near).select_from(product).where(keys, found)
    of_products = of_products.correlate(None).group_by(product.c.id, offers.location.c.id)
    return Rows(
        of=select(literal_column("1").label("one")),
        shared={
            offered: of_products,
            asked: _lines(lines, offered, sees, new_name),
            needed: _needs(asked),
        },
        carries={"offers": offered, "lines": asked, "needs": needed},
    )


def _seen(sees: Sees) -> tuple[Callable[[Any], Condition], Callable[[Any], Condition]]:
    """Which levels and which items count."""
    return (lambda level: sees(level.location_id)), (lambda item: sees.row("Product", item))


def _offered(offers: Offers, product: Any, locations: Slot | None, near: Given | None) -> Select[Any]:
    """The offers of a product by location, to be grouped by it."""
    place, level = offers.location.c, offers.level.c
    is_own = level.product_id == product.id
    metres: ColumnElement[Any] = literal_column("CAST(NULL AS INTEGER)", Integer())
    where: list[Condition] = []
    if near is not None:
        point = (near[name].bind(_degrees(name, most), type_=Float()) for name, most in _DEGREES)
        metres = distances.metres(place, *point)
        if radius := near.get("radius_km"):
            where.append(metres <= radius.bind(_radius_metres, type_=Float()))
    if locations is not None:
        where.append(at(place.id, locations))
    values = (
        product.id,
        place.id,
        place.position,
        place.pickup,
        metres,
        offers.quantity,
        offers.untracked,
        offers.backorders,
        func.max(case((is_own, level.regular_price))),
        func.max(case((is_own, level.sale_price))),
        func.max(case((is_own, level.low_stock_threshold))),
        place.low_stock_threshold,
    )
    return offers.select(*(value.label(name) for name, value in zip(_OFFER, values, strict=True))).where(*where)


def _lines(lines: Slot, offered: str, sees: Sees, new_name: NewName) -> Select[Any]:
    """The cart's lines with their products, and with the sums of what is offered of these."""
    product = table_of(tables.Product).alias(new_name("line_of"))
    given = rows_of(lines.bind(_rows, type_=Text()))
    asked = select(
        *members_of(given, {"n": Integer(), "key": Text(), "sku": Text(), "requested": BigInteger()}).values()
    )
    line = asked.subquery(new_name("asked"))
    total = (
        select(
            column("product_id"),
            func.sum(column("quantity")).label("quantity"),
            holds_of_any(column("backorders", Boolean())).label("backorders"),
        )
        .select_from(table(offered))
        .group_by(column("product_id"))
        .subquery(new_name("total"))
    )
    is_named = and_(
        product.c.sku_key == line.c.key,
        product.c.sku_key != NO_SKU,
        is_named_by(product.c, "sku_key"),
        sees.row("Product", product.c),
    )
    untracked = and_(product.c.id.is_not(None), availability.is_untracked(product.c, _seen(sees)[1]))
    on_backorder = and_(product.c.id.is_not(None), availability.is_on_backorder(product.c, _seen(sees)[1]))
    values = (
        line.c.n,
        line.c.sku,
        line.c.requested,
        product.c.id,
        func.coalesce(total.c.quantity, literal_column("0")).cast(BigInteger),
        case((untracked, true()), else_=false()),
        case((or_(total.c.backorders, on_backorder), true()), else_=false()),
        thresholds.of_product(product.c),
        thresholds.said_of_product(product.c),
        *(product.c[name] for name in _PRICES),
    )
    source = line.outerjoin(product, is_named).outerjoin(total, total.c.product_id == product.c.id)
    return select(*(value.label(name) for name, value in zip(_LINE, values, strict=True))).select_from(source)


def _needs(asked: str) -> Any:
    """What is needed of each product, and what there is; unknown SKUs as one product NULL."""
    return (
        select(
            column("product_id"),
            func.sum(column("requested")).label("requested"),
            func.max(column("quantity")).label("quantity"),
            holds_of_any(column("untracked", Boolean())).label("untracked"),
            holds_of_any(column("backorders", Boolean())).label("backorders"),
        )
        .select_from(table(asked))
        .group_by(column("product_id"))
    )


_NEED: Final[dict[str, Any]] = {
    "product_id": BigInteger(),
    "requested": BigInteger(),
    "quantity": BigInteger(),
    "untracked": Boolean(),
    "backorders": Boolean(),
}


def _shared(name: str, columns: Mapping[str, Any]) -> Any:
    """A shared select of that name."""
    return table(name, *(column(each, type_) for each, type_ in columns.items()))


def _all_served(needed: str) -> ColumnElement[bool]:
    need = _shared(needed, _NEED)
    is_short = or_(need.c.product_id.is_(None), not_(_serves(need.c, need.c.requested)))
    return not_(select(need.c.requested).where(is_short).exists())


def _serving_all(offered: str, needed: str) -> Any:
    """The locations whose offers are enough for every need."""
    offer = _shared(offered, _OFFER).alias("serving")
    need = _shared(needed, _NEED).alias("served")
    needs = select(func.count()).select_from(table(needed)).scalar_subquery()
    place = (offer.c.location_id, offer.c.position, offer.c.pickup, offer.c.metres)
    source: FromClause = offer.join(need, need.c.product_id == offer.c.product_id)
    enough = select(*place).select_from(source).where(_serves(offer.c, need.c.requested))
    return enough.group_by(*place).having(func.count() == needs)


def _order(row: Any) -> list[Any]:
    """Nearest first and those without coordinates last; then in the locations' order."""
    return [row.metres.is_(None), row.metres, row.position, row.location_id]


_DEGREES: Final = (("latitude", 90), ("longitude", 180))


def _degrees(name: str, most: int) -> Callable[[float], float]:
    def checked(value: float) -> float:
        if not -most <= value <= most:
            raise bad_input(f"`near.{name}` must be from -{most} to {most} degrees, not {value:g}.")
        return float(value)

    return checked


def _radius_metres(km: float | None) -> float:
    if km is None:
        return distances.KM_MAX * 1000  # a variable that was not given
    if not 0 < km <= distances.KM_MAX:
        raise bad_input(f"`near.radiusKm` must be above 0 and at most {distances.KM_MAX:,.0f}, not {km:g}.")
    return km * 1000


def _checked(lines: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines of a cart. Raises GraphQLError when there are too many, or when one cannot be meant."""
    if not 1 <= len(lines) <= LINES_MAX:
        raise bad_input(f"`lines` must be from 1 to {LINES_MAX} lines, not {len(lines)}.")
    for n, line in enumerate(lines):
        if not 1 <= line["quantity"] <= QUANTITY_MAX:
            raise bad_input(f"`lines[{n}].quantity` must be from 1 to {QUANTITY_MAX:,}, not {line['quantity']:,}.")
        if not is_storable(line["sku"]):
            raise bad_input(f"`lines[{n}].sku` must not contain NUL or half a surrogate pair.")
    return lines


def _keys(lines: list[Mapping[str, Any]]) -> str:
    return json_text([sku_key(line["sku"]) for line in _checked(lines)])


def _rows(lines: list[Mapping[str, Any]]) -> str:
    return json_text(
        [
            {"n": n, "key": sku_key(line["sku"]), "sku": line["sku"], "requested": line["quantity"]}
            for n, line in enumerate(_checked(lines))
        ]
    )


CART: Final[dict[str, Any]] = {
    "lines": Argument(list[CartLineInput], f"The cart: 1 to {LINES_MAX} lines."),
    **PLACES,
}
"""The arguments of availabilityFor."""
