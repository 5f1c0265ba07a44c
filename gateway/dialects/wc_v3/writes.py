"""The routes that write one product or variation: read the request, save, show what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, cast

import orjson

from gateway.authentication import Principal
from gateway.dialects.extra_headers import ExtraHeaders, changed_headers
from gateway.dialects.wc_v3 import responses
from gateway.dialects.wc_v3.bodies import Reader
from gateway.dialects.wc_v3.draft import NAME
from gateway.dialects.wc_v3.refusals import Item, explained
from gateway.dialects.wc_v3.responses import Site
from gateway.dialects.wc_v3.saving import Caller, Saving, save
from gateway.dialects.wordpress import Answer, RestRequest
from gateway.request_log import request_id_of
from storage.product_edits import EditsRejectedError
from storage.product_views import ProductView


@dataclass(frozen=True, slots=True)
class Call:
    """A request that writes: who asks, how its bodies are read, and what its headers want."""

    request: RestRequest
    reader: Reader
    caller: Caller
    extra: ExtraHeaders
    site: Site

    @classmethod
    def of(cls, request: RestRequest) -> Self:
        """Raises InvalidHeaderError for a header that cannot be understood."""
        http = request.http
        principal: Principal = http.user
        site = Site.of(request, edit=True)
        extra = ExtraHeaders.of(http.headers)
        parent_id = request.path.get("product_id")
        key = extra.idempotency_key
        caller = Caller(
            principal.origin(NAME, request_id=request_id_of(http.scope)),
            parent_id,
            extra.expected,
            key,
            _fingerprint(request) if key is not None else "",
        )
        limited = principal.credential.locations is not None
        reader = Reader(site.zone, parent_id is not None, stock_only=limited)
        return cls(request, reader, caller, extra, site)

    async def run(self, operation: Any, *args: Any, **options: Any) -> Any:
        """An operation in a transaction, which is taken back if this is a dry run."""
        database = self.request.database
        run = database.rehearse if self.extra.dry_run else database.transact
        return await run(operation, *args, **options)

    def shown(self, view: ProductView) -> dict[str, Any]:
        """A product as the answer to a write shows it."""
        shown = responses.variation if self.reader.is_variation else responses.product
        return cast("dict[str, Any]", shown(view, self.site))

    def headers(self, saving: Saving, view: ProductView | None = None) -> dict[str, str]:
        """Where to find in the ledger what was done, and the version of what came of it."""
        return changed_headers(
            group_id=saving.group_id,
            replayed=saving.replayed,
            dry_run=self.extra.dry_run,
            etag=None if view is None else view.version,
            ignored=saving.ignored,
        )


async def create(request: RestRequest) -> Answer:
    """POST /products, POST /products/{product_id}/variations."""
    call = Call.of(request)
    saving, answer = await _save_one(call, call.reader.single(request.args))
    location = {"Location": answer["_links"]["self"][0]["href"]} if saving.saved[0].view is not None else {}
    return Answer(answer, 201, {**location, **call.headers(saving, saving.saved[0].view)})


async def update(request: RestRequest) -> Answer:
    """PUT, PATCH and POST /products/{id}, /products/{product_id}/variations/{id}."""
    call = Call.of(request)
    saving, answer = await _save_one(call, call.reader.single(request.args, request.path["id"]))
    return Answer(answer, headers=call.headers(saving, saving.saved[0].view))


async def delete(request: RestRequest) -> Answer:
    """DELETE /products/{id}, /products/{product_id}/variations/{id}: into the trash, or with `force` for good."""
    call = Call.of(request)
    permanently = bool(request.args.get("force"))
    saving, answer = await _save_one(call, call.reader.deleted(request.path["id"], permanently=permanently))
    return Answer(answer, headers=call.headers(saving))


async def _save_one(call: Call, item: Item) -> tuple[Saving, dict[str, Any]]:
    """Raises RestError with what is wrong."""
    try:
        saving: Saving = await call.run(save, [item], call.caller)
    except EditsRejectedError as error:
        refused = [(item, error.outcomes[0])]
        (told,) = await call.request.database.read(explained, refused, **call.caller.told)
        raise told from None
    saved = saving.saved[0]
    if saved.error is not None:  # of an earlier request with the same idempotency key
        raise saved.error
    return saving, {"id": saved.product_id} if saved.view is None else call.shown(saved.view)


def _fingerprint(request: RestRequest) -> str:
    """What makes two requests with one idempotency key the same."""
    asked = [request.http.method, request.http.url.path, request.args, request.body]
    return orjson.dumps(asked, default=str, option=orjson.OPT_SORT_KEYS).decode()
