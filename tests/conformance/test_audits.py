"""The public audits of GraphQL over HTTP, by the npm package graphql-http."""

from __future__ import annotations

from tests.conformance.conftest import Node
from tests.conformance.serving import Served


def test_every_audit_of_graphql_over_http_passes(node: Node, server: Served) -> None:
    audits = node("audit.mjs", server.url, server.key)
    assert len(audits) == 61
    assert [audit for audit in audits if audit["status"] != "ok"] == []
