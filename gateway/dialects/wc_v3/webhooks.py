"""Webhooks: who is told of products, and where. They are webhook endpoints of the format `woocommerce`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.dialects.wc_v3 import webhook_bodies as bodies
from gateway.dialects.wc_v3.batch import KINDS
from gateway.dialects.wc_v3.credentials import may_manage_webhooks
from gateway.dialects.wc_v3.product_list import range_of
from gateway.dialects.wc_v3.responses import Site, webhook
from gateway.dialects.wc_v3.webhook_batch import batch
from gateway.dialects.wc_v3.webhook_writes import FORMAT, create, delete, known, update
from gateway.dialects.wordpress import (
    COLLECTION,
    CONTEXT,
    Answer,
    Endpoint,
    Parameter,
    Resource,
    RestRequest,
    editable,
    paged,
    window,
)
from storage import webhook_search
from storage.webhook_endpoints import Status
from storage.webhook_search import OrderBy, Wanted

_ORDERS: Final[Mapping[str, OrderBy]] = {"date": OrderBy.CREATED, "id": OrderBy.ID, "title": OrderBy.NAME}
_IDS: Final = Parameter(type="integer")
LISTED: Final[Mapping[str, Parameter]] = {
    **COLLECTION,
    "search": Parameter(description="Limit results to those with a text in their name."),
    "after": Parameter(type="date-time", description="Created after this moment, in whole seconds."),
    "before": Parameter(type="date-time", description="Created before this moment."),
    "exclude": Parameter(type="array", description="Ensure result set excludes specific ids.", items=_IDS),
    "include": Parameter(type="array", description="Limit result set to specific ids.", items=_IDS),
    "order": Parameter(
        description="Order sort attribute ascending or descending.", default="desc", enum=("asc", "desc")
    ),
    "orderby": Parameter(description="Sort collection by object attribute.", default="date", enum=tuple(_ORDERS)),
    "status": Parameter(description="Limit result set to a status.", default="all", enum=("all", *bodies.STATUSES)),
}


async def list_webhooks(request: RestRequest) -> Answer:
    """GET /webhooks: a page of webhooks."""
    args = request.args
    wanted = Wanted(
        FORMAT,
        args.get("search", "").strip(),
        None if args["status"] == "all" else Status(args["status"]),
        tuple(args.get("include", ())) or None,
        tuple(args.get("exclude", ())),
        range_of(request, "after", "before"),
        _ORDERS[args["orderby"]],
        args["order"] == "desc",
    )
    offset, limit = window(request)
    total, found = await request.database.read(webhook_search.page, wanted, offset=offset, limit=limit)
    site = Site.of(request)
    return paged(request, [webhook(each, site) for each in found], total)


async def view_webhook(request: RestRequest) -> Answer:
    """GET /webhooks/{id}: one webhook, without its secret."""
    return Answer(webhook(await request.database.read(known, request.path["id"]), Site.of(request)))


_BATCH: Final = {kind: Parameter(type="mixed", description=f"Webhooks to {kind}.") for kind in KINDS}
_FORCE: Final = Parameter(type="boolean", default=False, description="Required to be true: there is no trash for them.")

RESOURCES: Final[Sequence[Resource]] = [
    Resource(
        "/webhooks",
        {
            "GET": Endpoint(list_webhooks, may_manage_webhooks("list"), LISTED),
            "POST": Endpoint(create, may_manage_webhooks("create"), bodies.CREATED),
        },
    ),
    Resource("/webhooks/batch", editable(Endpoint(batch, may_manage_webhooks("batch"), _BATCH))),
    Resource(
        "/webhooks/{id}",
        {
            "GET": Endpoint(view_webhook, may_manage_webhooks("view"), {"context": CONTEXT}),
            **editable(Endpoint(update, may_manage_webhooks("edit"), bodies.UPDATED)),
            "DELETE": Endpoint(delete, may_manage_webhooks("delete"), {"force": _FORCE}),
        },
    ),
]
