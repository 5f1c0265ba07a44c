"""A small catalogue whose every row a test can know by heart."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from storage.tables import LedgerEntry, StockChangeGroup, StockLevel
from tests.builders import EPOCH, a_location, a_product
from tests.schema.shop import count_on


def a_level(product_id: int, location_id: int, on_hand: int | None, **values: Any) -> StockLevel:
    """A level at version 1."""
    values = {"version": 1, "updated_at": EPOCH, **values}
    return StockLevel(product_id=product_id, location_id=location_id, on_hand=on_hand, **values)


def an_entry(sequence: int, product_id: int, location_id: int, group_id: int, **values: Any) -> LedgerEntry:
    """Five units came."""
    values = {"line": 0, "delta": 5, "on_hand": 5, "version": 1, "created_at": EPOCH, **values}
    return LedgerEntry(sequence=sequence, product_id=product_id, location_id=location_id, group_id=group_id, **values)


SHOE = "Zoë's “shoe”"


async def load_small(session: Any) -> None:
    """Three locations, the third inactive; a sock, a variable shoe with two variations, and a gift card without SKU."""
    session.add_all([
        a_location(1, slug="main", name="Main", code="TILL-1", is_default=True, position=2, city="Київ", country="UA"),
        a_location(2, slug="склад", name="Склад", kind="warehouse", position=1, latitude=50.45, longitude=-30.5),
        a_location(3, slug="old", name="Old", active=False, position=3),
    ])  # fmt: skip
    await session.flush()
    later = EPOCH + timedelta(days=1)
    session.add_all([
        a_product(
            10, sku="SOCK-1", name="Sock", gtin="04006381333931", gtin_text="4006381333931",
            regular_price=Decimal("4.5"), sale_price=Decimal("3.9550"), updated_at=later,
        ),
        a_product(20, sku="SHOE", name=SHOE, type="variable", manage_stock=False, status="draft"),
        a_product(30, sku=None, name="Gift card", type="external", attributes=[{"name": "colour", "value": "red"}]),
    ])  # fmt: skip
    await session.flush()
    for id_, size in ((21, "34"), (22, "36")):
        attributes = [{"name": "size", "value": size}, {"name": "width", "value": 'a "b"\\\n'}]
        name = f"{SHOE} - {size}"
        session.add(
            a_product(id_, sku=f"shoe-{size}", name=name, type="variation", parent_id=20, attributes=attributes)
        )
    session.add(StockChangeGroup(id=1, dialect="graphql", principal="till", reason="count", created_at=EPOCH))
    session.add(StockChangeGroup(id=2, dialect="mulopimfwc/v1", principal="erp", reference="#7", created_at=EPOCH))
    await session.flush()
    session.add_all([
        a_level(10, 1, 5, regular_price=Decimal("4.25"), backorders="notify"), a_level(10, 2, 0), a_level(10, 3, 7),
        a_level(21, 1, -2, disabled=True), a_level(21, 2, 30, updated_at=later), a_level(22, 2, None, version=3),
    ])  # fmt: skip
    session.add_all(
        [an_entry(1, 10, 1, 1), an_entry(2, 10, 2, 1, line=1, delta=0, on_hand=0), an_entry(3, 21, 2, 2, before=25)]
    )
    await session.flush()
    await count_on(session)
