"""An accepted count as this dialect's JSON."""

from __future__ import annotations

from typing import Literal, NotRequired

from starlette.responses import JSONResponse, Response
from typing_extensions import TypedDict

from gateway.dialects.extra_headers import changed_headers
from storage.changes import Applied


class Updated(TypedDict):
    """An accepted count. `previous_quantity` is null where it was never counted. With `ignored` it was not taken,
    because a rule says that another API key owns the stock: `quantity` is what there was, and is."""

    success: Literal[True]
    product_id: int | None
    sku: str | None
    upc: str | None
    store: str
    quantity: int | None
    previous_quantity: int | None
    ignored: NotRequired[list[str]]


def updated(applied: Applied, store: str, upc: str | None, *, dry_run: bool) -> Response:
    """What is in stock now and was before. `previous_quantity` is null where it was never counted."""
    outcome = applied.outcomes[0]
    headers = changed_headers(
        group_id=applied.group_id,
        replayed=applied.replayed,
        dry_run=dry_run,
        etag=outcome.version,
        ignored=outcome.ignored,
    )
    body: Updated = {
        "success": True,
        "product_id": outcome.product_id,
        "sku": outcome.sku,
        "upc": upc,
        "store": store,
        "quantity": outcome.after,
        "previous_quantity": outcome.before,
    }
    if outcome.ignored:
        body["ignored"] = list(outcome.ignored)
    return JSONResponse(body, headers=headers)
