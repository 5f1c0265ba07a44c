"""Every event reaches its receiver, in order per level and under one id, whatever the receiver does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from standardwebhooks import Webhook

from gateway.webhooks import sealing, worker_name
from gateway.webhooks.dispatcher import LEASE
from gateway.webhooks.recorder import Recorder
from gateway.webhooks.standard import GONE
from storage import webhook_deliveries, webhook_endpoints
from storage.database import Database
from storage.errors import InventoryError
from storage.tables import WebhookEndpoint
from storage.upsert import table_of
from storage.webhook_deliveries import DeliveryStatus, Progress
from storage.webhook_endpoints import Endpoint, Status
from tests.gateway.webhooks.receiver import OK, Received, Receiver, receiving, status
from tests.gateway.webhooks.sending import (
    SECRET,
    SERVER_SECRET,
    Clock,
    deliveries,
    register,
    sell,
    sending,
    state_of,
    until,
)

OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
on_sqlite = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
"""What engines have no part in."""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks more often than it has to."""
    monkeypatch.setattr("gateway.webhooks.dispatcher._SELDOM_S", 0.1)
    monkeypatch.setattr("gateway.webhooks.dispatcher._GATHER_S", 0.02)
    monkeypatch.setattr("gateway.webhooks.recorder._GATHER_S", 0.02)


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


async def tried(database: Database, event_id: str, times: int) -> None:
    """Wait until it is recorded that an event was tried so often."""
    async with asyncio.timeout(10):
        while [row.attempts for row in await deliveries(database) if row.event_id == event_id] != [times]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


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
        await tried(catalogue, bad[0], 2)
        bodies = {request.body for request in receiver.received if request.id == bad[0]}
        assert len(bodies) == 1  # the same text at each attempt
        receiver.answers()
        clock.passes(minutes=5)
        dispatcher.wake()
        await until(lambda: len(receiver.accepted) == 10)
    assert [request.id for request in receiver.accepted] == [*others, *bad]
    assert {(row.status, row.payload) for row in await deliveries(catalogue)} == {("delivered", None)}


