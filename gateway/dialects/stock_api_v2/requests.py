"""What the route reads: which product, and what of it shall change."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NamedTuple, Self
from urllib.parse import unquote

import orjson
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from gateway.dialects.failures import FailedError
from gateway.dialects.stock_api_v2.prices import Asked, cents
from storage.changes import ID_MAX, PRICE_MAX, QUANTITY_MAX, UNSET, AdjustQuantity, ItemKey, SetQuantity, Unset

TYPES: Final = ("id", "sku", "ean")
_AMOUNT_MAX: Final = PRICE_MAX.quantize(Decimal("0.01"), "ROUND_DOWN")


class Identifier(NamedTuple):
    """How the path names a product."""

    type: str
    text: str

    @classmethod
    def of(cls, request: Request) -> Identifier:
        """Read the path. Raises FailedError (404) for a type that there is not."""
        type_ = request.path_params["type"]
        if type_ not in TYPES:
            message = f"There is no identifier type {type_!r}: use {TYPES[0]}, {TYPES[1]} or {TYPES[2]}."
            raise FailedError(404, "unknown_identifier_type", message, "type")
        return cls(type_, _identifier(request) if "identifier" in request.path_params else "")

    @property
    def key(self) -> ItemKey | None:
        """The same in the core's words; None when it can name nothing."""
        if self.type == "id":
            number = int(self.text) if re.fullmatch("[0-9]{1,19}", self.text) else 0
            return ItemKey("id", number) if 0 < number <= ID_MAX else None
        return ItemKey("sku" if self.type == "sku" else "gtin", self.text)


def _identifier(request: Request) -> str:
    """The last part of the path, decoded once. The server's own decoding leaves no difference between `%2F` and `/`."""
    raw: bytes | None = request.scope.get("raw_path")
    if raw is None:
        text: str = request.path_params["identifier"]
        return text
    before = f"{request.scope['root_path']}/{request.path_params['type']}/".count("/")
    return unquote(raw.partition(b"?")[0].split(b"/", before)[-1], errors="replace")


