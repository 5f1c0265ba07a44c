"""What the route reads: one count of one product at one store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.body import InvalidJsonError
from gateway.dialects.failures import FailedError
from storage.changes import QUANTITY_MAX, Change, ItemKey, LocationKey, SetQuantity

_FIELDS: Final = ("upc", "sku", "size", "width", "store", "quantity")
_LOOK_UPS: Final = _FIELDS[:-1]
_TRIPLE: Final = ("sku", "size", "width")
_EAN8_LENGTH: Final = 8  # a number has lost its zeros in front, and no bar code is shorter


def _text(value: object) -> str | None:
    """A text without surrounding space; a JSON integer is its digits."""
    if value is None or isinstance(value, str):
        return value.strip() if value else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise PydanticCustomError("text", "must be a text")


def _upc(value: object) -> str | None:
    """The digits of a bar code. Whether there is one with so many is not decided here: it names nothing then."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:0{_EAN8_LENGTH}}"
    digits = re.sub(r"\s|(?<=.)-", "", value) if isinstance(value, str) else value
    if digits is None or (isinstance(digits, str) and re.fullmatch("[0-9]*", digits)):
        return digits or None
    raise PydanticCustomError("upc", "must be a bar code, in digits")


def _quantity(value: object) -> int:
    """A whole number in any of its JSON forms; true, 1.5 and "abc" are none."""
    if (isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,10}\s*", value)) or (
        isinstance(value, float) and value.is_integer()
    ):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= QUANTITY_MAX:
        raise PydanticCustomError("quantity", "must be an integer from 0 to {most}", {"most": QUANTITY_MAX})
    return value


def _schema(*types: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": list(types) if len(types) > 1 else types[0], **more})


_TEXT: Final = _schema("string", "integer", "null")
Text = Annotated[str | None, BeforeValidator(_text), _TEXT]


class InventoryUpdate(BaseModel):
    """The count of one product at one store; the product by its `upc`, by `sku`, `size` and `width`, or by both."""

    model_config = ConfigDict(frozen=True)

    upc: Annotated[str | None, BeforeValidator(_upc), _TEXT] = Field(
        None, description="The product's bar code: UPC, EAN or another GTIN."
    )
    sku: Text = Field(None, description="SKU of the style, or of the variation itself; with size and width.")
    size: Text = Field(None, description="The variation's attribute `size`.")
    width: Text = Field(None, description="The variation's attribute `width`.")
    store: Annotated[str, BeforeValidator(_text), _schema("string", "integer")] = Field(
        description="The location's code; of one that has no code, its id."
    )
    quantity: Annotated[
        int, BeforeValidator(_quantity), _schema("integer", "string", minimum=0, maximum=QUANTITY_MAX)
    ] = Field(description="Units now in stock there: a count, not a change.")

    @classmethod
    def of(cls, body: object) -> InventoryUpdate:
        """Read a body. Raises InvalidJsonError, FailedError (400) for a missing field, pydantic's ValidationError."""
        if not isinstance(body, dict):
            raise InvalidJsonError
        if missing := _missing(body):
            raise FailedError(400, "missing_field", f"Missing required field: {missing}", missing)
        return cls.model_validate(body)

    @property
    def items(self) -> tuple[ItemKey, ...]:
        """The keys that name the product: one, or two that have to name the same."""
        keys = []
        if self.upc is not None:
            keys.append(ItemKey("gtin", self.upc))
        if self.sku is not None:
            keys.append(ItemKey("sku", self.sku, (("size", self.size or ""), ("width", self.width or ""))))
        return tuple(keys)

    @property
    def named(self) -> str:
        """The product as the client named it."""
        if self.upc is not None:
            return f"upc {self.upc}"
        return f"sku {self.sku}, size {self.size}, width {self.width}"

    def to_change(self, expected_version: int | None) -> Change:
        """The same in the write path's words."""
        return Change(
            self.items,
            LocationKey("code_or_id", self.store),
            SetQuantity(self.quantity),
            expected_version=expected_version,
        )


def _missing(body: Mapping[str, Any]) -> str | None:
    """The first field that is needed and not there. A look-up that is null or empty is not there either."""
    given = {name for name in _LOOK_UPS if not _is_blank(body.get(name))} | body.keys() & {"quantity"}
    if "upc" in given:
        needed: tuple[str, ...] = _TRIPLE if given & {*_TRIPLE} else ()
    else:
        needed = _TRIPLE if "sku" in given else ("upc",)
    return next((name for name in (*needed, "store", "quantity") if name not in given), None)


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
