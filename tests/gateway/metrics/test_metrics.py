"""GET /metrics: what is counted, by which labels, and who may read it."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from gateway.calls import Call
from gateway.dialects import DIALECTS
from gateway.metrics import families, known
from gateway.metrics.meter import Meter
from gateway.server.board import Board, Seat
from storage import inventory
from storage.database import Database
from storage.tables import ImportJob, WebhookDelivery, WebhookEndpoint
from tests.builders import a_change, a_group
from tests.conftest import Keys
from tests.gateway.metrics.scraping import Scrape

TOKEN = "prometheus-token-of-16"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
ADJUST = """mutation Take($by: Int!) { inventoryAdjust(input: {lines: [
    {product: {id: 1}, location: {id: 1}, delta: $by}]}) { userErrors { code } } }"""


async def scraped(client: httpx.AsyncClient, *, openmetrics: bool = False) -> Scrape:
    accept = {"Accept": "application/openmetrics-text"} if openmetrics else {}
    answer = await client.get("/metrics", headers={**AUTHORIZED, **accept})
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text, openmetrics=openmetrics)


async def test_what_was_asked_and_refused_is_counted_by_operation_in_a_form_that_prometheus_reads(
    serve: Callable[..., Any], issue_key: Keys
) -> None:
    key = {"X-API-Key": await issue_key("read", "write")}
    async with serve(metrics_token=SecretStr(TOKEN)) as client:
        for name in ("A", "B"):
            query = f"query {name} {{ other: product(id: 1) {{ sku }} }}"
            await client.post("/graphql", json={"query": query}, headers=key)
        await client.post(
            "/graphql", json={"query": "{ product(id: 1) { sku } viewer { scopes } __typename }"}, headers=key
        )
        await client.post("/graphql", json={"query": "{ nothing }"}, headers=key)
        await client.post("/graphql", json={"query": "{ nothing }"})
        refused = await client.post("/graphql", json={"query": ADJUST, "variables": {"by": -1}}, headers=key)
        assert refused.json()["data"]["inventoryAdjust"]["userErrors"] == [{"code": "INSUFFICIENT_STOCK"}]
        await client.get("/wp-json/wc/v3/products/1", auth=("any", key["X-API-Key"]))
        await client.get("/mulopimfwc/v1/locations", headers=key)  # by its other name
        await client.get("/wp-json/wc/v3/nonsense")
        await client.head("/healthz")
        for openmetrics in (False, True):
            told = await scraped(client, openmetrics=openmetrics)
            requests = "stockgate_requests_total"
            graphql = {"dialect": "graphql", "status": "2xx"}
            assert told.of(requests, operation="query product", **graphql) == 2
            assert told.of(requests, operation="query (several)", **graphql) == 1
            assert told.of(requests, operation="mutation inventoryAdjust", **graphql) == 1
            assert told.of(requests, dialect="graphql", operation="other", status="4xx") == 1
            ours = "GET /wp-json/mulopimfwc/v1/locations"
            assert told.of(requests, dialect="mulopimfwc/v1", operation=ours, status="2xx") == 1
            assert told.of(requests, dialect="stockgate", operation="GET /healthz", status="2xx") == 1
            assert told.of("stockgate_request_seconds_count", dialect="graphql", operation="query product") == 2
            refusals = "stockgate_refusals_total"
            assert told.of(refusals, dialect="graphql", code="INSUFFICIENT_STOCK") == 1
            assert told.of(refusals, dialect="graphql", code="UNAUTHENTICATED") == 1
            assert told.of(refusals, dialect="graphql", code="GRAPHQL_VALIDATION_FAILED") == 1
            assert told.of("stockgate_statements_total", dialect="graphql") >= 4
            assert told.of("stockgate_cost_points_total") > 0
            assert told.of("stockgate_workers") == 1
            assert told.of("stockgate_database_up") == 1
            assert not told.undescribed
            assert all(name.startswith("stockgate_") for name in told.names)
            described = (Path(__file__).parents[3] / "README.md").read_text()
            for name in re.findall(r"stockgate_[a-z_]+", described):
                assert re.sub("_(total|bucket)$", "", name) in {*told.names, "stockgate"}, name


def test_ten_thousand_operations_and_codes_that_nobody_knows_are_other_ones() -> None:
    meter = Meter(Seat(Board(1), 0), known.operations_of([], DIALECTS), known.codes())
    for number in range(10_000):
        call = Call(dialect="graphql", operation=f"query \n{number}", refused={f"CODE_{number}": 1})
        meter.finished(call, 200, 0.001)
    assert [*families.totals(meter.requests, meter.seat, [])] == [(("graphql", "other", "2xx"), [10_000.0])]
    assert [*families.totals(meter.refusals, meter.seat, [])] == [(("graphql", "other"), [10_000.0])]


@pytest.mark.parametrize("times", [50, pytest.param(2000, marks=pytest.mark.campaign)])
async def test_hostile_paths_methods_and_names_make_no_label(
    app: Starlette, issue_key: Keys, settings: Any, times: int
) -> None:
    if not settings.database_url.get_secret_value().startswith("sqlite"):
        return  # no statement is run
    key = (await issue_key("read")).encode()
    chance = random.Random(7)  # noqa: S311 (no secret)
    alphabet = string.printable + "éЖ\u2028\u0000"

    async def ask(path: str, method: str = "GET", headers: Any = (), body: bytes = b"") -> None:
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": b"/", "root_path": "", "query_string": b"",
            "headers": list(headers), "http_version": "1.1", "scheme": "http", "server": ("shop.test", 80),
            "client": ("127.0.0.1", 1), "app": app, "state": {},
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(_message: Any) -> None: ...

        await app(scope, receive, send)

    def name(letters: str = alphabet) -> str:
        return "".join(chance.choices(letters, k=chance.randint(1, 60)))

    json = (b"content-type", b"application/json")
    for number in range(times):
        await ask(f"/{name()}")
        await ask(f"/wp-json/wc/v3/products/{name()}")
        await ask(f"/wp-json/{name()}", headers=[(b"x-http-method-override", name(string.ascii_letters).encode())])
        await ask(f"/api/v2/inventory/sku/{name()}", method=name(string.ascii_uppercase))
        document = f'{{"query": "query {name(string.ascii_letters)} {{ a{number}: __typename }}"}}'.encode()
        await ask("/graphql", "POST", [json, (b"x-api-key", key)], document)
    answer = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shop.test")
    async with answer as client:
        told = Scrape((await client.get("/metrics", headers={"X-API-Key": await issue_key("admin")})).text)
    assert told.total("stockgate_requests_total") >= 5 * times
    assert told.of("stockgate_requests_total", dialect="graphql", operation="query __typename", status="2xx") == times
    assert len(told.samples) < 400
    assert len(told.labels("stockgate_requests_total", "operation")) < 20


async def test_metrics_are_for_whoever_has_the_token_or_an_admins_key(
    serve: Callable[..., Any], issue_key: Keys
) -> None:
    admin, reader = await issue_key("admin"), await issue_key("read", "write")
    async with serve(metrics_token=SecretStr(TOKEN)) as client:
        statuses = {
            token: (await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})).status_code
            for token in (TOKEN, admin, reader, "wrong", f"{TOKEN}x", "sgk_wrong")
        }
        assert statuses == {TOKEN: 200, admin: 200, reader: 403, "wrong": 401, f"{TOKEN}x": 401, "sgk_wrong": 401}
        nobody = await client.get("/metrics")
        assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "STOCKGATE_METRICS_TOKEN" in nobody.text
    async with serve() as client:  # without a token nothing is one
        assert (await client.get("/metrics", headers={"Authorization": "Bearer "})).status_code == 401
    async with serve(metrics="open") as client:
        assert (await client.get("/metrics")).status_code == 200
    async with serve(metrics="off") as client:
        assert (await client.get("/metrics", headers={"X-API-Key": admin})).status_code == 404


async def test_how_far_webhooks_and_imports_are_is_told_of_few_endpoints_and_summed_of_all(
    serve: Callable[..., Any], catalogue: Database
) -> None:
    now = datetime.now(UTC)

    async def fill(session: Any) -> None:
        for number in range(1, 61):
            status = "active" if number < 59 else "disabled"
            times = {"created_at": now, "updated_at": now}
            session.add(
                WebhookEndpoint(id=number, url="https://x", topics=["*"], position=number % 3, status=status, **times)
            )
            await session.flush()
            event = {"event_id": f"evt_{number}", "topic": "stock.changed", "sequence": 1}
            session.add(WebhookDelivery(endpoint_id=number, status="waiting", **event, **times))
            session.add(ImportJob(kind="inventory", state="finished", fingerprint=str(number), **times))

    await catalogue.transact(fill)
    for _ in range(3):
        await catalogue.transact(inventory.apply, a_group(a_change()))
        await catalogue.transact(inventory.apply, a_group(a_change(quantity=None, disabled=True)))
    async with serve(metrics_token=SecretStr(TOKEN)) as client:
        told = await scraped(client)
    assert told.of("stockgate_webhook_waiting") == 60
    assert told.of("stockgate_webhook_endpoints", status="active") == 58
    assert told.of("stockgate_webhook_endpoints", status="disabled") == 2
    assert len(told.labels("stockgate_webhook_endpoint_behind", "endpoint")) == 50
    assert told.of("stockgate_changes_total") >= 2
    assert told.of("stockgate_webhook_behind") == told.of("stockgate_changes_total")
    assert 0 < told.of("stockgate_webhook_lag_seconds") < 60
    assert told.of("stockgate_import_jobs", state="finished") == 60
