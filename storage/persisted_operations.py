"""GraphQL documents by the SHA-256 of their text: listed by the operator, or persisted by clients."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import forgetting
from storage.changes import is_storable
from storage.tables import PersistedOperation
from storage.upsert import insert_missing, table_of

_operation = table_of(PersistedOperation)


@dataclass(frozen=True, slots=True)
class Persisted:
    """A document, and whether it is on the list of those that may run where only listed ones may."""

    document: str
    listed: bool


def sha256_of(document: str) -> str:
    """The name of a document: of its text as it is, to the last space."""
    return hashlib.sha256(document.encode(errors="replace")).hexdigest()


async def find(session: AsyncSession, sha256: str) -> Persisted | None:
    """The document of that hash."""
    row = await session.get(PersistedOperation, sha256)
    return None if row is None else Persisted(row.document, row.listed)


async def remember(session: AsyncSession, document: str, *, unlisted_max: int) -> None:
    """Keep what a client persists. Of the documents that are not listed only the newest `unlisted_max` are kept."""
    if not is_storable(document):
        return
    await _insert(session, [document], listed=False)
    newest_first = select(_operation.c.sha256).where(~_operation.c.listed).order_by(
        _operation.c.created_at.desc(), _operation.c.sha256
    )  # fmt: skip
    too_old = newest_first.offset(unlisted_max).subquery()
    await session.execute(delete(_operation).where(_operation.c.sha256.in_(select(too_old.c.sha256))))


async def add(session: AsyncSession, documents: Iterable[str]) -> int:
    """List documents; how many were not listed before."""
    documents = list(dict.fromkeys(documents))
    added = await _insert(session, documents, listed=True)
    hashes = [sha256_of(document) for document in documents]
    unlisted = update(_operation).where(_operation.c.sha256.in_(hashes), ~_operation.c.listed).values(listed=True)
    added += await _count(session, unlisted)
    await forgetting.tell_others(session)
    return added


async def listed(session: AsyncSession) -> Sequence[PersistedOperation]:
    """The documents that are listed, oldest first."""
    found = select(PersistedOperation).where(col(PersistedOperation.listed))
    order = (col(PersistedOperation.created_at), col(PersistedOperation.sha256))
    return (await session.execute(found.order_by(*order))).scalars().all()


async def remove(session: AsyncSession, beginning: str) -> int:
    """Forget the listed documents whose hash begins like that; how many there were."""
    begins = _operation.c.sha256.startswith(beginning, autoescape=True)
    await forgetting.tell_others(session)
    return await _count(session, delete(_operation).where(begins, _operation.c.listed))


async def _count(session: AsyncSession, statement: Any) -> int:
    return cast("CursorResult[Any]", await session.execute(statement)).rowcount


async def _insert(session: AsyncSession, documents: Sequence[str], *, listed: bool) -> int:
    rows = [{"sha256": sha256_of(document), "document": document, "listed": listed} for document in documents]
    return await insert_missing(
        session, PersistedOperation, rows, key=("sha256",), shared={"created_at": datetime.now(UTC)}
    )
