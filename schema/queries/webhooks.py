"""Root fields for webhook endpoints and what became of events there."""

from __future__ import annotations

from typing import Any

import strawberry

from schema.conditions import Given
from schema.connections import page
from schema.filters import WebhookDeliveryFilter
from schema.ids import database_id
from schema.queries.keys import which
from schema.selection import Slot
from schema.sources import Argument, Rows, one
from schema.types import webhook_endpoint
from schema.types.webhook_endpoint import WebhookDelivery, WebhookEndpoint


@strawberry.type
class WebhookQueries:
    """Part of Query."""

    @page(WebhookEndpoint, exact=True, admin=True)
    def webhook_endpoints(_: Any, row: Any) -> Rows:
        """All addresses that events are sent to. Needs the scope `admin`, and a key for all locations."""
        return Rows([], [row.id])

    @one(WebhookEndpoint | None, exact=True, admin=True, id=Argument(strawberry.ID, "Its databaseId."))
    def webhook_endpoint(_: Any, row: Any, id: Slot) -> Rows:
        """One of them, with its `deliveries`; null when there is none. Needs the scope `admin`."""
        return Rows([row.id == id.bind(database_id("WebhookEndpoint"))])

    @page(WebhookDelivery, exact=True, admin=True, filter=which(WebhookDeliveryFilter))
    def webhook_deliveries(_: Any, row: Any, filter: Given | None = None) -> Rows:
        """What became of events at all endpoints, newest first. Needs the scope `admin`."""
        return Rows(webhook_endpoint.matching(row, filter or {}), [row.id], descending=True)
