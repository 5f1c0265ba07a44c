"""Variations made of a product's attributes: one for each combination of their options that has none yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialects.wc_v3 import errors, responses
from gateway.dialects.wc_v3.product_edit import Deletion
from gateway.dialects.wc_v3.refusals import Item
from gateway.dialects.wc_v3.saving import Saving, save
from gateway.dialects.wc_v3.writes import Call
from gateway.dialects.wordpress import Answer, RestRequest
from storage import product_search, product_views
from storage.changes import Refused
from storage.errors import ErrorCode
from storage.product_edits import EditsRejectedError
from storage.product_queries import ProductQuery, Rows
from storage.product_views import ProductView

MADE_MAX: Final = 100
_SIBLINGS_MAX: Final = 10_000
Options = Mapping[str, Sequence[str]]
"""The options of each attribute by which variations differ."""

_Chosen = frozenset[tuple[str, str]]
"""One option of each attribute."""


async def generate(request: RestRequest) -> Answer:
    """POST /products/{product_id}/variations/generate: at most MADE_MAX variations at once; ask again for more."""
    call = Call.of(request)
    # what is missing is found anew each time: doing it again needs no key, and there is no one version of it
    call = replace(call, caller=replace(call.caller, idempotency_key=None, expected=None))
    defaults, wants_deletion = request.args.get("default_values") or {}, bool(request.args.get("delete"))
    try:
        count, deleted, group_id = await call.run(_generate, call, defaults, delete=wants_deletion)
    except EditsRejectedError as error:
        refused = next(outcome.error for outcome in error.outcomes if outcome.error is not None)
        raise errors.failure(refused, is_variation=True) from None
    return Answer({"count": count, "deleted_count": deleted}, headers=call.headers(Saving([], group_id)))


async def _generate(
    session: AsyncSession, call: Call, defaults: Mapping[str, Any], *, delete: bool
) -> tuple[int, int, int | None]:
    parent = await _parent(session, call)
    options = _options(parent)
    wanted = ProductQuery(rows=Rows.VARIATIONS, parent_ids=(parent.id,))
    _, ids = await product_search.find(session, wanted, offset=0, limit=_SIBLINGS_MAX)
    there = {view.id: _chosen(view.attributes) for view in await product_views.by_ids(session, ids)}
    made = [
        call.reader.single({**defaults, "attributes": [{"name": name, "option": option} for name, option in each]})
        for each in islice(_missing(options, set(there.values())), MADE_MAX)
    ]
    unused = [id_ for id_, chosen in there.items() if delete and not _is_one_of(chosen, options)]
    items: list[Item] = [*made, *(Deletion(id_, permanently=True, is_variation=True) for id_ in unused)]
    saving = await save(session, items, call.caller) if items else Saving([])
    return len(made), len(unused), saving.group_id


async def _parent(session: AsyncSession, call: Call) -> ProductView:
    views = await product_views.by_ids(session, [call.caller.parent_id or 0])
    if not views or views[0].parent is not None:
        raise errors.failure(Refused(ErrorCode.ITEM_NOT_FOUND, "", "parent"), is_variation=True)
    if views[0].type != "variable":
        raise errors.failure(Refused(ErrorCode.INVALID_VALUE, "", "parent_id"), is_variation=True)
    return views[0]


def _options(parent: ProductView) -> Options:
    told = {each["name"]: each["options"] for each in responses.attributes(parent) if each["variation"]}
    return {name: options for name, options in told.items() if options}


def _missing(options: Options, there: set[_Chosen]) -> Iterator[Sequence[tuple[str, str]]]:
    """The combinations that no variation has."""
    for combination in product(*options.values()) if options else ():
        each = list(zip(options, combination, strict=True))
        chosen = frozenset((name.casefold(), option) for name, option in each)
        if chosen not in there:
            there.add(chosen)
            yield each


def _chosen(attributes: Sequence[Mapping[str, str]]) -> _Chosen:
    return frozenset((each["name"].casefold(), each["value"]) for each in attributes)


def _is_one_of(chosen: _Chosen, options: Options) -> bool:
    """Whether it is a combination of the options there are."""
    known = {name.casefold(): set(each) for name, each in options.items()}
    return {name for name, _ in chosen} == set(known) and all(option in known[name] for name, option in chosen)
