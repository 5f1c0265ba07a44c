"""What a catalogue document makes of the locations and products there are. Pure functions, no I/O, no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from storage.catalog_document import Placed, Problem, Reading
from storage.catalog_rows import LocationRow, ProductRow, Row
from storage.changes import gtin14, sku_key
from storage.errors import ErrorCode
from storage.source_rules import UNGOVERNED, Governing, OwnedField, SourceRule, field_of, fields_of, judged_columns

Values = dict[str, Any]
"""A row of the database, by column."""

_TRASH: Final = "trash"
_NOT_COLUMNS: Final = {"id", "parent_sku", "created_at"}
_UNSAID: Final[Values] = {"gtin_text": None, "sku_key": ""}
"""Columns of a new product that no row of a document has."""
DEFAULTS: Final[dict[type[Row], Values]] = {
    model: {
        name: column.get_default(call_default_factory=True)
        for name, column in model.model_fields.items()
        if name not in _NOT_COLUMNS
    }
    for model in (LocationRow, ProductRow)
}
"""What columns are of which a new row says nothing."""


@dataclass(slots=True, eq=False)
class Planned:
    """One location or product as it is (`before` None: not yet there) and as it will be.

    `row` is what the document says of it; None when it only stands beside one that the document names, and may change
    with it, as the name of a variation does with its parent's. `parent` may have no id before it is inserted.
    `ignored` are the fields that the row would have changed if they had no other owner.
    """

    place: str
    before: Values | None
    after: Values
    row: Any = None
    parent: Planned | None = None
    ignored: tuple[OwnedField, ...] = ()

    @property
    def id(self) -> int | None:
        """None for one that will be numbered when it is inserted."""
        return self.after.get("id")

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.before is None or any(self.before[column] != value for column, value in self.after.items())


@dataclass(slots=True)
class CatalogPlan:
    """All that is touched, ready to be written if there is no problem."""

    locations: list[Planned] = field(default_factory=list)
    products: list[Planned] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def plan_catalog(
    reading: Reading, locations: Sequence[Values], products: Sequence[Values], governing: Governing = UNGOVERNED
) -> CatalogPlan:
    """`locations` are all there are; `products` those the document names, with their variations and parents."""
    plan = CatalogPlan(problems=reading.problems)
    plan.locations = _plan_locations(reading.locations, locations, governing, plan.problems)
    plan.products = _plan_products(reading, products, governing, plan.problems)
    return plan


def _govern(planned: Sequence[Planned], governing: Governing, problems: list[Problem]) -> None:
    """Take back what is for others to write, or say that it is refused. What changes only beside a row that the
    document names is taken back with it."""
    by_id = {item.id: item for item in planned}
    for item in planned if governing.book else ():
        model = ProductRow if "parent_id" in item.after else LocationRow
        was = item.before or DEFAULTS[model]
        changed = [name for name, value in item.after.items() if name not in was or was[name] != value]
        place = item.id if item.before is not None and model is LocationRow else None
        found = judged_columns(governing.book.at(place), changed, governing.writer, created=item.before is None)
        if isinstance(found, SourceRule):
            if item.row is not None:
                column = fields_of(changed).get(found.field) if item.before is not None else None
                where = f"{item.place}.{column}" if column else item.place
                problems.append(Problem(where, found.clause, ErrorCode.FIELD_OWNED, owners=found.names))
        elif found:
            item.ignored = found
            item.after |= {name: was[name] for name in changed if field_of(name) in found}
            if item.parent is not None:
                item.parent = by_id.get(item.after["parent_id"])


def _plan_locations(
    rows: Sequence[Placed[LocationRow]], existing: Sequence[Values], governing: Governing, problems: list[Problem]
) -> list[Planned]:
    planned = [Planned(f"location {values['id']}", values, dict(values)) for values in existing]
    found = {(key, item.after[key]): item for key in ("id", "code", "slug") for item in planned}
    for place, row in ((placed.place, placed.row) for placed in rows):
        if row.id is not None:
            item = found.get(("id", row.id))
        else:
            item = found.get(("code", row.code)) if row.code else None
            item = item or found.get(("slug", row.slug_given_or_made))
        if item is None:
            planned.append(item := Planned(place, None, dict(DEFAULTS[LocationRow])))
            item.after["slug"] = row.slug_given_or_made
            found["id", row.id] = item
            problems += _missing(row, place)
        if _take(item, place, row, problems):
            item.after.update(given(row))
            if item.after.get("archived_at") and item.after["active"]:
                item.after["archived_at"] = None  # whoever opens it again wants it back
            if item.after.get("archived_at") and item.after["is_default"]:
                problems.append(Problem(f"{place}.is_default", "is for no archived location: make it active, too"))
    _govern(planned, governing, problems)
    problems += _clashes(planned, {"slug": "slug", "code": "code"}, "is also that of {}")
    problems += _clashes(planned, {"is_default": "is_default"}, "can be true for one only: {} is the default, too")
    return planned


def _missing(row: LocationRow, place: str) -> Iterator[Problem]:
    if not row.name:
        yield Problem(f"{place}.name", "is needed: there is no such location yet")
    elif not row.slug_given_or_made:
        yield Problem(f"{place}.slug", "is needed: the name has neither a letter nor a digit to make one of")


def _plan_products(
    reading: Reading, existing: Sequence[Values], governing: Governing, problems: list[Problem]
) -> list[Planned]:
    planned = [Planned(f"product {values['id']}", values, dict(values)) for values in existing]
    by_id = {item.id: item for item in planned}
    of_sku = by_sku(planned)
    for place, row in ((placed.place, placed.row) for placed in reading.products):
        if row.id is None and row.sku is None:
            problems.append(Problem(place, "needs an id or a sku, to be found again"))
            continue
        item = by_id.get(row.id) if row.id is not None else of_sku.get(sku_key(row.sku or ""))
        if item is None:
            planned.append(item := Planned(place, None, {**DEFAULTS[ProductRow], **_UNSAID}))
            item.after["type"] = "variation" if row.parent_id or row.parent_sku else "simple"
            if row.id is not None:
                by_id[row.id] = item
        if _take(item, place, row, problems):
            item.after.update(given(row), extra={**item.after["extra"], **row.extra})
    _find_parents(planned, reading.unread["products"], problems)
    _name_variations(planned)
    _govern(planned, governing, problems)
    for item in planned:
        if item.row is not None:
            problems += _product_problems(item)
    beside = (item for item in planned if item.row is None and item.after["type"] == "variation")
    for parent in dict.fromkeys(item.parent for item in beside):
        if parent is not None and parent.row is not None and parent.after["type"] != "variable":
            problems.append(Problem(f"{parent.place}.type", "must stay variable: the product has variations"))
    kept = [item for item in planned if item.after["status"] != _TRASH]
    problems += _clashes(kept, {"sku_key": "sku", "gtin": "gtin"}, "is also that of {}")
    return planned


def by_sku(planned: Sequence[Planned]) -> dict[str, Planned]:
    """What a SKU finds: of those in the trash, which do not keep others from having theirs, the last, and only where
    no other has it; never one that was deleted for good."""
    found = (item for item in planned if item.after["sku_key"] and item.after.get("deleted_at") is None)
    in_order = sorted(found, key=lambda item: (item.after["status"] != _TRASH, item.id or 0))
    return {item.after["sku_key"]: item for item in in_order}


def _take(item: Planned, place: str, row: Row, problems: list[Problem]) -> bool:
    """Whether this row is the first to speak of the item."""
    if item.row is not None:
        problems.append(Problem(place, f"names the same one as {item.place}"))
        return False
    item.place, item.row = place, row
    return True


def given(row: LocationRow | ProductRow) -> Values:
    """The columns the row says something about."""
    columns = {name: getattr(row, name) for name in row.model_fields_set if name != "parent_sku"}
    for name in ("id", "created_at"):  # null is as if they were not there
        if columns.get(name, name) is None:
            del columns[name]
    if isinstance(row, LocationRow):
        return columns
    if columns.get("status", _TRASH) != _TRASH:
        columns["deleted_at"] = None  # whoever takes it out of the trash wants it back
    if "sku" in columns:
        columns["sku_key"] = sku_key(row.sku or "")
    if "gtin" in columns:
        columns |= {"gtin": gtin14(row.gtin or ""), "gtin_text": row.gtin or None}
    if "attributes" in columns:
        columns["attributes"] = [attribute.model_dump() for attribute in row.attributes]
    if not row.name.strip():
        columns.pop("name", None)  # as if it were not there: a variation's is made of its parent's
    return columns


def _find_parents(planned: Sequence[Planned], unread: set[int | str], problems: list[Problem]) -> None:
    by_id = {item.id: item for item in planned if item.id is not None}
    of_sku = by_sku(planned)
    for item in planned:
        item.parent = by_id.get(item.after["parent_id"])
        if item.row is None:
            continue
        asked = {("parent_id", item.row.parent_id, item.row.parent_id)} if item.row.parent_id is not None else set()
        if item.row.parent_sku is not None:
            asked.add(("parent_sku", item.row.parent_sku, sku_key(item.row.parent_sku)))
        for column, named, key in sorted(asked):
            parent = (by_id if column == "parent_id" else of_sku).get(key)
            if parent is None:
                if key not in unread:
                    message = f"there is no product {named}"
                    problems.append(Problem(f"{item.place}.{column}", message, ErrorCode.ITEM_NOT_FOUND))
            elif len(asked) > 1 and item.parent is not parent and column == "parent_sku":
                problems.append(Problem(f"{item.place}.{column}", "names another product than parent_id"))
            else:
                item.parent, item.after["parent_id"] = parent, parent.id


def _name_variations(planned: Sequence[Planned]) -> None:
    """Name the variations that have no name of their own after their parents."""
    before = {item.id: item.before for item in planned if item.before is not None}
    for item in planned:
        if item.parent is not None and not (item.row is not None and item.row.name.strip()):
            old = item.before
            old_parent = before.get(old["parent_id"]) if old else None
            if old is None or (old_parent and old["name"] == _variation_name(old_parent, old)):
                item.after["name"] = _variation_name(item.parent.after, item.after)
        item.after["name_key"] = item.after["name"].casefold()


def _variation_name(parent: Values, variation: Values) -> str:
    values = ", ".join(attribute["value"] for attribute in variation["attributes"])
    return f"{parent['name']} - {values}" if values else str(parent["name"])


def _product_problems(item: Planned) -> Iterator[Problem]:
    after, row, place = item.after, item.row, item.place
    names_parent = row.parent_id is not None or row.parent_sku is not None
    if after["type"] == "variation":
        if item.parent is None and not names_parent:
            yield Problem(place, "is a variation and needs parent_id or parent_sku")
        elif item.parent is not None and item.parent.after["type"] != "variable":
            column = "parent_sku" if row.parent_id is None and row.parent_sku else "parent_id"
            kind = item.parent.after["type"]
            message = f"{item.parent.place} is {kind}: only a variable product has variations"
            yield Problem(f"{place}.{column}", message, others=_ids(item.parent))
    elif names_parent or after["parent_id"] is not None:
        yield Problem(f"{place}.type", "has a parent, as only a variation may")
    elif not after["name"].strip():
        yield Problem(f"{place}.name", "is needed: there is no such product yet")
    sale, regular = after["sale_price"], after["regular_price"]
    if sale is not None and (regular is None or sale >= regular) and item.changed:
        yield Problem(f"{place}.sale_price", "must be less than the regular price")


def _ids(item: Planned) -> tuple[int, ...]:
    return () if item.id is None else (item.id,)


def _wants(column: str, item: Planned) -> bool:
    """Whether its value of a column is one that it does not have yet. What comes back from the trash had lost it."""
    before = item.before
    return before is None or before[column] != item.after[column] or before.get("status") == _TRASH


def _clashes(planned: Iterable[Planned], columns: Mapping[str, str], message: str) -> Iterator[Problem]:
    """Values that are to be unique, and would not be."""
    planned = list(planned)
    for column, shown in columns.items():
        owners: dict[Any, Planned] = {}
        # who has the value already comes first, so that the problem is told of the row that wants it, too
        for item in sorted(planned, key=partial(_wants, column)):
            if value := item.after[column]:
                owner = owners.setdefault(value, item)
                if owner is not item:
                    place = f"{item.place}.{shown}"
                    yield Problem(place, message.format(owner.place), ErrorCode.NOT_UNIQUE, _ids(owner))
