"""What every transport must agree on. Each test runs for each of them, on both engines."""

from __future__ import annotations

import asyncio
from typing import Any

from storage.errors import ErrorCode
from tests.contract.clients.client import Client, Extra
from tests.contract.conftest import Items, Shop

HERE, THERE, CLOSED = "location-1", "location-2", "location-3"


async def quantities(readers: list[Client], sku: str, location: str) -> list[int | None]:
    """What each transport says is there."""
    return [await reader.quantity_of(sku, location) for reader in readers]


async def test_what_goes_in_by_one_transport_is_read_back_by_every_other(
    writer: Client, clients: list[Client], items: Items
) -> None:
    assert (await writer.set_quantity(items.simple, HERE, 12)).accepted
    assert await quantities(clients, items.simple, HERE) == [12] * len(clients)
    assert await quantities(clients, items.simple, THERE) == [None] * len(clients)
    assert (await writer.set_quantity(items.simple.lower(), THERE, 3)).accepted
    assert await quantities(clients, items.simple, HERE) == [12] * len(clients), "no location touches another"
    assert await quantities(clients, items.simple.lower(), THERE) == [3] * len(clients)


async def test_a_change_leaves_one_ledger_entry_that_names_dialect_and_key_and_a_repetition_none(
    writer: Client, items: Items
) -> None:
    first = await writer.set_quantity(items.simple, HERE, 12)
    second = await writer.adjust_quantity(items.simple, HERE, -5)
    assert (await writer.set_quantity(items.simple, HERE, 7)).group_id is None
    by = {"product_id": items.ids[0], "location_id": 1, "dialect": writer.name, "principal": "till 7"}
    found = [{name: entry[name] for name in entry if name != "request_id"} for entry in await items.entries()]
    assert found == [
        {**by, "delta": 12, "before": None, "on_hand": 12, "version": 1, "group_id": first.group_id},
        {**by, "delta": -5, "before": 12, "on_hand": 7, "version": 2, "group_id": second.group_id},
    ]


async def test_a_refusal_has_the_same_code_everywhere_and_writes_nothing(writer: Client, items: Items) -> None:
    wrong: dict[ErrorCode, list[tuple[str, str, Any]]] = {
        ErrorCode.ITEM_NOT_FOUND: [("NOPE", HERE, 1)],
        ErrorCode.ITEM_HAS_VARIATIONS: [(items.variable, HERE, 1)],
        ErrorCode.LOCATION_NOT_FOUND: [(items.simple, "nowhere", 1)],
        ErrorCode.LOCATION_INACTIVE: [(items.simple, CLOSED, 1)],
        ErrorCode.INSUFFICIENT_STOCK: [(items.simple, HERE, -1)],
        ErrorCode.INVALID_QUANTITY: [(items.simple, HERE, value) for value in (1_000_000_001, 1.5, "abc", True)],
    }
    for code, requests in wrong.items():
        for sku, location, quantity in requests:
            answer = await writer.set_quantity(sku, location, quantity)
            ignored = code in writer.ignored
            assert (answer.accepted, code in answer.codes) == (ignored, not ignored), (sku, location, quantity, answer)
    assert await items.entries() == []


async def test_a_key_that_may_only_read_writes_nowhere_and_one_for_some_locations_only_there(
    turn: int, shop: Shop, items: Items
) -> None:
    refused = await (await shop.clients("read"))[turn].set_quantity(items.simple, HERE, 1)
    assert (refused.accepted, refused.codes) == (False, frozenset())
    local = (await shop.clients("read", "write", location_ids=[2]))[turn]
    refused = await local.set_quantity(items.simple, HERE, 1)
    assert (refused.accepted, ErrorCode.LOCATION_FORBIDDEN in refused.codes) == (False, True), refused
    assert await items.entries() == []
    assert (await local.set_quantity(items.simple, THERE, 1)).accepted
    assert [entry["location_id"] for entry in await items.entries()] == [2]


async def test_a_request_with_an_idempotency_key_has_its_effect_once(writer: Client, items: Items) -> None:
    once = Extra(idempotency_key="count-7")
    first = await writer.set_quantity(items.simple, HERE, 12, once)
    assert (first.accepted, first.replayed) == (True, False)
    assert (await writer.set_quantity(items.simple, HERE, 30)).accepted
    again = await writer.set_quantity(items.simple, HERE, 12, once)
    assert (again.accepted, again.replayed, again.group_id) == (True, True, first.group_id)
    other = await writer.set_quantity(items.simple, HERE, 13, once)
    assert (other.accepted, ErrorCode.IDEMPOTENCY_KEY_REUSED in other.codes) == (False, True), other
    assert [entry["on_hand"] for entry in await items.entries()] == [12, 30]


