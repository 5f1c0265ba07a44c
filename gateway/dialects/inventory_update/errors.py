"""ErrorCode to this dialect's code, sentence and status; every error body has the one key `error`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.dialects import failures
from gateway.dialects.failures import FailedError
from gateway.dialects.inventory_update.requests import InventoryUpdate
from gateway.dialects.rendered import Rendered
from storage.changes import Refused
from storage.errors import ErrorCode, InventoryError

_NOT_ASKED_HERE: Final = (
    ErrorCode.ITEM_REQUIRED,
    ErrorCode.LOCATION_REQUIRED,
    ErrorCode.ITEM_DISABLED,
    ErrorCode.ITEM_IN_TRASH,
    ErrorCode.STOCK_NOT_TRACKED,
    ErrorCode.SAME_LOCATION,
    ErrorCode.INVALID_LINE,
    ErrorCode.NOTHING_TO_CHANGE,
    ErrorCode.INVALID_PRICE,
    ErrorCode.SALE_PRICE_TOO_HIGH,
    ErrorCode.INVALID_BACKORDERS,
    ErrorCode.INVALID_DISABLED,
    ErrorCode.GROUP_REJECTED,
    ErrorCode.GROUP_NOT_FOUND,
    ErrorCode.GROUP_PRUNED,
    ErrorCode.ALREADY_REVERSED,
    ErrorCode.WEBHOOK_NOT_FOUND,
    ErrorCode.EVENTS_PRUNED,
    ErrorCode.INVALID_VALUE,
    ErrorCode.NOT_UNIQUE,
    ErrorCode.LOCATION_IS_DEFAULT,
    ErrorCode.STOCK_LEFT,
    ErrorCode.KEY_NOT_FOUND,
    ErrorCode.NOT_GRANTED,
    ErrorCode.INVALID_WEBHOOK_URL,
)
"""Refusals of what the route cannot ask for."""

RENDERED: Final[Mapping[ErrorCode, Rendered]] = {
    ErrorCode.ITEM_NOT_FOUND: Rendered("product_not_found", 404, "Product not found: {product}"),
    ErrorCode.ITEM_AMBIGUOUS: Rendered("product_ambiguous", 409, "Several products match {product}: {candidates}"),
    ErrorCode.ITEM_MISMATCH: Rendered("product_mismatch", 422, "upc and sku, size, width name different products"),
    ErrorCode.ITEM_HAS_VARIATIONS: Rendered("variation_required", 422),
    ErrorCode.LOCATION_NOT_FOUND: Rendered("store_not_found", 404, "Store not found: {store}"),
    ErrorCode.LOCATION_INACTIVE: Rendered("store_inactive", 409, "Store is not active: {store}"),
    ErrorCode.LOCATION_FORBIDDEN: Rendered("store_forbidden", 403, "This API token may not write at store {store}"),
    ErrorCode.INVALID_QUANTITY: Rendered("invalid_value", 422),
    ErrorCode.INSUFFICIENT_STOCK: Rendered("invalid_value", 422),
    ErrorCode.STALE_QUANTITY: Rendered("stale_version", 412),
    ErrorCode.FIELD_OWNED: Rendered("field_owned", 403),
    ErrorCode.INVALID_IDEMPOTENCY_KEY: Rendered("invalid_header", 400),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: Rendered("idempotency_key_reused", 422),
    **dict.fromkeys(_NOT_ASKED_HERE, Rendered("invalid_request", 422)),
}


def failure(refused: Refused, update: InventoryUpdate) -> FailedError:
    """Why the count was not taken."""
    rendered = RENDERED[refused.code]
    message = refused.message
    if rendered.message is not None:
        candidates = ", ".join(map(str, refused.candidates))
        message = rendered.message.format(product=update.named, store=update.store, candidates=candidates)
    headers = {} if refused.current_version is None else {"ETag": f'"{refused.current_version}"'}
    return FailedError(rendered.status, rendered.code, message, headers=headers)


def _refused(error: InventoryError) -> FailedError:
    """A refusal of the request as a whole."""
    rendered = RENDERED[error.code]
    return FailedError(rendered.status, rendered.code, error.message)


def _rendered(failed: FailedError) -> Response:
    """One sentence; a program finds the code in a header."""
    headers = {**failed.headers, "X-Error-Code": failed.code}
    return JSONResponse({"error": failed.message}, failed.status, headers)


async def _invalid(_request: Request, error: Any) -> Response:
    """The first field that has the wrong type or range."""
    assert isinstance(error, ValidationError)  # noqa: S101 (for the type checker; the table below sends nothing else here)
    first = error.errors(include_url=False, include_input=False)[0]
    field = str(first["loc"][0])
    return _rendered(FailedError(422, "invalid_value", f"Invalid value for {field}: {first['msg']}", field))


HANDLERS: Final[Mapping[Any, Any]] = {**failures.handlers(_rendered, _refused), ValidationError: _invalid}
