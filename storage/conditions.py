"""Named filters as SQL conditions over any row that has a table's columns as attributes: an alias, a subquery.

Values are bind parameters; lists are JSON text (storage.json_rows.json_text).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Text,
    and_,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)

from storage.change_feed import is_of_feed
from storage.changes import UNCOUNTED
from storage.columns import NO_SKU
from storage.json_rows import among, member, members_of, rows_of
from storage.tables import CatalogChange, LedgerEntry, LedgerOpening, Location, Product, StockChangeGroup, StockLevel
from storage.upsert import table_of

_ESCAPE = "\\"
_LEVEL_KEYS = {"product_id": BigInteger(), "location_id": BigInteger()}
_TRASH: Final = literal_column("'trash'", Text())
_LAST = "\U0010ffff"
_OF_STOCK: Final = (table_of(LedgerEntry).c, table_of(LedgerOpening).c)
"""Where the ledger says which levels changed: in its entries, and in the last of those that were pruned."""
Condition = ColumnElement[bool]
Bound = Callable[[], BindParameter[str]]
Since = Callable[[], BindParameter[int]]
Sees = Callable[[ColumnElement[Any]], Condition]

SEARCH_MAX: Final = 1000
"""Characters of a search. SQLite takes no LIKE pattern of over 50,000 bytes, and escaping and case may lengthen it."""


def like_pattern(text: str, fold: Callable[[str], str] = str.casefold) -> str:
    """The LIKE pattern of texts that contain this one, in the form in which names and SKUs compare."""
    escaped = fold(text).replace(_ESCAPE, _ESCAPE * 2).replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


def name_or_sku_like(product: Any, pattern: Any) -> Condition:
    """Products whose name or SKU matches a like_pattern()."""
    return or_(product.name_key.like(pattern, escape=_ESCAPE), product.sku_key.like(pattern, escape=_ESCAPE))


def is_named_by(product: Any, key: Literal["sku_key", "gtin"]) -> Condition:
    """Whether it is the product that its SKU or GTIN names: of those that have it, the one that is not in the trash;
    if all are, the last."""
    other = table_of(Product).alias(f"other_by_{key}")
    is_before = or_(other.c.status != _TRASH, other.c.id > product.id)
    others = select(other.c.id).where(other.c[key] == getattr(product, key), is_before).correlate_except(other)
    return or_(product.status != _TRASH, ~others.exists())


def name_or_sku_between(product: Any, start: Bound, behind: Bound) -> Condition:
    """Products whose name or SKU begins with a text: from it up to what comes behind() it. Both have an index."""
    return or_(
        and_(product.name_key >= start(), product.name_key < behind()),
        and_(product.sku_key >= start(), product.sku_key < behind(), product.sku_key != NO_SKU),
    )


def behind(prefix: str) -> str:
    """The first text, by code points, that comes behind every text with this prefix."""
    kept = prefix.rstrip(_LAST)
    if not kept:
        return _LAST * (SEARCH_MAX + 1)  # as good as the end
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if 0xD800 <= following <= 0xDFFF else following)


def slug_like(location: Any, pattern: Any) -> Condition:
    """Locations whose slug matches a like_pattern()."""
    matched: Condition = location.slug.like(pattern, escape=_ESCAPE)
    return matched


def has_attributes(product: Any, pairs: Any) -> Condition:
    """Products with every {name, value} of a JSON list among their attributes."""
    asked, own = rows_of(pairs, "asked_attribute"), rows_of(product.attributes, "own_attribute")

    def same(key: str) -> Condition:
        return member(own.c.value, key, Text()) == member(asked.c.value, key, Text())

    has = select(literal_column("1")).select_from(own).where(same("name"), same("value")).correlate(asked).exists()
    return ~select(literal_column("1")).select_from(asked).where(~has).exists()


def of_products_where(product_id: Any, *conditions: Condition) -> Condition:
    """Rows of products that meet conditions over product_columns()."""
    found: Condition = product_id.in_(select(table_of(Product).c.id).where(*conditions))
    return found


def product_columns() -> Any:
    """The columns on which of_products_where() puts conditions."""
    return table_of(Product).c


def products_changed_since(product_id: Any, sequence: Since, sees: Sees) -> Condition:
    """Products that changed after a sequence of the feed, or of which the stock did where the caller sees it."""
    change = table_of(CatalogChange).c
    changed: Condition = product_id.in_(
        union_all(
            *(
                select(stock.product_id).where(stock.sequence > sequence(), sees(stock.location_id))
                for stock in _OF_STOCK
            ),
            select(change.product_id).where(
                change.sequence > sequence(), change.product_id.is_not(None), is_of_feed(change.kind)
            ),
        )
    )
    return changed


def locations_changed_since(location_id: Any, sequence: Since) -> Condition:
    """Locations that changed after a sequence of the feed, or of which the stock did."""
    change = table_of(CatalogChange).c
    changed: Condition = location_id.in_(
        union_all(
            *(select(stock.location_id).where(stock.sequence > sequence()) for stock in _OF_STOCK),
            select(change.location_id).where(
                change.sequence > sequence(), change.location_id.is_not(None), is_of_feed(change.kind)
            ),
        )
    )
    return changed


def levels_changed_since(level: Any, sequence: Since) -> Condition:
    """Levels that changed after a sequence of the feed."""
    # SQLite looks pairs up by an index if they are those of a plain select, but not of a union
    changed = union_all(
        *(select(stock.product_id, stock.location_id).where(stock.sequence > sequence()) for stock in _OF_STOCK)
    ).subquery("changed_levels")
    return tuple_(level.product_id, level.location_id).in_(select(changed.c.product_id, changed.c.location_id))


def of_group(row: Any, group_id: Callable[[], BindParameter[int]]) -> Condition:
    """Ledger entries of a group. They lie together: PostgreSQL, which thinks that they are all over the ledger, would
    look for them from its end on."""
    entry = table_of(LedgerEntry).alias("of_group")
    sequence = entry.c.sequence + literal_column("0", BigInteger())  # nor may it look for the ends so
    ends = [
        select(end(sequence)).where(entry.c.group_id == group_id()).correlate_except(entry).scalar_subquery()
        for end in (func.min, func.max)
    ]
    return and_(row.group_id == group_id(), row.sequence >= ends[0], row.sequence <= ends[1])


def of_groups_where(group_id: Any, *conditions: Condition) -> Condition:
    """Ledger entries of groups that meet conditions over group_columns()."""
    found: Condition = group_id.in_(select(table_of(StockChangeGroup).c.id).where(*conditions))
    return found


def group_columns() -> Any:
    """The columns on which of_groups_where() puts conditions."""
    return table_of(StockChangeGroup).c


def changed_where(group_id: Any, sees: Sees) -> Condition:
    """Groups that changed something at a location for which `sees(location_id)`."""
    entry = table_of(LedgerEntry).alias("changed")
    return select(literal_column("1")).where(entry.c.group_id == group_id, sees(entry.c.location_id)).exists()


def counted(quantity: Any) -> ColumnElement[int]:
    """A quantity to sort by: one that was never counted comes before all others."""
    return func.coalesce(quantity, literal_column(str(UNCOUNTED)), type_=BigInteger())


def is_counted(quantity: Any) -> Condition:
    """Whether there is a quantity, for conditions on counted(): they have an index."""
    return counted(quantity) > literal_column(str(UNCOUNTED), BigInteger())


def on_hand_at(level: Any, time: Any) -> ColumnElement[int | None]:
    """Units on hand of a level after the last of its entries up to a time, be it one that was pruned.

    What was counted once is counted for ever: where an entry has no quantity the opening before it has none either.
    """
    entry, opening = table_of(LedgerEntry).alias("past"), table_of(LedgerOpening).alias("opening")
    last, before = (
        select(stock.c.on_hand).where(
            stock.c.product_id == level.product_id, stock.c.location_id == level.location_id, stock.c.created_at <= time
        )
        for stock in (entry, opening)
    )
    last = last.order_by(entry.c.sequence.desc()).limit(1)
    return func.coalesce(last.scalar_subquery(), before.scalar_subquery(), type_=BigInteger())


def stocked_where(product: Any, *conditions: Condition) -> Condition:
    """Products with a level that meets conditions over level_columns()."""
    level = table_of(StockLevel)
    stocked: Condition = product.id.in_(select(level.c.product_id).where(level.c.on_hand.is_not(None), *conditions))
    return stocked


def level_columns() -> Any:
    """The columns on which stocked_where() puts conditions."""
    return table_of(StockLevel).c


def at_locations(location_id: Any, *, ids: Any, slugs: Any, codes: Any) -> Condition:
    """Rows at one of the locations that these keys name."""
    location = table_of(Location).alias("named_location")
    keys = (among(location.c.id, ids), among(location.c.slug, slugs), among(location.c.code, codes))
    named: Condition = location_id.in_(select(location.c.id).where(or_(*keys)))
    return named


def of_skus(product_id: Any, skus: Any) -> Condition:
    """Rows of the products with these SKUs, casefolded."""
    product = table_of(Product).alias("named_product")
    named: Condition = product_id.in_(select(product.c.id).where(among(product.c.sku_key, skus)))
    return named


def these_levels(level: Any, keys: Any) -> Condition:
    """The levels that a JSON list of {product_id, location_id} names."""
    return tuple_(level.product_id, level.location_id).in_(select(*members_of(rows_of(keys), _LEVEL_KEYS).values()))


def on_hand_total(product_id: Any, level_seen: Any) -> ColumnElement[int | None]:
    """Units on hand of a product and of its variations, over the levels at active locations that may be seen."""
    level, item = table_of(StockLevel).alias("counted"), table_of(Product).alias("counted_item")
    location = table_of(Location).alias("counted_at")
    items = select(item.c.id).where(or_(item.c.id == product_id, item.c.parent_id == product_id))
    return (
        select(func.sum(level.c.on_hand).cast(BigInteger))
        .select_from(level.join(location, location.c.id == level.c.location_id))
        .where(level.c.product_id.in_(items), location.c.active, level_seen(level.c))
        .scalar_subquery()
    )