async def test_a_write_on_a_condition_is_refused_when_something_came_between(
    writer: Client, clients: list[Client], items: Items
) -> None:
    seen = (await writer.set_quantity(items.simple, HERE, 12)).version
    assert seen is not None
    seen = (await writer.set_quantity(items.simple, HERE, 13, Extra(version=seen))).version
    await clients[0].set_quantity(items.simple, HERE, 14)
    stale = await writer.set_quantity(items.simple, HERE, 15, Extra(version=seen))
    assert (stale.accepted, ErrorCode.STALE_QUANTITY in stale.codes) == (False, True), stale
    assert [entry["on_hand"] for entry in await items.entries()] == [12, 13, 14]


async def test_what_another_key_owns_is_refused_or_ignored_and_never_written(
    writer: Client, clients: list[Client], shop: Shop, items: Items
) -> None:
    assert (await writer.set_quantity(items.simple, HERE, 12)).accepted
    before, owner = await items.entries(), await shop.owner()
    try:
        await shop.rule("reject", owner)
        refused = await writer.set_quantity(items.simple, HERE, 10)
        assert (refused.accepted, ErrorCode.FIELD_OWNED in refused.codes) == (False, True), refused
        assert refused.status == (200 if writer.name == "graphql" else 403)
        # an echo of what is there is in nobody's way
        assert (await writer.set_quantity(items.simple, HERE, 12)).accepted

        await shop.rule("ignore", owner)
        ignored = await writer.set_quantity(items.simple, HERE, 10)
        assert (ignored.accepted, ignored.group_id, ignored.unwritten) == (True, None, {"stock"}), ignored
        assert await items.entries() == before
        assert await quantities(clients, items.simple, HERE) == [12] * len(clients)
    finally:
        await shop.rule("")
    written = await writer.set_quantity(items.simple, HERE, 10)
    assert (written.accepted, written.unwritten) == (True, frozenset())
    assert len(await items.entries()) == len(before) + 1


async def test_a_dry_run_answers_and_writes_nothing(writer: Client, items: Items) -> None:
    tried = Extra(dry_run=True)
    answer = await writer.set_quantity(items.simple, HERE, 12, tried)
    assert (answer.accepted, answer.group_id) == (True, None)
    refused = await writer.set_quantity(items.simple, "nowhere", 12, tried)
    assert (refused.accepted, ErrorCode.LOCATION_NOT_FOUND in refused.codes) == (False, True), refused
    assert await items.entries() == []


async def test_variations_are_items_of_their_own(writer: Client, clients: list[Client], items: Items) -> None:
    one, other = items.variations
    assert (await writer.set_quantity(one, HERE, 4)).accepted
    assert (await writer.adjust_quantity(one, HERE, 2)).accepted
    assert await quantities(clients, one, HERE) == [6] * len(clients)
    assert await quantities(clients, other, HERE) == [None] * len(clients)


async def test_what_is_disabled_at_a_location_is_counted_and_stays_disabled(
    writer: Client, clients: list[Client], shop: Shop, items: Items
) -> None:
    line = f'product: {{sku: "{items.simple}"}}, location: {{slug: "{HERE}"}}'
    await shop.ask(f"mutation {{ inventoryUpdate(input: {{{line}, disabled: true}}) {{ userErrors {{ code }} }} }}")
    assert (await writer.set_quantity(items.simple, HERE, 8)).accepted
    assert await quantities(clients, items.simple, HERE) == [8] * len(clients)
    shown = f'{{ product(sku: "{items.simple}") {{ stockLevels {{ onHand disabled }} availability {{ quantity }} }} }}'
    assert await shop.ask(shown) == {
        "product": {"stockLevels": [{"onHand": 8, "disabled": True}], "availability": {"quantity": 0}}
    }


async def test_the_same_headers_go_in_and_come_back(writer: Client, items: Items) -> None:
    answer = await writer.set_quantity(items.simple, HERE, 12, Extra(request_id="till-7-42"))
    [entry] = await items.entries()
    assert (answer.headers["x-request-id"], entry["request_id"]) == ("till-7-42", "till-7-42")
    assert answer.group_id == entry["group_id"]
    assert int(answer.headers["ratelimit-limit"]) > int(answer.headers["ratelimit-remaining"])
    assert "ratelimit-reset" in answer.headers


WRITES = 8


async def test_writers_of_all_transports_at_once_lose_nothing(clients: list[Client], items: Items) -> None:
    levels = [(sku, location) for sku in (items.simple, items.variations[0]) for location in (HERE, THERE)][:3]

    async def count(writer: Client, start: int) -> None:
        for n in range(WRITES):
            sku, location = levels[(start + n) % len(levels)]
            assert (await writer.set_quantity(sku, location, 1 + start * WRITES + n)).accepted

    await asyncio.gather(*(count(writer, start) for start, writer in enumerate(clients)))
    entries, sums = await items.entries(), dict[tuple[int, int], int]()
    for entry in entries:
        level = entry["product_id"], entry["location_id"]
        assert (entry["before"] or 0) == sums.get(level, 0), "each begins where the one before ended"
        sums[level] = sums.get(level, 0) + entry["delta"]
    assert len(entries) == WRITES * len(clients)
    for sku, location in levels:
        key = int(sku.removeprefix("SKU-")), int(location.removeprefix("location-"))
        assert await quantities(clients, sku, location) == [sums[key]] * len(clients)
