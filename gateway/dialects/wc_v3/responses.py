"""Products and variations as this dialect shows them.

What our columns do not hold is given back as clients wrote it (`extra`), over the defaults of the reference: those are
one mapping each, so that a product costs a copy of it and what is its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any, Final, Self, cast
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from gateway.authentication import Principal
from gateway.dialects.wc_v3 import webhook_topics
from gateway.dialects.wc_v3.draft import NAME
from gateway.dialects.wc_v3.kept_fields import DEFAULTS, OF_VARIATIONS
from gateway.dialects.wc_v3.shapes import Attribute, Link, Option, Product, StockLocation, Variation, Webhook
from gateway.dialects.wordpress import RestRequest
from gateway.dialects.wordpress.conventions import home
from storage.access import Scope
from storage.columns import price_text
from storage.product_document import ProductColumns
from storage.product_views import ProductView
from storage.slugs import slug_of
from storage.webhook_endpoints import Endpoint

KEPT: Final = NAME
"""The part of `extra` that is this dialect's."""
_SLUG_LENGTH_MAX: Final = 200
_ONLY_TO_EDIT: Final = frozenset({"permalink_template", "generated_slug"})
_OF_BOTH: Final[Mapping[str, Any]] = {"shipping_class_id": 0, "meta_data": []}


def _in_order(shape: Any, **defaults: Any) -> Mapping[str, Any]:
    """All fields of a shape in its order, those without a default empty: answers keep it when they are filled in."""
    always = [name for name in shape.__annotations__ if name not in _ONLY_TO_EDIT]
    return {name: defaults.get(name) for name in sorted(always, key="_links".__eq__)}  # the links come last


_OF_PRODUCTS: Final = _in_order(
    Product,
    **DEFAULTS,
    **_OF_BOTH,
    total_sales=0,
    average_rating="0.00",
    rating_count=0,
    related_ids=[],
    price_html="",
)
_OF_VARIATIONS: Final = _in_order(
    Variation,
    **{name: value for name, value in DEFAULTS.items() if name in OF_VARIATIONS},
    **_OF_BOTH,
    image=None,
    gallery_image_ids=[],
)
_READ_ONLY: Final = frozenset(
    {
        "total_sales",
        "average_rating",
        "rating_count",
        "related_ids",
        "price_html",
        "shipping_class_id",
        "gallery_image_ids",
    }
)
_INHERITED: Final = ("weight", "dimensions", "shipping_class")
"""A variation without its own shows its parent's, in answers to writes, too."""
_UNSOLD: Final = frozenset({"external", "grouped"})


@dataclass(frozen=True)
class Site:
    """For whom products are shown: the address of the shop, its time zone, and what the caller asked for and may do."""

    home: str
    zone: ZoneInfo
    edit: bool = False
    verbs: tuple[str, ...] = ("GET",)
    within: Collection[int] | None = None
    """The only locations of which the caller is told; None is all."""

    @classmethod
    def of(cls, request: RestRequest, *, edit: bool = False) -> Self:
        """As a request sees it; in edit context when it asks for that, or writes."""
        user = request.http.scope.get("user")
        within = user.credential.locations if isinstance(user, Principal) else None
        verbs = ["GET"]
        if isinstance(user, Principal) and user.may(Scope.WRITE):
            verbs += ["POST", "PUT", "PATCH"]
            if within is None:
                verbs += ["DELETE"]
        edits = edit or request.args.get("context") == "edit"
        return cls(home(request.http), ZoneInfo(request.settings.timezone), edits, tuple(verbs), within)

    @cached_property
    def products(self) -> str:
        """The address of the list of products."""
        return f"{self.home}/wp-json/wc/v3/products"

    def link(self, address: str) -> dict[str, Any]:
        """A link to something itself, with what the caller may do there."""
        return {"href": address, "targetHints": {"allow": list(self.verbs)}}


