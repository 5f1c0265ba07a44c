"""Who may write which field: rules as values, and what they say of a write. Pure functions, no I/O, no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from storage.changes import Refused
from storage.errors import ErrorCode


class OwnedField(StrEnum):
    """What can have an owner. Each is a group of columns that one system knows the truth about."""

    STOCK = "stock"
    PRICES = "prices"
    BACKORDERS = "backorders"
    DISABLED = "disabled"
    CATALOG = "catalog"


class Mode(StrEnum):
    """What becomes of the writes of those who are no owners: refused, or accepted and not done."""

    REJECT = "reject"
    IGNORE = "ignore"


class Owner(NamedTuple):
    """An API key that may write."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class SourceRule:
    """Only `owners` may write `field`: everywhere, or at the one location that has a rule of its own."""

    field: OwnedField
    mode: Mode
    owners: tuple[Owner, ...]
    location_id: int | None = None

    def binds(self, writer: int | None) -> bool:
        """Whether it is not for this API key to write the field. Who has no API key owns nothing."""
        return all(owner.id != writer for owner in self.owners)

    @property
    def names(self) -> tuple[str, ...]:
        """Whose field it is: a key that was rotated has its name twice, and is told once."""
        return tuple(dict.fromkeys(owner.name for owner in self.owners))

    def refusal(self, column: str | None) -> Refused:
        """Why a write of this column is refused."""
        return Refused(ErrorCode.FIELD_OWNED, self.message, column, owners=self.names)

    @property
    def message(self) -> str:
        """Whose field it is, and what to do."""
        where = "" if self.location_id is None else " at this location"
        return f"{_NOUNS[self.field]}{where} {self.clause}."

    @property
    def clause(self) -> str:
        """The message as it goes on after what it is about."""
        key = "API key" if len(self.names) == 1 else "API keys"
        return (
            f"may be written by the {key} {_listed(self.names)} only: change it there, or let an administrator change "
            f"the rule for {self.field} (stockgate rules list)"
        )


_NOUNS: Final = {
    OwnedField.STOCK: "Stock",
    OwnedField.PRICES: "Prices",
    OwnedField.BACKORDERS: "Whether back-orders are taken",
    OwnedField.DISABLED: "What is sold here",
    OwnedField.CATALOG: "The catalogue",
}

Rules = Mapping[OwnedField, SourceRule]
"""What holds at one place, by field."""

NO_RULES: Final[Rules] = {}


Row = Sequence[Any]
"""A rule as it is stored: field, mode, location id or None, and a list with the id and name of each owner."""


@lru_cache(maxsize=1_024)
def rules_of(text: str) -> Rules:
    """The rules that hold at a place. SQL gives a JSON array of rows, whose owners are the text of JSON again."""
    return _of_rows([(*rule, orjson.loads(owners)) for *rule, owners in orjson.loads(text)])


def _of_rows(rows: Iterable[Row]) -> Rules:
    """What a place has of its own goes before what holds everywhere."""
    rules: dict[OwnedField, SourceRule] = {}
    for row in rows:
        rule = rule_of(row)
        if rule.location_id is not None or rule.field not in rules:
            rules[rule.field] = rule
    return rules or NO_RULES


def rule_of(row: Row) -> SourceRule:
    """A rule of its row."""
    field, mode, location_id, owners = row
    return SourceRule(OwnedField(field), Mode(mode), tuple(Owner(*owner) for owner in owners), location_id)


class RuleBook:
    """All rules there are."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.everywhere = _of_rows(row for row in rows if row[2] is None)
        self._own = {
            place: _of_rows(row for row in rows if row[2] in {None, place}) for place in {row[2] for row in rows}
        }

    def __bool__(self) -> bool:
        return bool(self._own)

    def at(self, location_id: int | None) -> Rules:
        """What holds at a location; for what belongs to none, what holds everywhere."""
        return self._own.get(location_id, self.everywhere)


def judged(
    rules: Rules, touched: Iterable[OwnedField], writer: int | None, *, ignorable: bool = True
) -> tuple[OwnedField, ...] | SourceRule:
    """Which of the fields that a write would change are not changed by it; or the rule by which all of it is refused.

    What is not `ignorable` is refused whatever the mode.
    """
    bound = [rule for field in touched if (rule := bound_by(rules, field, writer)) is not None]
    for rule in bound:
        if rule.mode is Mode.REJECT or not ignorable:
            return rule
    return tuple(rule.field for rule in bound)


class Governing(NamedTuple):
    """The rules for the catalogue, and who writes it."""

    book: RuleBook = RuleBook()
    writer: int | None = None


UNGOVERNED: Final = Governing()


def judged_columns(
    rules: Rules, changed: Iterable[str], writer: int | None, *, created: bool = False
) -> tuple[OwnedField, ...] | SourceRule:
    """Which fields these columns of a product or location do not change, or the rule by which all of it is refused.

    What is new is refused where the catalogue has other owners, and not ignored: there would be nothing to answer with.
    Whether its stock is tracked is for who may create it to say.
    """
    fields = fields_of(changed)
    if created:
        fields.pop(OwnedField.STOCK, None)
        if rule := bound_by(rules, OwnedField.CATALOG, writer):
            return rule
    return judged(rules, fields, writer)


def bound_by(rules: Rules, field: OwnedField, writer: int | None) -> SourceRule | None:
    """The rule by which it is not for this API key to write a field; None when it may."""
    rule = rules.get(field)
    return rule if rule is not None and rule.binds(writer) else None


_CATALOG_COLUMNS: Final[Mapping[str, OwnedField]] = {
    **dict.fromkeys(("regular_price", "sale_price", "sale_starts_at", "sale_ends_at", "tax_rate"), OwnedField.PRICES),
    **dict.fromkeys(("manage_stock", "stock_status"), OwnedField.STOCK),
    "backorders": OwnedField.BACKORDERS,
}


def field_of(column: str) -> OwnedField:
    """To which field a column of a product or location belongs: prices and what is said of stock are not catalogue."""
    return _CATALOG_COLUMNS.get(column, OwnedField.CATALOG)


def fields_of(columns: Iterable[str]) -> dict[OwnedField, str | None]:
    """The fields of these columns, each with the first of its columns."""
    fields: dict[OwnedField, str | None] = {}
    for column in columns:
        fields.setdefault(field_of(column), column)
    return fields


def _listed(names: Iterable[str]) -> str:
    *others, last = (f'"{name}"' for name in names)
    return f"{', '.join(others)} and {last}" if others else last
