"""Query: the root fields that read."""

from __future__ import annotations

import strawberry

from schema.queries.history import HistoryQueries
from schema.queries.imports import ImportQueries
from schema.queries.locations import LocationQueries
from schema.queries.nodes import NodeQueries
from schema.queries.products import ProductQueries
from schema.queries.source_rules import SourceRuleQueries
from schema.queries.stock import StockQueries
from schema.queries.viewer import ViewerQueries
from schema.queries.webhooks import WebhookQueries


@strawberry.type(description="What can be asked. Every field is one SQL statement, whatever is selected below it.")
class Query(
    ProductQueries,
    StockQueries,
    LocationQueries,
    HistoryQueries,
    NodeQueries,
    ViewerQueries,
    SourceRuleQueries,
    WebhookQueries,
    ImportQueries,
):
    """The root of all reads."""
