"""The routes that write: read the request, call the one operation, render what it says."""

from __future__ import annotations

from dataclasses import replace

from gateway.authentication import Principal
from gateway.dialects.extra_headers import changed_headers
from gateway.dialects.mulopimfwc_v1 import errors, requests, responses
from gateway.dialects.mulopimfwc_v1.credentials import caller_of, deliverer
from gateway.dialects.mulopimfwc_v1.extra_headers import DELIVERY, ExtraHeaders
from gateway.dialects.mulopimfwc_v1.items import ITEM_REQUIRED, read_item
from gateway.dialects.mulopimfwc_v1.responses import BulkResults
from gateway.dialects.wordpress import Answer, RestError, RestRequest
from gateway.request_log import request_id_of
from storage import inventory, turnstile
from storage.changes import (
    Applied,
    Change,
    ChangeGroup,
    GroupRejectedError,
    Origin,
    Policy,
    Refused,
)
from storage.errors import ErrorCode, InventoryError

NAME = "mulopimfwc/v1"


async def bulk_sync(request: RestRequest) -> Answer:
    """POST /inventory/bulk-sync: each item by itself, unless so many fail that none counts."""
    extra = ExtraHeaders.of(request.http.headers)
    items, settings = requests.bulk_items(request), request.settings
    turnstile.rank_by_lines(len(items))
    judged = len(items) if settings.bulk_rollback_ratio_of == "request" else settings.bulk_items_max
    group = ChangeGroup(
        changes=[read_item(item, stock_required=settings.mulopimfwc_stock_required) for item in items],
        origin=_origin(request, _writer(request)),
        policy=Policy.REJECT_ALL if extra.strict else Policy.KEEP_GOING,
        failures_max=judged // 2,
        idempotency_key=extra.idempotency_key,
    )
    preference = {"Preference-Applied": "handling=strict"} if extra.strict else {}
    try:
        applied = await _apply(request, group, extra)
    except GroupRejectedError as error:
        if not extra.strict:
            raise
        results: BulkResults = {**responses.bulk_results(error.outcomes), "success": 0}
        message = f"No item was applied: {results['failed']} of {len(items)} failed."
        raise RestError(422, "bulk_sync_failed", message, headers=preference, results=results) from None
    return Answer(responses.bulk_sync(applied.outcomes), headers=preference | _headers(applied, extra))


async def update(request: RestRequest) -> Answer:
    """POST /inventory/update: one item."""
    if not isinstance(request.json, dict):
        # what the plugin says to an empty body, and to a list, in which it finds no product either
        raise RestError(400, "update_failed", ITEM_REQUIRED.message, error="missing_product")
    extra = ExtraHeaders.of(request.http.headers)
    change = _single(request, extra)
    if isinstance(change, Refused):
        raise errors.failure("update_failed", change, request.settings)
    group = ChangeGroup([change], _origin(request, _writer(request)), idempotency_key=extra.idempotency_key)
    return await _update(request, group, extra, "update_failed", "Inventory updated successfully.")


async def webhook(request: RestRequest) -> Answer:
    """POST /webhook/inventory-update: one item that a POS, WMS or ERP pushes."""
    if not isinstance(request.json, dict):
        raise errors.invalid_webhook_data()
    extra = ExtraHeaders.of(request.http.headers)
    change = _single(request, extra)
    if isinstance(change, Refused):
        if change.code is ErrorCode.ITEM_REQUIRED and request.settings.mulopimfwc_statuses == "plugin":
            raise errors.invalid_webhook_data()
        raise errors.failure("webhook_failed", change, request.settings)
    sender = deliverer(caller_of(request.http))
    delivery = None if extra.delivery_id is None else f"{DELIVERY}{extra.delivery_id}"
    group = ChangeGroup(
        changes=[change],
        origin=_origin(request, sender, reference=extra.delivery_id or ""),
        refuse_disabled=True,
        idempotency_key=extra.idempotency_key or delivery,
    )
    return await _update(request, group, extra, "webhook_failed", "Inventory updated via webhook.")


def _single(request: RestRequest, extra: ExtraHeaders) -> Change | Refused:
    """The one item of a body, on the condition that If-Match states."""
    expected = extra.expected_version
    change = read_item(request.json, stock_required=request.settings.mulopimfwc_stock_required)
    if isinstance(change, Refused) or expected is None:
        return change
    return expected if isinstance(expected, Refused) else replace(change, expected_version=expected)


async def _update(request: RestRequest, group: ChangeGroup, extra: ExtraHeaders, code: str, message: str) -> Answer:
    try:
        applied = await _apply(request, group, extra)
    except GroupRejectedError as error:
        refused = error.outcomes[0].error or Refused(error.code, error.message)
        raise errors.failure(code, refused, request.settings, exactly=_sees_exactly(request)) from None
    except InventoryError as error:
        raise errors.failure(code, Refused(error.code, error.message, error.field), request.settings) from None
    outcome = applied.outcomes[0]
    return Answer(responses.updated(outcome, message), headers=_headers(applied, extra, outcome.version))


async def _apply(request: RestRequest, group: ChangeGroup, extra: ExtraHeaders) -> Applied:
    run = request.database.rehearse if extra.dry_run else request.database.transact
    return await run(inventory.apply, group)


def _headers(applied: Applied, extra: ExtraHeaders, version: int | None = None) -> dict[str, str]:
    ignored = {field for outcome in applied.outcomes for field in outcome.ignored}
    return changed_headers(
        group_id=applied.group_id, replayed=applied.replayed, dry_run=extra.dry_run, etag=version, ignored=ignored
    )


def _sees_exactly(request: RestRequest) -> bool:
    principal = caller_of(request.http).principal
    return principal is not None and principal.sees_exactly


def _writer(request: RestRequest) -> Principal | None:
    return caller_of(request.http).api_key


def _origin(request: RestRequest, principal: Principal | None, *, reference: str = "") -> Origin:
    assert principal is not None  # noqa: S101 (for the type checker; the route's permission let it in)
    return principal.origin(NAME, reference=reference, request_id=request_id_of(request.http.scope))
