"""The fields that clients may write, each with its type. Single routes are checked against them; batches are not, so
`lenient()` reads those as the reference does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.wordpress.coercion import InvalidValueError, coerced, is_refused_when_empty
from gateway.dialects.wordpress.parameters import Parameter

STATUSES: Final = ("draft", "pending", "private", "publish")
TYPES: Final = ("simple", "grouped", "external", "variable")
STOCK_STATUSES: Final = ("instock", "outofstock", "onbackorder")
BACKORDERS: Final = ("no", "notify", "yes")
TAX_STATUSES: Final = ("taxable", "shipping", "none")
VISIBILITIES: Final = ("visible", "catalog", "search", "hidden")
EXACT_MAX: Final = 2**53
"""The largest integer that every client reads as it is."""


def _text(description: str, **more: Any) -> Parameter:
    return Parameter(type="string", description=description, **more)


def _flag(description: str, **more: Any) -> Parameter:
    return Parameter(type="boolean", description=description, **more)


def _integer(description: str, **more: Any) -> Parameter:
    """What clients read as another number than was sent is refused."""
    return Parameter(type="integer", description=description, minimum=-EXACT_MAX, maximum=EXACT_MAX, **more)


def _rows(description: str, **properties: Parameter) -> Parameter:
    return Parameter(type="array", description=description, items=Parameter(type="object", properties=properties))


def _date(description: str) -> Parameter:
    return Parameter(type="string", description=description, nullable=True)


_ID: Final = _integer("Its id.")
_NAMED: Final = {"id": _ID, "name": _text("Its name."), "slug": _text("Its slug.")}
_IDS: Final = _integer("")
_SHARED: Final[Mapping[str, Parameter]] = {
    "description": _text("Description, as HTML."),
    "sku": _text("Unique identifier of the shop's own."),
    "global_unique_id": _text("GTIN, UPC, EAN or ISBN."),
    "regular_price": _text("Regular price.", numbers=True),
    "sale_price": _text("Reduced price; empty ends the sale.", numbers=True),
    "date_on_sale_from": _date("When the sale begins, in the site's time zone."),
    "date_on_sale_from_gmt": _date("When the sale begins, in UTC."),
    "date_on_sale_to": _date("When the sale ends, in the site's time zone."),
    "date_on_sale_to_gmt": _date("When the sale ends, in UTC."),
    "virtual": _flag("Whether it is not shipped.", default=False),
    "downloadable": _flag("Whether it is a download.", default=False),
    "downloads": _rows("Files.", id=_text("Its id."), name=_text("Its name."), file=_text("Its address.")),
    "download_limit": _integer("How often it may be downloaded; -1 is without limit.", default=-1),
    "download_expiry": _integer("For how many days it may be downloaded; -1 is without end.", default=-1),
    "tax_status": _text("What is taxed.", enum=TAX_STATUSES, default="taxable"),
    "tax_class": _text("Tax class."),
    "stock_quantity": _integer(
        "Units in stock, over all active locations; the default location absorbs the difference."
    ),
    "inventory_delta": _integer("Units that came or went at the default location."),
    "locations": _rows(
        "Units at single locations, named by id or slug; others are not touched. Wins over stock_quantity.",
        id=_ID,
        slug=_text("Its slug."),
        quantity=_integer("Units in stock there.", also=("",), nullable=True),
    ),
    "stock_status": _text(
        "Whether it is in stock, where stock is not managed.", enum=STOCK_STATUSES, default="instock"
    ),
    "backorders": _text("Whether it may be sold below zero.", enum=BACKORDERS, default="no"),
    "low_stock_amount": _integer("At which quantity stock is low; null: as the shop says.", nullable=True),
    "weight": _text("Weight.", numbers=True),
    "dimensions": Parameter(
        type="object",
        description="Dimensions.",
        properties={name: _text(f"{name.capitalize()}.", numbers=True) for name in ("length", "width", "height")},
    ),
    "shipping_class": _text("Slug of the shipping class."),
    "menu_order": _integer("Where it stands among others."),
    "meta_data": _rows(
        "Data of clients under keys of their own.", id=_ID, key=_text("Its key."), value=Parameter(type="mixed")
    ),
}

PRODUCT_FIELDS: Final[Mapping[str, Parameter]] = {
    "name": _text("Name."),
    "slug": _text("Name in addresses; unique."),
    "date_created": _date("When it was created, in the site's time zone."),
    "date_created_gmt": _date("When it was created, in UTC."),
    "type": _text("Kind of product.", enum=TYPES, default="simple"),
    "status": _text("Status.", enum=(*STATUSES, "future"), default="publish"),
    "featured": _flag("Whether it is featured.", default=False),
    "catalog_visibility": _text("Where it is shown.", enum=VISIBILITIES, default="visible"),
    "short_description": _text("Short description, as HTML."),
    **_SHARED,
    "manage_stock": _flag("Whether stock is managed for the product.", default=False),
    "external_url": _text("Where it is sold, of external products."),
    "button_text": _text("What the button there says."),
    "sold_individually": _flag("Whether an order holds one at most.", default=False),
    "reviews_allowed": _flag("Whether it may be reviewed.", default=True),
    "post_password": _text("Password of its page."),
    "upsell_ids": Parameter(type="array", description="Products to be offered instead.", items=_IDS),
    "cross_sell_ids": Parameter(type="array", description="Products to be offered beside.", items=_IDS),
    "parent_id": _integer("Parent product."),
    "purchase_note": _text("What buyers are told."),
    "categories": _rows("Categories.", **_NAMED),
    "tags": _rows("Tags.", **_NAMED),
    "brands": _rows("Brands.", **_NAMED),
    "images": _rows("Images.", id=_ID, src=_text("Its address."), name=_text("Its name."), alt=_text("Its text.")),
    "attributes": _rows(
        "Attributes and the options there are.",
        **_NAMED,
        position=_integer("Where it stands."),
        visible=_flag("Whether it is shown."),
        variation=_flag("Whether variations are told apart by it."),
        options=Parameter(type="array", items=_text("One option.", numbers=True)),
    ),
    "default_attributes": _rows(
        "What is chosen at first.", id=_ID, name=_text("Its name."), option=_text("Its option.", numbers=True)
    ),
    "grouped_products": Parameter(type="array", description="Products of a group.", items=_IDS),
}
"""What may be written of a product."""

VARIATION_FIELDS: Final[Mapping[str, Parameter]] = {
    **_SHARED,
    "status": _text("Status.", enum=STATUSES, default="publish"),
    "manage_stock": _flag(
        "Whether stock is managed for the variation, or for its parent.", also=("parent",), default=False
    ),
    "image": Parameter(
        type="object",
        description="Image.",
        properties={"id": _ID, "src": _text("Its address."), "name": _text("Its name."), "alt": _text("Its text.")},
    ),
    "attributes": _rows("What tells it apart.", **_NAMED, option=_text("Its option.", numbers=True)),
}
"""What may be written of a variation."""

_FALLBACKS: Final[Mapping[str, str]] = {
    "stock_status": "instock",
    "status": "draft",
    "type": "simple",
    "backorders": "no",
}
"""What a batch makes of a value that is none of a field's; a single route refuses it."""

_WORDS: Final[Mapping[str, bool]] = {"yes": True, "on": True, "no": False, "off": False, "": False}


class InvalidFieldError(Exception):
    """A field of an item of a batch whose value cannot be read."""

    def __init__(self, field: str, reason: InvalidValueError) -> None:
        super().__init__(reason.message)
        self.field, self.reason = field, reason


def lenient(fields: Mapping[str, Parameter], sent: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one item of a batch, each of its type; a null that is none of a field's values is not there.

    Raises InvalidFieldError.
    """
    read: dict[str, Any] = {}
    for name, value in sent.items():
        parameter = fields[name]
        if value is None and not parameter.nullable and is_refused_when_empty(parameter):
            continue
        try:
            read[name] = coerced(parameter, _loosened(name, parameter, value), name)
        except InvalidValueError as error:
            raise InvalidFieldError(name, error) from None
    return read


def _loosened(name: str, parameter: Parameter, value: Any) -> Any:
    if parameter.type == "boolean" and isinstance(value, str):
        return _WORDS.get(value.strip().lower(), value)
    if parameter.type == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if name in _FALLBACKS and isinstance(value, str) and value not in parameter.enum:
        return _FALLBACKS[name]
    return value
