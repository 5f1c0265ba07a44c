"""Spans: one for each operation, one for each statement, with no value in them; and nothing at all when it is off."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.telemetry import Telemetry
from storage.database import Database
from tests.conftest import Keys

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SET = """mutation Count($sku: String!, $quantity: Int!) { inventorySet(input: {reference: "private van", lines: [
    {product: {sku: $sku}, location: {id: 1}, quantity: $quantity}]}) {
    userErrors { code } stockLevels { onHand } } }"""


@contextlib.asynccontextmanager
async def watched(client: Any, engine: str) -> AsyncIterator[Callable[[], list[ReadableSpan]]]:
    """The spans of an application, in memory, as they end."""
    kept = InMemorySpanExporter()
    telemetry = Telemetry(engine, SimpleSpanProcessor(kept))
    state = client.app.state
    state.telemetry = telemetry
    state.finished.append(telemetry.finished)
    try:
        yield lambda: list(kept.get_finished_spans())
    finally:
        telemetry.close()


async def test_an_operation_is_a_span_of_its_clients_trace_with_one_below_it_for_each_statement(
    serve: Callable[..., Any], issue_key: Keys, catalogue: Database
) -> None:
    key = {"X-API-Key": await issue_key("read", "write"), "traceparent": f"00-{TRACE}-{PARENT}-01"}
    async with serve() as client, watched(client, catalogue.name) as spans:
        variables = {"sku": "SKU-1", "quantity": 77123}
        await client.post("/graphql", json={"query": SET, "variables": variables}, headers=key)
        written = spans()
        await client.get("/wp-json/wc/v3/products?sku=SKU-2", auth=("any", key["X-API-Key"]))
        read = spans()[len(written) :]
        await client.get("/private", headers={"traceparent": "00-nonsense"})
        *_, lost = spans()
    [operation] = [span for span in written if span.parent and f"{span.parent.span_id:016x}" == PARENT]
    assert operation.name == "graphql mutation inventorySet"
    assert f"{operation.context.trace_id:032x}" == TRACE
    statements = [span for span in written if span is not operation]
    assert len(statements) == operation.attributes["stockgate.statements"] >= 4
    assert {span.parent.span_id for span in statements} == {operation.context.span_id}
    assert {span.attributes["db.system.name"] for span in statements} == {catalogue.name}
    assert all(operation.start_time <= span.start_time <= span.end_time <= operation.end_time for span in statements)
    verbs = {span.name for span in statements}
    assert {"SELECT", "INSERT"} <= verbs
    assert [span.name for span in read if span.kind.name == "SERVER"] == ["wc/v3 GET /wp-json/wc/v3/products"]
    assert len(read) >= 2
    assert (lost.name, lost.parent) == ("stockgate other", None)
    assert lost.attributes["stockgate.refused"] == "NOT_FOUND"
    told = "".join(span.to_json() for span in [*written, *read, lost])
    assert not [value for value in ("77123", "SKU-1", "SKU-2", "private", key["X-API-Key"]) if value in told]


async def test_what_is_sent_is_what_collectors_read(
    serve: Callable[..., Any], issue_key: Keys, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    if not settings.database_url.get_secret_value().startswith("sqlite"):
        return  # what is sent does not depend on it
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=collector.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        key = {"X-API-Key": await issue_key("read")}
        async with serve(telemetry="on") as client:
            await client.post("/graphql", json={"query": "{ product(id: 1) { sku } }"}, headers=key)
    finally:
        await asyncio.to_thread(collector.shutdown)
        thread.join()
        collector.server_close()
    assert {path for path, _ in received} == {"/v1/traces"}
    [sent] = ExportTraceServiceRequest.FromString(b"".join(body for _, body in received)).resource_spans
    resource = {each.key: each.value.string_value for each in sent.resource.attributes}
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("stockgate", "test")
    names = [span.name for scope in sent.scope_spans for span in scope.spans]
    assert "graphql query product" in names
    assert "SELECT" in names


def test_nothing_of_it_is_imported_when_it_is_off() -> None:
    program = """
import sys
from gateway import request_log, telemetry
telemetry.check_installed(is_on=False)
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
