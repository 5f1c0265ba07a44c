"""Files of stock: what the preview says is what applying does, once, however often it is stopped."""

from __future__ import annotations

import random
from fnmatch import fnmatch
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.csv_files import FileError, row
from gateway.imports.failures import failed_rows
from storage import imports, reconciliation
from storage.changes import Origin
from storage.database import Database
from storage.import_rows import Mode, Policy
from storage.import_run import Run
from storage.imports import Job, LeaseLostError, State
from storage.tables import ImportJob
from tests.gateway.imports.conftest import ORIGIN, Bring

HEADER = "sku,location_slug,stock\n"
Levels = dict[tuple[int, int], int | None]


HOLD: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


async def _levels(database: Database) -> Levels:
    async def read(session: Any) -> Any:
        return (await session.execute(text("SELECT product_id, location_id, on_hand FROM stock_level"))).all()

    return {(row[0], row[1]): row[2] for row in await database.read(read)}


async def _failures(database: Database, job: Job) -> list[dict[str, Any]]:
    found, chunk = [], -1
    while (some := await database.read(imports.failures_after, job.id, chunk)) is not None:
        chunk, failures = some
        found += failures
    return found


_ITEMS = st.sampled_from(["SKU-1", "sku-1", "SKU-2", "SKU-3", "SKU-4", "SKU-9", "", "1", "4"])
_PLACES = st.sampled_from(["location-1", "LOCATION-2", "location-3", "nowhere", "", "1"])
_UNITS = st.integers(-3, 6).map(str) | st.sampled_from(["", "x", "1.5", "2.0", " 3 ", "1,000", "2" * 10, "999999999"])
_PRICES = st.sampled_from(["", "9.99", "12", "-1", "5,00"])
_SALES = st.sampled_from(["", "8.50", "99"])
_ROWS = st.tuples(_ITEMS, _PLACES, _UNITS, _PRICES, _SALES, st.sampled_from(["no", "yes", "?", ""]))
_FILES = st.tuples(st.lists(_ROWS, min_size=1, max_size=30), st.sampled_from(Mode), st.sampled_from([3, 6]))


@given(_FILES)
@settings(max_examples=6, **HOLD)
async def test_the_preview_is_what_applying_does(catalogue: Database, bring: Bring, file: Any) -> None:
    await _preview_and_apply(catalogue, bring, *file)


@pytest.mark.campaign
@given(_FILES)
@settings(max_examples=500, **HOLD)
async def test_the_preview_is_what_applying_does_for_many_files(catalogue: Database, bring: Bring, file: Any) -> None:
    await _preview_and_apply(catalogue, bring, *file)


async def _preview_and_apply(
    catalogue: Database, bring: Bring, rows: list[tuple[str, ...]], mode: Mode, width: int
) -> None:
    names = ["sku", "location_slug", "stock", "regular_price", "sale_price", "backorders"][:width]
    file = "".join(row(cells[:width]) for cells in [names, *rows])
    before = await _levels(catalogue)
    previewed = await bring(file, mode=mode)
    assert (previewed.state, await _levels(catalogue)) == (State.PREVIEWED, before)
    assert previewed.rows == previewed.to_change + previewed.unchanged + previewed.failed == len(rows)
    foreseen = await _failures(catalogue, previewed)
    assert len(foreseen) == previewed.failed

    done = await bring(file, mode=mode, apply=True)
    assert (done.state, done.changed, done.refused) == (State.FINISHED, previewed.to_change, previewed.failed)
    assert await _failures(catalogue, done) == foreseen
    assert await catalogue.read(reconciliation.drifts) == []
    if mode is Mode.SET:  # of the rows for one level the last one wins that is good
        items, places = {"sku-1": 1, "sku-2": 2, "sku-4": 4}, {"location-1": 1, "location-2": 2}
        failed = {failure["line"] for failure in foreseen}
        for line, (sku, slug, units, *_) in enumerate(rows, 2):
            if line not in failed and units:
                before[items[sku.lower()], places[slug.lower()]] = int(float(units))
        assert {key: value for key, value in (await _levels(catalogue)).items() if value is not None} == {
            key: value for key, value in before.items() if value is not None
        }


