"""Copies of products: a draft like the product, with its variations, under SKUs that are free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialects.wc_v3 import errors, responses
from gateway.dialects.wc_v3.bodies import Reader
from gateway.dialects.wc_v3.product_edit import ProductBody
from gateway.dialects.wc_v3.product_fields import PRODUCT_FIELDS, VARIATION_FIELDS
from gateway.dialects.wc_v3.refusals import free_skus
from gateway.dialects.wc_v3.saving import Caller, Saving, save
from gateway.dialects.wc_v3.writes import Call
from gateway.dialects.wordpress import Answer, RestError, RestRequest
from storage import product_views
from storage.changes import Refused
from storage.errors import ErrorCode
from storage.idempotency import KEY_LENGTH_MAX
from storage.product_edits import EditsRejectedError
from storage.product_queries import Order, OrderBy, ProductQuery, Rows
from storage.product_views import ProductView

COPIED_MAX: Final = 1_000
"""A product with more variations is not copied: that would be no short transaction."""
_OWN: Final = frozenset({"slug", "date_created", "date_created_gmt", "sku", "global_unique_id", "stock_quantity"})
"""What a copy does not have of the original: it is unique, or is counted at each location."""


async def duplicate(request: RestRequest) -> Answer:
    """POST /products/{id}/duplicate: the copy, which is a draft."""
    call = Call.of(request)
    if call.caller.expected is not None:
        raise RestError(400, "invalid_header", "If-Match is for one product that is changed, not for a copy of it.")
    try:
        saving = await call.run(_copied, call, request.path["id"])
    except EditsRejectedError as error:
        refused = next(outcome.error for outcome in error.outcomes if outcome.error is not None)
        raise errors.failure(refused) from None
    saved = saving.saved[0]
    if saved.view is None:  # asked for again, and gone since
        return Answer({"id": saved.product_id}, headers=call.headers(saving))
    return Answer(call.shown(saved.view), headers=call.headers(saving, saved.view))


async def _copied(session: AsyncSession, call: Call, id_: int) -> Saving:
    original = await _original(session, id_)
    variations = await _variations(session, original)
    skus = {each.sku for each in (original, *variations) if each.sku}
    free = await free_skus(session, skus) if skus else {}
    body = _body(original, responses.product(original, call.site), call.reader, free)
    body = replace(body, fields={**body.fields, "name": f"{original.name} (Copy)", "status": "draft"})
    saving = await save(session, [body], call.caller)
    copy_id = saving.saved[0].product_id
    if not variations or saving.replayed or copy_id is None:
        return saving
    reader = replace(call.reader, is_variation=True)
    bodies = [_body(each, responses.variation(each, call.site), reader, free) for each in variations]
    below = await save(session, bodies, _below(call.caller, copy_id))
    (view,) = await product_views.by_ids(session, [copy_id])
    return replace(saving, saved=[replace(saving.saved[0], view=view)], group_id=saving.group_id or below.group_id)


async def _original(session: AsyncSession, id_: int) -> ProductView:
    views = await product_views.by_ids(session, [id_])
    if not views:
        raise errors.failure(Refused(ErrorCode.ITEM_NOT_FOUND, ""))
    if views[0].parent_id is not None:
        raise errors.failure(Refused(ErrorCode.ITEM_MISMATCH, ""))
    return views[0]


async def _variations(session: AsyncSession, original: ProductView) -> list[ProductView]:
    if original.type != "variable":
        return []
    order = Order(OrderBy.ID, descending=False)
    wanted = ProductQuery(rows=Rows.VARIATIONS, parent_ids=(original.id,), excluded_statuses=("trash",), order=order)
    total, views = await product_views.page(session, wanted, offset=0, limit=COPIED_MAX)
    if total > COPIED_MAX:
        message = f"It has {total} variations; products with at most {COPIED_MAX} can be copied."
        raise RestError(400, "too_many_variations", message)
    return views


def _body(view: ProductView, shown: Mapping[str, Any], reader: Reader, free: Mapping[str, str]) -> ProductBody:
    """What makes a product like this one: what of it is shown can be written."""
    writable = VARIATION_FIELDS if reader.is_variation else PRODUCT_FIELDS
    fields = {name: shown[name] for name in writable.keys() & shown.keys() - _OWN}
    fields["meta_data"] = [{"key": each["key"], "value": each["value"]} for each in shown["meta_data"]]
    fields["locations"] = [place for place in shown["locations"] if place["quantity"] is not None]
    if fields.get("image", 0) is None:
        del fields["image"]
    if view.sku and (sku := free.get(view.sku)):
        fields["sku"] = sku
    return reader.single(fields)


def _below(caller: Caller, parent_id: int) -> Caller:
    """Whoever asks, when it comes to the variations of the copy."""
    key = caller.idempotency_key
    return replace(
        caller,
        parent_id=parent_id,
        idempotency_key=None if key is None else f"variations:{key}"[:KEY_LENGTH_MAX],
    )
