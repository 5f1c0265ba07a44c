"""Reading a catalogue document: every row that does not fit is a problem with its place, and the rest is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from storage.catalog_rows import LocationRow, ProductRow, Row, StockRow
from storage.changes import sku_key
from storage.errors import ErrorCode
from storage.slugs import slug_of


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document, and where: `products[3].regular_price`.

    `others` are the ids of those that it is a problem with: that have what was to be unique, or are no fit parent.
    `owners` are the names of the API keys that alone may write what is there.
    """

    place: str
    message: str
    code: ErrorCode = ErrorCode.INVALID_VALUE
    others: tuple[int, ...] = ()
    owners: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class CatalogError(Exception):
    """The document was refused; nothing was written. `problems` is all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Placed(Generic[R]):
    """A row and where it stands in the document."""

    place: str
    row: R


@dataclass(slots=True)
class Reading:
    """A document as far as it could be read.

    `unread` holds ids, SKUs, slugs and codes of rows with problems of their own, by list: who refers to them is not at
    fault.
    """

    locations: list[Placed[LocationRow]] = field(default_factory=list)
    products: list[Placed[ProductRow]] = field(default_factory=list)
    stock: list[Placed[StockRow]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unread: dict[str, set[int | str]] = field(default_factory=lambda: {"locations": set(), "products": set()})


def load(text: bytes) -> Any:
    """A document's JSON, with numbers that have a point as exact decimals. Raises CatalogError when it is none."""
    try:
        return json.loads(text.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise CatalogError([Problem("", f"The file is not UTF-8: see byte {error.start}.")]) from None
    except json.JSONDecodeError as error:
        raise CatalogError(
            [Problem("", f"The file is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.")]
        ) from None
    except (ValueError, RecursionError) as error:
        raise CatalogError([Problem("", f"The file cannot be read as JSON: {error}.")]) from None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def read(document: object) -> Reading:
    """Read a document row by row; whatever does not fit becomes a problem, and the rest is read."""
    reading = Reading()
    if not isinstance(document, dict):
        reading.problems.append(
            Problem("", 'The document must be an object: {"locations": [], "products": [], "stock": []}')
        )
        return reading
    lists: dict[str, tuple[type[Row], list[Any]]] = {
        "locations": (LocationRow, reading.locations),
        "products": (ProductRow, reading.products),
        "stock": (StockRow, reading.stock),
    }
    for name, rows in document.items():
        if name not in lists:
            reading.problems.append(Problem(str(name), "is none of locations, products, stock"))
        elif not isinstance(rows, list):
            reading.problems.append(Problem(name, "must be a list"))
        else:
            model, readable = lists[name]
            for place, row in _flat(rows, name):
                if (placed := _read_row(model, row, place, reading, name)) is not None:
                    readable.append(placed)
    return reading


def read_products(rows: Mapping[str, Mapping[str, Any]]) -> Reading:
    """Read rows of products, by their places, as read() reads those of a document."""
    reading = Reading()
    for place, row in rows.items():
        if (placed := _read_row(ProductRow, dict(row), place, reading, "products")) is not None:
            reading.products.append(placed)
    return reading


def _flat(rows: list[Any], name: str) -> Iterator[tuple[str, Any]]:
    """The rows with their places; variations that stand inside their product come after it, as rows of their own."""
    for number, row in enumerate(rows):
        place = f"{name}[{number}]"
        inside = row.get("variations") if name == "products" and isinstance(row, dict) else None
        if not isinstance(inside, list):
            yield place, row
            continue
        yield place, {"type": "variable", **{key: value for key, value in row.items() if key != "variations"}}
        parent = {"parent_id": row["id"]} if row.get("id") is not None else {"parent_sku": row.get("sku")}
        for index, variation in enumerate(inside):
            nested = {"type": "variation", **parent, **variation} if isinstance(variation, dict) else variation
            yield f"{place}.variations[{index}]", nested


def _read_row(model: type[R], row: object, place: str, reading: Reading, name: str) -> Placed[R] | None:
    try:
        return Placed(place, model.model_validate(row))
    except ValidationError as error:
        reading.problems += [_problem(place, found) for found in error.errors(include_url=False, include_input=False)]
        if isinstance(row, dict) and name in reading.unread:
            reading.unread[name].update(_identities(row))
        return None


def _identities(row: dict[str, Any]) -> Iterator[int | str]:
    for column in ("id", "sku", "slug", "code", "name"):
        value = row.get(column)
        if isinstance(value, str):
            yield from (value, sku_key(value), slug_of(value))
        elif isinstance(value, int):
            yield value


def _problem(place: str, error: Any) -> Problem:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            message = "is no column of this list"
        case "model_type":
            message = "must be an object"
        case _:
            message = error["msg"].removeprefix("Input ")
            message = message[0].lower() + message[1:]
    return Problem(place + steps, message)
