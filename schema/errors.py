"""ErrorCode -> UserError: a refusal is data in GraphQL. Top-level errors are for malformed and broken requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

import strawberry
from graphql import GraphQLError
from strawberry.utils.str_converters import to_camel_case

from storage import changes
from storage.changes import Outcome, Refused
from storage.errors import ErrorCode, InventoryError, SequencePrunedError

BAD_USER_INPUT = "BAD_USER_INPUT"
FORBIDDEN = "FORBIDDEN"
SEQUENCE_PRUNED = "SEQUENCE_PRUNED"
INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"

RENDERED = {
    ErrorCode.ITEM_REQUIRED: "No product was named.",
    ErrorCode.LOCATION_REQUIRED: "No location was named.",
    ErrorCode.ITEM_NOT_FOUND: "The key names no product or variation, or one in the trash.",
    ErrorCode.ITEM_IN_TRASH: "The product is in the trash already.",
    ErrorCode.ITEM_AMBIGUOUS: "The key names several products or variations: see `candidates`.",
    ErrorCode.ITEM_MISMATCH: "Two keys of one line name different products.",
    ErrorCode.ITEM_HAS_VARIATIONS: "The product's variations carry the stock: name one of them.",
    ErrorCode.ITEM_DISABLED: "The product is not available at this location, and the caller asked to be refused then.",
    ErrorCode.LOCATION_NOT_FOUND: "The key names no location.",
    ErrorCode.LOCATION_INACTIVE: "The location takes no changes while it is inactive.",
    ErrorCode.LOCATION_FORBIDDEN: "The API key may not write at this location.",
    ErrorCode.SAME_LOCATION: "A transfer names one location twice.",
    ErrorCode.INVALID_LINE: "The line is not an object.",
    ErrorCode.NOTHING_TO_CHANGE: "The line names nothing to change.",
    ErrorCode.INVALID_QUANTITY: "The quantity is not a whole number from -1,000,000,000 to 1,000,000,000.",
    ErrorCode.INSUFFICIENT_STOCK: "The quantity would fall below zero where back-orders are not allowed.",
    ErrorCode.STALE_QUANTITY: "The quantity or version that was expected is not the current one.",
    ErrorCode.INVALID_PRICE: "The price is not a decimal from 0 to 99999999.9999 with at most four places.",
    ErrorCode.SALE_PRICE_TOO_HIGH: "The sale price is not below the regular price that applies there.",
    ErrorCode.INVALID_BACKORDERS: "Back-orders are NO, NOTIFY or YES.",
    ErrorCode.INVALID_DISABLED: "Disabled is true or false.",
    ErrorCode.FIELD_OWNED: "A rule says that only other API keys may write this field: see `owners`.",
    ErrorCode.GROUP_REJECTED: "So many lines were refused that none was written; their errors follow.",
    ErrorCode.GROUP_NOT_FOUND: "There is no such change group.",
    ErrorCode.GROUP_PRUNED: "The change group is too old to be taken back: the ledger was pruned since.",
    ErrorCode.ALREADY_REVERSED: "The change group was taken back before; it can be once.",
    ErrorCode.WEBHOOK_NOT_FOUND: "There is no such webhook endpoint or delivery.",
    ErrorCode.EVENTS_PRUNED: "Events that a webhook endpoint has not had yet are not in the ledger any more: say where "
    "it shall go on.",
    ErrorCode.INVALID_VALUE: "The value does not fit its field, or the rest of its line.",
    ErrorCode.NOT_UNIQUE: "Another product or location has this SKU, GTIN, slug or code.",
    ErrorCode.LOCATION_IS_DEFAULT: "The default location cannot be archived: make another the default first.",
    ErrorCode.STOCK_NOT_TRACKED: "Stock of this product is not tracked.",
    ErrorCode.STOCK_LEFT: "The location has stock: say where it shall go.",
    ErrorCode.KEY_NOT_FOUND: "There is no such API key or webhook secret, or none that is still valid.",
    ErrorCode.NOT_GRANTED: "An API key cannot give another what it does not have itself.",
    ErrorCode.INVALID_WEBHOOK_URL: "Webhooks are not sent to this URL: it is malformed, or leads inward.",
    ErrorCode.INVALID_IDEMPOTENCY_KEY: "An idempotency key is 1 to 255 printable characters.",
    ErrorCode.IDEMPOTENCY_KEY_REUSED: "The idempotency key was used before with another request.",
}
"""Every refusal as GraphQL describes it."""

_MEMBERS = {code.name: strawberry.enum_value(code.value, description=RENDERED[code]) for code in ErrorCode}
_Code: Any = Enum("ErrorCode", _MEMBERS)  # type: ignore[misc] # members are made of ErrorCode
UserErrorCode: Any = strawberry.enum(_Code, description="Why a change was refused.")


@strawberry.interface(description="A refusal: the request is well-formed, but the inventory says no.")
class UserError:
    """What a mutation tells instead of raising."""

    code: UserErrorCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The reason, for people.")
    field: str | None = strawberry.field(
        description="The part of the input at fault: `lines[3].quantity`. Null for the whole request."
    )
    index: int | None = strawberry.field(description="The line at fault, counted from 0; null for the whole request.")


@strawberry.type(description="A refusal that `code` says all about.")
class PlainError(UserError):
    """Every refusal without a type of its own."""


@strawberry.type(description="The quantity or the version that a line expected is not the current one.")
class StaleQuantityError(UserError):
    """STALE_QUANTITY."""

    current: int | None = strawberry.field(description="Units on hand now; null when hidden from this key.")
    current_version: int = strawberry.field(description="The level's version now; 0 when there is no level yet.")


@strawberry.type(description="There are not as many units as a line asked for.")
class InsufficientStockError(UserError):
    """INSUFFICIENT_STOCK."""

    current: int | None = strawberry.field(description="Units on hand now; null when hidden from this key.")
    current_version: int = strawberry.field(description="The level's version now; 0 when there is no level yet.")
    requested: int | None = strawberry.field(
        description="The quantity as the line gave it: to set, to add, or to move; null when it gave none."
    )


@strawberry.type(description="A key names several products or variations.")
class ItemAmbiguousError(UserError):
    """ITEM_AMBIGUOUS."""

    candidates: list[strawberry.ID] = strawberry.field(description="The node ids of all that it could mean.")


@strawberry.type(description="A rule says that only other API keys may write this field.")
class FieldOwnedError(UserError):
    """FIELD_OWNED."""

    owners: list[str] = strawberry.field(description="The names of the API keys that may.")


@strawberry.type(description="So many lines were refused that none was written. Their own errors follow.")
class GroupRejectedError(UserError):
    """GROUP_REJECTED."""

    refused: int = strawberry.field(description="How many lines were refused.")


@strawberry.type(description="The change group was taken back before; it can be once.")
class AlreadyReversedError(UserError):
    """ALREADY_REVERSED."""

    reversed_by: strawberry.ID = strawberry.field(description="The node id of the change group that took it back.")


@strawberry.type(description="A location that is to be archived has stock: give `transferTo`, and it moves there.")
class StockLeftError(UserError):
    """STOCK_LEFT."""

    levels: int = strawberry.field(description="How many stock levels are not zero there.")
    units: float | None = strawberry.field(
        description="How many units these are, those below zero counted as owed; null when hidden from this key."
    )


ERROR_TYPES: Final = (
    PlainError,
    StaleQuantityError,
    InsufficientStockError,
    ItemAmbiguousError,
    FieldOwnedError,
    GroupRejectedError,
    AlreadyReversedError,
    StockLeftError,
)
"""The members of UserError."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How a mutation's input calls what the core calls otherwise, and in which list its lines stand, if in one."""

    lines: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def path(self, name: str | None, index: int | None = None) -> str | None:
        """Where in the input a field of the core is: `lines[3].quantity`."""
        line = f"{self.lines}[{index}]" if self.lines is not None and index is not None else None
        names = self.names if index is None else {**_LINE_NAMES, **self.names}
        given = name and names.get(name, to_camel_case(name))
        return ".".join(part for part in (line, given) if part) or None


