"""Editing, creating and removing products together with their stock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from storage import inventory, product_edits, product_views, reconciliation, stored_products
from storage.changes import AdjustQuantity, ItemKey, LocationKey, Origin, Policy, Refused, SetQuantity
from storage.database import Database
from storage.errors import ErrorCode, InventoryError
from storage.product_edits import Edited, EditOutcome, Edits, EditsRejectedError, ProductEdit, Removed, Stored
from storage.tables import CatalogChange, IdempotencyRecord, LedgerEntry, Product, StockChangeGroup, StockLevel
from storage.upsert import table_of
from tests.builders import a_change, a_group
from tests.statements import statements
from tests.storage.reading import ledger_sums, on_hand, rows

ORIGIN = Origin("test", principal="tests")
HERE, THERE = LocationKey("id", 1), LocationKey("id", 2)
TAKEN = (HERE, AdjustQuantity(-1))
Line = tuple[LocationKey | None, SetQuantity | AdjustQuantity]


def gives(*stock: Line, **values: Any) -> Callable[[Stored | None], Edited]:
    return lambda _: Edited(values, stock)


def an_edit(item: int | str, *stock: Line, **values: Any) -> ProductEdit:
    return ProductEdit(gives(*stock, **values), ItemKey("sku" if isinstance(item, str) else "id", item))


def a_new_one(*stock: Line, **values: Any) -> ProductEdit:
    return ProductEdit(gives(*stock, **{"name": "New", **values}))


def removed(item: int, *, permanently: bool = False) -> ProductEdit:
    return ProductEdit(lambda _: Removed(permanently), ItemKey("id", item), in_trash=True)


def total(units: int) -> Line:
    return None, SetQuantity(units)


async def edit(database: Database, *edits: ProductEdit, **values: Any) -> Edits:
    return await database.transact(product_edits.edit, edits, **{"origin": ORIGIN, **values})


async def kept_going(
    database: Database, *edits: ProductEdit, **values: Any
) -> list[tuple[ErrorCode, str | None] | None]:
    """Why each edit was refused, if it was."""
    edited = await edit(database, *edits, policy=Policy.KEEP_GOING, **values)
    return [None if o.error is None else (o.error.code, o.error.field) for o in edited.outcomes]


async def refusal(database: Database, *edits: ProductEdit, **values: Any) -> Refused:
    """Why the one edit that is wrong is refused."""
    with pytest.raises(EditsRejectedError) as rejected:
        await edit(database, *edits, **values)
    [error] = [outcome.error for outcome in rejected.value.outcomes if outcome.error is not None]
    return error


async def product(database: Database, product_id: int) -> dict[str, Any]:
    [row] = [row for row in await rows(database, Product) if row["id"] == product_id]
    return row


async def everything(database: Database) -> Any:
    tables = (Product, CatalogChange, StockChangeGroup, LedgerEntry, IdempotencyRecord)
    return [await rows(database, table) for table in tables], await on_hand(database)


async def test_a_product_is_edited_with_its_stock_in_one_group(catalogue: Database) -> None:
    edited = await edit(
        catalogue,
        an_edit(1, total(12), regular_price="9.50", sale_price=Decimal(8), extra={"a": {"b": [1, None]}}),
        an_edit("sku-2", (HERE, SetQuantity(3)), (THERE, AdjustQuantity(4))),
        an_edit(4, (None, AdjustQuantity(5)), sku="NEW-4", gtin="4006381333931", stock_status="onbackorder"),
        an_edit(5),
    )
    assert [(o.product_id, o.created, o.changed, o.error) for o in edited.outcomes] == [
        (1, False, True, None), (2, False, True, None), (4, False, True, None), (5, False, False, None),
    ]  # fmt: skip
    assert await on_hand(catalogue) == {(1, 1): 12, (2, 1): 3, (2, 2): 4, (4, 1): 5} == await ledger_sums(catalogue)
    [group] = await rows(catalogue, StockChangeGroup)
    assert (group["id"], group["dialect"], group["principal"]) == (edited.group_id, "test", "tests")
    one, four = await product(catalogue, 1), await product(catalogue, 4)
    assert (one["regular_price"], one["sale_price"], one["extra"]) == (Decimal("9.5"), 8, {"a": {"b": [1, None]}})
    assert (four["sku_key"], four["gtin"], four["stock_status"]) == ("new-4", "04006381333931", "onbackorder")
    assert {row["product_id"] for row in await rows(catalogue, CatalogChange)} == {1, 4}
    assert await catalogue.read(reconciliation.drifts) == []


async def test_products_and_variations_are_created_with_their_stock(catalogue: Database) -> None:
    parent = ItemKey("id", 3)
    red = gives((THERE, SetQuantity(2)), attributes={"Colour": "Red"})
    edited = await edit(catalogue, a_new_one(total(7)), a_new_one(sku="N-1"), ProductEdit(red, parent=parent))
    first, second, third = (outcome.product_id for outcome in edited.outcomes)
    assert [outcome.created for outcome in edited.outcomes] == [True] * 3
    assert await on_hand(catalogue) == {(first, 1): 7, (third, 2): 2}
    columns = ("id", "sku", "name", "type", "parent_id")
    assert [tuple(row[name] for name in columns) for row in (await rows(catalogue, Product))[5:]] == [
        (first, None, "New", "simple", None),
        (second, "N-1", "New", "simple", None),
        (third, None, "Product 3 - Red", "variation", 3),
    ]  # fmt: skip
    again = await edit(catalogue, a_new_one())
    assert (again.outcomes[0].product_id or 0) > (third or 0)


REFUSALS: dict[str, tuple[ProductEdit, ErrorCode, str | None]] = {
    "no such product": (an_edit(99, total(1)), ErrorCode.ITEM_NOT_FOUND, "product"),
    "no such SKU": (an_edit("nothing", name="A"), ErrorCode.ITEM_NOT_FOUND, "product"),
    "no such parent": (ProductEdit(gives(), parent=ItemKey("id", 99)), ErrorCode.ITEM_NOT_FOUND, "parent"),
    "no variation of it": (
        ProductEdit(gives(), ItemKey("id", 4), ItemKey("id", 1)),
        ErrorCode.ITEM_NOT_FOUND,
        "product",
    ),
    "a parent that is none": (ProductEdit(gives(), parent=ItemKey("id", 1)), ErrorCode.INVALID_VALUE, "parent_id"),
    "a SKU that exists": (a_new_one(sku="sku-2"), ErrorCode.NOT_UNIQUE, "sku"),
    "another's SKU": (an_edit(1, sku="SKU-2"), ErrorCode.NOT_UNIQUE, "sku"),
    "no name": (ProductEdit(gives()), ErrorCode.INVALID_VALUE, "name"),
    "no price": (an_edit(1, regular_price="a"), ErrorCode.INVALID_VALUE, "regular_price"),
    "a sale price too high": (an_edit(1, sale_price=10), ErrorCode.INVALID_VALUE, "sale_price"),
    "no such column": (an_edit(1, colour="red"), ErrorCode.INVALID_VALUE, "colour"),
    "another type": (an_edit(3, type="simple"), ErrorCode.INVALID_VALUE, "type"),
    "units that are not there": (an_edit(1, TAKEN, name="A"), ErrorCode.INSUFFICIENT_STOCK, "quantity"),
    "a total below zero": (an_edit(1, total(-1)), ErrorCode.INSUFFICIENT_STOCK, "quantity"),
    "stock of variations": (an_edit(3, total(1)), ErrorCode.ITEM_HAS_VARIATIONS, "id"),
    "no such location": (an_edit(1, (LocationKey("id", 9), SetQuantity(1))), ErrorCode.LOCATION_NOT_FOUND, "location"),
    "a closed location": (a_new_one((LocationKey("id", 3), SetQuantity(1))), ErrorCode.LOCATION_INACTIVE, "location"),
}


async def test_an_edit_is_refused_with_the_field_at_fault_and_leaves_nothing(catalogue: Database) -> None:
    before = await everything(catalogue)
    for name, (one, code, field) in REFUSALS.items():
        error = await refusal(catalogue, one, an_edit(2, total(5), name="Not written"))
        assert (error.code, error.field) == (code, field), name
    assert (await refusal(catalogue, a_new_one(sku="SKU-2"))).candidates == (2,)
    mine = Refused(ErrorCode.STOCK_NOT_TRACKED, "Not tracked.", "stock")
    assert await refusal(catalogue, ProductEdit(lambda _: mine, ItemKey("id", 1))) == mine
    limited = replace(ORIGIN, locations=frozenset({2}))
    assert (await refusal(catalogue, an_edit(1, total(1)), origin=limited)).code == ErrorCode.LOCATION_FORBIDDEN
    assert await everything(catalogue) == before


async def test_those_that_are_not_refused_go_on_and_leave_nothing_of_the_others(catalogue: Database) -> None:
    everybody = [one for one, _, _ in REFUSALS.values()]
    good = [
        an_edit(2, total(5), name="Written"),
        a_new_one((HERE, SetQuantity(1))),
        an_edit(5, (THERE, SetQuantity(2))),
    ]
    half = an_edit(4, (HERE, SetQuantity(6)), (THERE, AdjustQuantity(-1)), name="Half")
    errors = await kept_going(catalogue, *everybody[:9], good[0], half, good[1], *everybody[9:], good[2])
    expected = [(code, field) for _, code, field in REFUSALS.values()]
    below = (ErrorCode.INSUFFICIENT_STOCK, "quantity")
    assert errors == [*expected[:9], None, below, None, *expected[9:], None]
    stored = await rows(catalogue, Product)
    assert [row["name"] for row in stored] == [
        "Product 1", "Written", "Product 3", "Product 3 - 34", "Product 3 - 36", "New",
    ]  # fmt: skip
    new = stored[-1]["id"]
    assert await on_hand(catalogue) == {(2, 1): 5, (new, 1): 1, (5, 2): 2} == await ledger_sums(catalogue)
    assert len(await rows(catalogue, StockChangeGroup)) == 1
    assert sorted(row["product_id"] for row in await rows(catalogue, CatalogChange)) == [2, new]
    [outcome] = (await edit(catalogue, half, policy=Policy.KEEP_GOING)).outcomes
    assert (outcome.product_id, outcome.changed, outcome.stock_line) == (4, False, 1)


async def test_edits_of_one_product_follow_one_another(catalogue: Database) -> None:
    seen: list[Any] = []

    def renamed(name: str, units: int) -> ProductEdit:
        def decide(stored: Stored | None) -> Edited:
            assert stored is not None
            seen.append((stored.values["name"], stored.on_hand))
            return Edited({"name": name}, [(HERE, AdjustQuantity(units))])

        return ProductEdit(decide, ItemKey("id", 1))

    await edit(catalogue, renamed("A", 3), renamed("B", -2), renamed("C", 4))
    assert seen[-3:] == [("Product 1", 0), ("A", 3), ("B", 1)]
    assert ((await product(catalogue, 1))["name"], await on_hand(catalogue)) == ("C", {(1, 1): 5})
    below = (ErrorCode.INSUFFICIENT_STOCK, "quantity")
    assert await kept_going(catalogue, renamed("D", 1), renamed("E", -9), removed(1), renamed("F", 1)) == [
        None, below, None, (ErrorCode.ITEM_NOT_FOUND, "product"),
    ]  # fmt: skip
    assert ((await product(catalogue, 1))["name"], await on_hand(catalogue)) == ("D", {(1, 1): 6})


async def test_a_refused_edit_gives_back_what_it_would_have_freed(catalogue: Database) -> None:
    swap = [an_edit(1, (HERE, AdjustQuantity(-1)), sku="FREE"), a_new_one(sku="SKU-1"), an_edit(2, sku="OTHER")]
    assert await kept_going(catalogue, *swap) == [
        (ErrorCode.INSUFFICIENT_STOCK, "quantity"), (ErrorCode.NOT_UNIQUE, "sku"), None,
    ]  # fmt: skip
    assert [row["sku"] for row in await rows(catalogue, Product)] == ["SKU-1", "OTHER", "SKU-3", "SKU-4", "SKU-5"]
    await edit(catalogue, an_edit(1, total(1), sku="OTHER"), an_edit(2, total(2), sku="SKU-1"))
    assert [row["sku"] for row in await rows(catalogue, Product)][:2] == ["OTHER", "SKU-1"]


async def test_back_orders_that_an_edit_allows_hold_for_its_stock(catalogue: Database) -> None:
    await edit(catalogue, an_edit(1, total(-2), backorders="yes"))
    assert await on_hand(catalogue) == {(1, 1): -2}
    taken_back = an_edit(1, (HERE, AdjustQuantity(-1)), backorders="no")
    assert (await refusal(catalogue, taken_back)).code == ErrorCode.INSUFFICIENT_STOCK
    await edit(
        catalogue,
        an_edit(3, total(4), manage_stock=True),
        an_edit(4, manage_stock=False),
        an_edit(5, manage_stock=False),
    )
    assert await on_hand(catalogue) == {(1, 1): -2, (3, 1): 4}


async def test_a_decision_sees_the_product_as_it_is(catalogue: Database) -> None:
    await catalogue.transact(inventory.apply, a_group(a_change(4, 1), a_change(4, 2, quantity=SetQuantity(3))))

    async def stored(*ids: int) -> list[Any]:
        wanted = [ItemKey("id", number) for number in ids]
        found = await catalogue.read(stored_products.find, wanted)
        return [found[key] for key in wanted]

    one, three, four = await stored(1, 3, 4)
    assert (one.values["regular_price"], one.values["extra"], one.parent, one.on_hand) == (Decimal(10), {}, None, 0)
    assert (four.values["attributes"], four.parent["sku"], four.on_hand) == (
        [{"name": "size", "value": "34"}],
        "SKU-3",
        13,
    )
    assert [one.carrier, three.carrier, four.carrier] == ["own", None, "own"]
    carriers: list[list[str | None]] = []
    for changes in ([(1, False), (4, False)], [(5, False)], [(3, False)]):
        await edit(catalogue, *(an_edit(number, manage_stock=manages) for number, manages in changes))
        views = await catalogue.read(product_views.by_ids, [1, 3, 4, 5])
        items = await stored(1, 3, 4, 5)
        assert [(item.tracked, item.carrier) for item in items] == [(view.tracked, view.carrier) for view in views]
        carriers.append([item.carrier for item in items])
    assert carriers == [
        [None, None, "own", "own"], [None, "own", "parent", "parent"], [None, None, None, None],
    ]  # fmt: skip


async def test_what_is_removed_goes_with_its_variations_and_frees_its_sku(catalogue: Database) -> None:
    await edit(catalogue, an_edit(4, total(6)), an_edit(1, total(2)))
    gone = await catalogue.transact(
        product_edits.remove, [ItemKey("id", 3), ItemKey("id", 99), ItemKey("id", 3)], ORIGIN,
        permanently=False, policy=Policy.KEEP_GOING,
    )  # fmt: skip
    assert [o.error and o.error.code for o in gone.outcomes] == [
        None,
        ErrorCode.ITEM_NOT_FOUND,
        ErrorCode.ITEM_IN_TRASH,
    ]
    assert [row["status"] for row in await rows(catalogue, Product)] == [
        "publish",
        "publish",
        "trash",
        "trash",
        "trash",
    ]
    deleted = [row["product_id"] for row in await rows(catalogue, CatalogChange) if row["kind"] == "deleted"]
    assert sorted(deleted) == [3, 4, 5]
    # a SKU in the trash is free, and finds nothing there; an id does, on request
    new = (await edit(catalogue, a_new_one(sku="SKU-4"))).outcomes[0].product_id
    assert (await edit(catalogue, an_edit("SKU-4", name="Found"))).outcomes[0].product_id == new
    assert (await refusal(catalogue, an_edit(4, name="Lost"))).code == ErrorCode.ITEM_NOT_FOUND
    back = [
        ProductEdit(gives(total(8), status="publish"), ItemKey("id", number), in_trash=True) for number in (3, 4, 5)
    ]
    error = await refusal(catalogue, back[1])
    assert (error.code, error.field, error.candidates) == (ErrorCode.NOT_UNIQUE, "sku", (new,))
    await edit(catalogue, removed(new or 0))
    assert await kept_going(catalogue, *back[1:]) == [None, None]
    assert await on_hand(catalogue) == {(1, 1): 2, (4, 1): 8, (5, 1): 8}
    assert await kept_going(catalogue, replace(back[1], parent=ItemKey("id", 3))) == [None]
    new_variation = ProductEdit(gives(), parent=ItemKey("id", 3), in_trash=True)
    assert (await refusal(catalogue, new_variation)).field == "parent"
    # for good: history stays, and nothing finds it
    assert await kept_going(catalogue, removed(3, permanently=True), removed(1, permanently=True)) == [None, None]
    assert (
        await kept_going(catalogue, removed(3, permanently=True), back[0], removed(4))
        == [(ErrorCode.ITEM_NOT_FOUND, "product")] * 3
    )
    assert {row["id"] for row in await rows(catalogue, Product) if row["deleted_at"]} == {1, 3, 4, 5}
    assert await on_hand(catalogue) == {(1, 1): 2, (4, 1): 8, (5, 1): 8} == await ledger_sums(catalogue)
    assert [o.error for o in (await edit(catalogue, a_new_one(sku="SKU-1"), a_new_one(sku="SKU-3"))).outcomes] == [
        None,
        None,
    ]


async def test_a_version_that_is_expected_has_to_be_the_current_one(catalogue: Database) -> None:
    async def version() -> str:
        [view] = await catalogue.read(product_views.by_ids, [1])
        return view.version

    one = replace(an_edit(1, total(4)), expected=await version())
    await edit(catalogue, one)
    for stale in (one, replace(one, expected="nonsense"), replace(one, decide=gives(name="A"))):
        assert await refusal(catalogue, stale) == Refused(
            ErrorCode.STALE_QUANTITY, "The product is not the expected version any more.", "expected"
        )
    await edit(catalogue, replace(an_edit(1, total(5), name="A"), expected=await version()))
    now = await version()
    racing = (edit(catalogue, replace(an_edit(1, total(n)), expected=now)) for n in range(10, 14))
    results = await asyncio.gather(*racing, return_exceptions=True)
    assert sum(isinstance(result, Edits) for result in results) == 1


async def test_a_replay_gives_the_same_outcomes_and_writes_nothing(catalogue: Database) -> None:
    def once(**values: Any) -> Any:
        edits = (a_new_one(total(3), sku="ONCE"), an_edit(2, sku="SKU-1"), an_edit(1, (THERE, AdjustQuantity(2))))
        return edit(catalogue, *edits, policy=Policy.KEEP_GOING, idempotency_key="k", **{"asked": "a", **values})

    first = await once()
    before = await everything(catalogue)
    assert await asyncio.gather(*(once() for _ in range(4))) == [replace(first, replayed=True)] * 4
    assert await everything(catalogue) == before
    assert [outcome.error is None for outcome in first.outcomes] == [True, False, True]
    with pytest.raises(InventoryError) as reused:
        await once(asked="b")
    assert reused.value.code == ErrorCode.IDEMPOTENCY_KEY_REUSED
    # a rejected set does not use up its key
    bad = an_edit(1, (THERE, AdjustQuantity(-9)))
    assert (await refusal(catalogue, bad, idempotency_key="other")).code == ErrorCode.INSUFFICIENT_STOCK
    assert not (await edit(catalogue, an_edit(1, total(9)), idempotency_key="other")).replayed


async def test_a_dry_run_tells_what_would_become_of_edits(catalogue: Database) -> None:
    before = await everything(catalogue)
    edits = [a_new_one(total(3)), an_edit(1, total(3), name="A"), removed(2)]
    dry = await catalogue.rehearse(product_edits.edit, edits, ORIGIN)
    assert await everything(catalogue) == before
    wet = await edit(catalogue, *edits)
    assert dry.outcomes[1:] == wet.outcomes[1:]
    assert dry.outcomes[0] == replace(wet.outcomes[0], product_id=dry.outcomes[0].product_id)  # no id is given twice


def _of_both(units: int, number: int, salt: int) -> ProductEdit:
    return an_edit(number, total(units + salt), name=f"{units} {salt}")


def _new_of_both(units: int, number: int, salt: int) -> ProductEdit:
    return a_new_one(total(1), sku=f"{units}-{number}-{salt}")


async def test_the_number_of_statements_does_not_depend_on_the_number_of_edits(catalogue: Database) -> None:
    made = await edit(catalogue, *(a_new_one(sku=f"M-{n}", regular_price=9) for n in range(60)))
    ids = [outcome.product_id or 0 for outcome in made.outcomes]

    async def counted(make: Callable[[int, int], ProductEdit], **values: Any) -> list[int]:
        counts = []
        for salt, numbers in enumerate((ids[:1], ids[:50])):
            with statements(catalogue) as executed:
                await edit(catalogue, *(make(number, salt) for number in numbers), **values)
            counts.append(len(executed))
        return counts

    # find, and what the write path takes: locations, blank levels, lock, group, levels, ledger
    assert await counted(lambda number, salt: an_edit(number, (HERE, SetQuantity(salt + 1)))) == [7, 7]
    # the same values again are no change of the catalogue; a total sums up elsewhere, too
    assert await counted(lambda number, salt: an_edit(number, total(salt + 3), regular_price=9)) == [8, 8]
    for policy, units in ((Policy.REJECT_ALL, 10), (Policy.KEEP_GOING, 20)):
        both = await counted(partial(_of_both, units), policy=policy)
        new = await counted(partial(_new_of_both, units), policy=policy)
        assert both[0] == both[1] <= 20, both
        assert new[0] == new[1] <= 20, new
    gone = await counted(lambda number, salt: removed(number, permanently=bool(salt)))
    assert gone[0] == gone[1] <= 15, gone


async def test_stock_alone_takes_no_lock_of_the_catalogue(catalogue: Database) -> None:
    edits = (an_edit(1, total(4), name="Product 1"), an_edit(2, (HERE, SetQuantity(1)), (THERE, AdjustQuantity(1))))
    with statements(catalogue) as executed:
        await edit(catalogue, *edits, policy=Policy.KEEP_GOING)
    assert not [statement for statement in executed if "LOCK TABLE" in statement]
    assert await rows(catalogue, CatalogChange) == []


async def test_edits_at_once_neither_lose_nor_make_units(catalogue: Database) -> None:
    await edit(catalogue, an_edit(1, (HERE, SetQuantity(50)), (THERE, SetQuantity(20))))
    changes = [
        *(edit(catalogue, an_edit(1, (None, AdjustQuantity(1)))) for _ in range(32)),
        *(edit(catalogue, an_edit(1, (HERE, AdjustQuantity(1)), name=f"Name {n}")) for n in range(8)),
        *(catalogue.transact(inventory.apply, a_group(a_change(1, 2, quantity=AdjustQuantity(-1)))) for _ in range(8)),
        *(edit(catalogue, a_new_one(sku=f"AT-ONCE-{n % 4}")) for n in range(8)),
    ]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*changes, return_exceptions=True)
    rejected = [result for result in results if isinstance(result, BaseException)]
    assert len(rejected) == 4
    assert all(isinstance(one, EditsRejectedError) for one in rejected)
    assert await on_hand(catalogue) == {(1, 1): 90, (1, 2): 12} == await ledger_sums(catalogue)


def _any_edit(chance: random.Random) -> ProductEdit:
    """One of those that neither give up what others want nor put right what others did."""
    place = chance.choice((None, HERE, THERE, LocationKey("id", 3)))
    quantity = chance.choice((SetQuantity(chance.randint(-1, 9)), AdjustQuantity(chance.randint(-4, 4))))
    stock = [(place, quantity), (HERE, AdjustQuantity(chance.randint(-2, 2)))][: chance.randint(0, 2)]
    columns: dict[str, Any] = {"name": chance.choice("ABC"), "backorders": "no", "extra": {"n": [1.5]}}
    values = {name: value for name, value in columns.items() if chance.random() < 0.3}
    item = chance.choice((None, None, 1, 1, 2, 3, 4, 99))
    if item is None:
        sku, sale_price = chance.choice(("SKU-5", "X", "Y")), chance.randint(6, 12)
        values |= {"name": "New", "sku": sku, "regular_price": 10, "sale_price": sale_price}
    return ProductEdit(gives(*stock, **values), None if item is None else ItemKey("id", item))


@pytest.mark.parametrize("rounds", [6, pytest.param(400, marks=pytest.mark.campaign)])
async def test_a_set_comes_to_what_its_edits_come_to_one_by_one(catalogue: Database, rounds: int) -> None:
    chance = random.Random(4)  # noqa: S311 (examples)

    async def at_once(session: Any, edits: list[ProductEdit]) -> Any:
        edited = await product_edits.edit(session, edits, ORIGIN, policy=Policy.KEEP_GOING)
        return edited.outcomes, await _state(session)

    async def one_by_one(session: Any, edits: list[ProductEdit]) -> Any:
        each = [await product_edits.edit(session, [one], ORIGIN, policy=Policy.KEEP_GOING) for one in edits]
        outcomes = [replace(edited.outcomes[0], index=index) for index, edited in enumerate(each)]
        return outcomes, await _state(session)

    refused = 0
    for _ in range(rounds):
        edits = [_any_edit(chance) for _ in range(chance.randint(1, 12))]
        whole, single = [await catalogue.rehearse(way, edits) for way in (at_once, one_by_one)]
        assert [_comparable(o) for o in whole[0]] == [_comparable(o) for o in single[0]]
        assert whole[1] == single[1]
        refused += sum(outcome.error is not None for outcome in whole[0])
    assert refused > rounds


def _comparable(outcome: EditOutcome) -> Any:
    """An outcome without ids of new products, which may leave gaps, and without what a refusal tells of others."""
    error = outcome.error and (outcome.error.code, outcome.error.field, outcome.error.current_quantity)
    return outcome.index, outcome.created, outcome.changed, error, outcome.stock_line


async def _state(session: Any) -> Any:
    """Products and levels without times and ids of new products."""
    products = table_of(Product)
    found = (await session.execute(select(products).order_by(products.c.id))).mappings().all()
    places = {row["id"]: place for place, row in enumerate(found)}
    plain = [{name: row[name] for name in ("sku", "name", "regular_price", "sale_price", "extra")} for row in found]
    levels = (await session.execute(select(table_of(StockLevel)))).mappings().all()
    return plain, {(places[row["product_id"]], row["location_id"]): row["on_hand"] for row in levels}


async def _compare_and_set(database: Database, number: int) -> None:
    """Add one unit and a letter to two products, each at the version it has, until that succeeds."""
    for item in (1, 2) if number % 2 else (2, 1):
        while True:
            [view] = await database.read(product_views.by_ids, [item])
            one = an_edit(item, total(view.on_hand + 1), name=f"{view.name}+")
            [error] = await kept_going(database, replace(one, expected=view.version))
            if error is None:
                break
            assert error == (ErrorCode.STALE_QUANTITY, "expected")


async def test_versions_that_are_expected_lose_no_change_of_anybody(catalogue: Database) -> None:
    await edit(catalogue, an_edit(1, (HERE, SetQuantity(20))), an_edit(2, (HERE, SetQuantity(20))))
    both = [an_edit(item, (THERE, AdjustQuantity(1)), sku=f"{item}-x") for item in (2, 1)]
    lines = [a_change(item, 2, quantity=AdjustQuantity(1)) for item in (1, 2)]
    async with asyncio.timeout(60):
        await asyncio.gather(
            *(_compare_and_set(catalogue, number) for number in range(4)),
            *(edit(catalogue, *both) for _ in range(4)),
            *(catalogue.transact(inventory.apply, a_group(*lines)) for _ in range(4)),
        )
    views = await catalogue.read(product_views.by_ids, [1, 2])
    assert [(view.name, view.on_hand) for view in views] == [("Product 1++++", 32), ("Product 2++++", 32)]
    assert await on_hand(catalogue) == await ledger_sums(catalogue)


async def test_totals_are_right_beside_counts_at_other_locations(catalogue: Database) -> None:
    await edit(catalogue, an_edit(1, (HERE, SetQuantity(100)), (THERE, SetQuantity(1))))

    async def totals() -> None:
        for units in range(60, 72):
            await edit(catalogue, an_edit(1, total(units)))

    async def counts() -> None:
        for units in range(1, 13):
            await catalogue.transact(inventory.apply, a_group(a_change(1, 2, quantity=SetQuantity(units))))

    async with asyncio.timeout(60):
        await asyncio.gather(totals(), counts())
    assert (await on_hand(catalogue))[1, 2] == 12
    await edit(catalogue, an_edit(1, total(70)))
    assert await on_hand(catalogue) == {(1, 1): 58, (1, 2): 12} == await ledger_sums(catalogue)
    entries = await rows(catalogue, LedgerEntry)
    here = [entry["on_hand"] for entry in entries if entry["location_id"] == 1]
    assert all(sum(entry["delta"] for entry in entries[: n + 1]) >= 0 for n in range(len(entries)))
    assert min(here) >= 0
