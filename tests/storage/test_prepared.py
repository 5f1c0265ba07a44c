"""Statements that are run as text do what SQLAlchemy would have done with them, in the transaction that is open."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import bindparam, func, insert, literal, select, update

from storage import prepared
from storage.database import Database
from storage.prepared import Prepared
from storage.tables import Product
from storage.upsert import table_of
from tests.statements import statements

_product = table_of(Product).c
READ = Prepared(
    select(
        _product.id,
        _product.regular_price,
        _product.created_at,
        _product.attributes,
        _product.manage_stock,
        literal("constant"),
        _product.regular_price.label("again"),
    )
    .where(_product.id <= bindparam("id_max"))
    .order_by(_product.id)
)
RENAME = Prepared(update(table_of(Product)).where(_product.id == bindparam("of")), columns=("name", "sale_price"))
ADD = Prepared(
    insert(table_of(Product)).returning(_product.id, _product.tax_rate, _product.updated_at),
    columns=(
        "id", "type", "sku_key", "name", "name_key", "status", "attributes", "manage_stock", "backorders",
        "tax_rate", "created_at", "updated_at",
    ),
)  # fmt: skip
MOMENT = datetime(2026, 11, 22, 12, 0, 0, 250, tzinfo=UTC)
NEW = {
    "id": 77, "type": "simple", "sku_key": "x", "name": "New", "name_key": "new", "status": "publish",
    "attributes": [{"name": "size", "value": "34"}], "manage_stock": True, "backorders": "no",
    "tax_rate": Decimal("0.25"), "created_at": MOMENT, "updated_at": MOMENT,
}  # fmt: skip


async def _name(session: Any) -> str:
    name: str = await session.scalar(select(_product.name).where(_product.id == 1))
    return name


async def test_values_come_and_go_as_their_columns_have_them(catalogue: Database) -> None:
    async def write(session: Any) -> Any:
        added = await ADD.rows(session, NEW)
        renamed = await RENAME.write(session, {"of": 1, "name": "Renamed", "sale_price": Decimal("9.9901")})
        missed = await RENAME.write(session, {"of": 999, "name": "", "sale_price": None})
        return [tuple(row) for row in added], renamed, missed, await _both(session)

    async def _both(session: Any) -> Any:
        rows = await READ.rows(session, {"id_max": 77})
        return [tuple(row) for row in rows], await _name(session)

    added, renamed, missed, both = await catalogue.transact(write)
    assert added == [(77, Decimal("0.25"), MOMENT)]
    assert (renamed, missed) == (1, 0)
    rows, name = both
    assert name == "Renamed"  # SQLAlchemy's own statement sees what was written beside it
    assert rows[0][1] == rows[0][6] == Decimal(10)
    assert rows[-1] == (77, None, MOMENT, NEW["attributes"], True, "constant", None)
    assert await catalogue.read(_both) == both  # by SQLAlchemy, in a session that only reads


async def test_what_is_not_committed_is_gone_whichever_way_it_was_written(catalogue: Database) -> None:
    async def both_ways(session: Any, error: type[BaseException] | None = None) -> str:
        await session.execute(update(table_of(Product)).where(_product.id == 2).values(name="By SQLAlchemy"))
        await RENAME.write(session, {"of": 1, "name": "As text", "sale_price": None})
        if error is not None:
            raise error
        return await _name(session)

    assert await catalogue.rehearse(both_ways) == "As text"
    for error in (ValueError, asyncio.CancelledError):
        with pytest.raises(error):
            await catalogue.transact(both_ways, error)
    names = select(_product.name).where(_product.id <= 2).order_by(_product.id)

    async def found(session: Any) -> list[str]:
        return list((await session.execute(names)).scalars())

    assert await catalogue.read(found) == ["Product 1", "Product 2"]
    await catalogue.transact(both_ways)
    assert await catalogue.read(found) == ["As text", "By SQLAlchemy"]


async def test_a_savepoint_takes_back_what_was_run_as_text_after_it(catalogue: Database) -> None:
    async def write(session: Any) -> None:
        await RENAME.write(session, {"of": 1, "name": "Before", "sale_price": None})
        nested = await prepared.savepoint(session)
        await RENAME.write(session, {"of": 1, "name": "After", "sale_price": None})
        await nested.rollback()
        assert await _name(session) == "Before"
        nested = await prepared.savepoint(session)
        await RENAME.write(session, {"of": 1, "name": "Kept", "sale_price": None})
        await nested.commit()

    await catalogue.transact(write)
    assert await catalogue.read(_name) == "Kept"


async def test_a_change_that_waits_is_cancelled_and_its_connection_is_as_new(catalogue: Database) -> None:
    """On SQLite it waits for the other writer, on PostgreSQL for the row that the other one has locked."""
    locked, done = asyncio.Event(), asyncio.Event()

    async def hold(session: Any) -> None:
        await RENAME.write(session, {"of": 1, "name": "Held", "sale_price": None})
        locked.set()
        await done.wait()

    async def rename(session: Any) -> None:
        await RENAME.write(session, {"of": 1, "name": "Cancelled", "sale_price": None})

    holding = asyncio.create_task(catalogue.transact(hold))
    await locked.wait()
    waiting = [asyncio.create_task(catalogue.transact(rename)) for _ in range(9)]  # with it, all connections there are
    await asyncio.sleep(0.05)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    done.set()
    await holding
    assert await catalogue.read(_name) == "Held"

    async def count(session: Any) -> int:
        counted: int = await session.scalar(select(func.count()).select_from(table_of(Product)))
        return counted

    assert await asyncio.gather(*(catalogue.transact(count) for _ in range(20))) == [5] * 20


async def test_a_statement_whose_text_depends_on_its_values_is_refused(catalogue: Database) -> None:
    several = Prepared(select(_product.id).where(_product.id.in_([1, 2])))
    with pytest.raises(TypeError, match="depends on its values"):
        await catalogue.transact(several.rows)


async def test_observers_are_told_what_is_run_as_text(catalogue: Database) -> None:
    with statements(catalogue) as executed:
        await catalogue.transact(READ.rows, {"id_max": 1})
    assert len(executed) == 1
    assert executed[0].startswith("SELECT product.id")
