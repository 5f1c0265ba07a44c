"""Nonces of signed requests: each is good for one request, in whichever process it arrives."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.retention import remove_first
from storage.tables import OauthNonce
from storage.upsert import insert_missing, table_of


async def claim(session: AsyncSession, api_key_id: int, nonce: str, timestamp: int, *, forgotten: int) -> bool:
    """Take a nonce for this key; False when it is taken. What is older than `forgotten` counts no longer.

    It is written without looking first: of two equal requests at once one waits for the other's row, and finds it.
    """
    row = {"api_key_id": api_key_id, "nonce": _fingerprint(nonce), "timestamp": timestamp}
    if await insert_missing(session, OauthNonce, [row], key=("api_key_id", "nonce")):
        return True
    nonces = table_of(OauthNonce)
    old = update(nonces).where(
        nonces.c.api_key_id == api_key_id, nonces.c.nonce == row["nonce"], nonces.c.timestamp < forgotten
    )
    taken_over = await session.execute(old.values(timestamp=timestamp))
    return cast("CursorResult[Any]", taken_over).rowcount == 1


async def forget(session: AsyncSession, before: int) -> int:
    """Delete a batch of the nonces of requests that were signed before this time, and say how many they were."""
    return await remove_first(session, OauthNonce, "timestamp", before)


def _fingerprint(nonce: str) -> str:
    """A nonce may be any text, of any length; its hash can be stored and indexed everywhere."""
    return hashlib.sha256(nonce.encode(errors="surrogateescape")).hexdigest()
