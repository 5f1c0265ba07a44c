"""Batches: up to a hundred products at once, each by itself, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialects.wc_v3 import errors
from gateway.dialects.wc_v3.bodies import Reader, number_of
from gateway.dialects.wc_v3.refusals import Item
from gateway.dialects.wc_v3.saving import Caller, Saved, Saving, save
from gateway.dialects.wc_v3.writes import Call
from gateway.dialects.wordpress import Answer, RestError, RestRequest
from gateway.dialects.wordpress.coercion import InvalidValueError
from storage import turnstile
from storage.changes import Policy
from storage.idempotency import KEY_LENGTH_MAX

ITEMS_MAX: Final = 100
KINDS: Final = ("create", "update", "delete")
"""In the order in which they are done."""


@dataclass(slots=True)
class _Entry:
    """One item of a batch: what it asks for, or why that cannot be read, and what came of it."""

    kind: str
    number: int
    item: Item | None
    saved: Saved | None = None


async def batch(request: RestRequest) -> Answer:
    """POST, PUT and PATCH /products/batch, /products/{product_id}/variations/batch."""
    call = Call.of(request)
    if call.caller.expected is not None:
        raise RestError(400, "invalid_header", "If-Match is for one product, not for a batch.")
    entries = [_entry(kind, item, call.reader) for kind, items in lists_of(request).items() for item in items]
    turnstile.rank_by_lines(len(entries))
    saving = await call.run(_save_all, entries, call.caller)
    answer: dict[str, list[Any]] = {}
    for entry in entries:
        answer.setdefault(entry.kind, []).append(_shown(entry, call))
    return Answer(answer or [], headers=call.headers(saving))


def lists_of(request: RestRequest) -> Mapping[str, Sequence[Any]]:
    """What was sent of the three lists. Raises RestError."""
    lists: dict[str, Sequence[Any]] = {}
    for kind in KINDS:
        sent = request.body.get(kind) or []
        if isinstance(sent, dict) and all(key.isdecimal() for key in sent):
            sent = list(sent.values())  # of a form: update[0][id]=1
        if not isinstance(sent, list):
            raise errors.invalid(kind, InvalidValueError("rest_invalid_type", f"{kind} is not of type array."))
        lists[kind] = sent
    if sum(map(len, lists.values())) > ITEMS_MAX:
        raise RestError(
            413,
            "woocommerce_rest_request_entity_too_large",
            f"Unable to accept more than {ITEMS_MAX} items for this request.",
        )
    return lists


def _entry(kind: str, sent: Any, reader: Reader) -> _Entry:
    read: Mapping[str, Callable[[Any], Item]] = {
        "create": reader.created,
        "update": reader.updated,
        "delete": reader.deleted,
    }
    number = 0 if kind == "create" else number_of(sent)
    try:
        return _Entry(kind, number, read[kind](sent))
    except RestError as error:
        return _Entry(kind, number, None, Saved(number, error=error))


async def _save_all(session: AsyncSession, entries: Sequence[_Entry], caller: Caller) -> Saving:
    """All that could be read. A product that is named again is saved again, after it was looked at in between."""
    group_id, replayed, ignored = None, False, frozenset[str]()
    for place, round_ in enumerate(_rounds([entry for entry in entries if entry.item is not None])):
        of_round = caller
        if place and caller.idempotency_key is not None:
            of_round = replace(caller, idempotency_key=f"{place}:{caller.idempotency_key}"[:KEY_LENGTH_MAX])
        items = [entry.item for entry in round_ if entry.item is not None]
        saving = await save(session, items, of_round, policy=Policy.KEEP_GOING)
        for entry, saved in zip(round_, saving.saved, strict=True):
            entry.saved = saved
        group_id, replayed = saving.group_id or group_id, replayed or saving.replayed
        ignored |= saving.ignored
    return Saving([], group_id, replayed, ignored)


def _rounds(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """The entries in order, cut where a product comes again."""
    round_: list[_Entry] = []
    numbers: set[int] = set()
    for entry in entries:
        if entry.number in numbers:
            yield round_
            round_, numbers = [], set()
        round_.append(entry)
        if entry.number:
            numbers.add(entry.number)
    if round_:
        yield round_


def _shown(entry: _Entry, call: Call) -> dict[str, Any]:
    saved = entry.saved
    assert saved is not None  # noqa: S101 (for the type checker: every entry was saved or refused)
    if saved.error is not None:
        return {"id": entry.number, "error": saved.error.answer.body}
    return {"id": saved.product_id} if saved.view is None else call.shown(saved.view)
