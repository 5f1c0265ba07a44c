"""Every event reaches its receiver, in order per level and under one id, whatever the receiver does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from storage.database import Database
from storage.webhook_deliveries import DeliveryStatus
from storage.webhook_endpoints import Status
from tests.gateway.webhooks.receiver import OK, Received, Receiver, receiving, status
from tests.gateway.webhooks.sending import SECRET, Clock, deliveries, register, sell, sending, state_of, until


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until it is set."""
    return Clock()


def levels_of(received: list[Received]) -> dict[tuple[int, int], list[str]]:
    """The events of each level, as they came."""
    found: dict[tuple[int, int], list[str]] = {}
    for request in received:
        data = request.json["data"]
        found.setdefault((data["item"]["id"], data["location"]["id"]), []).append(request.id)
    return found


async def test_every_change_arrives_once_signed_and_in_order_per_level(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    await sell(catalogue)  # before there was anybody to tell
    endpoint = await register(catalogue, receiver.url)
    backlog = await sell(catalogue, times=3)
    async with sending(catalogue, clock) as dispatcher:
        live = [name for item in (1, 2, 4) for place in (1, 2) for name in await sell(catalogue, item, place, times=2)]
        await until(lambda: len(receiver.accepted) == 15)
    assert sorted(request.id for request in receiver.accepted) == sorted([*backlog, *live])
    for events in levels_of(receiver.accepted).values():
        assert events == sorted(events, key=lambda name: int(name[4:]))
    for request in receiver.accepted:
        told = Webhook(SECRET).verify(request.body, dict(request.headers))
        assert (told["type"], f"evt_{told['data']['sequence']}") == ("stock.changed", request.id)
    after = await state_of(catalogue, endpoint)
    kept = await deliveries(catalogue)
    assert [row.event_id for row in kept] == [*backlog, *live]
    assert {(row.status, row.attempts, row.response_status, row.payload) for row in kept} == {
        ("delivered", 1, 200, None)
    }
    assert (f"evt_{after.position}", after.leased_by, after.failures) == (live[-1], None, 0)
    assert dispatcher.sending_for == set()
    async with sending(catalogue, clock):  # another process later has nothing to do
        await asyncio.sleep(0.15)
    assert len(receiver.received) == 15


async def test_what_fails_is_tried_again_by_the_schedule_and_only_its_level_waits(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    await register(catalogue, receiver.url)
    bad = await sell(catalogue, 1, times=3)

    async def refuses_the_first(request: Received, _writer: asyncio.StreamWriter) -> bytes:
        return status(500) if request.id == bad[0] else OK

    receiver.behave = refuses_the_first
    async with sending(catalogue, clock) as dispatcher:
        others = await sell(catalogue, 2, times=6)  # whose successes come in between
        bad += await sell(catalogue, 1)
        await until(lambda: len(receiver.accepted) == 6)
        await asyncio.sleep(0.4)
        waiting = [row for row in await deliveries(catalogue) if row.status == DeliveryStatus.WAITING]
        assert [row.event_id for row in waiting] == bad
        assert [row.attempts for row in waiting] == [1, 0, 0, 0]
        assert (waiting[0].response_status, waiting[0].error) == (500, "HTTP 500")
        assert waiting[0].next_at == clock.now + timedelta(seconds=5)
        clock.passes(seconds=4.9)
        dispatcher.wake()
        await asyncio.sleep(0.05)
        assert len(receiver.received) == 7
        clock.passes(seconds=0.1)
        dispatcher.wake()
        await until(lambda: len(receiver.received) == 8)
        bodies = {request.body for request in receiver.received if request.id == bad[0]}
        assert len(bodies) == 1  # the same text at each attempt
        receiver.answers()
        clock.passes(minutes=5)
        dispatcher.wake()
        await until(lambda: len(receiver.accepted) == 10)
    assert [request.id for request in receiver.accepted] == [*others, *bad]
    assert {(row.status, row.payload) for row in await deliveries(catalogue)} == {("delivered", None)}


async def test_an_event_that_fails_for_24_hours_is_given_up_and_its_level_goes_on(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await register(catalogue, receiver.url)
    bad = await sell(catalogue, 1, times=2)
    attempts, began = [], clock.now

    async def refuses_the_first(request: Received, _writer: asyncio.StreamWriter) -> bytes:
        if request.id == bad[0]:
            attempts.append(clock.now)
        return status(302, Location=receiver.url) if request.id == bad[0] else OK

    receiver.behave = refuses_the_first
    async with sending(catalogue, clock) as dispatcher:
        for number in range(8):
            await sell(catalogue, 2)
            await until(lambda number=number: (len(attempts), len(receiver.accepted)) == (number + 1, number + 1))
            if number < 7:
                clock.now = began + timedelta(seconds=[5, 305, 2105, 9305, 27305, 63305, 86400][number])
                dispatcher.wake()
        await until(lambda: bad[1] in [request.id for request in receiver.accepted])
    given_up = [row for row in await deliveries(catalogue) if row.status == DeliveryStatus.FAILED]
    assert [(row.event_id, row.attempts, row.error) for row in given_up] == [(bad[0], 8, "HTTP 302")]
    assert given_up[0].payload
    assert (await state_of(catalogue, endpoint)).status is Status.ACTIVE
