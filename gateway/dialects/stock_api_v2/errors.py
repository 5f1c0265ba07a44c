"""ErrorCode to this dialect's code and status. The body is `{"error": {"code": …, "message": …, "field": …}}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.dialects import failures
from gateway.dialects.failures import FailedError
from gateway.dialects.rendered import Rendered
from gateway.dialects.stock_api_v2.decisions import StockLine
from gateway.dialects.stock_api_v2.requests import Identifier, place_of
from storage.changes import Refused
from storage.errors import ErrorCode, InventoryError
from storage.product_edits import EditOutcome

_NOT_ASKED_HERE: Final = (
    ErrorCode.ITEM_REQUIRED,
    ErrorCode.ITEM_MISMATCH,
    ErrorCode.ITEM_DISABLED,
    ErrorCode.ITEM_IN_TRASH,
    ErrorCode.SAME_LOCATION,
    ErrorCode.INVALID_LINE,
    ErrorCode.NOTHING_TO_CHANGE,
    ErrorCode.INVALID_BACKORDERS,
    ErrorCode.INVALID_DISABLED,
    ErrorCode.GROUP_REJECTED,
    ErrorCode.GROUP_NOT_FOUND,
    ErrorCode.GROUP_PRUNED,
    ErrorCode.ALREADY_REVERSED,
    ErrorCode.WEBHOOK_NOT_FOUND,
    ErrorCode.EVENTS_PRUNED,
    ErrorCode.NOT_UNIQUE,
    ErrorCode.LOCATION_IS_DEFAULT,
    ErrorCode.STOCK_LEFT,
    ErrorCode.KEY_NOT_FOUND,
    ErrorCode.NOT_GRANTED,
    ErrorCode.INVALID_WEBHOOK_URL,
)
"""Refusals of what no route of this dialect can ask for."""

RENDERED: Final[Mapping[ErrorCode, Rendered]] = {
    ErrorCode.ITEM_NOT_FOUND: Rendered("product_not_found", 404, "Product not found: {product}."),
    ErrorCode.ITEM_AMBIGUOUS: Rendered("ambiguous_identifier", 409),
    ErrorCode.ITEM_HAS_VARIATIONS: Rendered("variant_required", 422),
    ErrorCode.STOCK_NOT_TRACKED: Rendered("inventory_disabled", 422),
    ErrorCode.LOCATION_NOT_FOUND: Rendered("warehouse_not_found", 422, "There is no such warehouse."),
    ErrorCode.LOCATION_REQUIRED: Rendered("warehouse_not_found", 422),
    ErrorCode.LOCATION_INACTIVE: Rendered("warehouse_inactive", 422, "The warehouse is not active."),
    ErrorCode.LOCATION_FORBIDDEN: Rendered("warehouse_forbidden", 403),
    ErrorCode.INVALID_QUANTITY: Rendered("invalid_value", 422),
    ErrorCode.INSUFFICIENT_STOCK: Rendered("insufficient_stock", 422),
    ErrorCode.INVALID_PRICE: Rendered("invalid_price", 422),
    ErrorCode.SALE_PRICE_TOO_HIGH: Rendered("invalid_price", 422),
    ErrorCode.INVALID_VALUE: Rendered("invalid_value", 422),
    ErrorCode.STALE_QUANTITY: Rendered("stale_version", 412, "If-Match does not name the product's current version."),
    ErrorCode.FIELD_OWNED: Rendered("field_owned", 403),
    ErrorCode.INVALID_IDEMPOTENCY_KEY: Rendered("invalid_header", 400),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: Rendered("idempotency_key_reused", 422),
    **dict.fromkeys(_NOT_ASKED_HERE, Rendered("invalid_request", 422)),
}

_FIELDS: Final = {"regular_price": "price_gross", "sale_price": "price_gross", "manage_stock": "inventory_enabled"}
"""Columns of the catalogue, as a client of this API knows them."""


def failure(refused: Refused, product: Identifier) -> FailedError:
    """Why the product was not read or changed."""
    rendered = RENDERED[refused.code]
    message = refused.message
    if rendered.message is not None:
        message = rendered.message.format(product=f"{product.type} {product.text}")
    field = _FIELDS.get(refused.field or "", refused.field)
    return FailedError(rendered.status, rendered.code, message, None if rendered.status == 404 else field)


def edit_failure(outcomes: Sequence[EditOutcome], lines: Sequence[StockLine], product: Identifier) -> FailedError:
    """Why nothing of a PATCH was done: the first of its edits that was refused."""
    outcome = next(outcome for outcome in outcomes if outcome.error is not None)
    failed = failure(outcome.error, product) if outcome.error else FailedError(500, "internal_server_error", "")
    if outcome.stock_line is not None:
        failed.field = lines[outcome.stock_line].field
    return failed


def _refused(error: InventoryError) -> FailedError:
    """A refusal of the request as a whole."""
    rendered = RENDERED[error.code]
    return FailedError(rendered.status, rendered.code, error.message)


def _rendered(failed: FailedError) -> Response:
    told = {"code": failed.code, "message": failed.message}
    if failed.field:
        told["field"] = failed.field
    return JSONResponse({"error": told}, failed.status, dict(failed.headers))


async def _invalid(_request: Request, error: Any) -> Response:
    """The first field that does not fit."""
    assert isinstance(error, ValidationError)  # noqa: S101 (for the type checker; the table below sends nothing else here)
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = place_of(first["loc"])
    return _rendered(FailedError(422, "invalid_value", f"{field}: {first['msg']}.", field))


HANDLERS: Final[Mapping[Any, Any]] = {**failures.handlers(_rendered, _refused), ValidationError: _invalid}
