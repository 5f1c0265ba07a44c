"""What /openapi.json says of this dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from gateway.dialects.mulopimfwc_v1 import responses
from gateway.dialects.wordpress import described
from gateway.dialects.wordpress.described import refused
from gateway.dialects.wordpress.resources import Namespace
from gateway.openapi.described import Answer, Described, Operation, Parameter
from gateway.openapi.headers import CHANGED
from storage.changes import QUANTITY_MAX

_Id = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern="^[0-9]{0,19}$")] | None
_Quantity = (
    Annotated[int, Field(ge=-QUANTITY_MAX, le=QUANTITY_MAX)] | Annotated[str, Field(pattern="^-?[0-9]{1,10}$")] | None
)
_Price = (
    Annotated[float, Field(ge=0, lt=10**8)] | Annotated[str, Field(pattern=r"^([0-9]{1,8}(\.[0-9]{1,4})?)?$")] | None
)


class InventoryItem(TypedDict):
    """One update: `product_id` or `sku`, `location_id` or `location_slug`, and `stock`. `null` is as left out."""

    product_id: NotRequired[Annotated[_Id, Field(description="Decides when both are sent.", examples=[456])]]
    sku: NotRequired[Annotated[str | int | None, Field(description="In any letter case.", examples=["PROD-001"])]]
    location_id: NotRequired[Annotated[_Id, Field(examples=[5])]]
    location_slug: NotRequired[
        Annotated[str | None, Field(description="The slug, in any spelling, or the name.", examples=["main-store"])]
    ]
    stock: NotRequired[Annotated[_Quantity, Field(description="Units on hand from now on.", examples=[50])]]
    regular_price: NotRequired[Annotated[_Price, Field(description='`""` clears the location\'s own.')]]
    sale_price: NotRequired[Annotated[_Price, Field(description='`""` clears the location\'s own.')]]
    backorders: NotRequired[Literal["no", "notify", "yes"] | None]
    disabled: NotRequired[Literal[True, False, 0, 1, "0", "1", "yes", "no", "true", "false"] | None]


class BulkSync(TypedDict):
    """Many updates at once. What is no update is one that failed."""

    items: list[InventoryItem | Any]


_Number = Annotated[int, Field(ge=1)] | str
_PAGING: Final = (
    Parameter("page", _Number, "Counted from 1. What is no such number is 1.", example=1),
    Parameter("per_page", _Number, "At most 500. What is no positive number is 100.", example=100),
)
_Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})] | Literal[""]
_FLAG: Final = "`1`, `true`, `yes` or `on`; anything else is no."
_UPDATED: Final[Mapping[int, Answer]] = {
    200: Answer("It is updated.", responses.Updated, headers=("Allow", *CHANGED)),
    400: refused("No update, no JSON, or a header that cannot be read."),
    404: refused("No such product or location."),
    412: refused("It has another version by now: `current_stock`, `current_version`.", "ETag"),
    422: refused("The inventory says no: `error` says why."),
}

_OPERATIONS: Final = (
    Operation(
        "POST",
        "/inventory/bulk-sync",
        "Update many items, each by itself",
        {
            200: Answer(
                "What became of them.", responses.BulkSynced, headers=("Allow", *CHANGED, "Preference-Applied")
            ),
            400: refused("No list of items, too many of them, or no JSON."),
            422: refused("With `handling=strict`: not all could be done, so none was.", "Preference-Applied"),
            500: refused("So many failed that none was done; or a bug."),
        },
        headers=("Idempotency-Key", "X-Dry-Run", "Prefer"),
        body=BulkSync,
        security=("apiKey", "basic"),
    ),
    Operation(
        "POST",
        "/inventory/update",
        "Update one item at one location",
        _UPDATED,
        headers=("Idempotency-Key", "If-Match", "X-Dry-Run"),
        body=InventoryItem,
        security=("apiKey", "basic"),
    ),
    Operation(
        "GET",
        "/inventory/export",
        "Every item at every active location",
        {
            200: Answer(
                "A page of rows, or the file.",
                content={"application/json": responses.Exported, "text/csv": str},
                headers=("Allow", "Content-Disposition"),
            ),
            404: refused("There is nothing to put into the file."),
        },
        parameters=(
            Parameter("format", str, "`json`, or `csv` for a file.", example="json"),
            *_PAGING,
            Parameter("location_id", str, "Only this location.", example="5"),
            Parameter("location_slug", str, "Only this location."),
            Parameter("sku", str, "Only this item, or the variations of this product."),
            Parameter("updated_after", _Moment, "Only levels that changed after it; UTC without a zone."),
        ),
        security=("apiKey", "basic"),
    ),
    Operation(
        "POST",
        "/webhook/inventory-update",
        "Take in an update that a POS, WMS or ERP pushes",
        _UPDATED,
        headers=("Idempotency-Key", "X-Delivery-Id", "If-Match", "X-Dry-Run"),
        body=InventoryItem,
    ),
    Operation(
        "GET",
        "/locations",
        "The active locations, by name",
        {200: Answer("All of them.", responses.Locations, headers=["Allow"])},
        parameters=[Parameter("include_inactive", str, f"Inactive ones, too: {_FLAG}")],
        security=("apiKey", "basic"),
    ),
    Operation(
        "GET",
        "/products",
        "Published products, newest first",
        {200: Answer("A page of them.", responses.Products, headers=["Allow"])},
        parameters=(
            *_PAGING,
            Parameter("search", str, "Part of a name or SKU."),
            Parameter("sku", str, "The product with this SKU."),
            Parameter("type", str, "Only of this type.", example="simple"),
            Parameter("include_variations", str, f"Variations, too: {_FLAG}"),
            Parameter("inventory", str, f"With each one's inventory: {_FLAG}"),
        ),
        security=("apiKey", "basic"),
    ),
)


def describe(namespace: Namespace) -> Described:
    """The dialect as it is mounted."""
    return Described(
        namespace.name,
        "The REST routes of a WooCommerce multi-location plugin; also below `/mulopimfwc/v1`. Statuses are those of "
        f"its documentation.\n\n{described.CONVENTIONS}",
        [*_OPERATIONS, described.index(namespace.name), *described.options(namespace.resources)],
        security={
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key: `sgk_…`."},
            "basic": {"type": "http", "scheme": "basic", "description": "Any user name, with the key as password."},
            "webhookSecret": {
                "type": "apiKey",
                "in": "header",
                "name": "X-Webhook-Secret",
                "description": "A webhook secret, `sgw_…`: it opens the webhook route only.",
            },
        },
        errors=described.ERRORS,
        reads_every_body=True,
    )
