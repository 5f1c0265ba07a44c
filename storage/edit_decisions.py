"""What a set of edits makes of products, one edit after the other. Pure functions, no I/O, no SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from storage.catalog_document import Problem, read_products
from storage.catalog_planning import DEFAULTS, CatalogPlan, given
from storage.catalog_rows import ProductRow
from storage.changes import AdjustQuantity, ItemKey, LocationKey, Refused, SetQuantity
from storage.errors import ErrorCode
from storage.keys import ITEM_NOT_FOUND
from storage.source_rules import (
    NO_RULES,
    OwnedField,
    Rules,
    SourceRule,
    bound_by,
    field_of,
    fields_of,
    judged_columns,
)
from storage.stored_products import TRASH, Stored

Values = Mapping[str, Any]
StockLine = tuple[LocationKey | None, SetQuantity | AdjustQuantity]
"""Where, and what. No location: the total over all active locations; an adjustment of it is one of the default
location."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Give a product these values: columns as storage.catalog_rows.ProductRow takes them, and `extra`. What is not
    named stays as it is."""

    values: Values = field(default_factory=dict)
    stock: Sequence[StockLine] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """Put a product in the trash with its variations, or delete them for good."""

    permanently: bool = False


Decision = Edited | Removed | Refused
Decide = Callable[[Stored | None], Decision]
"""What becomes of a product as it is; None: of one that is new. A pure function: it may be asked more than once."""


@dataclass(frozen=True, slots=True)
class ProductEdit:
    """One product that shall change, or be created if there is no `item`.

    `parent` is that of a new variation; with an `item` it says whose variation this has to be. `expected` is the
    version that the caller knows (storage.product_versions). With `in_trash`, an id finds what is in the trash, too.
    """

    decide: Decide
    item: ItemKey | None = None
    parent: ItemKey | None = None
    expected: str | None = None
    in_trash: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """What an edit comes to. `columns` are those that it changes, `named` all that it gave, without those that it would
    have changed if they had no other owner: `ignored` are their fields. A product and its variations are one `family`.
    """

    index: int
    product_id: int
    family: int
    created: bool = False
    named: Values = field(default_factory=dict)
    columns: Values = field(default_factory=dict)
    stock: Sequence[StockLine] = ()
    removed: Removed | None = None
    ignored: tuple[OwnedField, ...] = ()

    @property
    def of_catalogue(self) -> bool:
        """Whether it changes anything but stock."""
        return self.created or bool(self.columns) or self.removed is not None

    @property
    def parts(self) -> int:
        """How many things it writes: its row, and each line of its stock."""
        return self.of_catalogue + len(self.stock)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an edit cannot be done. `stock_line` is the place of what is wrong with its stock, `others` are products that
    are in its way."""

    one: Decided
    error: Refused
    stock_line: int | None = None
    others: frozenset[int] = frozenset()


@dataclass(slots=True)
class Decisions:
    """What a set of edits comes to: those that were decided, and why the others are refused, by their places."""

    decided: list[Decided] = field(default_factory=list)
    refused: dict[int, Refused] = field(default_factory=dict)
    product_ids: dict[int, int] = field(default_factory=dict)

    @property
    def of_catalogue(self) -> list[Decided]:
        """Those that change anything but stock."""
        return [one for one in self.decided if one.of_catalogue]

    def rows(self) -> dict[str, Values]:
        """The rows of a catalogue document that say the same, by their places: one for each product."""
        rows: dict[int, dict[str, Any]] = {}
        for one in self._of_rows():
            row = rows.setdefault(one.product_id, {"id": one.product_id})
            row |= _of_row(one.named)
        return {_place(product_id): row for product_id, row in rows.items()}

    def finish(self, plan: CatalogPlan) -> None:
        """Add to a plan for the rows what rows do not say."""
        planned = {item.id: item for item in plan.products}
        for one in self._of_rows():
            if "extra" in one.columns:
                planned[one.product_id].after["extra"] = one.columns["extra"]

    def removals(self, *, permanently: bool) -> list[int]:
        """The products that go to the trash, or for good."""
        return [one.product_id for one in self.decided if one.removed == Removed(permanently)]

    def _of_rows(self) -> Iterator[Decided]:
        return (one for one in self.of_catalogue if one.removed is None)

    def refusals(self, problems: Iterable[Problem]) -> list[Refusal]:
        """Who is refused for the problems of a plan, though not yet all: who has one only with a product that has a
        problem itself may be in the right when that one is out of the way."""
        blamed = [(one, problem) for problem in problems if (one := self._to_blame(problem)) is not None]
        products = {one.product_id for one, _ in blamed}
        certain = [(one, problem) for one, problem in blamed if products.isdisjoint(problem.others)] or blamed[:1]
        return [Refusal(one, _refusal(problem), others=frozenset(problem.others)) for one, problem in certain]

    def _to_blame(self, problem: Problem) -> Decided | None:
        """Of the edits of a product, the last that named the column: what edits of one product make of it is judged by
        where they end."""
        editors = [one for one in self._of_rows() if _is_at(problem, one.product_id)]
        named = [one for one in editors if _column(problem).partition("[")[0] in one.named]
        return ([None, *editors, *named])[-1]


