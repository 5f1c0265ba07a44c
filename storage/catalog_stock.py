"""The stock of a catalogue document, as changes for the write path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from storage.catalog_document import Placed, Problem, Reading
from storage.catalog_planning import CatalogPlan, Planned, by_sku
from storage.catalog_rows import StockRow
from storage.changes import (
    Applied,
    Backorders,
    Change,
    ChangeGroup,
    ItemKey,
    LocationKey,
    Origin,
    Outcome,
    Policy,
    SetQuantity,
    sku_key,
)
from storage.lines import Item, LevelKey, Place, lines_of
from storage.planning import Level, plan

_COLUMNS: Final = {"quantity": "on_hand"}
_SETTABLE: Final = ("regular_price", "sale_price", "backorders", "disabled", "reserved", "safety_stock")


@dataclass(frozen=True, slots=True)
class StockLine:
    """One stock row with what it names."""

    place: str
    row: StockRow
    product: Planned
    location: Planned

    def to_change(self, product_id: int, location_id: int) -> Change:
        """The row for the write path."""
        given: dict[str, Any] = {
            name: getattr(self.row, name) for name in _SETTABLE if name in self.row.model_fields_set
        }
        if given.get("backorders"):
            given["backorders"] = Backorders(given["backorders"])
        quantity = None if self.row.on_hand is None else SetQuantity(self.row.on_hand)
        return Change((ItemKey("id", product_id),), LocationKey("id", location_id), quantity, **given)

    def problem(self, outcome: Outcome) -> Problem:
        """Why the write path refused the row."""
        error = outcome.error
        assert error is not None  # noqa: S101 (asked of refused outcomes only)
        if error.field == "location":
            column = next(name for name in ("location_id", "location_slug", "location_code") if getattr(self.row, name))
        elif error.field in {"product", "id"}:
            column = "sku" if self.row.product_id is None else "product_id"
        else:
            column = _COLUMNS.get(error.field or "", error.field or "")
        return Problem(f"{self.place}.{column}", error.message)


def stock_lines(reading: Reading, planned: CatalogPlan) -> list[StockLine]:
    """The rows that name a product and a location; the others become problems of the plan."""
    finder = _Finder(reading, planned)
    lines: dict[tuple[Planned, Planned], StockLine] = {}
    for placed in reading.stock:
        product, location = finder.product(placed), finder.location(placed)
        if not placed.row.model_fields_set & {"on_hand", *_SETTABLE}:
            planned.problems.append(Problem(placed.place, "sets nothing: give on_hand or another column"))
        if product is not None and location is not None:
            line = StockLine(placed.place, placed.row, product, location)
            if (earlier := lines.setdefault((product, location), line)) is not line:
                # two values in turn would be two changes at every import
                planned.problems.append(Problem(placed.place, f"names the same stock as {earlier.place}"))
    return list(lines.values())


class _Finder:
    def __init__(self, reading: Reading, planned: CatalogPlan) -> None:
        self._unread = reading.unread
        self._problems = planned.problems
        skus = {("sku", sku): item for sku, item in by_sku(planned.products).items()}
        self._products = _index(planned.products, {"product_id": "id"}) | skus
        self._locations = _index(
            planned.locations, {"location_id": "id", "location_slug": "slug", "location_code": "code"}
        )

    def product(self, placed: Placed[StockRow]) -> Planned | None:
        row = placed.row
        named = {"product_id": row.product_id, "sku": sku_key(row.sku) if row.sku else None}
        return self._find(placed, "product", named, self._products, self._unread["products"])

    def location(self, placed: Placed[StockRow]) -> Planned | None:
        row = placed.row
        named = {
            "location_id": row.location_id,
            "location_slug": row.location_slug,
            "location_code": row.location_code,
        }
        return self._find(placed, "location", named, self._locations, self._unread["locations"])

    def _find(
        self,
        placed: Placed[StockRow],
        noun: str,
        named: Mapping[str, int | str | None],
        index: Mapping[tuple[str, int | str], Planned],
        unread: set[int | str],
    ) -> Planned | None:
        found: Planned | None = None
        asked = {column: key for column, key in named.items() if key is not None}
        if not asked:
            self._problems.append(Problem(placed.place, f"names no {noun}: give {' or '.join(named)}"))
        for column, key in asked.items():
            item = index.get((column, key))
            if item is None and key not in unread:
                shown = getattr(placed.row, column)
                self._problems.append(Problem(f"{placed.place}.{column}", f"there is no {noun} {shown}"))
            if item is not None and found is not None and item is not found:
                self._problems.append(
                    Problem(f"{placed.place}.{column}", f"names another {noun} than the rest of the row")
                )
            found = found or item
        return found


def _index(planned: Sequence[Planned], columns: Mapping[str, str]) -> dict[tuple[str, int | str], Planned]:
    return {
        (asked, item.after[column]): item
        for asked, column in columns.items()
        for item in planned
        if item.after.get(column)
    }


def stock_group(lines: Sequence[StockLine], origin: Origin) -> ChangeGroup:
    """The rows as one group, when everything they name has its id."""
    return ChangeGroup([line.to_change(line.product.id or 0, line.location.id or 0) for line in lines], origin)


def refusals(lines: Sequence[StockLine], outcomes: Sequence[Outcome]) -> list[Problem]:
    """The problems of the rows that the write path refused."""
    return [lines[outcome.index].problem(outcome) for outcome in outcomes if outcome.error is not None]


def rehearse(lines: Sequence[StockLine], planned: CatalogPlan, levels: Mapping[LevelKey, Level]) -> list[Problem]:
    """What the rules would refuse, when the rest of the document cannot be written and the write path not be asked."""
    numbers = {item: item.id or -1 - n for n, item in enumerate((*planned.products, *planned.locations))}
    with_variations = {
        item.parent for item in planned.products if item.after["manage_stock"] and item.after["status"] != "trash"
    }
    items = {
        ItemKey("id", numbers[item]): Item(
            numbers[item], item.after["sku"], item.after["backorders"], item.after["regular_price"],
            item in with_variations,
        )
        for item in planned.products
    }  # fmt: skip
    places = {
        LocationKey("id", numbers[item]): Place(numbers[item], item.after["active"]) for item in planned.locations
    }
    changes = [line.to_change(numbers[line.product], numbers[line.location]) for line in lines]
    group = ChangeGroup(changes, Origin("rehearsal"), Policy.KEEP_GOING)
    return refusals(lines, plan(group, lines_of(group, items, places), levels).outcomes)


def counted(applied: Applied) -> Iterator[str]:
    """What became of each row: created, updated or unchanged."""
    for outcome in applied.outcomes:
        yield ("created" if outcome.version == 1 else "updated") if outcome.changed else "unchanged"