def product(view: ProductView, site: Site) -> Product:
    """A product, or a variation where it is asked for as one."""
    kept = view.extra.get(KEPT) or _NOTHING
    at = f"{site.products}/{view.id}"
    links: dict[str, Any] = {"self": [site.link(at)], "collection": [{"href": site.products}]}
    if view.parent_id is not None:
        links["up"] = [{"href": f"{site.products}/{view.parent_id}"}]
    written = _written(_OF_PRODUCTS, kept)
    ships = not written["virtual"]
    shown = {
        **written,
        **_sellable(view, kept, site),
        "slug": slug(view),
        "manage_stock": view.carrier is not None,
        "shipping_required": ships,
        "shipping_taxable": ships and written["tax_status"] in {"taxable", "shipping"},
        "has_options": view.type in {"variable", "grouped"},
        "attributes": attributes(view) if view.parent is None else options(view),
        "variations": view.variation_ids,
        "parent_id": view.parent_id or kept.get("parent_id", 0),
        "_links": links,
    }
    if site.edit:
        shown["permalink_template"] = f"{site.home}/product/%pagename%/"
        shown["generated_slug"] = _slug_of_name(view.name)
    return cast("Product", shown)


def variation(view: ProductView, site: Site) -> Variation:
    """A variation of the product that it belongs to."""
    kept = view.extra.get(KEPT) or _NOTHING
    parents = view.parent.extra.get(KEPT, _NOTHING) if view.parent is not None else _NOTHING
    up = f"{site.products}/{view.parent_id}"
    shown = _written(_OF_VARIATIONS, kept)
    inherited = _INHERITED if site.edit else (*_INHERITED, "tax_class")
    shown.update({name: parents[name] for name in inherited if name not in kept and name in parents})
    if not site.edit and shown["image"] is None and parents.get("images"):
        shown["image"] = parents["images"][0]
    shown.update(_sellable(view, kept, site))
    shown.update(
        name=", ".join(each["value"] for each in view.attributes) or view.name,
        manage_stock="parent" if view.carrier == "parent" else view.tracked,
        attributes=options(view),
        parent_id=view.parent_id,
        _links={
            "self": [site.link(f"{up}/variations/{view.id}")],
            "collection": [{"href": f"{up}/variations"}],
            "up": [{"href": up}],
        },
    )
    return cast("Variation", shown)


def webhook(endpoint: Endpoint, site: Site) -> Webhook:
    """A webhook, without its secret."""
    at = f"{site.home}/wp-json/wc/v3/webhooks"
    topic: str = endpoint.extra[KEPT]["topic"]
    resource, event = webhook_topics.split(topic)
    created, created_gmt = _dates(endpoint.created_at, site.zone)
    changed = None if endpoint.updated_at == endpoint.created_at else endpoint.updated_at
    modified, modified_gmt = _dates(changed, site.zone)
    return {
        "id": endpoint.id,
        "name": endpoint.name,
        "status": endpoint.status.value,
        "topic": topic,
        "resource": resource,
        "event": event,
        "hooks": webhook_topics.hooks_of(topic),
        "delivery_url": endpoint.url,
        "date_created": created or "",
        "date_created_gmt": created_gmt or "",
        "date_modified": modified,
        "date_modified_gmt": modified_gmt,
        "_links": {"self": [cast("Link", site.link(f"{at}/{endpoint.id}"))], "collection": [{"href": at}]},
    }


