"""Products as another shop's wc/v3 answers them, as rows of a catalogue document: what a client would have to send
for this dialect to answer the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.dialects.wc_v3.bodies import Reader
from gateway.dialects.wc_v3.date_fields import read_moment
from gateway.dialects.wc_v3.draft import NAME, Draft
from gateway.dialects.wc_v3.errors import FIELDS
from gateway.dialects.wc_v3.meta_data import keep_meta_data
from gateway.dialects.wc_v3.product_edit import fill
from gateway.dialects.wc_v3.product_fields import TYPES
from gateway.dialects.wordpress import RestError
from storage.changes import Refused

_SHOWN_ONLY: Final = frozenset({"locations", "inventory_delta", "meta_data", "slug"})
"""What is not taken as a client's: stock goes to one location, the rest is taken as it is."""
_ZONELESS: Final = ("date_created", "date_on_sale_from", "date_on_sale_to")
_NAMES: Final = {**FIELDS, "on_hand": "stock_quantity", "attributes": "attributes"}


class UnreadableProductError(Exception):
    """A product that cannot be taken over. The message begins with the name of the field."""


@dataclass(frozen=True, slots=True)
class StoreProduct:
    """A product or a variation: a row of a catalogue document, and the units that the shop has of it.

    `units` is None where it does not count them.
    """

    row: Mapping[str, Any]
    units: int | None = None


@dataclass(frozen=True, slots=True)
class StoreFamily:
    """A product with its variations, the product first. `notes` say what could not be taken as it was."""

    products: Sequence[StoreProduct]
    notes: Sequence[str] = ()


def family(product: Mapping[str, Any], variations: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> StoreFamily:
    """A product of GET /products and what GET /products/{id}/variations says of it. Raises UnreadableProductError."""
    has_variations = any(each.get("manage_stock") is True for each in variations)
    draft = _draft(product, zone)
    draft.has_variations = has_variations
    own = _taken(draft, product)
    parent = {**own.row, "manage_stock": own.row["manage_stock"] and not has_variations}
    children = []
    for each in variations:
        child = _draft(each, zone, parent)
        child.parent_has_variations = has_variations
        children.append(_taken(child, each))
    products = [own, *children]
    return StoreFamily(products, list(_notes(product, draft, has_variations=has_variations)))


def column_name(column: str) -> str:
    """The field of wc/v3 that a column of a catalogue document was read from."""
    return _NAMES.get(column, column)


def _draft(sent: Mapping[str, Any], zone: ZoneInfo, parent: Mapping[str, Any] | None = None) -> Draft:
    reader = Reader(zone, is_variation=parent is not None)
    fields = {name: value for name, value in sent.items() if name not in _SHOWN_ONLY}
    for name in _ZONELESS:  # what it says in UTC needs no zone
        if sent.get(f"{name}_gmt"):
            fields.pop(name, None)
    images = fields.get("images")
    if isinstance(images, list):
        fields["images"] = [each for each in images if isinstance(each, dict) and each.get("src")]
    try:
        body = reader.updated(fields)
    except RestError as error:
        raise UnreadableProductError(_told(error)) from None
    draft = body.draft(None)
    draft.parent = parent
    return draft


def _taken(draft: Draft, sent: Mapping[str, Any]) -> StoreProduct:
    if refused := fill(draft):
        raise UnreadableProductError(f"{column_name(refused.field or '')}: {refused.message}".removeprefix(": "))
    if not draft.is_variation and isinstance(sent.get("slug"), str):
        draft.keep("slug", sent["slug"], "")
    if refused := _keep_meta_data(draft, sent):
        raise UnreadableProductError(f"meta_data: {refused.message}")
    row = {**draft.row, **draft.values, "extra": {NAME: draft.kept}, "id": sent.get("id")}
    if draft.is_variation and draft.parent is not None:
        row |= {"type": "variation", "parent_id": draft.parent["id"]}
    if draft.is_variation:  # no client may write it there
        created = read_moment(sent.get("date_created_gmt"), UTC, "date_created_gmt")
        row["created_at"] = created if isinstance(created, datetime) else None
    if row["created_at"] is None:
        del row["created_at"]
    units = [quantity.quantity for _, quantity in draft.stock if hasattr(quantity, "quantity")]
    is_counted = units and sent.get("stock_quantity") is not None
    return StoreProduct(row, units[0] if is_counted else None)


def _keep_meta_data(draft: Draft, sent: Mapping[str, Any]) -> Refused | None:
    rows = sent.get("meta_data")
    return keep_meta_data(draft, [each for each in rows if isinstance(each, dict)]) if isinstance(rows, list) else None


def _notes(product: Mapping[str, Any], draft: Draft, *, has_variations: bool) -> Iterable[str]:
    kind = product.get("type")
    if kind not in TYPES:
        yield f"type: {kind!r} is none of {', '.join(TYPES)}: taken as {draft.type}"
    if has_variations and product.get("manage_stock") is True and product.get("stock_quantity"):
        units = product["stock_quantity"]
        yield f"stock_quantity: its variations have stock of their own, so its own {units} are left out"


def _told(error: RestError) -> str:
    """A refusal of the dialect in one line, with the field."""
    body = error.answer.body
    params = body["data"].get("params")
    return "; ".join(f"{name}: {text}" for name, text in params.items()) if params else str(body["message"])