STALE: Final = Refused(ErrorCode.STALE_QUANTITY, "The product is not the expected version any more.", "expected")
_IN_TRASH: Final = Refused(ErrorCode.ITEM_IN_TRASH, "The product is in the trash already.", "product")


def decide(
    edits: Sequence[ProductEdit],
    found: Mapping[ItemKey, Stored | Refused],
    *,
    numbers: Mapping[int, int],
    versions: Mapping[int, str] | None,
    refused: Mapping[int, Refused],
    writer: int | None = None,
    rules: Rules = NO_RULES,
) -> Decisions:
    """Decide the edits in order: of two of one product, each sees what the one before left.

    `numbers` are the ids of new products and `versions` those of products that are expected to have one, once they
    are locked; `refused` are edits that are not to be asked again; `writer` is the API key that edits, and `rules`
    say who may create products.
    """
    asked = _Asked(dict(found), versions, Decisions(refused=dict(refused)), writer, rules)
    for index, edit in enumerate(edits):
        asked.one(index, edit, numbers.get(index, 0))
    return asked.result


@dataclass(slots=True)
class _Asked:
    found: dict[ItemKey, Stored | Refused]
    versions: Mapping[int, str] | None
    result: Decisions
    writer: int | None
    rules: Rules
    _now: dict[int, Stored] = field(default_factory=dict)

    def one(self, index: int, edit: ProductEdit, number: int) -> None:
        stored = self._stored(edit)
        if isinstance(stored, Stored):
            self.result.product_ids[index] = stored.id
        if index in self.result.refused:
            return
        decision = stored if isinstance(stored, Refused) else edit.decide(stored)
        decided = self._decided(index, edit, decision, stored, number)
        if isinstance(decided, Refused):
            self.result.refused[index] = decided
            return
        self.result.decided.append(decided)
        if isinstance(stored, Stored):
            self._now[stored.id] = _after(stored, decided)

    def _stored(self, edit: ProductEdit) -> Stored | Refused | None:
        """The product as the edits before this one left it; None for a new one."""
        stored = self._find(edit.item, in_trash=edit.in_trash) if edit.item is not None else None
        if isinstance(stored, Refused):
            return stored
        if edit.parent is not None:
            parent = self._find(edit.parent, in_trash=edit.in_trash and stored is not None)
            if isinstance(parent, Refused):
                return replace(parent, field="parent")
            if stored is not None and stored.values["parent_id"] != parent.id:
                return ITEM_NOT_FOUND
        if stored is not None and edit.expected is not None and self.versions is not None:
            return stored if edit.expected == self.versions.get(stored.id) else STALE
        return stored

    def _find(self, key: ItemKey, *, in_trash: bool = False) -> Stored | Refused:
        stored = self.found[key]
        if isinstance(stored, Refused):
            return stored
        stored = self._now.get(stored.id, stored)
        is_gone = stored.values["deleted_at"] is not None or (stored.in_trash and not in_trash)
        return ITEM_NOT_FOUND if is_gone else stored

    def _decided(
        self, index: int, edit: ProductEdit, decision: Decision, stored: Stored | Refused | None, number: int
    ) -> Decided | Refused:
        if isinstance(decision, Refused):
            return decision
        if isinstance(stored, Stored):
            return _of_stored(index, decision, stored, self.writer)
        assert isinstance(decision, Edited)  # noqa: S101 (what is not there yet cannot be removed)
        parent = self._find(edit.parent) if edit.parent is not None else None
        variation = {"type": "variation", "parent_id": parent.id} if isinstance(parent, Stored) else {}
        family = parent.id if isinstance(parent, Stored) else number
        values = {**decision.values, **variation}
        columns = _columns(number, values)
        if isinstance(columns, Refused):
            return columns
        told = {name for name, value in columns.items() if value != DEFAULTS[ProductRow].get(name)}
        ignored = judged_columns(self.rules, told, self.writer, created=True)
        if isinstance(ignored, SourceRule):
            return ignored.refusal(None)
        named, columns = _without(ignored, values), _without(ignored, columns)
        return Decided(
            index, number, family, created=True, named=named, columns=columns, stock=decision.stock, ignored=ignored
        )


