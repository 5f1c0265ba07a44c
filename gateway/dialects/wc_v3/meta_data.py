"""`meta_data`: what clients keep with a product under keys of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.dialects.wc_v3.draft import Draft
from gateway.dialects.wc_v3.kept_fields import plain
from storage.changes import Refused
from storage.errors import ErrorCode

LAST_ID: Final = "meta_last_id"
"""Kept beside the rows: the last id that one of them was given."""

_KEY_LENGTH_MAX: Final = 255
_INTERNAL: Final = re.compile(
    "total_sales|_(?:sku|global_unique_id|price|(?:regular|sale)_price|sale_price_dates_(?:from|to)|stock|stock_status"
    "|manage_stock|backorders|low_stock_amount|sold_individually|tax_(?:status|class)|visibility|featured|weight|length"
    "|width|height|(?:upsell|crosssell)_ids|children|purchase_note|(?:default|product)_attributes|virtual|downloadable"
    "|downloadable_files|download_(?:limit|expiry)|button_text|product_(?:url|image_gallery|version)|thumbnail_id"
    "|file_paths|variation_description|wc_(?:rating_count|average_rating|review_count)|wp_old_slug|edit_(?:last|lock))"
)
_OF_A_LOCATION: Final = re.compile(
    r"_location_(?:stock|regular_price|sale_price|backorders|disabled)_[0-9]+|_stock_at_[0-9]+|_stocks_location_[0-9]+"
)


def is_internal(key: str) -> bool:
    """Whether a key is that of a field of the product, or of its stock at a location: those are written by their
    names, so that no write bypasses the rules of stock."""
    return _INTERNAL.fullmatch(key) is not None or _OF_A_LOCATION.fullmatch(key) is not None


def take_meta_data(draft: Draft) -> Refused | None:
    """Add, change or remove the rows that the body names; the others stay."""
    rows = [dict(row) for row in draft.kept.get("meta_data", ())]
    last_id = int(draft.kept.get(LAST_ID, 0))
    for sent in draft.fields.get("meta_data") or ():
        key, named = sent.get("key") or "", _named(rows, sent)
        if len(key) > _KEY_LENGTH_MAX:
            message = f"meta_data: a key has at most {_KEY_LENGTH_MAX} characters."
            return Refused(ErrorCode.INVALID_VALUE, message, "meta_data")
        if is_internal(key) or "value" not in sent:
            continue
        if named is not None and sent["value"] is None:
            rows.remove(named)
        elif named is not None:
            named.update(key=key or named["key"], value=sent["value"])
        elif key and sent["value"] is not None:
            last_id += 1
            rows.append({"id": last_id, "key": key, "value": sent["value"]})
    draft.keep("meta_data", rows, [])
    draft.keep(LAST_ID, last_id, 0)
    return None


def keep_meta_data(draft: Draft, sent: Sequence[Mapping[str, Any]]) -> Refused | None:
    """Keep the rows of another shop as they are, with the ids that they have there."""
    rows: list[dict[str, Any]] = [
        {"id": row["id"], "key": str(row.get("key") or ""), "value": row.get("value")}
        for row in sent
        if isinstance(row.get("id"), int) and not is_internal(str(row.get("key") or ""))
    ]
    try:
        draft.keep("meta_data", plain(rows), [])
    except ValueError as error:
        return Refused(ErrorCode.INVALID_VALUE, f"meta_data {error}.", "meta_data")
    draft.keep(LAST_ID, max((row["id"] for row in rows), default=0), 0)
    return None


def _named(rows: Sequence[dict[str, Any]], sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row that is meant, by its id or else by its key."""
    for name in ("id", "key"):
        for row in rows:
            if sent.get(name) and row[name] == sent[name]:
                return row
    return None
