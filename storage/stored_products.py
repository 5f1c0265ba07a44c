"""Products as their edits find them: found by any key, with their parents and what they have on hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

from sqlalchemy import BigInteger, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import keys
from storage.changes import ItemKey, Refused
from storage.columns import NO_SKU
from storage.json_rows import among, json_text
from storage.keys import ITEM_NOT_FOUND
from storage.lines import Item
from storage.ownership import RULES
from storage.prepared import Prepared
from storage.source_rules import NO_RULES, Rules, rules_of
from storage.tables import Location, Product, StockLevel
from storage.upsert import table_of

Carrier = Literal["own", "parent"]
TRASH: Final = "trash"


@dataclass(frozen=True, slots=True)
class Stored:
    """A product or variation as it is.

    `values` is its row by column, `parent` that of its parent. `on_hand` are units of its own at active locations: as
    they were read, not locked; 0 where there is no level. `has_variations` says that variations of it carry stock.
    `rules` say who may write products.
    """

    values: Mapping[str, Any]
    parent: Mapping[str, Any] | None = None
    on_hand: int = 0
    has_variations: bool = False
    parent_has_variations: bool = False
    rules: Rules = field(default_factory=lambda: NO_RULES)

    @property
    def id(self) -> int:
        """The id of the product."""
        number: int = self.values["id"]
        return number

    @property
    def item(self) -> Item:
        """What the write path knows of it."""
        row = self.values
        return Item(self.id, row["sku"], row["backorders"], row["regular_price"], self.has_variations)

    @property
    def in_trash(self) -> bool:
        """Whether it was thrown away."""
        return bool(self.values["status"] == TRASH)

    @property
    def carrier(self) -> Carrier | None:
        """Whose levels are its stock, as storage.product_views has it: its parent's, when it is a variation that says
        no itself but its parent does not. None: nobody's, or its variations'."""
        if self.values["manage_stock"]:
            return None if self.has_variations else "own"
        if self.parent is None or not self.parent["manage_stock"]:
            return None
        return "own" if self.parent_has_variations else "parent"

    @property
    def tracked(self) -> bool:
        """Whether its stock is tracked, and not only that of its variations."""
        return self.carrier is not None


async def find(session: AsyncSession, wanted: Collection[ItemKey]) -> dict[ItemKey, Stored | Refused]:
    """Every key's product, or why it names none: one statement, however many there are.

    Ids find what is in the trash, too, but not what was deleted for good; SKUs and GTINs find neither.
    """
    found: dict[ItemKey, Stored | Refused] = dict.fromkeys(wanted, ITEM_NOT_FOUND)
    named, refused = await _plain(session, wanted)
    found.update(refused)
    spellings = {kind: keys.item_spellings(named, kind) for kind in ("id", "sku", "gtin")}
    values = {kind: json_text(list(of_kind)) for kind, of_kind in spellings.items() if of_kind}
    rows = await _statement(tuple(values)).rows(session, values) if values else ()
    for row in rows:
        stored = _stored(row)
        kept = () if stored.in_trash else (("sku", stored.values["sku_key"]), ("gtin", stored.values["gtin"]))
        for kind, value in (("id", stored.id), *kept):
            for key in spellings[kind].get(value, ()):
                found.update(dict.fromkeys(named[key], stored))
    return found


async def _plain(
    session: AsyncSession, wanted: Collection[ItemKey]
) -> tuple[dict[ItemKey, list[ItemKey]], dict[ItemKey, Refused]]:
    """The keys by themselves without attributes: those with attributes are ids by now, or refused."""
    plain: dict[ItemKey, list[ItemKey]] = {}
    refused: dict[ItemKey, Refused] = {}
    styled = [key for key in wanted if key.attributes]
    items = await keys.resolve_items(session, styled) if styled else {}
    for key in wanted:
        item = items.get(key)
        if isinstance(item, Refused):
            refused[key] = item
        else:
            plain.setdefault(key if item is None else ItemKey("id", item.id), []).append(key)
    return plain, refused


_product: Final = table_of(Product)
_parent: Final = _product.alias("parent")
_COLUMNS: Final = tuple(column.name for column in _product.columns)
_WIDTH: Final = len(_COLUMNS)


def _tracks_variations(product: Any) -> Any:
    """Whether variations of its own carry its stock, as storage.keys has it."""
    variation = _product.alias("tracked_variation").c
    return exists().where(variation.parent_id == product.c.id, variation.manage_stock, variation.status != TRASH)


def _on_hand() -> Any:
    level, location = table_of(StockLevel).c, table_of(Location).c
    return (
        select(func.coalesce(func.sum(level.on_hand), 0).cast(BigInteger))
        .join_from(table_of(StockLevel), table_of(Location), location.id == level.location_id)
        .where(level.product_id == _product.c.id, location.active)
        .correlate(_product)
        .scalar_subquery()
    )


@lru_cache(maxsize=8)
def _statement(kinds: tuple[str, ...]) -> Prepared:
    is_kept = _product.c.status != TRASH
    named = {
        "id": and_(among(_product.c.id, "id"), _product.c.deleted_at.is_(None)),
        "sku": and_(among(_product.c.sku_key, "sku"), _product.c.sku_key != NO_SKU, is_kept),
        "gtin": and_(among(_product.c.gtin, "gtin"), is_kept),
    }
    parents = (column.label(f"parent_{column.name}") for column in _parent.columns)
    return Prepared(
        select(*_product.columns, *parents, _on_hand(), *map(_tracks_variations, (_product, _parent)), RULES)
        .outerjoin_from(_product, _parent, _parent.c.id == _product.c.parent_id)
        .where(or_(*(named[kind] for kind in kinds)))
    )


def _stored(row: Any) -> Stored:
    own, parent = row[:_WIDTH], row[_WIDTH : 2 * _WIDTH]
    parents = None if parent[0] is None else dict(zip(_COLUMNS, parent, strict=True))
    on_hand, has_variations, parent_has, rules = row[2 * _WIDTH :]
    values = dict(zip(_COLUMNS, own, strict=True))
    return Stored(values, parents, on_hand, has_variations, parent_has, rules_of(rules))