def _written(defaults: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults, and over them what clients wrote."""
    if not kept:
        return dict(defaults)
    return {**defaults, **{name: kept[name] for name in defaults.keys() & kept.keys() - _READ_ONLY}}


def _sellable(view: ProductView, kept: Mapping[str, Any], site: Site) -> dict[str, Any]:
    created, created_gmt = _dates(view.created_at, site.zone)
    modified, modified_gmt = _dates(view.modified_at, site.zone)
    from_, from_gmt = _dates(view.sale_starts_at, site.zone)
    to, to_gmt = _dates(view.sale_ends_at, site.zone)
    regular = _price(view.regular_price, kept.get("regular_price"))
    sale = _price(view.sale_price, kept.get("sale_price"))
    carrier = view.parent if view.parent is not None and view.carrier == "parent" else view
    backorders = carrier.backorders if view.carrier else "no"
    quantity = view.on_hand if view.carrier else None
    is_variable = view.type == "variable"
    return {
        "id": view.id,
        "name": view.name,
        "type": view.type,
        "status": view.status,
        "permalink": _permalink(view, site),
        "date_created": created,
        "date_created_gmt": created_gmt,
        "date_modified": modified,
        "date_modified_gmt": modified_gmt,
        "sku": view.sku or (view.parent.sku if view.parent is not None else None) or "",
        "global_unique_id": view.gtin_text or kept.get("global_unique_id", ""),
        "price": _price(view.price, None) if is_variable else sale if view.on_sale else regular,
        "regular_price": "" if is_variable else regular,
        "sale_price": "" if is_variable else sale,
        "date_on_sale_from": from_,
        "date_on_sale_from_gmt": from_gmt,
        "date_on_sale_to": to,
        "date_on_sale_to_gmt": to_gmt,
        "on_sale": view.on_sale,
        "purchasable": view.price is not None and view.type not in _UNSOLD,
        "stock_quantity": quantity,
        "stock_status": view.stock_status,
        "backorders": backorders,
        "backorders_allowed": backorders != "no",
        "backordered": view.stock_status == "onbackorder"
        or (backorders != "no" and quantity is not None and quantity < 0),
        "low_stock_amount": view.low_stock_threshold,
        "locations": _locations(view, site.within),
    }


def _locations(view: ProductView, within: Collection[int] | None) -> list[StockLocation]:
    levels = view.levels
    return [
        {"id": id_, "name": name, "slug": slug, "quantity": levels[id_]}
        for id_, name, slug in view.open_places
        if id_ in levels and (within is None or id_ in within)
    ]


@lru_cache(maxsize=65_536)
def _price(price: Decimal | None, written: str | None) -> str:
    """A price as a client wrote it, while it is still that price; else in our own form. '' is none."""
    if price is None:
        return ""
    return written if written is not None and Decimal(written) == price else str(price_text(price))


@lru_cache(maxsize=16_384)
def _dates(moment: datetime | None, zone: ZoneInfo) -> tuple[str | None, str | None]:
    """A time in the shop's zone, and in UTC: whole seconds, no zone behind them."""
    if moment is None:
        return None, None
    here = moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")
    return here, moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def slug(row: ProductColumns) -> str:
    """The name of a product in addresses: the one that was given to it, else made of its name."""
    kept = row.extra.get(KEPT) or _NOTHING
    return kept.get("slug") or _slug_of_name(row.name)


@lru_cache(maxsize=65_536)
def _slug_of_name(name: str) -> str:
    return slug_of(name)[:_SLUG_LENGTH_MAX]


def _permalink(view: ProductView, site: Site) -> str:
    if view.parent is None:
        return f"{site.home}/product/{_quoted(slug(view))}/"
    chosen = {f"attribute_{each['slug']}": each["option"] for each in options(view)}
    return f"{site.home}/product/{_quoted(slug(view.parent))}/" + (f"?{urlencode(chosen)}" if chosen else "")


def attributes(view: ProductView) -> list[Attribute]:
    """What a client wrote; else the attributes that are stored, and those by which its variations differ."""
    kept = view.extra.get(KEPT) or _NOTHING
    if "attributes" in kept:
        return cast("list[Attribute]", kept["attributes"])
    if not view.options and not view.attributes:
        return []
    own = {each["name"]: [each["value"]] for each in view.attributes}
    return [
        {
            "id": 0,
            "name": name,
            "slug": slug_of(name),
            "position": position,
            "visible": True,
            "variation": name in view.options,
            "options": list(view.options.get(name, own.get(name, ()))),
        }
        for position, name in enumerate({**view.options, **own})
    ]


def options(view: ProductView) -> list[Option]:
    """The options of a variation, each with id and slug of the attribute that its parent has by that name."""
    kept = view.parent.extra.get(KEPT, _NOTHING) if view.parent is not None else _NOTHING
    known = {each["name"].casefold(): each for each in kept.get("attributes", ())}
    found: list[Option] = []
    for each in view.attributes:
        of_parent = known.get(each["name"].casefold(), _NOTHING)
        slug_ = of_parent.get("slug") or slug_of(each["name"])
        found.append({"id": of_parent.get("id", 0), "name": each["name"], "slug": slug_, "option": each["value"]})
    return found


_quoted: Final = lru_cache(maxsize=65_536)(quote)
_NOTHING: Final[Mapping[str, Any]] = {}
