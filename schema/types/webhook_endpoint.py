"""WebhookEndpoint and WebhookDelivery: who is sent events, and what became of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import false, func

from schema.conditions import Given, Makes, after, has_id, is_word, meeting
from schema.connections import page
from schema.filters import WebhookDeliveryFilter
from schema.queries.keys import which
from schema.sources import Condition, Rows, Sees, column, leaf, many, one, stored
from schema.types.choices import WebhookDeliveryStatus, WebhookFormat, WebhookStatus
from schema.types.location import Location
from schema.types.product import Product
from storage import tables
from storage.json_rows import among
from storage.json_sql import document_json


def _nobody(_row: Any, _sees: Sees) -> Condition:
    """Keys that are limited to some locations see no endpoint: what is sent there is of all of them."""
    return false()


_MAKES: Makes = {
    "endpoint_ids": lambda delivery, ids: has_id(delivery.endpoint_id, "WebhookEndpoint", ids),
    "statuses": lambda delivery, statuses: is_word(delivery.status, statuses),
    "topics": lambda delivery, topics: is_word(delivery.topic, topics),
    "event_ids": lambda delivery, ids: is_word(delivery.event_id, ids),
    "updated_after": lambda delivery, time: after(delivery.updated_at, time),
}


def matching(delivery: Any, given: Given) -> list[Condition]:
    """The conditions of a WebhookDeliveryFilter."""
    return meeting(delivery, given, _MAKES)


@stored(tables.WebhookDelivery, near=_nobody, exact=True)
@strawberry.type(description="What became of one event at one endpoint. Deliveries are kept for some days.")
class WebhookDelivery:
    """A row of `webhook_delivery`."""

    database_id: int = column("id", "Its number: what `webhookDeliveryRedeliver` wants.")
    event_id: str = column("event_id", "What receivers know the event by: `evt_17`. The same at each attempt.")
    topic: str = column("topic", "What it is about: `stock.changed`.")
    sequence: int = column("sequence", "The event's place in the change feed.")
    status: WebhookDeliveryStatus = leaf(lambda row: func.upper(row.status), "What became of it.")
    attempts: int = column("attempts", "How often it was tried.")
    next_at: datetime | None = column("next_at", "When it is tried next; null when it waits for another, or is done.")
    response_status: int | None = column("response_status", "The HTTP status of the last answer; null without one.")
    error: str | None = column("error", "What was wrong the last time; null when nothing was.")
    duration_ms: int | None = column("duration_ms", "How long the last attempt took, in milliseconds.")
    payload: str | None = column("payload", "The text that is sent, while it waits or when it was given up.")
    created_at: datetime = column("created_at", "When it was first recorded.")
    updated_at: datetime = column("updated_at", "When it was last tried.")

    @one("WebhookEndpoint")
    def endpoint(row: Any, endpoint: Any) -> Rows:
        """Whose it is."""
        return Rows([endpoint.id == row.endpoint_id])


@stored(tables.WebhookEndpoint, near=_nobody, exact=True)
@strawberry.type(description="An address that events are sent to. Its secret is shown once, where it is made.")
class WebhookEndpoint:
    """A row of `webhook_endpoint`."""

    database_id: int = column("id", "Its number.")
    name: str = column("name", "Who it is.")
    url: str = column("url", "Where events are sent.")
    format: WebhookFormat = leaf(lambda row: func.upper(row.format), "How it is told of them.")
    topics: list[str] = leaf(
        lambda row: document_json(row.topics),
        "What it is told of: topics, `stock.*` for all that begin so, `*` for all.",
    )
    status: WebhookStatus = leaf(lambda row: func.upper(row.status), "Whether events are sent.")
    disabled_reason: str | None = column("disabled_reason", "Why it is disabled.")
    previous_secret_until: datetime | None = column(
        "previous_until", "How long the secret signs, too, that was replaced; null when none does."
    )
    position: int = column("position", "How far it has got in the change feed.")
    failures: int = column("failures", "How many requests failed since the last that did not.")
    failing_since: datetime | None = column("failing_since", "When the first of these failed.")
    retry_at: datetime | None = column("retry_at", "Before this time nothing is sent, because of them.")
    created_at: datetime = column("created_at", "When it was created.")
    updated_at: datetime = column("updated_at", "When it was last changed.")

    @many(Location)
    def locations(row: Any, location: Any) -> Rows:
        """It is told of what happens there only; of everything when there is none."""
        return Rows([among(location.id, row.location_ids)], [location.position, location.id])

    @many(Product)
    def products(row: Any, product: Any) -> Rows:
        """It is told of these and their variations only; of everything when there is none."""
        return Rows([among(product.id, row.product_ids)], [product.id])

    @page(WebhookDelivery, filter=which(WebhookDeliveryFilter))
    def deliveries(row: Any, delivery: Any, filter: Given | None = None) -> Rows:
        """What became of events, newest first."""
        mine = [delivery.endpoint_id == row.id, *matching(delivery, filter or {})]
        return Rows(mine, [delivery.sequence], descending=True)
