"""Batches of webhooks: up to a hundred at once, each by itself, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialects.wc_v3 import webhook_bodies as bodies
from gateway.dialects.wc_v3.batch import KINDS, lists_of
from gateway.dialects.wc_v3.bodies import number_of
from gateway.dialects.wc_v3.webhook_bodies import NOTHING_SAID, WebhookBody
from gateway.dialects.wc_v3.webhook_writes import Call, change, make, remove
from gateway.dialects.wordpress import Answer, RestError, RestRequest
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class _Entry:
    """One item of a batch: what it asks for, or why that cannot be done."""

    kind: str
    number: int
    body: WebhookBody = NOTHING_SAID
    error: RestError | None = None


async def batch(request: RestRequest) -> Answer:
    """POST, PUT and PATCH /webhooks/batch: what is refused is told where it stands, and the rest is done."""
    call = Call.of(request)
    asked = [(kind, item) for kind, items in lists_of(request).items() for item in items]
    entries = await asyncio.gather(*(_entry(kind, item, request.settings) for kind, item in asked))
    answer, headers = await call.run(_all, entries)
    return Answer(answer or [], headers=headers)


async def _entry(kind: str, sent: Any, settings: Settings) -> _Entry:
    number = 0 if kind == "create" else number_of(sent)
    if kind == "delete":
        return _Entry(kind, number)
    is_new = kind == "create"
    try:
        if is_new and isinstance(sent, Mapping) and number_of(sent):
            raise bodies.exists()
        body = bodies.item(sent, is_new=is_new)
        await bodies.check(body, settings, is_new=is_new)
        return _Entry(kind, number, body)
    except RestError as error:
        return _Entry(kind, number, error=error)


async def _all(session: AsyncSession, call: Call, entries: Sequence[_Entry]) -> dict[str, Any]:
    """In the order of KINDS. What is refused of one is found out before anything of it is written."""
    answer: dict[str, Any] = {}
    for kind in KINDS:
        for entry in entries:
            if entry.kind == kind:
                answer.setdefault(kind, []).append(await _done(session, call, entry))
    return answer


async def _done(session: AsyncSession, call: Call, entry: _Entry) -> dict[str, Any]:
    try:
        if entry.error is not None:
            raise entry.error
        if entry.kind == "create":
            return await make(session, call, entry.body)
        if entry.kind == "update":
            return await change(session, call, entry.number, entry.body)
        return await remove(session, call, entry.number)
    except RestError as error:
        return {"id": entry.number, "error": error.answer.body}
