"""What /openapi.json says of this dialect."""

from __future__ import annotations

from typing import Final

from typing_extensions import TypedDict

from gateway.dialects.inventory_update.requests import InventoryUpdate
from gateway.dialects.inventory_update.responses import Updated
from gateway.openapi.described import Answer, Described, Operation
from gateway.openapi.errors import errors
from gateway.openapi.headers import CHANGED, CHANGING


class Failure(TypedDict):
    """One sentence; `X-Error-Code` has the error for programs."""

    error: str


def _failed(description: str) -> Answer:
    return Answer(description, Failure, headers=["X-Error-Code"])


DESCRIBED: Final = Described(
    "inventory-update",
    "One route with which tills push the count of a product at a store.",
    [
        Operation(
            "POST",
            "/inventory",
            "Set the count of one product at one store",
            {
                200: Answer("What is in stock now, and was before.", Updated, headers=CHANGED),
                400: _failed("A field is missing, the body is no JSON object, or a header cannot be read."),
                404: _failed("No such product or store."),
                409: _failed("Several products match, or the store is not active."),
                412: Answer("It has another version by now.", Failure, headers=["X-Error-Code", "ETag"]),
                422: _failed("A value is of the wrong type or out of range, or the inventory says no."),
            },
            description="The product by its `upc`, by `sku`, `size` and `width`, or by both.",
            headers=CHANGING,
            body=InventoryUpdate,
        )
    ],
    security={"bearer": {"type": "http", "scheme": "bearer", "description": "An API key with the scope `write`."}},
    errors=errors(Failure, "X-Error-Code"),
)