async def test_a_row_that_fails_is_told_with_its_line_and_can_be_mended(catalogue: Database, bring: Bring) -> None:
    long = "9" * 100
    job = await bring(
        'product_id,sku,location_slug,stock,backorders\n1,,location-1,5,\n,"=S,1",location-1,1,\n'
        f"2,SKU-1,location-1,1,\n3,,location-1,1,\n1,,location-3,1,\n1,,location-2,-1,\n1,,location-2,{long},no\n"
        "2,,location-2,1,never\nx,,location-1,1,\n1,,location-1\n,,location-1,1,\n1,,location-1,5,\n",
        apply=True,
    )
    assert (job.changed, job.refused) == (1, 10)
    told = [(each["line"], each["column"], each["value"], each["code"]) for each in await _failures(catalogue, job)]
    assert told == [
        (3, "sku", "=S,1", "ITEM_NOT_FOUND"),
        (4, "sku", "SKU-1", "ITEM_MISMATCH"),
        (5, "product_id", "3", "ITEM_HAS_VARIATIONS"),
        (6, "location_slug", "location-3", "LOCATION_INACTIVE"),
        (7, "stock", "-1", "INSUFFICIENT_STOCK"),
        (8, "stock", "9" * 59 + "…", "INVALID_QUANTITY"),
        (9, "backorders", "never", "INVALID_BACKORDERS"),
        (10, "product_id", "x", "ITEM_NOT_FOUND"),
        (11, "", "", "INVALID_LINE"),
        (12, "product_id", "", "ITEM_REQUIRED"),
    ]
    result = "".join([part async for part in failed_rows(catalogue, job.id)])
    assert result.splitlines()[0] == "\ufeffline,column,reason,product_id,sku,location_slug,stock,backorders"
    assert result.splitlines()[1] == '3,sku,"Product not found.",,"\'=S,1",location-1,1,'
    again = await bring(result)
    codes = [each["code"] for each in await _failures(catalogue, again)]
    assert codes == [code for *_, code in told[:8]] + ["INVALID_QUANTITY", "ITEM_REQUIRED"]
    mended = await bring(result.replace("'=S,1", "SKU-4").replace("location-3", "location-2"), apply=True)
    assert (mended.changed, mended.refused) == (2, 8)


async def test_columns_go_by_many_names_and_json_lines_by_the_same(catalogue: Database, bring: Bring) -> None:
    await bring("SKU;Warehouse;On hand;Colour\nSKU-1;location-1;4;red\n".encode("utf-16"), apply=True)
    await bring("Part,Menge\nSKU-2,5\n", mapping={"part": "sku", "menge": "stock"}, location="location-2", apply=True)
    lines = (
        '{"sku": "SKU-4", "location": "location-1", "qty": 6}\n\n{"product_id": 5, "location_id": 2, "stock": "7.0",'
    )
    lines += ' "disabled": true, "price": null}\n[1]\n{"sku": "SKU-1", "store": "location-1", "stock": true}\n{\n'
    job = await bring(lines, format="jsonl", apply=True)
    assert await _levels(catalogue) == {(1, 1): 4, (2, 2): 5, (4, 1): 6, (5, 2): 7}
    assert [(each["line"], each["message"]) for each in await _failures(catalogue, job)][0::2] == [
        (4, "Not a JSON object."),
        (6, "Not JSON."),
    ]


