"""/api/imports: files over HTTP, previewed and applied by the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from fnmatch import fnmatch
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from gateway.imports.worker import Worker
from storage import imports
from storage.access import Visibility
from storage.database import Database
from storage.import_run import Run
from tests import conforming
from tests.conftest import Keys

FILE = "sku,location_slug,stock\nSKU-1,location-1,5\nSKU-2,location-2,6\nSKU-9,location-1,1\n"
CSV = {"Content-Type": "text/csv; charset=utf-8"}
Send = Callable[..., Awaitable[httpx.Response]]
sqlite_only = pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)


@pytest.fixture
async def send(client: httpx.AsyncClient, issue_key: Keys) -> Send:
    """`await send("POST", "?apply=true", content=FILE)`, with a key that may write; each answer is as described."""
    client.event_hooks["response"].append(conforming.check)
    key = await issue_key("write")

    async def send(method: str, path: str = "", **options: Any) -> httpx.Response:
        headers = {"X-API-Key": key, **options.pop("headers", {})}
        return await client.request(method, f"/api/imports{path}", headers=headers, **options)

    return send


async def _reached(send: Send, job_id: int, *states: str) -> dict[str, Any]:
    for _ in range(200):
        job: dict[str, Any] = (await send("GET", f"/{job_id}")).json()
        if job["state"] in states:
            return job
        await asyncio.sleep(0.02)
    raise AssertionError(job)


async def test_a_file_is_sent_previewed_applied_and_its_failures_are_a_file(send: Send, catalogue: Database) -> None:
    sent = await send("POST", "?name=count.csv", content=FILE, headers=CSV)
    assert sent.status_code == 202
    job_id = sent.json()["id"]
    assert sent.headers["location"] == f"/api/imports/{job_id}"
    job = await _reached(send, job_id, "previewed")
    preview = job["preview"]
    assert (preview["to_change"], preview["unchanged"], preview["failed"]) == (2, 0, 1)
    changes = {"stock": {"before": None, "after": 5}}
    first = {"line": 2, "product_id": 1, "sku": "SKU-1", "location_id": 1, "changes": changes}
    assert preview["sample"][0] == first
    assert preview["sample"][2]["message"] == "Product not found."
    assert (await send("POST", content=FILE, headers=CSV)).json()["id"] == job_id  # the same file, unfinished

    assert (await send("POST", f"/{job_id}/apply")).status_code == 202
    job = await _reached(send, job_id, "finished")
    assert job["result"] == {"changed": 2, "failed": 1}
    assert job["progress"] == {"chunks": 1, "previewed_chunks": 1, "applied_chunks": 1}
    assert (await send("POST", f"/{job_id}/apply")).status_code == 200
    failures = await send("GET", f"/{job_id}/failures")
    assert failures.headers["content-disposition"] == f"attachment; filename=import-{job_id}-failures.csv"
    assert failures.text == (
        '\ufeffline,column,reason,sku,location_slug,stock\n4,sku,"Product not found.",SKU-9,location-1,1\n'
    )

    before = await send("POST", content=FILE, headers=CSV)
    assert (before.status_code, before.json()["code"], before.json()["import_id"]) == (409, "IMPORTED_BEFORE", job_id)
    again = await send("POST", "?again=true&apply=true", content=FILE, headers=CSV)
    job = await _reached(send, again.json()["id"], "finished")
    assert (job["preview"]["unchanged"], job["result"]) == (2, {"changed": 0, "failed": 1})
    listed = (await send("GET", "?first=1")).json()
    assert ([each["id"] for each in listed["imports"]], listed["has_more"]) == ([job["id"]], True)
    assert (await send("GET", f"?before={job['id']}")).json()["imports"][0]["id"] == job_id
    told = await catalogue.read(
        _read, "SELECT DISTINCT dialect, principal, reason, note, reference FROM stock_change_group"
    )
    assert told == [("import", "test", "sync", "count.csv", f"import:{job_id}")]
    notices = await catalogue.read(_read, "SELECT kind, import_job_id FROM catalog_change ORDER BY sequence")
    assert notices == [("import_finished", job_id), ("import_finished", job["id"])]


async def _read(session: Any, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in (await session.execute(text(sql))).all()]


@sqlite_only
async def test_forms_tabs_and_json_lines_are_files_too(send: Send) -> None:
    form = {"file": ("stock.jsonl", b'{"sku": "SKU-1", "location": "location-1", "qty": 3}\n')}
    job = (await send("POST", "?apply=true", files=form)).json()
    assert (await _reached(send, job["id"], "finished"))["result"] == {"changed": 1, "failed": 0}
    assert job["name"] == "stock.jsonl"
    tabs = "Artikel\tMenge\tFarbe\nSKU-2\t-2\trot\n"
    mapped = "?apply=true&mode=adjust&map=Artikel=sku&map=Menge=stock&location=location-1&reason=sale"
    job = (await send("POST", mapped, content=tabs, headers={"Content-Type": "text/tab-separated-values"})).json()
    assert job["notes"] == ["These columns were not looked at: Farbe."]
    job = await _reached(send, job["id"], "finished")
    assert job["preview"]["sample"][0]["code"] == "INSUFFICIENT_STOCK"
    atomic = await send("POST", "?apply=true&policy=atomic", content=FILE, headers=CSV)
    job = await _reached(send, atomic.json()["id"], "failed")
    assert job["error"] == "1 rows failed, and the policy is atomic: nothing is written."


@sqlite_only
async def test_what_is_wrong_with_a_request_is_told_as_a_problem(
    send: Send, issue_key: Keys, client: httpx.AsyncClient
) -> None:
    async def refused(method: str, path: str = "", **options: Any) -> tuple[int, str, str]:
        response = await send(method, path, **options)
        assert response.headers["content-type"] == "application/problem+json"
        told = response.json()
        assert told["status"] == response.status_code
        return response.status_code, told["code"], told["detail"]

    status, code, detail = await refused("POST", content=b"a,b\n1,2\n", headers=CSV)
    assert (status, code) == (422, "INVALID_FILE")
    assert detail.startswith("line 1: No column says which product a row is about")
    for path, told in {
        "?mode=add": "`mode` is one of set, adjust, not 'add'.",
        "?apply=maybe": "`apply` is true or false, not 'maybe'.",
        "?map=x": "`map`: 'x' maps nothing: write it as NAME=COLUMN, such as Qty=stock.",
        "?colour=red": "There is no parameter 'colour'. There are again, apply, encoding, format, *",
        "?format=xls": "`format` is one of csv, jsonl, not 'xls'.",
        "?note=%00": "`note` is at most 255 characters of text.",
    }.items():
        status, code, detail = await refused("POST", path, content=FILE, headers=CSV)
        assert (status, code) == (400, "BAD_USER_INPUT")
        assert fnmatch(detail, told)
    assert (await refused("POST", content=FILE, headers={"Content-Type": "image/png"}))[0] == 415
    assert (await refused("POST", files={"other": b"x"}))[2] == "The form has no file: send it as its part `file`."
    for path in ("/77", "/0", "/x", "/77/failures"):
        assert (await refused("GET", path))[:2] == (404, "NOT_FOUND")
    assert (await refused("DELETE", "/7"))[:2] == (405, "METHOD_NOT_ALLOWED")
    assert (await refused("POST", headers={"X-API-Key": await issue_key("read")}))[:2] == (403, "FORBIDDEN")
    bands = {"X-API-Key": await issue_key("write", visibility=Visibility.BAND)}
    assert (await refused("GET", headers=bands))[::2] == (403, "This API key does not see quantities as they are.")
    assert (await refused("GET", headers={"X-API-Key": "sgk_no"}))[:2] == (401, "UNAUTHENTICATED")


@sqlite_only
async def test_a_job_is_of_its_key_and_its_locations(send: Send, issue_key: Keys) -> None:
    limited = {"X-API-Key": await issue_key("write", location_ids=[1])}
    sent = await send("POST", "?apply=true", content=FILE, headers=CSV | limited)
    job_id = sent.json()["id"]
    for _ in range(200):
        job = (await send("GET", f"/{job_id}", headers=limited)).json()
        if job["state"] == "finished":
            break
        await asyncio.sleep(0.02)
    assert job["result"] == {"changed": 1, "failed": 2}
    assert (await send("GET", f"/{job_id}")).status_code == 404
    assert (await send("GET")).json()["imports"] == []
    admin = {"X-API-Key": await issue_key("admin")}
    assert (await send("GET", f"/{job_id}", headers=admin)).status_code == 200
    assert len((await send("GET", headers=admin)).json()["imports"]) == 1


@sqlite_only
async def test_a_file_larger_than_allowed_is_not_read_to_its_end(serve: Callable[..., Any], issue_key: Keys) -> None:
    key = {"X-API-Key": await issue_key("write"), **CSV}
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 1
            yield b"sku,location_slug,stock\n" * 40

    async with serve(import_bytes_max=10_000) as client:
        response = await client.post("/api/imports", content=endless(), headers=key)
        assert (response.status_code, response.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert sent < 20
        announced = await client.post("/api/imports", content=b"x" * 10_001, headers=key)
        assert announced.status_code == 413


@sqlite_only
async def test_cancelling_stops_a_job_and_what_another_process_left_is_gone_on_with(
    send: Send, app: Starlette, catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = (await send("POST", content=FILE, headers=CSV)).json()["id"]
    await _reached(send, job_id, "previewed")
    assert (await send("POST", f"/{job_id}/cancel")).json()["state"] == "cancelled"
    assert (await send("POST", f"/{job_id}/cancel")).status_code == 200
    assert (await send("POST", f"/{job_id}/apply")).json()["code"] == "WRONG_STATE"
    assert await catalogue.read(_read, "SELECT * FROM stock_level") == []

    job_id = (await send("POST", content=FILE, headers=CSV)).json()["id"]
    await _reached(send, job_id, "previewed")
    await catalogue.transact(imports.begin_applying, job_id)  # by a process that died then
    worker: Worker = app.state.import_worker
    await worker.work()
    assert (await send("GET", f"/{job_id}")).json()["state"] == "finished"

    async def broken(_run: Run) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Run, "preview", broken)
    job_id = (await send("POST", "?again=true", content=FILE, headers=CSV)).json()["id"]
    job = await _reached(send, job_id, "failed")
    assert job["error"] == "Internal server error; the server's log has it."
