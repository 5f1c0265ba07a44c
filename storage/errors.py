"""Every reason this program can refuse a request, in one list."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class ErrorCode(StrEnum):
    """Why a well-formed request was refused. Each transport has one table that renders every code."""

    ITEM_REQUIRED = "ITEM_REQUIRED"
    """No product was named."""
    LOCATION_REQUIRED = "LOCATION_REQUIRED"
    """No location was named, or the default one was meant and there is none."""
    ITEM_NOT_FOUND = "ITEM_NOT_FOUND"
    """The key names no product or variation, or one in the trash."""
    ITEM_IN_TRASH = "ITEM_IN_TRASH"
    """The product is in the trash already."""
    ITEM_AMBIGUOUS = "ITEM_AMBIGUOUS"
    """The key names several products or variations."""
    ITEM_MISMATCH = "ITEM_MISMATCH"
    """Two keys of one line name different products."""
    ITEM_HAS_VARIATIONS = "ITEM_HAS_VARIATIONS"
    """The product's variations carry the stock, not the product."""
    ITEM_DISABLED = "ITEM_DISABLED"
    """The product is not available at this location, and the caller asked to be refused then."""
    LOCATION_NOT_FOUND = "LOCATION_NOT_FOUND"
    """The key names no location."""
    LOCATION_INACTIVE = "LOCATION_INACTIVE"
    """The location takes no changes while it is inactive."""
    LOCATION_FORBIDDEN = "LOCATION_FORBIDDEN"
    """The API key may not write at this location."""
    SAME_LOCATION = "SAME_LOCATION"
    """A transfer names one location twice."""
    INVALID_LINE = "INVALID_LINE"
    """The line is not an object."""
    NOTHING_TO_CHANGE = "NOTHING_TO_CHANGE"
    """The line names neither a quantity nor any other field to change."""
    INVALID_QUANTITY = "INVALID_QUANTITY"
    """The quantity is not a whole number from -1,000,000,000 to 1,000,000,000."""
    STOCK_NOT_TRACKED = "STOCK_NOT_TRACKED"
    """Stock of this product is not tracked, and the caller asked to be refused then."""
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    """The quantity would fall below zero where back-orders are not allowed."""
    STALE_QUANTITY = "STALE_QUANTITY"
    """The quantity or version the caller expected is not the current one."""
    INVALID_PRICE = "INVALID_PRICE"
    """The price is not a decimal from 0 to 99,999,999.9999 with at most four places."""
    SALE_PRICE_TOO_HIGH = "SALE_PRICE_TOO_HIGH"
    """The sale price is not below the regular price that applies there."""
    INVALID_BACKORDERS = "INVALID_BACKORDERS"
    """Back-orders are `no`, `notify` or `yes`."""
    INVALID_DISABLED = "INVALID_DISABLED"
    """Disabled is true or false."""
    FIELD_OWNED = "FIELD_OWNED"
    """A rule says that other API keys have the truth about this field, and that nobody else may write it."""
    GROUP_REJECTED = "GROUP_REJECTED"
    """So many lines were refused that none was written; the outcomes tell which and why."""
    GROUP_NOT_FOUND = "GROUP_NOT_FOUND"
    """There is no such change group."""
    GROUP_PRUNED = "GROUP_PRUNED"
    """What the change group did is not in the ledger any more, so that it cannot be taken back."""
    ALREADY_REVERSED = "ALREADY_REVERSED"
    """The change group was taken back before; it can be once."""
    WEBHOOK_NOT_FOUND = "WEBHOOK_NOT_FOUND"
    """There is no such webhook endpoint or delivery."""
    EVENTS_PRUNED = "EVENTS_PRUNED"
    """Events that a webhook endpoint has not had yet are not in the ledger any more: say where it shall go on."""
    INVALID_VALUE = "INVALID_VALUE"
    """A value of the catalogue does not fit its column, or the rest of its row."""
    NOT_UNIQUE = "NOT_UNIQUE"
    """Another product or location has this SKU, GTIN, slug or code."""
    LOCATION_IS_DEFAULT = "LOCATION_IS_DEFAULT"
    """The default location cannot be archived: another has to be the default first."""
    STOCK_LEFT = "STOCK_LEFT"
    """The location has stock: say where it shall go."""
    KEY_NOT_FOUND = "KEY_NOT_FOUND"
    """There is no such API key or webhook secret, or none that is still valid."""
    NOT_GRANTED = "NOT_GRANTED"
    """An API key cannot give another what it does not have itself."""
    INVALID_WEBHOOK_URL = "INVALID_WEBHOOK_URL"
    """Webhooks are not sent to this URL: it is malformed, or leads inward."""
    INVALID_IDEMPOTENCY_KEY = "INVALID_IDEMPOTENCY_KEY"
    """An idempotency key is 1 to 255 printable characters."""
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    """The idempotency key was used before with another request body."""


class InventoryError(Exception):
    """A refusal: the request is well-formed, but the inventory says no. Nothing was written."""

    def __init__(self, code: ErrorCode, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    @property
    def codes(self) -> Sequence[ErrorCode]:
        """Its own, and those of the lines that it is about."""
        return [self.code]


class StorageUnavailableError(Exception):
    """The database cannot be used as it is: unreachable, or its schema is not the one this program needs."""


class OverloadedError(StorageUnavailableError):
    """So many wait for the database that one more would only wait in vain. Nothing was read or written."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many requests wait for the database. Try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class SequencePrunedError(Exception):
    """What came after the sequence that was asked for is not all in the ledger any more; after `last` it is."""

    def __init__(self, last: int) -> None:
        super().__init__(
            f"The ledger was pruned up to sequence {last}: what came before is gone. Read everything anew, then follow"
            f" from {last} on, or from where the feed was when you began to read."
        )
        self.last = last


class StatementTooComplexError(Exception):
    """The engine has limits on a statement's nesting and size, and this one is beyond them."""


class DeadlineExceededError(Exception):
    """The request's time was over before the database had answered. What it wanted to write was not written."""