_LINE_NAMES: Final = {"id": "product.id", "sku": "product.sku", "gtin": "product.gtin"}


def gid(type_name: str, *parts: int) -> strawberry.ID:
    """The node id of a row whose number is known."""
    return strawberry.ID(f"gid://stockgate/{type_name}/{'-'.join(map(str, parts))}")


def of_outcome(outcome: Outcome, wording: Wording) -> UserError | None:
    """The refusal of one line, if it was refused."""
    return None if outcome.error is None else of_refused(outcome.error, wording, outcome.index)


def of_refused(refused: Refused, wording: Wording = Wording(), index: int | None = None) -> UserError:
    """A refusal by the rules, of one line or of what has no lines."""
    told: dict[str, Any] = {
        "code": UserErrorCode[refused.code.name],
        "message": refused.message,
        "field": wording.path(refused.field, index),
        "index": index,
    }
    current: dict[str, Any] = {
        "current": refused.current_quantity or 0,
        "current_version": refused.current_version or 0,
    }
    match refused.code:
        case ErrorCode.STALE_QUANTITY:
            return StaleQuantityError(**told, **current)
        case ErrorCode.INSUFFICIENT_STOCK:
            return InsufficientStockError(**told, **current, requested=refused.requested)
        case ErrorCode.ITEM_AMBIGUOUS:
            return ItemAmbiguousError(**told, candidates=[gid("Product", id_) for id_ in refused.candidates])
        case ErrorCode.FIELD_OWNED:
            return FieldOwnedError(**told, owners=list(refused.owners))
    return PlainError(**told)


