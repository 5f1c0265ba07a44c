"""Fields that we have no column for: kept as they were sent, and given back in the form that clients expect."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, Final

from gateway.dialects.wc_v3.draft import Draft, kept_of
from storage.changes import Refused, storable
from storage.errors import ErrorCode

Rows = list[dict[str, Any]]

NO_DIMENSIONS: Final = {"length": "", "width": "", "height": ""}
DEFAULTS: Final[Mapping[str, Any]] = {
    "featured": False,
    "catalog_visibility": "visible",
    "description": "",
    "short_description": "",
    "virtual": False,
    "downloadable": False,
    "downloads": [],
    "download_limit": -1,
    "download_expiry": -1,
    "external_url": "",
    "button_text": "",
    "tax_status": "taxable",
    "tax_class": "",
    "sold_individually": False,
    "weight": "",
    "dimensions": NO_DIMENSIONS,
    "shipping_class": "",
    "reviews_allowed": True,
    "post_password": "",
    "upsell_ids": [],
    "cross_sell_ids": [],
    "parent_id": 0,
    "purchase_note": "",
    "categories": [],
    "tags": [],
    "brands": [],
    "images": [],
    "default_attributes": [],
    "grouped_products": [],
    "menu_order": 0,
}
"""What is shown of a product that says nothing of these."""

OF_VARIATIONS: Final = frozenset(
    {
        "description",
        "virtual",
        "downloadable",
        "downloads",
        "download_limit",
        "download_expiry",
        "tax_status",
        "tax_class",
    }
    | {"weight", "dimensions", "shipping_class", "menu_order"}
)
"""Those that a variation has, too; and `image`, which is one image or null."""

_INHERITED: Final = ("weight", "dimensions", "shipping_class", "tax_class")
"""A variation that does not have its own is shown with its parent's."""

_DEPTH_MAX: Final = 32
_EXACT_FLOAT_MAX: Final = 2**53


def take_kept(draft: Draft) -> Refused | None:
    """Keep what the body says of these fields."""
    for name, sent in draft.fields.items():
        if name not in (OF_VARIATIONS if draft.is_variation else DEFAULTS):
            continue
        default = DEFAULTS[name]
        if draft.is_variation and (_is_inherited(draft, name, sent) or (name == "menu_order" and sent == 0)):
            continue
        complete = _COMPLETE.get(name)
        value = sent if complete is None else complete(sent, draft.kept.get(name) or default, draft)
        if isinstance(value, Refused):
            return value
        draft.keep(name, value, default)
    return _take_image(draft) if draft.is_variation and "image" in draft.fields else None


def plain(value: Any, *, depth: int = _DEPTH_MAX) -> Any:
    """JSON of any kind as both engines store it and every client reads it.

    Raises ValueError when it is nested too deeply.
    """
    if depth == 0:
        raise ValueError(f"is nested more than {_DEPTH_MAX} levels deep")
    match value:
        case str():
            return storable(value)
        case float() if not math.isfinite(value):
            return None
        case float() | int() if not isinstance(value, bool) and abs(value) > _EXACT_FLOAT_MAX:
            return repr(value)  # a number that clients would read as another one
        case list():
            return [plain(member, depth=depth - 1) for member in value]
        case dict():
            return {storable(name): plain(member, depth=depth - 1) for name, member in value.items()}
    return value


def _is_inherited(draft: Draft, name: str, sent: Any) -> bool:
    """Whether a variation sends back what it was shown of its parent."""
    if name not in _INHERITED or name in draft.kept or draft.parent is None:
        return False
    return bool(sent == kept_of(draft.parent).get(name, DEFAULTS[name]))


def _dimensions(sent: Mapping[str, Any] | None, before: Mapping[str, Any], _draft: Draft) -> dict[str, Any]:
    return {name: (sent or {}).get(name, before.get(name, "")) for name in NO_DIMENSIONS}


def _terms(sent: Sequence[Mapping[str, Any]], before: Rows, _draft: Draft) -> Rows:
    """Categories, tags and brands are named by their ids; what was said of an id before is remembered."""
    known = {term["id"]: term for term in before}
    blank = {"id": 0, "name": "", "slug": ""}
    return [_over({**blank, **known.get(term.get("id"), {})}, term) for term in sent]


def _images(sent: Sequence[Mapping[str, Any]], before: Rows, draft: Draft) -> Rows | Refused:
    """Complete images. One that has an id and no `src` is one of those that were there before."""
    known = {image["id"]: image for image in before}
    last_id = max([*known, *(image.get("id") or 0 for image in sent), 0])
    images: Rows = []
    for image in sent:
        number = image.get("id") or 0
        if not image.get("src") and number not in known:
            return Refused(ErrorCode.INVALID_VALUE, f"#{number} is an invalid image ID.", "images")
        if not number:
            last_id += 1
        images.append({**_over({**_new_image(draft), **known.get(number, {})}, image), "id": number or last_id})
    return images


def _new_image(draft: Draft) -> dict[str, Any]:
    here, gmt = (f"{draft.now.astimezone(zone):%Y-%m-%dT%H:%M:%S}" for zone in (draft.zone, UTC))
    dates = {"date_created": here, "date_created_gmt": gmt, "date_modified": here, "date_modified_gmt": gmt}
    return {"id": 0, **dates, "src": "", "name": "", "alt": ""}


def _downloads(sent: Sequence[Mapping[str, Any]], _before: Rows, _draft: Draft) -> Rows:
    return [{**_over({"name": "", "file": ""}, file), "id": file.get("id") or str(uuid.uuid4())} for file in sent]


def _default_attributes(sent: Sequence[Mapping[str, Any]], _before: Rows, _draft: Draft) -> Rows:
    return [_over({"id": 0, "name": "", "option": ""}, attribute) for attribute in sent]


def _over(row: dict[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """The row with what was sent of its members; others do not exist."""
    return {**row, **{name: sent[name] for name in row if name in sent}}


_COMPLETE: Final[Mapping[str, Callable[[Any, Any, Draft], Any]]] = {
    "dimensions": _dimensions,
    "categories": _terms,
    "tags": _terms,
    "brands": _terms,
    "images": _images,
    "downloads": _downloads,
    "default_attributes": _default_attributes,
}


def _take_image(draft: Draft) -> Refused | None:
    """The one image of a variation: an object, null for none."""
    sent, before = draft.fields["image"], draft.kept.get("image")
    if not sent or not (sent.get("id") or sent.get("src")):
        draft.kept.pop("image", None)
        return None
    if before is None and draft.parent is not None and sent in _images_of(draft.parent):
        return None
    complete = _images([sent], [before] if before else _images_of(draft.parent), draft)
    if isinstance(complete, Refused):
        return Refused(complete.code, complete.message, "image")
    draft.keep("image", complete[0])
    return None


def _images_of(parent: Mapping[str, Any] | None) -> Rows:
    images: Rows = kept_of(parent).get("images", [])
    return images
