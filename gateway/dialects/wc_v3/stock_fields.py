"""Stock: what `manage_stock`, `stock_quantity`, `inventory_delta`, `locations`, `stock_status` and `backorders` make of
a product. The rules of saving are those of the reference; what they come to is asked of the one write path."""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.wc_v3.draft import Draft
from storage.changes import QUANTITY_MAX, AdjustQuantity, Backorders, LocationKey, Refused, SetQuantity
from storage.errors import ErrorCode

FIELDS: Final = frozenset(
    {"type", "manage_stock", "stock_quantity", "inventory_delta", "locations"}
    | {"stock_status", "backorders", "low_stock_amount"}
)
NEVER_MANAGED: Final = frozenset({"grouped", "external"})
PARENT: Final = "parent"
"""What a variation says of `manage_stock` when its parent's stock is meant."""


def take_stock(draft: Draft) -> Refused | None:
    """What the body says of stock."""
    managed = _managed(draft)
    if managed != draft.row["manage_stock"] or draft.is_new:
        draft.values["manage_stock"] = managed
    _take_status(draft, managed=managed)
    if not managed and not _has_managed_parent(draft):
        draft.values |= {"backorders": Backorders.NO.value, "low_stock_threshold": None}
        return None
    if "low_stock_amount" in draft.fields:
        amount = draft.fields["low_stock_amount"]
        draft.values["low_stock_threshold"] = None if amount is None else min(abs(amount), QUANTITY_MAX)
    if not managed:
        return None  # back-orders and quantity are its parent's
    if "backorders" in draft.fields:
        draft.values["backorders"] = draft.fields["backorders"]
    if draft.type == "variable" and draft.has_variations:
        return None  # they have the stock; a quantity that is sent along with such a product is nobody's
    return _take_quantity(draft)


def _managed(draft: Draft) -> bool:
    if draft.type in NEVER_MANAGED:
        return False
    stored = bool(draft.row["manage_stock"])
    sent = draft.fields.get("manage_stock", stored)
    if sent is False and draft.type == "variable" and draft.has_variations:
        return stored  # it was shown as not managed, because its variations are
    return sent is True


def _take_status(draft: Draft, *, managed: bool) -> None:
    """Of what is managed the status follows from the quantity; what ceases to be managed keeps the one it had."""
    if draft.type == "external":
        draft.values["stock_status"] = "instock"
    elif not managed and not _follows_others(draft):
        if "stock_status" in draft.fields:
            draft.values["stock_status"] = draft.fields["stock_status"]
        elif draft.row["manage_stock"] and not draft.is_new:
            draft.values["stock_status"] = _status_of(draft)


def _follows_others(draft: Draft) -> bool:
    """Whether the status is that of its variations or of its parent."""
    return _has_managed_parent(draft) if draft.is_variation else draft.type == "variable"


def _has_managed_parent(draft: Draft) -> bool:
    """Whether it is a variation whose parent carries the stock, unless it does itself."""
    if not draft.is_variation or draft.parent is None or not draft.parent["manage_stock"]:
        return False
    return bool(draft.row["manage_stock"]) or not draft.parent_has_variations


def _status_of(draft: Draft) -> str:
    if draft.on_hand > 0:
        return "instock"
    return "outofstock" if draft.row["backorders"] == Backorders.NO else "onbackorder"


def _take_quantity(draft: Draft) -> Refused | None:
    fields = draft.fields
    if fields.get("locations"):
        return _take_locations(draft, fields["locations"])
    if "stock_quantity" in fields:
        draft.stock.append((None, SetQuantity(fields["stock_quantity"] or 0)))
    elif fields.get("inventory_delta"):
        draft.stock.append((None, AdjustQuantity(fields["inventory_delta"])))
    return None


def _take_locations(draft: Draft, sent: list[dict[str, Any]]) -> Refused | None:
    """`[{"id": 3, "quantity": 5}, {"slug": "shop", "quantity": 2}]` counts these places; no other is touched."""
    for number, place in enumerate(sent):
        quantity = place.get("quantity")
        if quantity in {None, ""}:
            continue  # how a location without a count is shown
        if place.get("id"):
            location = LocationKey("id", place["id"])
        elif place.get("slug"):
            location = LocationKey("slug", place["slug"])
        else:
            message = "A location is named by its id or slug."
            return Refused(ErrorCode.LOCATION_REQUIRED, message, f"locations[{number}]")
        draft.stock.append((location, SetQuantity(int(quantity))))
    return None
