"""The number of statements of a group does not depend on its size."""

from __future__ import annotations

from typing import Any

from storage import inventory
from storage.changes import AdjustQuantity, ChangeGroup, Policy, SetQuantity
from storage.database import Database
from storage.tables import Location, Product
from storage.upsert import insert_rows
from tests.builders import EPOCH, a_change, a_group, a_transfer
from tests.statements import statements

SIZES = (1, 50, 1_000)


async def _with_a_thousand_products(database: Database) -> None:
    rows = [
        {"id": id_, "sku": f"SKU-{id_}", "sku_key": f"sku-{id_}", "type": "simple", "name": "", "name_key": ""}
        for id_ in range(100, 1_100)
    ]
    shared = {"status": "publish", "manage_stock": True, "backorders": "no", "created_at": EPOCH, "updated_at": EPOCH}
    await database.transact(insert_rows, Product, rows, shared={**shared, "attributes": []})
    location = {"slug": "location-4", "name": "Location 4", "kind": "store", "active": True, "is_default": False}
    times = {"created_at": EPOCH, "updated_at": EPOCH}
    await database.transact(insert_rows, Location, [{"id": 4, "position": 4, "description": "", **location, **times}])


async def _counted(database: Database, groups: dict[int, ChangeGroup]) -> dict[int, int]:
    """How many statements a group of each size takes."""
    counts = {}
    for size, group in groups.items():
        with statements(database) as executed:
            applied = await database.transact(inventory.apply, group)
        assert len(applied.outcomes) == size
        counts[size] = len(executed)
    return counts


async def test_a_group_takes_as_many_statements_whatever_its_size(catalogue: Database) -> None:
    await _with_a_thousand_products(catalogue)

    def sized(size: int, location: int | str, **values: Any) -> list[Any]:
        return [a_change(f"SKU-{id_}", location, **values) for id_ in range(100, 100 + size)]

    async def counts(location: int | str = 1, **values: Any) -> set[int]:
        groups = {size: a_group(*sized(size, location, **values)) for size in SIZES}
        return set((await _counted(catalogue, groups)).values())

    # items, locations, blank levels, lock, group, levels, ledger
    assert await counts(location=1) == {7}
    assert await counts(location="location-2", quantity=AdjustQuantity(2)) == {7}
    # nothing changed: items, locations, blank levels, lock
    assert await counts(location=1) == {4}

    # only some changed, and new levels were locked for lines that are refused: one more, to take these back
    mixed = {
        size: a_group(
            a_change("SKU-100", "location-2", quantity=AdjustQuantity(1)),
            *sized(size - 1, "location-4", quantity=SetQuantity(-1)),
            policy=Policy.KEEP_GOING,
        )
        for size in SIZES[1:]
    }
    assert set((await _counted(catalogue, mixed)).values()) == {8}

    # transfers take as many, two levels a line
    moves = {n: a_group(*(a_transfer(id_, 1, 4) for id_ in range(100, 100 + n))) for n in SIZES}
    assert set((await _counted(catalogue, moves)).values()) == {7}


async def test_an_idempotency_key_costs_two_statements_and_a_replay_takes_two(catalogue: Database) -> None:
    group = a_group(a_change(), idempotency_key="once")
    with statements(catalogue) as first:
        await catalogue.transact(inventory.apply, group)
    with statements(catalogue) as replay:
        await catalogue.transact(inventory.apply, group)
    assert (len(first), len(replay)) == (9, 2)
