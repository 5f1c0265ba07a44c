"""The rows of a catalogue document: the columns of storage/tables/, and what may stand in them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticCustomError

from storage.changes import PRICE_MAX, QUANTITY_MAX, gtin14, is_price, is_storable
from storage.slugs import slug_of

ROW_ID_MAX: Final = 2**31 - 1  # a GraphQL Int holds no more
_EXTRA_DEPTH_MAX: Final = 40


def _storable(text: str) -> str:
    if not is_storable(text):
        raise PydanticCustomError("text", "is not text: it holds a NUL or half a surrogate pair")
    return text


def _price(value: object) -> Decimal:
    """Exact: text and numbers alike are read as they are written. A float never gets here (see load)."""
    try:
        price = Decimal(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
    except InvalidOperation:
        price = None
    if price is None or (isinstance(value, str) and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value)):
        raise PydanticCustomError("price", "is not a decimal number, such as 19.99")
    try:
        fits = is_price(price)
    except InvalidOperation:
        fits = False
    if not fits:
        raise PydanticCustomError(
            "price", "must be from 0 to {max} with at most four decimals", {"max": f"{PRICE_MAX:,}"}
        )
    return price


def _gtin(text: str) -> str:
    if text and gtin14(text) is None:
        raise PydanticCustomError("gtin", "must have 8 to 14 digits")
    return text


def _slug(text: str) -> str:
    if not slug_of(text):
        raise PydanticCustomError("slug", "has neither a letter nor a digit")
    return slug_of(text)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return text


def _in_utc(when: datetime) -> datetime:
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def _named_values(value: object) -> object:
    """`{"Size": "42"}` is short for `[{"name": "Size", "value": "42"}]`; numbers are taken as they are written."""
    if isinstance(value, dict):
        value = [{"name": name, "value": text} for name, text in value.items()]
    if not isinstance(value, list):
        return value
    return [
        {**pair, "value": str(pair["value"])}
        if isinstance(pair, dict) and type(pair.get("value")) in {int, Decimal}
        else pair
        for pair in value
    ]


def _no_name_twice(attributes: list[Attribute]) -> list[Attribute]:
    if len({attribute.name.casefold() for attribute in attributes}) < len(attributes):
        raise PydanticCustomError("attributes", "has a name twice")
    return attributes


def _kept(parts: dict[str, Any]) -> dict[str, Any]:
    """JSON as both engines store it: exact decimals of a document become numbers again."""
    return {name: _plain(part, _EXTRA_DEPTH_MAX) for name, part in parts.items()}


def _plain(value: Any, depth: int) -> Any:
    if depth == 0:
        raise PydanticCustomError("extra", "is nested too deeply")
    match value:
        case str():
            return _storable(value)
        case Decimal():
            return float(value)
        case list():
            return [_plain(each, depth - 1) for each in value]
        case dict():
            return {_storable(name): _plain(each, depth - 1) for name, each in value.items()}
    return value


RowId = Annotated[int, Field(strict=True, ge=1, le=ROW_ID_MAX)]
Long = Annotated[str, Field(max_length=100_000), AfterValidator(_storable)]
Short = Annotated[str, Field(max_length=255), AfterValidator(_storable)]
Name = Annotated[Short, AfterValidator(_not_blank)]
Slug = Annotated[Short, AfterValidator(_slug)]
Gtin = Annotated[Short, AfterValidator(_gtin)]
Money = Annotated[Decimal, PlainValidator(_price)]
Flag = Annotated[bool, Field(strict=True)]
Quantity = Annotated[int, Field(strict=True, ge=-QUANTITY_MAX, le=QUANTITY_MAX)]
Threshold = Annotated[int, Field(strict=True, ge=0, le=QUANTITY_MAX)]
Moment = Annotated[datetime, AfterValidator(_in_utc)]
Backorders = Literal["no", "notify", "yes"]


class Row(BaseModel):
    """A row names only the columns it wants to say something about; `model_fields_set` tells which."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Attribute(Row):
    """One thing that tells a variation from its siblings."""

    name: Name
    value: Name


class LocationRow(Row):
    """A location, found by its id, else its code, else its slug; a slug that is not given is made of the name."""

    id: RowId | None = None
    slug: Slug = ""
    code: Name | None = None
    name: Name = ""
    description: Long = ""
    kind: Literal["store", "warehouse"] = "store"
    active: Flag = True
    is_default: Flag = False
    pickup: Flag = False
    position: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = 0
    low_stock_threshold: Threshold | None = None
    address1: Short | None = None
    address2: Short | None = None
    city: Short | None = None
    region: Short | None = None
    postcode: Short | None = None
    country: Short | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    created_at: Moment | None = None

    @property
    def slug_given_or_made(self) -> str:
        """'' when it has neither slug nor name."""
        return self.slug or slug_of(self.name)


class ProductRow(Row):
    """A product or variation, found by its id, else its SKU. A variation names its parent by either.

    `extra` is what a dialect's clients keep, by the dialect's name: a part that is not named stays as it is.
    """

    id: RowId | None = None
    parent_id: RowId | None = None
    parent_sku: Name | None = None
    type: Literal["simple", "variable", "variation", "external", "grouped"] = "simple"
    sku: Name | None = None
    gtin: Gtin | None = None
    name: Short = ""
    status: Literal["publish", "draft", "private", "pending", "future", "trash"] = "publish"
    attributes: Annotated[list[Attribute], BeforeValidator(_named_values), AfterValidator(_no_name_twice)] = Field(
        default_factory=list
    )
    manage_stock: Flag = True
    backorders: Backorders = "no"
    regular_price: Money | None = None
    sale_price: Money | None = None
    sale_starts_at: Moment | None = None
    sale_ends_at: Moment | None = None
    tax_rate: Money | None = None
    low_stock_threshold: Threshold | None = None
    stock_status: Literal["instock", "outofstock", "onbackorder"] = "instock"
    extra: Annotated[dict[Short, Any], AfterValidator(_kept)] = Field(default_factory=dict)
    created_at: Moment | None = None


class StockRow(Row):
    """What one location has of one item. A price of null is cleared, so that the product's applies."""

    product_id: RowId | None = None
    sku: Name | None = None
    location_id: RowId | None = None
    location_slug: Slug | None = None
    location_code: Name | None = None
    on_hand: Quantity | None = None
    regular_price: Money | None = None
    sale_price: Money | None = None
    backorders: Backorders | None = None
    disabled: Flag = False
    reserved: Annotated[int, Field(strict=True, ge=0, le=QUANTITY_MAX)] = 0
    safety_stock: Annotated[int, Field(strict=True, ge=0, le=QUANTITY_MAX)] = 0
