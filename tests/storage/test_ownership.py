"""Rules about who may write what, from the table that keeps them to everything that writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from storage import access, catalog, inventory, location_writes, product_edits, product_writes, reversals, rule_writes
from storage.access import Credential, Scope
from storage.catalog_document import CatalogError
from storage.changes import (
    AdjustQuantity,
    Applied,
    FieldOwnedError,
    GroupRejectedError,
    ItemKey,
    LocationKey,
    Origin,
    Policy,
    SetQuantity,
    SetTotal,
)
from storage.database import Database
from storage.errors import ErrorCode, InventoryError
from storage.product_edits import Edited, EditsRejectedError, ProductEdit, Removed
from storage.rule_writes import NewRule
from storage.source_rules import Mode, OwnedField
from storage.tables import CatalogChange, LedgerEntry, Location, Product, StockChangeGroup
from tests.builders import a_change, a_group, a_transfer
from tests.statements import statements
from tests.storage.reading import ledger_sums, on_hand, rows

OPERATOR = Credential(0, "stockgate", frozenset({Scope.ADMIN}))
ERP, SHOP = 1, 2
OF_SHOP, OF_ERP = Origin("test", SHOP, "Shop"), Origin("test", ERP, "ERP")
HERE, THERE = LocationKey("id", 1), LocationKey("id", 2)


@pytest.fixture
async def shop(catalogue: Database) -> Database:
    """The small catalogue with 12 units of product 1 at both locations, and the API keys of an ERP and of a shop."""
    for name in ("ERP", "Shop"):
        await catalogue.transact(access.issue_api_key, name, [Scope.WRITE])
    twelve = SetQuantity(12)
    await catalogue.transact(inventory.apply, a_group(a_change(quantity=twelve), a_change(1, 2, quantity=twelve)))
    return catalogue


async def rule(
    database: Database, field: str, mode: str = "reject", *owners: int, location: LocationKey | None = None
) -> rule_writes.Listed:
    asked = NewRule(OwnedField(field), owners or (ERP,), Mode(mode), location)
    return await database.transact(rule_writes.set_rule, asked, OPERATOR)


async def apply(database: Database, *changes: Any, **values: Any) -> Applied:
    return await database.transact(inventory.apply, a_group(*changes, **{"origin": OF_SHOP, **values}))


async def refusals(database: Database, *changes: Any, **values: Any) -> Sequence[Any]:
    """Why each line of a group was refused."""
    with pytest.raises(GroupRejectedError) as rejected:
        await apply(database, *changes, **values)
    return [o.error and (o.error.code, o.error.field, o.error.owners) for o in rejected.value.outcomes]


async def everything(database: Database) -> Any:
    tables = (Product, Location, CatalogChange, StockChangeGroup, LedgerEntry)
    return [await rows(database, table) for table in tables], await on_hand(database)


async def test_whatever_writes_stock_is_bound_by_the_rules_for_it(shop: Database) -> None:
    await rule(shop, "stock", location=HERE)
    before = await everything(shop)
    owned = (ErrorCode.FIELD_OWNED, "quantity", ("ERP",))
    # a group is all or nothing: the line of the other location is not written either
    assert await refusals(shop, a_change(quantity=SetQuantity(10)), a_change(1, 2)) == [owned, None]
    assert await refusals(shop, a_change(1, LocationKey("default", ""), quantity=SetTotal(20))) == [owned]
    assert await refusals(shop, a_transfer(1, 2, 1)) == [(*owned[:1], "target", *owned[2:])]
    assert await refusals(shop, a_change("SKU-1", "location-1")) == [owned]
    assert await everything(shop) == before

    applied = await apply(
        shop, a_change(), a_change(1, 2), a_change(2, 1, regular_price=Decimal(5)), policy=Policy.KEEP_GOING
    )
    assert [o.error and o.error.code for o in applied.outcomes] == [owned[0], None, owned[0]]
    assert await on_hand(shop) == {(1, 1): 12, (1, 2): 10}
    await apply(shop, a_change(), origin=OF_ERP)
    assert await on_hand(shop) == {(1, 1): 10, (1, 2): 10}

    # what the shop did at both locations before there was a rule, it cannot take back in part
    first = await rows(shop, StockChangeGroup)
    await rule(shop, "stock", "ignore", location=HERE)
    with pytest.raises(GroupRejectedError, match="refused"):
        await shop.transact(reversals.reverse, first[0]["id"], OF_SHOP)
    assert await on_hand(shop) == {(1, 1): 10, (1, 2): 10}
    assert await on_hand(shop) == await ledger_sums(shop)


async def test_what_is_ignored_is_told_again_to_a_replay_and_leaves_no_trace(shop: Database) -> None:
    await rule(shop, "stock", "ignore")
    before = await everything(shop)
    for replayed in (False, True):
        applied = await apply(shop, a_change(), a_transfer(), idempotency_key="once")
        assert (applied.replayed, applied.group_id) == (replayed, None)
        assert [(o.ignored, o.changed, o.before, o.after) for o in applied.outcomes] == [
            (("stock",), False, 12, 12)
        ] * 2
    assert await everything(shop) == before

    # a line of which only a part is ignored writes the rest
    [outcome] = (await apply(shop, a_change(regular_price=Decimal(8)))).outcomes
    assert (outcome.ignored, outcome.changed, outcome.after) == (("stock",), True, 12)
    [*_, entry] = await rows(shop, LedgerEntry)
    assert (entry["delta"], entry["on_hand"], entry["regular_price"]) == (0, 12, Decimal(8))


async def test_a_rule_of_another_process_binds_the_next_transaction(shop: Database, database_url: str) -> None:
    other = Database(database_url)
    try:
        for mode, after in (("reject", 12), ("ignore", 12)):
            await rule(other, "stock", mode)
            group = a_group(a_change(quantity=SetQuantity(99)), origin=OF_SHOP, policy=Policy.KEEP_GOING)
            [outcome] = (await shop.transact(inventory.apply, group)).outcomes
            assert outcome.error is not None or outcome.ignored == ("stock",)
            assert (await on_hand(shop))[1, 1] == after
        assert await other.transact(rule_writes.remove_rule, OwnedField.STOCK, OPERATOR) is not None
        assert await other.transact(rule_writes.remove_rule, OwnedField.STOCK, OPERATOR) is None
        await apply(shop, a_change())
        assert (await on_hand(shop))[1, 1] == 10
    finally:
        await other.close()


async def test_rules_cost_a_group_no_statement(shop: Database) -> None:
    async def count(units: int) -> int:
        with statements(shop) as executed:
            await apply(shop, a_change(quantity=SetQuantity(units)), a_change(2, "location-1"), origin=OF_ERP)
        return len(executed)

    without = await count(1)
    for field in OwnedField:
        await rule(shop, field)
        await rule(shop, field, "ignore", location=THERE)
    assert await count(2) == without


async def test_a_rule_gives_way_to_the_next_and_a_rotated_key_owns_what_its_old_one_did(shop: Database) -> None:
    first = await rule(shop, "prices", "reject", ERP, SHOP)
    second = await rule(shop, "prices", "ignore", ERP)
    own = await rule(shop, "prices", "reject", SHOP, location=THERE)
    assert second.id == first.id
    assert await shop.read(rule_writes.listed) == [second, own]
    assert (own.location_slug, own.rule.names, own.rule.mode) == ("location-2", ("Shop",), Mode.REJECT)

    issued = await rotated(shop, ERP)
    [everywhere, _] = await shop.read(rule_writes.listed)
    assert [owner.id for owner in everywhere.rule.owners] == [ERP, issued]
    assert everywhere.rule.names == ("ERP",)


async def rotated(database: Database, key_id: int) -> int:
    issued = await database.transact(lambda session: access.rotate_api_key(session, key_id, overlap=timedelta(days=1)))
    assert issued is not None
    return issued.id


async def test_a_rule_needs_owners_that_are_valid_and_a_place_its_maker_may_write_at(shop: Database) -> None:
    limited = Credential(SHOP, "Shop", frozenset({Scope.ADMIN}), frozenset({1}))
    await shop.transact(access.revoke_api_key, SHOP)
    cases: list[tuple[NewRule, Credential, ErrorCode, str]] = [
        (NewRule(OwnedField.STOCK, ()), OPERATOR, ErrorCode.INVALID_VALUE, "owners"),
        (NewRule(OwnedField.STOCK, (ERP, SHOP)), OPERATOR, ErrorCode.KEY_NOT_FOUND, "owners[1]"),
        (NewRule(OwnedField.STOCK, (ERP, 99)), OPERATOR, ErrorCode.KEY_NOT_FOUND, "owners[1]"),
        (
            NewRule(OwnedField.STOCK, (ERP,), location=LocationKey("slug", "moon")),
            OPERATOR,
            ErrorCode.LOCATION_NOT_FOUND,
            "location",
        ),
        (NewRule(OwnedField.STOCK, (ERP,)), limited, ErrorCode.NOT_GRANTED, "location"),
        (NewRule(OwnedField.STOCK, (ERP,), location=THERE), limited, ErrorCode.NOT_GRANTED, "location"),
    ]
    for asked, granter, code, field in cases:
        with pytest.raises(InventoryError) as refused:
            await shop.transact(rule_writes.set_rule, asked, granter)
        assert (refused.value.code, refused.value.field) == (code, field)
    assert await shop.read(rule_writes.listed) == []
    await shop.transact(rule_writes.set_rule, NewRule(OwnedField.STOCK, (ERP,), location=HERE), limited)
    assert len(await shop.read(rule_writes.listed)) == 1


DOCUMENT = {
    "locations": [{"id": 1, "name": "Main street"}],
    "products": [{"id": 1, "name": "Boot", "regular_price": "12", "backorders": "yes"}],
    "stock": [{"product_id": 1, "location_id": 1, "on_hand": 7}],
}


async def test_an_import_is_bound_row_by_row(shop: Database) -> None:
    for field in ("catalog", "prices", "backorders", "stock"):
        await rule(shop, field)
    before = await everything(shop)
    with pytest.raises(CatalogError) as refused:
        await shop.transact(lambda session: catalog.import_catalog(session, DOCUMENT, origin=OF_SHOP))
    told = [(problem.place, problem.code, problem.owners) for problem in refused.value.problems]
    owned = (ErrorCode.FIELD_OWNED, ("ERP",))
    assert told == [("locations[0].name", *owned), ("products[0].name", *owned)]
    assert str(refused.value).startswith('locations[0].name: may be written by the API key "ERP" only: ')

    for field in ("catalog", "prices", "backorders", "stock"):
        await rule(shop, field, "ignore")
    done = await shop.transact(lambda session: catalog.import_catalog(session, DOCUMENT, origin=OF_SHOP))
    assert [counts.ignored for counts in (done.locations, done.products, done.stock)] == [1, 1, 1]
    assert [counts.unchanged for counts in (done.locations, done.products, done.stock)] == [1, 1, 1]
    assert await everything(shop) == before

    # what only the price's owner may write is left out, and the rest of the row is written
    await shop.transact(rule_writes.remove_rule, OwnedField.CATALOG, OPERATOR)
    written = await shop.transact(product_writes.upsert, DOCUMENT["products"], OF_SHOP)
    assert (written["products[0]"].became, set(written["products[0]"].ignored)) == ("updated", {"prices", "backorders"})
    [product, *_] = await rows(shop, Product)
    assert (product["name"], product["regular_price"], product["backorders"]) == ("Boot", Decimal(10), "no")
    await shop.transact(product_writes.upsert, DOCUMENT["products"], OF_ERP)
    [product, *_] = await rows(shop, Product)
    assert (product["regular_price"], product["backorders"]) == (Decimal(12), "yes")


async def test_what_a_variation_is_called_after_its_parent_is_the_catalogues_owners_too(shop: Database) -> None:
    await rule(shop, "catalog", "ignore")
    before = await everything(shop)
    asked = [{"id": 3, "name": "Shoe"}, {"id": 4, "parent_id": 3, "attributes": [{"name": "size", "value": "35"}]}]
    written = await shop.transact(product_writes.upsert, asked, OF_SHOP)
    assert {row.became for row in written.values()} == {"unchanged"}
    assert await everything(shop) == before


@pytest.mark.parametrize("mode", list(Mode))
async def test_nothing_is_created_closed_or_thrown_away_for_who_does_not_own_the_catalogue(
    shop: Database, mode: Mode
) -> None:
    """In either mode: an answer to it would name something that is not there, or not gone."""
    await rule(shop, "catalog", mode)
    before = await everything(shop)
    with pytest.raises(CatalogError) as refused:
        await shop.transact(product_writes.upsert, [{"sku": "NEW", "name": "New"}], OF_SHOP)
    assert [problem.place for problem in refused.value.problems] == ["products[0]"]
    with pytest.raises(CatalogError):
        await shop.transact(location_writes.create, {"name": "New"}, OF_SHOP)
    with pytest.raises(FieldOwnedError):
        await shop.transact(product_writes.archive, [ItemKey("id", 1)], OF_SHOP)
    with pytest.raises(FieldOwnedError):
        await shop.transact(lambda s: location_writes.archive(s, THERE, OF_SHOP, transfer_to=HERE))
    for edit in (
        ProductEdit(lambda _: Removed(), ItemKey("id", 1)),
        ProductEdit(lambda _: Edited({"name": "New"})),
        ProductEdit(lambda _: Edited({"sku": "NEW"}), parent=ItemKey("id", 3)),
    ):
        with pytest.raises(EditsRejectedError) as rejected:
            await shop.transact(product_edits.edit, [edit], OF_SHOP)
        assert [o.error and o.error.code for o in rejected.value.outcomes] == [ErrorCode.FIELD_OWNED]
    assert await everything(shop) == before
    assert await shop.transact(product_writes.archive, [ItemKey("id", 1)], OF_ERP) == [1]


async def test_a_location_that_closes_takes_no_stock_along_that_others_own(shop: Database) -> None:
    await rule(shop, "stock", "ignore", location=HERE)
    with pytest.raises(GroupRejectedError):
        await shop.transact(lambda s: location_writes.archive(s, THERE, OF_SHOP, transfer_to=HERE))
    assert await on_hand(shop) == {(1, 1): 12, (1, 2): 12}


async def test_an_edit_of_a_product_writes_what_its_caller_may(shop: Database) -> None:
    values = {"name": "Boot", "regular_price": "12"}
    edit = ProductEdit(
        lambda _: Edited(values, [(None, SetQuantity(30)), (THERE, AdjustQuantity(1))]), ItemKey("id", 1)
    )

    async def edited(*edits: ProductEdit, **options: Any) -> Any:
        return await shop.transact(lambda s: product_edits.edit(s, edits, OF_SHOP, **options))

    await rule(shop, "stock", location=HERE)
    before = await everything(shop)
    with pytest.raises(EditsRejectedError) as rejected:  # its row would have been written before its stock
        await edited(edit)
    [outcome] = rejected.value.outcomes
    assert (outcome.error and outcome.error.field, outcome.stock_line) == ("quantity", 0)
    assert await everything(shop) == before
    other = ProductEdit(lambda _: Edited({"name": "Slipper"}), ItemKey("id", 2))
    both = await edited(edit, other, policy=Policy.KEEP_GOING)
    assert [o.error and o.error.code for o in both.outcomes] == [ErrorCode.FIELD_OWNED, None]
    assert [row["name"] for row in await rows(shop, Product)][:2] == ["Product 1", "Slipper"]

    await rule(shop, "stock", "ignore", location=HERE)
    await rule(shop, "prices", "ignore")
    for replayed in (False, True):
        result = await edited(edit, idempotency_key="once", asked="it")
        [outcome] = result.outcomes
        assert (outcome.ignored, outcome.changed, result.replayed) == (("prices", "stock"), True, replayed)
    [product, *_] = await rows(shop, Product)
    assert (product["name"], product["regular_price"]) == ("Boot", Decimal(10))
    assert await on_hand(shop) == {(1, 1): 12, (1, 2): 13}

    # what changes nothing that is not ignored does not even lock the catalogue
    await rule(shop, "catalog", "ignore")
    with statements(shop) as executed:
        [outcome] = (await edited(ProductEdit(lambda _: Edited({"name": "Shoe"}), ItemKey("id", 1)))).outcomes
    assert (outcome.ignored, outcome.changed) == (("catalog",), False)
    assert len(executed) == 1

    await rule(shop, "catalog", "reject")
    with pytest.raises(EditsRejectedError) as rejected:
        await edited(ProductEdit(lambda _: Edited({"name": "Shoe"}), ItemKey("id", 1)))
    assert rejected.value.outcomes[0].error is not None
    assert rejected.value.outcomes[0].error.field == "name"