def _of_stored(index: int, decision: Edited | Removed, stored: Stored, writer: int | None) -> Decided | Refused:
    family = stored.values["parent_id"] or stored.id
    if isinstance(decision, Removed):
        if rule := bound_by(stored.rules, OwnedField.CATALOG, writer):
            return rule.refusal(None)  # in either mode: who is told that it is gone forgets it
        if stored.in_trash and not decision.permanently:
            return _IN_TRASH
        return Decided(index, stored.id, family, removed=decision)
    columns = _columns(stored.id, decision.values)
    if isinstance(columns, Refused):
        return columns
    changed: Values = {name: value for name, value in columns.items() if stored.values[name] != value}
    ignored = judged_columns(stored.rules, changed, writer)
    if isinstance(ignored, SourceRule):
        return ignored.refusal(fields_of(changed)[ignored.field])
    named, changed = _without(ignored, decision.values), _without(ignored, changed)
    return Decided(index, stored.id, family, named=named, columns=changed, stock=decision.stock, ignored=ignored)


def _without(ignored: Sequence[OwnedField], values: Values) -> Values:
    """The values of which nothing is ignored."""
    return {name: value for name, value in values.items() if field_of(name) not in ignored} if ignored else values


def _columns(product_id: int, values: Values) -> Values | Refused:
    """What values come to as columns of the table."""
    row = _of_row(values)
    if not row:
        return values
    reading = read_products({_place(product_id): row})
    if reading.problems:
        return _refusal(reading.problems[0])
    columns = given(reading.products[0].row)
    return {**columns, "extra": values["extra"]} if "extra" in values else columns


def _after(stored: Stored, decided: Decided) -> Stored:
    """The product for the edits after this one."""
    values = {**stored.values, **decided.columns}
    if decided.removed is not None:
        values |= {"status": TRASH, "deleted_at": datetime.now(UTC) if decided.removed.permanently else None}
    return replace(stored, values=values, on_hand=_on_hand_after(stored.on_hand, decided.stock))


def _on_hand_after(units: int, lines: Iterable[StockLine]) -> int:
    """As far as it can be told: what a location had before it is counted is not known here."""
    for location, quantity in lines:
        if isinstance(quantity, AdjustQuantity):
            units += quantity.delta
        elif location is None:
            units = quantity.quantity
    return units


def _of_row(values: Values) -> dict[str, Any]:
    """What a row of a catalogue document says of them; which product it is about is said elsewhere."""
    return {name: value for name, value in values.items() if name not in {"id", "extra"}}


def _place(product_id: int) -> str:
    return f"products[{product_id}]"


def _is_at(problem: Problem, product_id: int) -> bool:
    place = _place(product_id)
    return problem.place == place or problem.place.startswith(f"{place}.")


def _column(problem: Problem) -> str:
    return problem.place.partition("]")[2].removeprefix(".")


def _refusal(problem: Problem) -> Refused:
    column = _column(problem)
    if problem.code is ErrorCode.NOT_UNIQUE:
        message = f"is also that of product {', '.join(map(str, problem.others))}"
        return Refused(problem.code, f"{column} {message}.", column, candidates=problem.others)
    return Refused(problem.code, f"{column or 'It'} {problem.message}.", column or None)
