"""What a body makes of a product: the rules of saving, as a pure function from what is stored to what shall be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.dialects.wc_v3 import date_fields, stock_fields
from gateway.dialects.wc_v3.attribute_fields import take_attributes
from gateway.dialects.wc_v3.date_fields import take_dates
from gateway.dialects.wc_v3.draft import NEW, Draft
from gateway.dialects.wc_v3.kept_fields import DEFAULTS, take_kept
from gateway.dialects.wc_v3.meta_data import take_meta_data
from gateway.dialects.wc_v3.price_fields import PRICES, take_prices
from gateway.dialects.wc_v3.stock_fields import take_stock
from storage.changes import Refused, gtin14
from storage.errors import ErrorCode
from storage.product_edits import Edited, Removed, Stored

UNNAMED: Final = "Product"
"""What a product is called that was created without a name."""

_UNIQUE_ID: Final = re.compile(r"[0-9X-]*")

OTHER_ROUTE: Final = Refused(ErrorCode.ITEM_MISMATCH, "This is a variation.", "product")
_IN_TRASH: Final = Refused(
    ErrorCode.ITEM_IN_TRASH, "The product is in the trash: to change its stock, send a status, such as publish, too."
)


@dataclass(frozen=True, slots=True)
class ProductBody:
    """The fields of a body that clients may write, each of its type; of a product, or of a variation."""

    fields: Mapping[str, Any]
    zone: ZoneInfo
    id: int | None = None
    """None: it shall be created."""
    is_variation: bool = False
    parent: Mapping[str, Any] | None = None
    """The row of the parent of a variation that is new."""
    shown_attributes: Sequence[Mapping[str, Any]] | None = None
    """Those of a product as it is shown, where they are made of its variations'."""
    slug: str | None = None
    """The slug that it gets, made unique; None: the one it has."""
    stock_only: bool = False
    """Whether its caller may change nothing but stock."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def decide(self, stored: Stored | None) -> Edited | Refused:
        """What to write. Called with the product as it is, or without any to create one."""
        if stored is not None and not self.is_variation and stored.values["type"] == "variation":
            return OTHER_ROUTE
        draft = self.draft(stored)
        if refused := fill(draft):
            return refused
        if self.slug is not None:
            draft.keep("slug", self.slug)
        if draft.stock and draft.value("status") == "trash":
            return _IN_TRASH
        changes = draft.changes()
        if changes and self.stock_only:
            named = ", ".join(sorted(changes))
            message = f"This API key is limited to locations: it may change their stock, but not {named}."
            return Refused(ErrorCode.LOCATION_FORBIDDEN, message)
        return Edited(changes, tuple(draft.stock))

    def draft(self, stored: Stored | None) -> Draft:
        """The product as it is, or a new one, for fill()."""
        new = {**NEW, "type": "variation"} if self.is_variation else NEW
        draft = Draft(
            self.fields,
            new if stored is None else stored.values,
            self.parent if stored is None else stored.parent,
            is_new=stored is None,
            is_variation=self.is_variation,
            zone=self.zone,
            now=self.now,
            shown_attributes=self.shown_attributes,
        )
        if stored is not None:
            draft.on_hand, draft.has_variations = stored.on_hand, stored.has_variations
            draft.parent_has_variations = stored.parent_has_variations
        return draft


def fill(draft: Draft) -> Refused | None:
    """Take over what the body says, field by field."""
    for names, take in _STEPS:
        if (draft.is_new or not names.isdisjoint(draft.fields)) and (refused := take(draft)):
            return refused
    return None


@dataclass(frozen=True, slots=True)
class Deletion:
    """A product or variation shall go, into the trash or for good."""

    id: int
    permanently: bool
    is_variation: bool = False

    def decide(self, stored: Stored | None) -> Removed | Refused:
        """A variation goes by its own route only."""
        if stored is not None and not self.is_variation and stored.values["type"] == "variation":
            return OTHER_ROUTE
        return Removed(self.permanently)


def _take_identity(draft: Draft) -> Refused | None:
    """Name, kind, status, SKU and GTIN. A name that is empty says nothing."""
    fields = draft.fields
    if name := fields.get("name", "").strip() or (UNNAMED if draft.is_new and not draft.is_variation else ""):
        draft.values["name"] = name
    for column in ("type", "status"):
        if column in fields:
            draft.values[column] = fields[column]
    if "sku" in fields:
        _take_sku(draft, fields["sku"].strip())
    return _take_unique_id(draft, fields["global_unique_id"].strip()) if "global_unique_id" in fields else None


def _take_sku(draft: Draft, sku: str) -> None:
    """A variation without a SKU is shown with its parent's, and does not mean to have it when it is sent back."""
    parents = draft.parent["sku"] if draft.parent is not None else None
    if not (draft.is_variation and draft.row["sku"] is None and sku and sku == parents):
        draft.values["sku"] = sku or None


def _take_unique_id(draft: Draft, text: str) -> Refused | None:
    """A GTIN goes into its column; what else the reference takes, such as an ISBN with an X, is kept as it is."""
    if not _UNIQUE_ID.fullmatch(text):
        message = "Invalid global unique ID: it has digits, hyphens and X only."
        return Refused(ErrorCode.INVALID_VALUE, message, "global_unique_id")
    is_gtin = gtin14(text) is not None
    draft.values["gtin"] = text if is_gtin else None
    draft.keep("global_unique_id", "" if is_gtin else text, "")
    return None


_STEPS: Final[Sequence[tuple[frozenset[str], Callable[[Draft], Refused | None]]]] = (
    (frozenset({"name", "type", "status", "sku", "global_unique_id"}), _take_identity),
    (date_fields.FIELDS, take_dates),
    (frozenset(PRICES), take_prices),
    (stock_fields.FIELDS, take_stock),
    (frozenset({*DEFAULTS, "image"}), take_kept),
    (frozenset({"attributes"}), take_attributes),
    (frozenset({"meta_data"}), take_meta_data),
)
"""What is asked of a product that is new, or whose body has any of the fields. In this order: what comes later asks
what kind of product it will be."""
