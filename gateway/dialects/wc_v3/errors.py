"""ErrorCode to the codes, statuses and sentences that clients of wc/v3 know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.dialects import wordpress
from gateway.dialects.rendered import Rendered
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


_NOT_ASKED_HERE: Final = (
    ErrorCode.ITEM_REQUIRED,
    ErrorCode.ITEM_AMBIGUOUS,
    ErrorCode.SAME_LOCATION,
    ErrorCode.INVALID_LINE,
    ErrorCode.NOTHING_TO_CHANGE,
    ErrorCode.GROUP_REJECTED,
    ErrorCode.GROUP_NOT_FOUND,
    ErrorCode.GROUP_PRUNED,
    ErrorCode.ALREADY_REVERSED,
    ErrorCode.EVENTS_PRUNED,
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
    ErrorCode.ITEM_NOT_FOUND: Rendered("woocommerce_rest_product_invalid_id", 404, "Invalid ID."),
    ErrorCode.ITEM_IN_TRASH: Rendered("woocommerce_rest_already_trashed", 410, "The product has already been deleted."),
    ErrorCode.ITEM_MISMATCH: Rendered(
        "woocommerce_rest_invalid_product_id",
        404,
        "To manipulate product variations you should use the "
        "/products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint.",
    ),
    ErrorCode.ITEM_HAS_VARIATIONS: Rendered(
        "variation_required",
        400,
        "The variations of this product have its stock: change theirs, below /products/{id}/variations.",
    ),
    ErrorCode.LOCATION_REQUIRED: Rendered("location_required", 400),
    ErrorCode.LOCATION_NOT_FOUND: Rendered("location_not_found", 400),
    ErrorCode.LOCATION_INACTIVE: Rendered("location_inactive", 400),
    ErrorCode.LOCATION_FORBIDDEN: Rendered("woocommerce_rest_cannot_edit", 403),
    ErrorCode.INVALID_QUANTITY: Rendered(INVALID_PARAMETER, 400),
    ErrorCode.INSUFFICIENT_STOCK: Rendered("insufficient_stock", 400),
    ErrorCode.STALE_QUANTITY: Rendered(
        "stale_version",
        412,
        "The product has changed since: its ETag is another one than If-Match names.",
    ),
    ErrorCode.INVALID_PRICE: Rendered(INVALID_PARAMETER, 400),
    ErrorCode.SALE_PRICE_TOO_HIGH: Rendered(INVALID_PARAMETER, 400),
    ErrorCode.INVALID_BACKORDERS: Rendered(INVALID_PARAMETER, 400),
    ErrorCode.INVALID_VALUE: Rendered(INVALID_PARAMETER, 400),
    ErrorCode.NOT_UNIQUE: Rendered("product_invalid_sku", 400, "Invalid or duplicated SKU."),
    ErrorCode.WEBHOOK_NOT_FOUND: Rendered("woocommerce_rest_shop_webhook_invalid_id", 400, "ID is invalid."),
    ErrorCode.INVALID_WEBHOOK_URL: Rendered("woocommerce_rest_shop_webhook_invalid_delivery_url", 400),
    ErrorCode.FIELD_OWNED: Rendered("field_owned", 403),
    ErrorCode.INVALID_IDEMPOTENCY_KEY: Rendered("invalid_idempotency_key", 400),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: Rendered("idempotency_key_reused", 422),
    **dict.fromkeys(_NOT_ASKED_HERE, Rendered("invalid_request", 400)),
}

_NO_PARENT: Final = "woocommerce_rest_product_variation_invalid_parent"
_OF_FIELDS: Final[Mapping[tuple[ErrorCode, str], Rendered]] = {
    (ErrorCode.NOT_UNIQUE, "global_unique_id"): Rendered(
        "product_invalid_global_unique_id", 400, "Invalid or duplicated GTIN, UPC, EAN or ISBN."
    ),
    (ErrorCode.INVALID_VALUE, "global_unique_id"): Rendered("product_invalid_global_unique_id_format", 400),
    (ErrorCode.INVALID_VALUE, "parent_id"): Rendered(_NO_PARENT, 400, "Only a variable product has variations."),
    (ErrorCode.INVALID_VALUE, "images"): Rendered("woocommerce_product_invalid_image_id", 400),
    (ErrorCode.INVALID_VALUE, "image"): Rendered("woocommerce_variation_invalid_image_id", 400),
}
"""Where a field has a code of its own."""

WHEN_UPDATED: Final[Mapping[ErrorCode, Rendered]] = {
    ErrorCode.ITEM_NOT_FOUND: Rendered("woocommerce_rest_product_invalid_id", 400, "Invalid ID."),
    ErrorCode.ITEM_IN_TRASH: Rendered("product_in_trash", 400),
}
"""Where an update is told otherwise than a read or a deletion."""

_VARIATION_NOT_FOUND: Final = Rendered("woocommerce_rest_product_variation_invalid_id", 404, "Invalid ID.")


def failure(refused: Refused, *, is_variation: bool = False, is_update: bool = False, **data: Any) -> RestError:
    """A refusal as an answer."""
    field = FIELDS.get(refused.field or "", refused.field or "")
    rendered = _OF_FIELDS.get((refused.code, field)) or RENDERED[refused.code]
    if is_update:
        rendered = WHEN_UPDATED.get(refused.code, rendered)
    if is_variation and refused.code is ErrorCode.ITEM_NOT_FOUND:
        parent = Rendered(_NO_PARENT, 404, "Invalid parent product.")
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
