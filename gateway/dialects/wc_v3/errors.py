"""ErrorCode to the codes, statuses and sentences that clients of wc/v3 know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.dialects import wordpress
from gateway.dialects.wordpress import RestError
from gateway.dialects.wordpress.coercion import InvalidValueError
from gateway.dialects.wordpress.conventions import respond
from storage.changes import Refused
from storage.errors import ErrorCode, InventoryError

INVALID_PARAMETER: Final = "rest_invalid_param"
FIELDS: Final[Mapping[str, str]] = {
    "gtin": "global_unique_id",
    "low_stock_threshold": "low_stock_amount",
    "sale_starts_at": "date_on_sale_from",
    "sale_ends_at": "date_on_sale_to",
    "created_at": "date_created",
    "parent": "product_id",
    "quantity": "stock_quantity",
    "location": "locations",
}
"""Columns by the names that they have here, where it is another one."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """How a refusal reads here. Without a message the core's stands."""

    status: int
    code: str
    message: str | None = None


_NOT_ASKED_HERE: Final = (
    ErrorCode.ITEM_REQUIRED,
    ErrorCode.ITEM_AMBIGUOUS,
    ErrorCode.SAME_LOCATION,
    ErrorCode.INVALID_LINE,
    ErrorCode.NOTHING_TO_CHANGE,
    ErrorCode.GROUP_REJECTED,
    ErrorCode.GROUP_NOT_FOUND,
    ErrorCode.ALREADY_REVERSED,
    ErrorCode.LOCATION_IS_DEFAULT,
    ErrorCode.STOCK_LEFT,
    ErrorCode.KEY_NOT_FOUND,
    ErrorCode.NOT_GRANTED,
    ErrorCode.INVALID_DISABLED,
    ErrorCode.ITEM_DISABLED,
    ErrorCode.STOCK_NOT_TRACKED,
)
"""Refusals of what no route of this dialect can ask for."""

RENDERED: Final[Mapping[ErrorCode, Rendered]] = {
    ErrorCode.ITEM_NOT_FOUND: Rendered(404, "woocommerce_rest_product_invalid_id", "Invalid ID."),
    ErrorCode.ITEM_IN_TRASH: Rendered(410, "woocommerce_rest_already_trashed", "The product has already been deleted."),
    ErrorCode.ITEM_MISMATCH: Rendered(
        404,
        "woocommerce_rest_invalid_product_id",
        "To manipulate product variations you should use the "
        "/products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint.",
    ),
    ErrorCode.ITEM_HAS_VARIATIONS: Rendered(
        400,
        "variation_required",
        "The variations of this product have its stock: change theirs, below /products/{id}/variations.",
    ),
    ErrorCode.LOCATION_REQUIRED: Rendered(400, "location_required"),
    ErrorCode.LOCATION_NOT_FOUND: Rendered(400, "location_not_found"),
    ErrorCode.LOCATION_INACTIVE: Rendered(400, "location_inactive"),
    ErrorCode.LOCATION_FORBIDDEN: Rendered(403, "woocommerce_rest_cannot_edit"),
    ErrorCode.INVALID_QUANTITY: Rendered(400, INVALID_PARAMETER),
    ErrorCode.INSUFFICIENT_STOCK: Rendered(400, "insufficient_stock"),
    ErrorCode.STALE_QUANTITY: Rendered(
        412,
        "stale_version",
        "The product has changed since: its ETag is another one than If-Match names.",
    ),
    ErrorCode.INVALID_PRICE: Rendered(400, INVALID_PARAMETER),
    ErrorCode.SALE_PRICE_TOO_HIGH: Rendered(400, INVALID_PARAMETER),
    ErrorCode.INVALID_BACKORDERS: Rendered(400, INVALID_PARAMETER),
    ErrorCode.INVALID_VALUE: Rendered(400, INVALID_PARAMETER),
    ErrorCode.NOT_UNIQUE: Rendered(400, "product_invalid_sku", "Invalid or duplicated SKU."),
    ErrorCode.INVALID_IDEMPOTENCY_KEY: Rendered(400, "invalid_idempotency_key"),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: Rendered(422, "idempotency_key_reused"),
    **dict.fromkeys(_NOT_ASKED_HERE, Rendered(400, "invalid_request")),
}

_NO_PARENT: Final = "woocommerce_rest_product_variation_invalid_parent"
_OF_FIELDS: Final[Mapping[tuple[ErrorCode, str], Rendered]] = {
    (ErrorCode.NOT_UNIQUE, "global_unique_id"): Rendered(
        400, "product_invalid_global_unique_id", "Invalid or duplicated GTIN, UPC, EAN or ISBN."
    ),
    (ErrorCode.INVALID_VALUE, "global_unique_id"): Rendered(400, "product_invalid_global_unique_id_format"),
    (ErrorCode.INVALID_VALUE, "parent_id"): Rendered(400, _NO_PARENT, "Only a variable product has variations."),
    (ErrorCode.INVALID_VALUE, "images"): Rendered(400, "woocommerce_product_invalid_image_id"),
    (ErrorCode.INVALID_VALUE, "image"): Rendered(400, "woocommerce_variation_invalid_image_id"),
}
"""Where a field has a code of its own."""

WHEN_UPDATED: Final[Mapping[ErrorCode, Rendered]] = {
    ErrorCode.ITEM_NOT_FOUND: Rendered(400, "woocommerce_rest_product_invalid_id", "Invalid ID."),
    ErrorCode.ITEM_IN_TRASH: Rendered(400, "product_in_trash"),
}
"""Where an update is told otherwise than a read or a deletion."""

_VARIATION_NOT_FOUND: Final = Rendered(404, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")


def failure(refused: Refused, *, is_variation: bool = False, is_update: bool = False, **data: Any) -> RestError:
    """A refusal as an answer."""
    field = FIELDS.get(refused.field or "", refused.field or "")
    rendered = _OF_FIELDS.get((refused.code, field)) or RENDERED[refused.code]
    if is_update:
        rendered = WHEN_UPDATED.get(refused.code, rendered)
    if is_variation and refused.code is ErrorCode.ITEM_NOT_FOUND:
        parent = Rendered(404, _NO_PARENT, "Invalid parent product.")
        rendered = parent if refused.field == "parent" else _VARIATION_NOT_FOUND
    message = rendered.message or refused.message
    if rendered.code == INVALID_PARAMETER:
        return invalid(field, InvalidValueError(INVALID_PARAMETER, message))
    if refused.code is ErrorCode.NOT_UNIQUE and refused.candidates:
        data["resource_id"] = refused.candidates[0]
    return RestError(rendered.status, rendered.code, message, **data)


def invalid(field: str, error: InvalidValueError) -> RestError:
    """A value that its field does not take, as the machinery tells it."""
    detail = {"code": error.code, "message": error.message, "data": error.data}
    return RestError(
        400,
        INVALID_PARAMETER,
        f"Invalid parameter(s): {field}",
        params={field: error.message},
        details={field: detail},
    )


def refused_request(error: InventoryError) -> RestError:
    """A refusal of the request as a whole."""
    return failure(Refused(error.code, error.message, error.field))


async def _inventory_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, InventoryError)  # noqa: S101 (for the type checker; the table below sends nothing else here)
    return respond(request, refused_request(error).answer)


HANDLERS: Final[Mapping[Any, Any]] = {**wordpress.HANDLERS, InventoryError: _inventory_error}
