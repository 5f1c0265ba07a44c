"""ErrorCode -> UserError: a refusal is data in GraphQL. Top-level errors are for malformed and broken requests."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.utils.str_converters import to_camel_case

from storage.changes import Outcome
from storage.errors import ErrorCode, InventoryError

BAD_USER_INPUT = "BAD_USER_INPUT"
FORBIDDEN = "FORBIDDEN"
INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"

RENDERED = {
    ErrorCode.ITEM_REQUIRED: "No product was named.",
    ErrorCode.LOCATION_REQUIRED: "No location was named.",
    ErrorCode.ITEM_NOT_FOUND: "The key names no product or variation, or one in the trash.",
    ErrorCode.ITEM_AMBIGUOUS: "The key names several products or variations; the message lists their ids.",
    ErrorCode.ITEM_MISMATCH: "Two keys of one line name different products.",
    ErrorCode.ITEM_HAS_VARIATIONS: "The product's variations carry the stock: name one of them.",
    ErrorCode.ITEM_DISABLED: "The product is not available at this location, and the caller asked to be refused then.",
    ErrorCode.LOCATION_NOT_FOUND: "The key names no location.",
    ErrorCode.LOCATION_INACTIVE: "The location takes no changes while it is inactive.",
    ErrorCode.LOCATION_FORBIDDEN: "The API key may not write at this location.",
    ErrorCode.INVALID_LINE: "The line is not an object.",
    ErrorCode.NOTHING_TO_CHANGE: "The line names nothing to change.",
    ErrorCode.INVALID_QUANTITY: "The quantity is not a whole number from -1,000,000,000 to 1,000,000,000.",
    ErrorCode.INSUFFICIENT_STOCK: "The quantity would fall below zero where back-orders are not allowed.",
    ErrorCode.STALE_QUANTITY: "The quantity or version that was expected is not the current one.",
    ErrorCode.INVALID_PRICE: "The price is not a decimal from 0 to 99999999.9999 with at most four places.",
    ErrorCode.SALE_PRICE_TOO_HIGH: "The sale price is not below the regular price that applies there.",
    ErrorCode.INVALID_BACKORDERS: "Back-orders are NO, NOTIFY or YES.",
    ErrorCode.INVALID_DISABLED: "Disabled is true or false.",
    ErrorCode.GROUP_REJECTED: "So many lines were refused that none was written; their errors follow.",
    ErrorCode.INVALID_IDEMPOTENCY_KEY: "An idempotency key is 1 to 255 printable characters.",
    ErrorCode.IDEMPOTENCY_KEY_REUSED: "The idempotency key was used before with another request.",
}
"""Every refusal as GraphQL describes it."""

_MEMBERS = {code.name: strawberry.enum_value(code.value, description=RENDERED[code]) for code in ErrorCode}
_Code: Any = Enum("ErrorCode", _MEMBERS)  # type: ignore[misc] # members are made of ErrorCode
UserErrorCode: Any = strawberry.enum(_Code, description="Why a change was refused.")


@strawberry.type(description="A refusal: the request is well-formed, but the inventory says no.")
class UserError:
    """What a mutation tells instead of raising."""

    code: UserErrorCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The reason, for people.")
    field: str | None = strawberry.field(description="The input field at fault.")
    index: int | None = strawberry.field(description="The line at fault, counted from 0; null for the whole request.")
    current_on_hand: int | None = strawberry.field(
        default=None, description="Units on hand now, when the refusal is about them."
    )
    current_version: int | None = strawberry.field(
        default=None, description="The level's version now, when the refusal is about it."
    )


_FIELDS = {"quantity": "onHand", "expected_quantity": "expectedOnHand"}
"""Fields that GraphQL calls otherwise than the core does."""


def _field(name: str | None) -> str | None:
    return None if name is None else _FIELDS.get(name, to_camel_case(name))


def of_outcome(outcome: Outcome) -> UserError | None:
    """The refusal of one line, if it was refused."""
    if outcome.error is None:
        return None
    error = outcome.error
    return UserError(
        code=UserErrorCode[error.code.name],
        message=error.message,
        field=_field(error.field),
        index=outcome.index,
        current_on_hand=error.current_quantity,
        current_version=error.current_version,
    )


def of_error(error: InventoryError) -> UserError:
    """The refusal of a whole request."""
    return UserError(code=UserErrorCode[error.code.name], message=error.message, field=_field(error.field), index=None)


def bad_input(message: str) -> GraphQLError:
    """A value that fits its type but cannot be meant."""
    return GraphQLError(message, extensions={"code": BAD_USER_INPUT})


def forbidden(message: str) -> GraphQLError:
    """What this caller may not ask, however it asks."""
    return GraphQLError(message, extensions={"code": FORBIDDEN})