@on_sqlite
async def test_an_event_that_fails_for_24_hours_is_given_up_and_its_level_goes_on(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await register(catalogue, receiver.url)
    bad = await sell(catalogue, 1, times=2)
    began = clock.now

    async def refuses_the_first(request: Received, _writer: asyncio.StreamWriter) -> bytes:
        return status(302, Location=receiver.url) if request.id == bad[0] else OK

    receiver.behave = refuses_the_first
    async with sending(catalogue, clock) as dispatcher:
        for number in range(8):
            await sell(catalogue, 2)
            await until(lambda number=number: len(receiver.accepted) > number)
            await tried(catalogue, bad[0], number + 1)
            if number < 7:
                clock.now = began + timedelta(seconds=[5, 305, 2105, 9305, 27305, 63305, 86400][number])
                dispatcher.wake()
        await until(lambda: bad[1] in [request.id for request in receiver.accepted])
    given_up = [row for row in await deliveries(catalogue) if row.status == DeliveryStatus.FAILED]
    assert [(row.event_id, row.attempts, row.error) for row in given_up] == [(bad[0], 8, "HTTP 302")]
    assert given_up[0].payload
    assert (await state_of(catalogue, endpoint)).status is Status.ACTIVE


@on_sqlite
async def test_a_dead_receiver_is_left_alone_then_probed_and_nothing_is_lost(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await register(catalogue, receiver.url)
    async with receiving() as other:
        await register(catalogue, other.url)
        receiver.answers(then=status(503))
        events = [name for item in (1, 2, 4, 5) for place in (1, 2) for name in await sell(catalogue, item, place)]
        async with sending(catalogue, clock) as dispatcher:
            await until(lambda: len(other.accepted) == 8)  # whom the dead one costs nothing
            await until(lambda: dispatcher.sending_for == set() or len(receiver.received) >= 8)
            first = await _left_alone(catalogue, endpoint)
            assert (first.retry_at, first.failures >= 5) == (clock.now + timedelta(seconds=5), True)
            tried = len(receiver.received)
            events += await sell(catalogue, 1)
            await until(lambda: len(other.accepted) == 9)
            await asyncio.sleep(0.15)
            assert len(receiver.received) == tried
            for seconds in (5, 300, 1800, 7200, 18_000, 36_000):  # one request each time, and then left alone again
                clock.passes(seconds=seconds)
                dispatcher.wake()
                tried += 1
                await until(lambda tried=tried: len(receiver.received) == tried)
                await _left_alone(catalogue, endpoint)
            receiver.answers()
            clock.passes(hours=7)
            dispatcher.wake()
            await until(lambda: len(receiver.accepted) == len(events))
        assert tried == first.failures + 6
    assert sorted(request.id for request in receiver.accepted) == sorted(events)
    for told in levels_of(receiver.accepted).values():
        assert told == sorted(told, key=lambda name: int(name[4:]))
    well = await state_of(catalogue, endpoint)
    assert (well.status, well.failures, well.failing_since, well.retry_at) == (Status.ACTIVE, 0, None, None)


async def _left_alone(database: Database, endpoint: Endpoint) -> Endpoint:
    async with asyncio.timeout(5):
        while (state := await state_of(database, endpoint)).retry_at is None or state.leased_by is not None:  # noqa: ASYNC110 (it is in the database)
            await asyncio.sleep(0.01)
    return state


@on_sqlite
async def test_a_receiver_that_is_dead_for_a_day_is_disabled_and_goes_on_where_it_was(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await register(catalogue, receiver.url)
    receiver.answers(then=status(500))
    events = [name for item in (1, 2, 4, 5) for place in (1, 2) for name in await sell(catalogue, item, place)]
    async with sending(catalogue, clock) as dispatcher:
        for _ in range(7):
            state = await _left_alone(catalogue, endpoint)
            assert (state.status, state.retry_at is not None) == (Status.ACTIVE, True)
            clock.now, count = state.retry_at or clock.now, len(receiver.received)
            dispatcher.wake()
            await until(lambda count=count: len(receiver.received) > count)
        await _is(catalogue, endpoint, Status.DISABLED)
        assert "Nothing has arrived for 24 hours" in str((await state_of(catalogue, endpoint)).disabled_reason)
        assert {row.status for row in await deliveries(catalogue)} == {"waiting"}
        receiver.answers()
        await catalogue.transact(webhook_endpoints.resume, endpoint.id)
        await until(lambda: len(receiver.accepted) == 8)
    assert sorted(request.id for request in receiver.accepted) == sorted(events)


async def _is(database: Database, endpoint: Endpoint, status: Status) -> None:
    async with asyncio.timeout(5):
        while (await state_of(database, endpoint)).status is not status:  # noqa: ASYNC110 (it is in the database)
            await asyncio.sleep(0.01)


@on_sqlite
async def test_410_disables_and_resuming_goes_on_with_what_was_not_taken(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await register(catalogue, receiver.url)
    receiver.answers(OK, then=status(410))
    async with sending(catalogue, clock) as dispatcher:
        [first, *rest] = await sell(catalogue, times=3)
        await _is(catalogue, endpoint, Status.DISABLED)
        assert (await state_of(catalogue, endpoint)).disabled_reason == GONE
        await until(lambda: dispatcher.sending_for == set())
        rest += await sell(catalogue)
        await asyncio.sleep(0.2)
        assert len(receiver.received) == 2
        receiver.answers()
        await catalogue.transact(webhook_endpoints.resume, endpoint.id)
        clock.passes(minutes=1)
        dispatcher.wake()
        await until(lambda: len(receiver.accepted) == 4)
    assert [request.id for request in receiver.received] == [first, rest[0], *rest]


@on_sqlite
async def test_who_asks_to_be_left_alone_for_a_while_is(catalogue: Database, receiver: Receiver, clock: Clock) -> None:
    endpoint = await register(catalogue, receiver.url)
    date = (clock.now + timedelta(seconds=1000)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    receiver.answers(status(429, Retry_After="90"), status(503, Retry_After=date), then=OK)
    events = await sell(catalogue, times=3)
    async with sending(catalogue, clock) as dispatcher:
        state = await _left_alone(catalogue, endpoint)
        assert state.retry_at == clock.now + timedelta(seconds=90)
        events += await sell(catalogue, 2, times=2)
        await asyncio.sleep(0.2)
        assert len(receiver.received) == 1
        clock.passes(seconds=90)
        dispatcher.wake()
        await until(lambda: len(receiver.received) == 2)
        state = await _left_alone(catalogue, endpoint)
        assert 909 <= (state.retry_at - clock.now).total_seconds() <= 910  # type: ignore[operator]
        clock.passes(seconds=910)
        dispatcher.wake()
        await until(lambda: len(receiver.accepted) == 5)
    assert {request.id for request in receiver.accepted} == set(events)
    for told in levels_of(receiver.accepted).values():
        assert told == sorted(told, key=lambda name: int(name[4:]))


@on_sqlite
async def test_who_stalls_holds_up_one_level_and_who_dies_in_the_middle_of_an_answer_is_asked_again(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    await register(catalogue, receiver.url)
    [stalled] = await sell(catalogue, 1)
    [dying] = await sell(catalogue, 2)

    async def behave(request: Received, writer: asyncio.StreamWriter) -> bytes | None:
        tries = [each.id for each in receiver.received].count(request.id)
        if request.id == stalled and tries == 1:
            await asyncio.sleep(30)
        if request.id == dying and tries == 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-")
            return None
        return OK

    receiver.behave = behave
    async with sending(catalogue, clock, timeout_s=0.5) as dispatcher:
        others = await sell(catalogue, 4, times=5)
        await until(lambda: len(receiver.accepted) == 5)
        await asyncio.sleep(0.6)
        clock.passes(seconds=5)
        dispatcher.wake()
        await until(lambda: len(receiver.accepted) == 7)
    assert [request.id for request in receiver.accepted[:5]] == others
    assert {request.id for request in receiver.accepted[5:]} == {stalled, dying}
    assert {row.attempts for row in await deliveries(catalogue) if row.event_id in {stalled, dying}} == {2}


async def test_two_processes_share_endpoints_and_nothing_is_sent_twice(
    catalogue: Database, database_url: str, receiver: Receiver, clock: Clock
) -> None:
    endpoints = [await register(catalogue, f"{receiver.url}/{number}") for number in range(6)]
    second = Database(database_url)
    both: set[int] = set()
    async with sending(catalogue, clock) as one, sending(second, clock) as two:
        for _ in range(10):
            await sell(catalogue, 1)
            await sell(second, 2)
            assert not one.sending_for & two.sending_for
            both |= {bool(one.sending_for) + 2 * bool(two.sending_for)}
        await until(lambda: len(receiver.accepted) == 120)
        assert one.sending_for | two.sending_for == {endpoint.id for endpoint in endpoints}
    await second.close()
    assert len({(request.path, request.id) for request in receiver.received}) == len(receiver.received) == 120
    assert 3 in both  # each had some
    assert len(await deliveries(catalogue)) == 120


async def test_what_a_process_left_behind_that_is_dead_is_taken_over_and_who_lost_a_lease_records_nothing(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await register(catalogue, receiver.url)
    place, _, began, _ = worker_name.own().split(" ")
    dead, alive = f"{place} 4194305 {began} x", f"elsewhere 4194305 {began} x"
    events = await sell(catalogue, times=2)
    now = clock.now
    for holder in (dead, alive):
        await catalogue.transact(_take_over, endpoint.id, holder, now)
        async with sending(catalogue, clock) as dispatcher:
            if holder == alive:
                await asyncio.sleep(0.3)
                assert len(receiver.received) == 2
                events += await sell(catalogue)
                await asyncio.sleep(0.3)
                assert len(receiver.received) == 2
                clock.passes(seconds=91)
                dispatcher.wake()
            wanted = len(events)
            await until(lambda wanted=wanted: len(receiver.accepted) == wanted)
    progress = Progress(endpoint.id, 10**6, 0, None, None)
    assert await catalogue.transact(webhook_deliveries.record, [progress], [], dead, now=now) == set()
    assert (await state_of(catalogue, endpoint)).position < 10**6
    assert [request.id for request in receiver.accepted] == events


async def _take_over(session: AsyncSession, endpoint_id: int, holder: str, now: datetime) -> None:
    table = table_of(WebhookEndpoint)
    held = update(table).where(table.c.id == endpoint_id).values(leased_by=holder, leased_until=now + LEASE)
    await session.execute(held)


@on_sqlite
async def test_what_was_delivered_and_not_recorded_is_sent_again_under_its_id_and_what_was_is_not(
    catalogue: Database, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(catalogue, receiver.url)
    [stalled] = await sell(catalogue, 1)
    others = await sell(catalogue, 2, times=3)

    async def behave(request: Received, _writer: asyncio.StreamWriter) -> bytes | None:
        if request.id == stalled and len([each for each in receiver.received if each.id == stalled]) == 1:
            await asyncio.sleep(30)
        return OK

    receiver.behave = behave
    async with sending(catalogue, clock) as dispatcher:
        await until(lambda: len(receiver.accepted) == 3)
        await asyncio.sleep(0.4)  # these are recorded
        unrecorded = await sell(catalogue, 4)
        monkeypatch.setattr(Recorder, "flush", _never)  # it dies before it writes
        await until(lambda: len(receiver.accepted) == 4)
        monkeypatch.setattr("gateway.webhooks.dispatcher._STOP_S", 0.05)
        monkeypatch.setattr(webhook_deliveries, "release", _never)
        await dispatcher.close()
    monkeypatch.undo()
    clock.passes(seconds=91)
    async with sending(catalogue, clock):
        await until(lambda: len(receiver.accepted) == 6)
        await asyncio.sleep(0.2)
    assert [request.id for request in receiver.received] == [
        *[request.id for request in receiver.received[:4]], unrecorded[0], stalled, *unrecorded
    ]  # fmt: skip
    assert {request.id for request in receiver.received[:4]} == {stalled, *others}


async def _never(*_: object) -> None:
    return None


async def test_a_delivery_is_sent_again_when_somebody_asks_for_it(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await register(catalogue, receiver.url)
    async with sending(catalogue, clock) as dispatcher:
        events = await sell(catalogue, times=2)
        await until(lambda: len(receiver.accepted) == 2)
        await asyncio.sleep(0.4)
        [first, _] = await deliveries(catalogue)
        await catalogue.transact(webhook_deliveries.redeliver, first.id, now=clock.now)
        await until(lambda: len(receiver.accepted) == 3)
        sealed = sealing.seal(SERVER_SECRET, OTHER_SECRET)
        await catalogue.transact(webhook_endpoints.rotate_secret, endpoint.id, sealed, previous_for=timedelta(hours=1))
        await until(lambda: dispatcher.sending_for == set())
        events += await sell(catalogue)
        await until(lambda: len(receiver.accepted) == 4)
        await catalogue.transact(webhook_endpoints.pause, endpoint.id)
        await sell(catalogue)
        await asyncio.sleep(0.3)
        assert len(receiver.received) == 4
    assert [request.id for request in receiver.accepted] == [*events[:2], events[0], events[2]]
    assert receiver.accepted[0].json == receiver.accepted[2].json
    for secret in (SECRET, OTHER_SECRET):  # both sign, for a while
        Webhook(secret).verify(receiver.accepted[3].body, dict(receiver.accepted[3].headers))
    assert [row.attempts for row in await deliveries(catalogue)] == [1, 1, 1]
    with pytest.raises(InventoryError, match="no webhook delivery 999"):
        await catalogue.transact(webhook_deliveries.redeliver, 999, now=clock.now)


@on_sqlite
async def test_after_a_pause_what_waits_is_tried_at_once_and_begins_its_schedule_anew_or_is_skipped(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await register(catalogue, receiver.url)
    receiver.answers(then=status(500))
    async with sending(catalogue, clock) as dispatcher:
        [event] = await sell(catalogue)
        await tried(catalogue, event, 1)
        await catalogue.transact(webhook_endpoints.pause, endpoint.id)
        await until(lambda: dispatcher.sending_for == set())
        clock.passes(days=3)
        await catalogue.transact(webhook_endpoints.resume, endpoint.id)
        await tried(catalogue, event, 2)
    [row] = await deliveries(catalogue)
    assert (row.status, row.next_at) == ("waiting", clock.now + timedelta(seconds=5))  # resumed: it begins anew
    await catalogue.transact(webhook_endpoints.pause, endpoint.id)
    await catalogue.transact(webhook_endpoints.resume, endpoint.id, start=webhook_endpoints.Start.NOW)
    assert [row.status for row in await deliveries(catalogue)] == ["failed"]


@on_sqlite
async def test_an_endpoint_whose_secret_cannot_be_opened_waits_and_says_so(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    endpoint = await register(
        catalogue, receiver.url, secret=sealing.seal("another server's secret, long enough", SECRET)
    )
    await sell(catalogue, times=2)
    async with sending(catalogue, clock):
        await asyncio.sleep(0.6)
    [first, second] = await deliveries(catalogue)
    assert "stockgate webhook rotate" in str(first.error)
    assert (first.status, second.status, receiver.connections) == ("waiting", "waiting", 0)
    assert (await state_of(catalogue, endpoint)).failures == 1


@on_sqlite
async def test_deliveries_are_forgotten_after_a_time_and_what_waits_is_not(
    catalogue: Database, receiver: Receiver, clock: Clock
) -> None:
    await register(catalogue, receiver.url)
    receiver.answers(status(500), then=OK)
    async with sending(catalogue, clock):
        await sell(catalogue, 1)
        await until(lambda: len(receiver.received) == 1)
        await sell(catalogue, 2, times=3)
        await until(lambda: len(receiver.accepted) == 3)
    assert await catalogue.transact(webhook_deliveries.forget, clock.now) == 0
    assert await catalogue.transact(webhook_deliveries.forget, clock.now + timedelta(seconds=1)) == 3
    assert [row.status for row in await deliveries(catalogue)] == ["waiting"]
