"""Claim an idempotency key, record what came of it, replay it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import orjson
from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.changes import Applied, Arrival, ChangeGroup, Origin, Outcome, Refused
from storage.errors import ErrorCode, InventoryError
from storage.prepared import Prepared
from storage.retention import remove_first
from storage.tables import IdempotencyRecord
from storage.upsert import insert_missing, table_of

KEY_LENGTH_MAX: Final = 255

_record: Final = table_of(IdempotencyRecord)
_is_claimed: Final = and_(_record.c.caller == bindparam("of_caller"), _record.c.key == bindparam("of_key"))
_CLAIMED: Final = Prepared(select(_record.c.fingerprint, _record.c.answer).where(_is_claimed))
_KEEP: Final = Prepared(update(_record).where(_is_claimed), columns=("answer",))


async def claim(session: AsyncSession, group: ChangeGroup) -> Applied | None:
    """Take the group's idempotency key, or tell what came of the request that took it before.

    The key is inserted first, so that replays in parallel queue on one row; a claim vanishes with its transaction.
    Refuses with: INVALID_IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_REUSED.
    """
    if group.idempotency_key is None:
        return None
    answer = await take(session, group.origin, group.idempotency_key, _asked(group))
    return None if answer is None else _replayed(answer)


async def take(session: AsyncSession, origin: Origin, key: str, asked: object) -> str | None:
    """Take a key for a request, or give the answer to the one that took it before: claim() for any kind of request.

    `asked` has a repr that makes two requests the same: everything that was asked, and nothing that merely carried it.
    Refuses with: INVALID_IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_REUSED.
    """
    if not (key.strip() and len(key) <= KEY_LENGTH_MAX and key.isprintable()):
        message = f"An idempotency key is 1 to {KEY_LENGTH_MAX} printable characters."
        raise InventoryError(ErrorCode.INVALID_IDEMPOTENCY_KEY, message, "idempotency_key")
    fingerprint = hashlib.sha256(repr(asked).encode(errors="backslashreplace")).hexdigest()
    claimed = {"caller": _caller(origin), "key": key, "fingerprint": fingerprint, "answer": ""}
    found: Sequence[Any] = ()
    while not found:  # or it was forgotten in between
        if await insert_missing(
            session, IdempotencyRecord, [claimed], key=("caller", "key"), shared={"created_at": datetime.now(UTC)}
        ):
            return None
        found = await _CLAIMED.rows(session, {"of_caller": _caller(origin), "of_key": key})
    [[claimed_for, answer]] = found
    if claimed_for != fingerprint:
        raise InventoryError(
            ErrorCode.IDEMPOTENCY_KEY_REUSED,
            "This idempotency key was used before with another request body. Use a new key for a new request.",
            "idempotency_key",
        )
    return cast("str", answer)


async def record(session: AsyncSession, group: ChangeGroup, applied: Applied) -> None:
    """Keep the answer of a claimed key, in the transaction that has the effect."""
    if group.idempotency_key is not None:
        answer = orjson.dumps({"group_id": applied.group_id, "outcomes": applied.outcomes}).decode()
        await keep(session, group.origin, group.idempotency_key, answer)


async def keep(session: AsyncSession, origin: Origin, key: str, answer: str) -> None:
    """Keep the answer of a key that was taken."""
    await _KEEP.write(session, {"of_caller": _caller(origin), "of_key": key, "answer": answer})


async def forget(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of the keys that were taken before this time, and say how many they were."""
    return await remove_first(session, IdempotencyRecord, "created_at", before)


def _caller(origin: Origin) -> str:
    return f"api-key:{origin.api_key_id}" if origin.api_key_id is not None else origin.principal


def _asked(group: ChangeGroup) -> object:
    origin = group.origin
    return (
        origin.dialect, origin.reason, origin.note, origin.reference,
        group.policy, group.failures_max, group.refuse_disabled, group.reverses, tuple(group.changes),
    )  # fmt: skip


def _replayed(answer: str) -> Applied:
    stored = orjson.loads(answer)
    return Applied([_outcome(outcome) for outcome in stored["outcomes"]], stored["group_id"], replayed=True)


def _outcome(stored: dict[str, Any]) -> Outcome:
    error, arrival = stored["error"], stored.get("arrival")
    if error is not None:
        error = refused(error)
    ignored = tuple(stored.get("ignored", ()))
    return Outcome(**{**stored, "error": error, "arrival": arrival and Arrival(**arrival), "ignored": ignored})


def refused(stored: dict[str, Any]) -> Refused:
    """A refusal as it was kept in an answer."""
    lists = {name: tuple(stored.get(name, ())) for name in ("candidates", "owners")}
    return Refused(**{**stored, "code": ErrorCode(stored["code"]), **lists})
