"""ErrorCode to this dialect's code, sentence and status. Clients match on the sentences: they are the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.dialects import wordpress
from gateway.dialects.admission import HIDDEN
from gateway.dialects.wordpress import RestError
from gateway.dialects.wordpress.conventions import respond
from gateway.settings import Settings
from storage.access import Scope
from storage.changes import Refused
from storage.errors import ErrorCode, InventoryError


@dataclass(frozen=True, slots=True)
class Rendered:
    """How a refusal reads here. `plugin_status` is what the plugin answers, where that is known to be another one;
    without a message the core's stands."""

    code: str
    status: int
    message: str | None = None
    plugin_status: int | None = None


_NOT_ASKED_HERE: Final = (
    ErrorCode.SAME_LOCATION,
    ErrorCode.GROUP_NOT_FOUND,
    ErrorCode.GROUP_PRUNED,
    ErrorCode.ALREADY_REVERSED,
    ErrorCode.WEBHOOK_NOT_FOUND,
    ErrorCode.EVENTS_PRUNED,
    ErrorCode.INVALID_VALUE,
    ErrorCode.NOT_UNIQUE,
    ErrorCode.LOCATION_IS_DEFAULT,
    ErrorCode.STOCK_LEFT,
    ErrorCode.ITEM_IN_TRASH,
    ErrorCode.STOCK_NOT_TRACKED,
    ErrorCode.KEY_NOT_FOUND,
    ErrorCode.NOT_GRANTED,
    ErrorCode.INVALID_WEBHOOK_URL,
)
"""Refusals of what no route of this dialect can ask for."""

RENDERED: Final[Mapping[ErrorCode, Rendered]] = {
    ErrorCode.ITEM_REQUIRED: Rendered("missing_product", 422, "Product ID or SKU is required.", 400),
    ErrorCode.LOCATION_REQUIRED: Rendered("missing_location", 422, "Location ID or slug is required.", 400),
    ErrorCode.ITEM_NOT_FOUND: Rendered("product_not_found", 404, "Product not found.", 400),
    ErrorCode.ITEM_AMBIGUOUS: Rendered("product_ambiguous", 422),
    ErrorCode.ITEM_MISMATCH: Rendered("product_mismatch", 422, "Product ID and SKU name different products."),
    ErrorCode.ITEM_HAS_VARIATIONS: Rendered(
        "variation_required", 422, "This product has variations. Update a variation instead."
    ),
    ErrorCode.ITEM_DISABLED: Rendered("product_disabled", 422, "Product is disabled at this location."),
    ErrorCode.LOCATION_NOT_FOUND: Rendered("location_not_found", 404, "Location not found.", 400),
    ErrorCode.LOCATION_INACTIVE: Rendered("location_inactive", 422, "Location is not active."),
    ErrorCode.LOCATION_FORBIDDEN: Rendered("location_forbidden", 403),
    ErrorCode.INVALID_LINE: Rendered("invalid_data", 400, "Invalid data format."),
    ErrorCode.NOTHING_TO_CHANGE: Rendered("invalid_data", 422),
    ErrorCode.INVALID_QUANTITY: Rendered("invalid_stock", 422, "Invalid stock value."),
    ErrorCode.INSUFFICIENT_STOCK: Rendered(
        "insufficient_stock", 422, "Stock cannot be negative when backorders are not allowed."
    ),
    ErrorCode.STALE_QUANTITY: Rendered("stale_version", 412),
    ErrorCode.INVALID_PRICE: Rendered("invalid_price", 422, "Invalid price value."),
    ErrorCode.SALE_PRICE_TOO_HIGH: Rendered("invalid_price", 422, "Sale price must be less than regular price."),
    ErrorCode.INVALID_BACKORDERS: Rendered(
        "invalid_backorders", 422, "Invalid backorders value. Use no, notify or yes."
    ),
    ErrorCode.INVALID_DISABLED: Rendered("invalid_disabled", 422, "Invalid disabled value."),
    ErrorCode.FIELD_OWNED: Rendered("field_owned", 403),
    ErrorCode.GROUP_REJECTED: Rendered(
        "bulk_sync_failed", 500, "Bulk sync failed due to too many errors. All changes have been rolled back."
    ),
    ErrorCode.INVALID_IDEMPOTENCY_KEY: Rendered("invalid_idempotency_key", 400),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: Rendered("idempotency_key_reused", 422),
    **dict.fromkeys(_NOT_ASKED_HERE, Rendered("invalid_request", 422)),
}


def sentence(refused: Refused) -> str:
    """The sentence for a refusal, as bulk-sync lists it."""
    return RENDERED[refused.code].message or refused.message


def failure(code: str, refused: Refused, settings: Settings, *, exactly: bool = False) -> RestError:
    """One refused item as an answer. `code` is the route's: update_failed or webhook_failed.

    `exactly` says whether the caller may be told quantities.
    """
    rendered = RENDERED[refused.code]
    status = rendered.status
    if settings.mulopimfwc_statuses == "plugin" and rendered.plugin_status is not None:
        status = rendered.plugin_status
    data: dict[str, Any] = {"error": rendered.code}
    headers: dict[str, str] = {}
    if refused.code is ErrorCode.STALE_QUANTITY and refused.current_version is not None:
        data |= {"current_stock": refused.current_quantity} if exactly else {}
        data |= {"current_version": refused.current_version}
        headers = {"ETag": f'"{refused.current_version}"'}
    return RestError(status, code, rendered.message or refused.message, headers=headers, **data)


def refused_request(error: InventoryError) -> RestError:
    """A refusal of the request as a whole."""
    rendered = RENDERED[error.code]
    return RestError(rendered.status, rendered.code, rendered.message or error.message)


def unauthenticated(settings: Settings) -> RestError:
    """No valid API key."""
    return RestError(
        403 if settings.mulopimfwc_statuses == "plugin" else 401,
        "rest_forbidden",
        "You do not have permission to access this endpoint.",
    )


def insufficient_permissions(scope: Scope) -> RestError:
    """A valid API key, but not for this."""
    return RestError(403, "rest_forbidden", f"Insufficient permissions: this API key does not have the {scope} scope.")


def hidden() -> RestError:
    """A valid API key, but one that does not see stock as it is."""
    return RestError(403, "rest_forbidden", HIDDEN)


def invalid_webhook_secret(settings: Settings) -> RestError:
    """No valid webhook secret."""
    if settings.mulopimfwc_statuses == "plugin":
        return unauthenticated(settings)
    return RestError(401, "invalid_webhook_secret", "The webhook secret is missing or invalid.")


def invalid_webhook_data() -> RestError:
    """A webhook without a body that is an object."""
    return RestError(400, "invalid_data", "Invalid webhook data format.")


async def _inventory_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, InventoryError)  # noqa: S101 (for the type checker; the table below sends nothing else here)
    return respond(request, refused_request(error).answer)


HANDLERS: Final[Mapping[Any, Any]] = {**wordpress.HANDLERS, InventoryError: _inventory_error}