def _whole(value: object, what: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > QUANTITY_MAX:
        message = "{what} must be a whole number from -{most} to {most}"
        raise PydanticCustomError("whole", message, {"what": what, "most": QUANTITY_MAX})
    return value


def _stock(value: object) -> SetQuantity | AdjustQuantity:
    if isinstance(value, dict):
        return AdjustQuantity(_whole(value.get("adjust_by"), "adjust_by"))
    return SetQuantity(_whole(value, "stock"))


def _amount(value: object) -> Decimal:
    """An amount of money. Strings are none; a float is the decimal that it prints as, rounded to cents."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        amount = Decimal(repr(value))  # the shortest text of a float is the one that was sent
        if 0 <= amount <= _AMOUNT_MAX:
            return cents(amount)
    raise PydanticCustomError("amount", "it must be a number from 0 to {most}", {"most": str(_AMOUNT_MAX)})


def _id(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= ID_MAX:
        return value
    raise PydanticCustomError("id", "it must be the number of a warehouse")


def _name(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise PydanticCustomError("name", "it must be the name of a warehouse")


def _switch(value: object) -> str:
    if value in ("on", "off"):
        return str(value)
    raise PydanticCustomError("switch", 'it must be "on" or "off"')


_QUANTITY: Final = {"type": "integer", "minimum": -QUANTITY_MAX, "maximum": QUANTITY_MAX}
_ADJUSTMENT: Final = {"type": "object", "properties": {"adjust_by": _QUANTITY}, "required": ["adjust_by"]}
_PRICE: Final = {"type": "number", "minimum": 0, "maximum": float(_AMOUNT_MAX)}
# None stands for a field that is not there: `null` reaches the validators, and all but those of old prices refuse it
Stock = Annotated[
    SetQuantity | AdjustQuantity | None, PlainValidator(_stock), WithJsonSchema({"oneOf": [_QUANTITY, _ADJUSTMENT]})
]
Amount = Annotated[Decimal | None, PlainValidator(_amount), WithJsonSchema(_PRICE)]
OldAmount = Annotated[
    Decimal | None,
    PlainValidator(lambda value: None if value is None else _amount(value)),
    WithJsonSchema({**_PRICE, "type": ["number", "null"]}),
]
Switch = Annotated[
    Literal["on", "off"] | None, PlainValidator(_switch), WithJsonSchema({"type": "string", "enum": ["on", "off"]})
]


def _one_of(*names: str) -> Callable[[dict[str, Any]], None]:
    """What is published says of a body: it has at least one of these fields, and none has a default.

    That of a field that is not there is no value that a client could send.
    """

    def say(schema: dict[str, Any]) -> None:
        schema["anyOf"] = [{"required": [name]} for name in names or schema["properties"]]
        for field in schema["properties"].values():
            field.pop("default", None)

    return say


class Warehouse(BaseModel):
    """The stock of one location, named by its id or else by its name."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_one_of("id", "name"))

    id: Annotated[int | None, PlainValidator(_id), WithJsonSchema({"type": "integer"})] = None
    name: Annotated[str | None, PlainValidator(_name), WithJsonSchema({"type": "string"})] = None
    stock: Annotated[
        SetQuantity | AdjustQuantity, PlainValidator(_stock), WithJsonSchema({"oneOf": [_QUANTITY, _ADJUSTMENT]})
    ]

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.id is None and self.name is None:
            raise PydanticCustomError("named", "a warehouse needs its id or its name")
        return self


class InventoryPatch(BaseModel):
    """What shall change. A field that is not there stays as it is."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_one_of())

    stock: Stock = Field(None, description="Units in stock, or how many more; with one location only.")
    warehouses: Annotated[Sequence[Warehouse], Field(min_length=1, max_length=1000)] = Field(
        (), description="Units in stock at locations, or how many more there; those not named stay as they are."
    )
    inventory_enabled: Switch = Field(None, description="Whether stock is tracked.")
    price_net: Amount = Field(None, description="The current price without tax.")
    price_gross: Amount = Field(None, description="The current price with tax.")
    old_price_net: OldAmount = Field(None, description="The unreduced price without tax; null ends the reduction.")
    old_price_gross: OldAmount = Field(None, description="The unreduced price with tax; null ends the reduction.")

    @classmethod
    def of(cls, body: object) -> InventoryPatch:
        """Read a body. Raises FailedError (400), or pydantic's ValidationError for a field that does not fit."""
        if not isinstance(body, dict):
            raise FailedError(400, "invalid_json", "The request body must be a JSON object.")
        patch = cls.model_validate(body)
        if not patch.model_fields_set:
            message = f"There is nothing to change. What can be changed is {', '.join(cls.model_fields)}."
            raise FailedError(400, "nothing_to_change", message)
        return patch

    @property
    def current(self) -> Asked:
        """The current price that is asked for."""
        return Asked("price", self._given("price_net"), self._given("price_gross"))

    @property
    def unreduced(self) -> Asked:
        """The unreduced price that is asked for."""
        return Asked("old_price", self._given("old_price_net"), self._given("old_price_gross"))

    def _given(self, field: str) -> Decimal | Unset | None:
        price: Decimal | None = getattr(self, field)
        return price if field in self.model_fields_set else UNSET

    @property
    def changes_stock_only(self) -> bool:
        """Whether it leaves the catalogue as it is."""
        return self.model_fields_set <= {"stock", "warehouses"}

    @property
    def needs_places(self) -> bool:
        """Whether it takes all active locations to know which ones it is about."""
        return self.stock is not None or any(warehouse.id is None for warehouse in self.warehouses)

    def fingerprint(self, product: Identifier) -> str:
        """What makes two requests the same."""
        asked = {name: repr(getattr(self, name)) for name in sorted(self.model_fields_set)}
        return orjson.dumps([*product, asked]).decode()


def place_of(location: Sequence[Any]) -> str:
    """The place of what is wrong, as a client finds it in its body: `warehouses[1].stock`."""
    first, *others = location or ("",)
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in others)