def of_error(error: InventoryError, wording: Wording = Wording()) -> UserError:
    """The refusal of a whole request."""
    told: dict[str, Any] = {
        "code": UserErrorCode[error.code.name],
        "message": error.message,
        "field": wording.path(error.field),
        "index": None,
    }
    if isinstance(error, changes.GroupRejectedError):
        return GroupRejectedError(**told, refused=sum(outcome.error is not None for outcome in error.outcomes))
    if isinstance(error, changes.AlreadyReversedError):
        return AlreadyReversedError(**told, reversed_by=gid("StockChangeGroup", error.by))
    if isinstance(error, changes.StockLeftError):
        return StockLeftError(**told, levels=error.levels, units=error.units)
    if isinstance(error, changes.FieldOwnedError):
        return FieldOwnedError(**told, owners=list(error.owners))
    return PlainError(**told)


QUANTITIES_HIDDEN: Final[Mapping[str, str]] = {
    "STALE_QUANTITY": "The level is not as expected: its quantity or its version is another.",
    "INSUFFICIENT_STOCK": "There are not as many units as that takes.",
    "STOCK_LEFT": "There are units left here. Say where they shall go.",
}
"""By their codes, what refusals say to a caller who does not see quantities as they are."""


def without_quantities(error: UserError) -> UserError:
    """The same refusal for a caller who does not see quantities as they are."""
    match error:
        case StaleQuantityError():
            return replace(error, message=QUANTITIES_HIDDEN["STALE_QUANTITY"], current=None)
        case InsufficientStockError():
            return replace(error, message=QUANTITIES_HIDDEN["INSUFFICIENT_STOCK"], current=None)
        case StockLeftError():
            return replace(error, message=QUANTITIES_HIDDEN["STOCK_LEFT"], units=None)
    return error


def bad_input(message: str) -> GraphQLError:
    """A value that fits its type but cannot be meant."""
    return GraphQLError(message, extensions={"code": BAD_USER_INPUT})


def pruned(error: SequencePrunedError) -> GraphQLError:
    """The ledger does not go back as far as that."""
    return GraphQLError(str(error), extensions={"code": SEQUENCE_PRUNED, "prunedUpTo": error.last})


def forbidden(message: str) -> GraphQLError:
    """What this caller may not ask, however it asks."""
    return GraphQLError(message, extensions={"code": FORBIDDEN})
