"""How callers name items and locations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from storage import keys
from storage.changes import ItemKey, LocationKey, Refused
from storage.database import Database
from storage.errors import ErrorCode
from storage.lines import Item, Place
from tests.builders import a_location, a_product


@pytest.fixture
async def shop(catalogue: Database) -> Database:
    """The small catalogue, and what is hard to name."""

    async def add(session: AsyncSession) -> None:
        session.add_all([
            a_location(8, slug="львів-склад", code="LV-1"),
            a_product(10, sku="Straße", gtin="04006381333931", gtin_text="4006381333931", backorders="notify"),
            a_product(11, sku="GONE", status="trash"),
            a_product(12, sku=None),
            a_product(13, sku=None),
            a_product(20, sku="TEE", type="variable"),
        ])  # fmt: skip
        await session.flush()
        for id_, size, color in ((21, "M", "Red"), (22, "L", "Red"), (23, "L", "Blue")):
            attributes = [{"name": "Size", "value": size}, {"name": "Color", "value": color}]
            session.add(a_product(id_, type="variation", parent_id=20, sku=f"TEE-{id_}", attributes=attributes))
        session.add(a_product(30, sku="KIT", type="variable"))
        await session.flush()
        session.add(a_product(31, sku="KIT-1", type="variation", parent_id=30, manage_stock=False))
        session.add(a_product(32, sku="KIT-2", type="variation", parent_id=30, status="trash"))

    await catalogue.transact(add)
    return catalogue


async def item(database: Database, *key: Any) -> Item | ErrorCode:
    """What a key names, or why it names nothing."""
    found = (await database.read(keys.resolve_items, [ItemKey(*key)]))[ItemKey(*key)]
    return found.code if isinstance(found, Refused) else found


async def id_of(database: Database, *key: Any) -> int | None:
    """The id of the item that a key names."""
    found = await item(database, *key)
    return found.id if isinstance(found, Item) else None


async def test_an_item_tells_what_the_rules_need(shop: Database) -> None:
    assert await item(shop, "id", 1) == Item(1, "SKU-1", "no", Decimal(10), has_variations=False)
    assert await item(shop, "id", 10) == Item(10, "Straße", "notify", None, has_variations=False)


async def test_an_item_is_named_by_id_sku_or_gtin_in_any_spelling(shop: Database) -> None:
    spellings = {
        ("id", 4): 4,
        ("sku", "SKU-1"): 1,
        ("sku", "sku-1"): 1,
        ("sku", "STRASSE"): 10,
        ("gtin", "4006381333931"): 10,
        ("gtin", "04006381333931"): 10,
        ("gtin", "4006 3813-33931"): 10,
    }
    assert {key: await id_of(shop, *key) for key in spellings} == spellings


async def test_what_names_nothing_is_not_found(shop: Database) -> None:
    keys_of_nothing: list[Any] = [
        ("id", 99), ("id", 0), ("id", -1), ("id", 2**63), ("id", 10**30),
        ("sku", ""), ("sku", "SKU-1 "), ("sku", " "), ("sku", "%"), ("sku", "a\0"), ("sku", "\ud83d"),
        ("gtin", "4006381333932"), ("gtin", ""), ("gtin", "12"), ("gtin", "٤٠٠٦٣٨١٣٣٣٩٣١"), ("gtin", "a\0"),
        ("sku", "GONE"), ("id", 11),
        ("sku", "TEE", (("Size", "XL"),)), ("sku", "TEE", (("Weight", "M"),)), ("sku", "a\0", (("Size", "\0"),)),
    ]  # fmt: skip
    assert {await item(shop, *key) for key in keys_of_nothing} == {ErrorCode.ITEM_NOT_FOUND}


async def test_a_style_and_attributes_name_a_variation(shop: Database) -> None:
    spellings = {
        ("sku", "TEE", (("Size", "M"),)): 21,
        ("sku", "tee", (("size", " M "),)): 21,
        ("sku", "TEE", (("Color", "Blue"),)): 23,
        ("sku", "TEE", (("Color", "Red"), ("Size", "L"))): 22,
        ("sku", "TEE-23", (("Size", "L"),)): 23,  # the item's own SKU, and attributes that agree with it
    }
    assert {key: await id_of(shop, *key) for key in spellings} == spellings


async def test_attributes_that_fit_several_variations_are_ambiguous(shop: Database) -> None:
    assert await item(shop, "sku", "TEE", (("Size", "L"),)) == ErrorCode.ITEM_AMBIGUOUS


async def test_a_parent_has_variations_when_one_of_them_carries_stock(shop: Database) -> None:
    found = await shop.read(keys.resolve_items, [ItemKey("id", id_) for id_ in (20, 21, 30)])
    assert [item.has_variations for item in found.values() if isinstance(item, Item)] == [True, False, False]


async def test_many_spellings_of_one_item_are_all_answered(shop: Database) -> None:
    named = [ItemKey("sku", "SKU-1"), ItemKey("sku", "sku-1"), ItemKey("id", 1), ItemKey("sku", "Sku-2")]
    found = await shop.read(keys.resolve_items, named)
    assert [found[key].id for key in named if isinstance(found[key], Item)] == [1, 1, 1, 2]


async def test_a_location_is_named_by_id_slug_or_code(shop: Database) -> None:
    places: dict[Any, Place | None] = {
        ("id", 1): Place(1),
        ("id", 3): Place(3, active=False),
        ("slug", "location-2"): Place(2),
        ("slug", "LOCATION-2"): Place(2),
        ("slug", "Львів-Склад"): Place(8),
        ("code", "LV-1"): Place(8),
        ("code", "lv-1"): None,
        ("id", 99): None,
        ("id", 2**64): None,
        ("slug", ""): None,
        ("slug", "a\0"): None,
        ("code", "\ud83d"): None,
        ("code_or_id", "LV-1"): Place(8),
        ("code_or_id", "8"): None,  # it has a code
        ("code_or_id", "2"): Place(2),
        ("code_or_id", "02"): None,
        ("code_or_id", "0"): None,
        ("code_or_id", "3"): Place(3, active=False),
        ("code_or_id", str(2**64)): None,
        ("code_or_id", "\0"): None,
    }
    found = await shop.read(keys.resolve_locations, [LocationKey(*key) for key in places])
    assert {key: found.get(LocationKey(*key)) for key in places} == places
