"""An accepted count as this dialect's JSON."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from gateway.dialects.extra_headers import changed_headers
from storage.changes import Applied


def updated(applied: Applied, store: str, upc: str | None, *, dry_run: bool) -> Response:
    """What is in stock now and was before. `previous_quantity` is null where it was never counted."""
    outcome = applied.outcomes[0]
    headers = changed_headers(
        group_id=applied.group_id, replayed=applied.replayed, dry_run=dry_run, etag=outcome.version
    )
    body = {
        "success": True,
        "product_id": outcome.product_id,
        "sku": outcome.sku,
        "upc": upc,
        "store": store,
        "quantity": outcome.after,
        "previous_quantity": outcome.before,
    }
    return JSONResponse(body, headers=headers)