@pytest.mark.parametrize(
    ("file", "options", "told"),
    [
        ("", {}, "The file is empty: its first line names the columns."),
        (HEADER, {}, "There is no row below the header."),
        ("a,b\n1,2\n", {}, "line 1: No column says which product a row is about: product_id, sku, gtin. * NAME=sku."),
        ("sku,stock\nA,1\n", {}, "line 1: No column says where: * or give one location for all."),
        ("sku,store,Qty,stock\nA,b,1,2\n", {}, "line 1: The columns 'Qty', 'stock' are all stock. * nothing: stock="),
        ("sku,store,Qty\nA,b,1\n", {"mapping": {"menge": "stock"}}, "line 1: There is no column 'menge' * 'Qty'."),
        ('sku,store,Qty\nA,b,"1\n', {}, "line 2: A cell begins with a quote, and no quote ends it."),
        (" \n", {"format": "jsonl"}, "The file is empty: each line is a JSON object."),
    ],
)  # fmt: skip
async def test_a_file_that_makes_no_sense_is_refused_as_a_whole(
    catalogue: Database, bring: Bring, file: str, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(FileError) as raised:
        await bring(file, **options)
    assert fnmatch(str(raised.value), told)
    [job] = await catalogue.read(imports.page, first=1)
    assert (job.state, job.error) == (State.FAILED, str(raised.value))


async def test_atomic_begins_only_when_every_row_is_good_and_stops_where_one_no_longer_is(
    catalogue: Database, bring: Bring
) -> None:
    rows = "".join(f"SKU-{item},location-{place},{item}\n" for place in (1, 2) for item in (1, 2, 4))
    job = await bring(HEADER + rows + "SKU-9,location-1,1\n", policy=Policy.ATOMIC, apply=True)
    assert (job.state, job.changed, await _levels(catalogue)) == (State.FAILED, 0, {})
    assert job.error == "1 rows failed, and the policy is atomic: nothing is written."

    job = await bring(HEADER + rows, policy=Policy.ATOMIC)

    async def close(session: Any) -> None:
        await session.execute(text("UPDATE location SET active = false WHERE id = 2"))

    await catalogue.transact(close)
    await catalogue.transact(imports.begin_applying, job.id)
    by = imports.holder()
    taken = await catalogue.transact(imports.take, job.id, by)
    assert taken is not None
    job = await Run(catalogue, taken, by).go_on()
    assert job.state is State.FAILED
    assert job.error == "line 5: Location is not active. It was stopped there, as the policy is atomic."
    assert len(await _failures(catalogue, job)) == 3


async def test_a_key_for_some_locations_imports_there_only(catalogue: Database, bring: Bring) -> None:
    origin = Origin(imports.DIALECT, 7, "till", frozenset({2}))
    job = await bring(HEADER + "SKU-1,location-1,1\nSKU-1,location-2,2\n", origin=origin, apply=True)
    assert (job.changed, await _levels(catalogue)) == (1, {(1, 2): 2})
    [failure] = await _failures(catalogue, job)
    assert failure["message"] == "This API key may not change stock at this location."


async def test_stopped_anywhere_it_goes_on_and_each_chunk_counts_once(
    catalogue: Database, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.import_run._TRANSACTION_S", 0)  # a chunk per transaction
    chance = random.Random(1)  # noqa: S311 (no secret)
    rows = [(item, place) for place in (1, 2) for item in (1, 2, 4, 5)] * 5
    file = "sku,location_slug,delta\n" + "".join(f"SKU-{item},location-{place},1\n" for item, place in rows)
    job = await bring(file, mode=Mode.ADJUST)
    await catalogue.transact(imports.begin_applying, job.id)
    real = imports.advance

    class KilledError(Exception):
        pass

    async def killed(*args: Any, **values: Any) -> Job:
        if chance.random() < 0.4:
            raise KilledError
        return await real(*args, **values)

    monkeypatch.setattr(imports, "advance", killed)
    kills = 0
    while job.state is not State.FINISHED:
        by = imports.holder()
        taken = await catalogue.transact(imports.take, job.id, by)
        assert taken is not None
        try:
            job = await Run(catalogue, taken, by).go_on()
        except KilledError:
            kills += 1
        await catalogue.transact(imports.let_go, job.id, by)
    assert kills > 2
    assert (job.changed, job.applied_chunks) == (40, job.chunks)
    assert set((await _levels(catalogue)).values()) == {5}
    assert await catalogue.read(reconciliation.drifts) == []


async def test_one_works_on_a_job_at_a_time_and_who_lost_it_writes_nothing(catalogue: Database, bring: Bring) -> None:
    job = await bring(HEADER + "SKU-1,location-1,1\n")
    await catalogue.transact(imports.begin_applying, job.id)
    first = await catalogue.transact(imports.take, job.id, "first")
    assert first is not None
    assert await catalogue.transact(imports.take, job.id, "second") is None
    assert await catalogue.read(imports.waiting) == []

    async def expire(session: Any) -> None:
        held = await session.get(ImportJob, job.id)
        held.leased_until = held.created_at

    await catalogue.transact(expire)
    assert await catalogue.read(imports.waiting) == [job.id]
    second = await catalogue.transact(imports.take, job.id, "second")
    assert second is not None
    with pytest.raises(LeaseLostError):
        await Run(catalogue, first, "first").go_on()
    assert await _levels(catalogue) == {}
    await catalogue.transact(imports.cancel, job.id)
    with pytest.raises(LeaseLostError):
        await Run(catalogue, second, "second").go_on()
    assert await _levels(catalogue) == {}
    assert ORIGIN.principal == job.principal
