"""What /openapi.json says of this dialect."""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from typing_extensions import TypedDict

from gateway.dialects.stock_api_v2.requests import InventoryPatch
from gateway.dialects.stock_api_v2.responses import Resource
from gateway.openapi.described import Answer, Described, Operation, Parameter
from gateway.openapi.errors import errors
from gateway.openapi.headers import CHANGED, CHANGING


class Error(TypedDict):
    """What went wrong: in one word, in a sentence, and with which field."""

    code: str
    message: str
    field: NotRequired[str]


class Failure(TypedDict):
    """The error of a request."""

    error: Error


_PATH: Final = "/{type}/{identifier}"
_PRODUCT: Final = (
    Parameter("type", Literal["id", "sku", "ean"], "What the identifier is.", "path", example="sku"),
    Parameter("identifier", str, "Id, SKU or EAN, percent-encoded.", "path", example="TShirt.Blk.XL"),
)
_NOT_FOUND: Final = Answer("No such product, or no such type of identifier.", Failure)
_AMBIGUOUS: Final = Answer("Several products have this identifier.", Failure)

DESCRIBED: Final = Described(
    "stock-api/v2",
    "Price and stock of one product or variant, found by id, SKU or EAN.",
    [
        Operation(
            "GET",
            _PATH,
            "Read price and stock of a product",
            {200: Answer("The product.", Resource, headers=["ETag"]), 404: _NOT_FOUND, 409: _AMBIGUOUS},
            parameters=_PRODUCT,
        ),
        Operation(
            "PATCH",
            _PATH,
            "Change price and stock of a product",
            {
                200: Answer("The product as it is now.", Resource, headers=CHANGED),
                404: _NOT_FOUND,
                409: _AMBIGUOUS,
                412: Answer("It has another version by now.", Failure),
                422: Answer("A value is of the wrong type or out of range, or the inventory says no.", Failure),
            },
            description="All of it is done, or nothing. With several locations, stock is changed through `warehouses`.",
            parameters=_PRODUCT,
            headers=CHANGING,
            body=InventoryPatch,
        ),
    ],
    security={
        "basic": {"type": "http", "scheme": "basic", "description": "An API key as the password; any user name."},
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    },
    errors=errors(Failure),
)
