"""Claim an idempotency key, record what came of it, replay it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage.changes import Applied, ChangeGroup, Outcome, Refused
from storage.errors import ErrorCode, InventoryError
from storage.tables import IdempotencyRecord
from storage.upsert import insert_missing

KEY_LENGTH_MAX = 255


async def claim(session: AsyncSession, group: ChangeGroup, now: datetime) -> Applied | None:
    """Take the group's idempotency key, or tell what came of the request that took it before.

    The key is inserted first, so that replays in parallel queue on one row; a claim vanishes with its transaction.
    Refuses with: IDEMPOTENCY_KEY_REUSED.
    """
    if group.idempotency_key is None:
        return None
    claimed = {
        "caller": _caller(group),
        "key": group.idempotency_key,
        "fingerprint": "",
        "answer": "",
        "created_at": now,
    }
    await insert_missing(session, IdempotencyRecord, [claimed], key=("caller", "key"))
    stored = select(col(IdempotencyRecord.fingerprint), col(IdempotencyRecord.answer)).where(_mine(group))
    row = (await session.execute(stored)).one()
    if not row.fingerprint:
        return None
    if row.fingerprint != _fingerprint(group):
        raise InventoryError(
            ErrorCode.IDEMPOTENCY_KEY_REUSED,
            "This idempotency key was used before with another request body. Use a new key for a new request.",
            "idempotencyKey",
        )
    return _applied(row.answer)


async def record(session: AsyncSession, group: ChangeGroup, applied: Applied) -> None:
    """Keep the answer of a claimed key, in the transaction that has the effect."""
    if group.idempotency_key is not None:
        answer = orjson.dumps(
            {"group_id": applied.group_id, "outcomes": [asdict(o) for o in applied.outcomes]}
        ).decode()
        await session.execute(
            update(IdempotencyRecord).where(_mine(group)).values(fingerprint=_fingerprint(group), answer=answer)
        )


def _mine(group: ChangeGroup) -> ColumnElement[bool]:
    return and_(col(IdempotencyRecord.caller) == _caller(group), col(IdempotencyRecord.key) == group.idempotency_key)


def _caller(group: ChangeGroup) -> str:
    return f"{group.origin.api_key_id or group.origin.principal}"


def _fingerprint(group: ChangeGroup) -> str:
    asked = (group.origin.dialect, group.policy, group.failures_max, tuple(group.changes))
    return hashlib.sha256(repr(asked).encode()).hexdigest()


def _applied(answer: str) -> Applied:
    stored = orjson.loads(answer)
    outcomes = [Outcome(**{**outcome, "error": _refused(outcome["error"])}) for outcome in stored["outcomes"]]
    return Applied(outcomes, stored["group_id"], replayed=True)


def _refused(error: dict[str, Any] | None) -> Refused | None:
    return None if error is None else Refused(**{**error, "code": ErrorCode(error["code"])})
