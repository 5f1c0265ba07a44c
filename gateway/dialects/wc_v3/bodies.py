"""What clients send, read: of single routes the checked parameters, of batches each item by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from gateway.dialects.wc_v3 import errors
from gateway.dialects.wc_v3.kept_fields import plain
from gateway.dialects.wc_v3.product_edit import Deletion, ProductBody
from gateway.dialects.wc_v3.product_fields import PRODUCT_FIELDS, VARIATION_FIELDS, InvalidFieldError, lenient
from gateway.dialects.wordpress import RestError
from gateway.dialects.wordpress.coercion import InvalidValueError, coerced
from gateway.dialects.wordpress.parameters import Parameter

_OF_SETTERS: Final[Mapping[str, tuple[str, str]]] = {
    "tax_status": ("product_invalid_tax_status", "Invalid product tax status."),
    "catalog_visibility": ("product_invalid_catalog_visibility", "Invalid catalog visibility option."),
}
"""What a batch says of values that are none of a field's, where the reference has a code of its own."""
_FORBIDDEN: Final = {
    "create": "Sorry, you are not allowed to create resources.",
    "delete": "Sorry, you are not allowed to delete this resource.",
}
_ID: Final = Parameter(type="integer", description="The id of a product.")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what is sent to a route of products, or of variations. `stock_only`: its caller may change nothing else."""

    zone: ZoneInfo
    is_variation: bool = False
    stock_only: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def single(self, args: Mapping[str, Any], id_: int | None = None) -> ProductBody:
        """The body of a single route, whose parameters were checked. Raises RestError."""
        if id_ is None and args.get("id"):
            raise self._exists()
        return self._body({name: value for name, value in args.items() if name in self._fields}, id_)

    def created(self, item: Any) -> ProductBody:
        """An item that a batch shall create. Raises RestError."""
        if self.stock_only:
            raise _forbidden("create")
        if isinstance(item, dict) and number_of(item):
            raise self._exists()
        return self._lenient(item)

    def updated(self, item: Any) -> ProductBody:
        """An item that a batch shall change. Raises RestError, also for one without an id."""
        return self._lenient(item, number_of(item))

    def deleted(self, item: Any, *, permanently: bool = True) -> Deletion:
        """An item that shall be deleted. Raises RestError."""
        if self.stock_only:
            raise _forbidden("delete")
        return Deletion(number_of(item), permanently, self.is_variation)

    @property
    def _fields(self) -> Mapping[str, Parameter]:
        return VARIATION_FIELDS if self.is_variation else PRODUCT_FIELDS

    def _lenient(self, item: Any, id_: int | None = None) -> ProductBody:
        if not isinstance(item, dict):
            raise RestError(400, "rest_invalid_param", "An item of a batch is an object.")
        sent = {name: value for name, value in item.items() if name in self._fields}
        try:
            return self._body(lenient(self._fields, sent), id_)
        except InvalidFieldError as error:
            told = _OF_SETTERS.get(error.field)
            raise (RestError(400, *told) if told else errors.invalid(error.field, error.reason)) from None

    def _body(self, fields: Mapping[str, Any], id_: int | None) -> ProductBody:
        return ProductBody(
            {name: _stored(name, value) for name, value in fields.items()},
            self.zone,
            id_,
            self.is_variation,
            stock_only=self.stock_only,
            now=self.now,
        )

    def _exists(self) -> RestError:
        noun = "product_variation" if self.is_variation else "product"
        return RestError(400, f"woocommerce_rest_{noun}_exists", f"Cannot create existing {noun.replace('_', ' ')}.")


def _forbidden(what: str) -> RestError:
    return RestError(403, f"woocommerce_rest_cannot_{what}", _FORBIDDEN[what])


def number_of(item: Any) -> int:
    """The id of an item of a batch, which is an object or the bare id; 0 when there is none."""
    sent = item.get("id") if isinstance(item, dict) else item
    try:
        return max(int(coerced(_ID, sent, "id")), 0)
    except InvalidValueError:
        return 0


def _stored(name: str, value: Any) -> Any:
    """Lists and objects as they can be stored. Raises RestError."""
    if not isinstance(value, list | dict):
        return value
    try:
        return plain(value)
    except ValueError as error:
        raise errors.invalid(name, InvalidValueError("rest_invalid_param", f"{name} {error}.")) from None
