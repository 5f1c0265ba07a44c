"""Consumer pairs: issued, verified, rotated, and not to be had from the database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from storage import access, consumer_pairs
from storage.access import Scope
from storage.consumer_pairs import IssuedPair
from storage.database import Database
from storage.key_settings import KeySettings
from storage.tables import ApiKey

SERVER_SECRET = "0123456789abcdef" * 4
READS_AND_WRITES = KeySettings("ERP", (Scope.READ, Scope.WRITE))


async def a_pair(database: Database, asked: KeySettings = READS_AND_WRITES) -> IssuedPair:
    return await database.transact(consumer_pairs.issue, asked, SERVER_SECRET)


async def test_a_pair_is_what_it_was_issued_for_and_of_its_secret_nothing_is_kept(database: Database) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    pair = await a_pair(database, replace(READS_AND_WRITES, location_ids=(1, 2), expires_at=until))
    assert pair.consumer_key[:3] + pair.consumer_secret[:3] == "ck_cs_"
    assert {len(pair.consumer_key), len(pair.consumer_secret)} == {43}
    found = await database.read(consumer_pairs.verify, pair.consumer_key)
    assert found is not None
    credential = found.credential
    assert (credential.id, credential.name, credential.scopes) == (pair.id, "ERP", {Scope.READ, Scope.WRITE})
    assert (credential.locations, credential.expires_at) == (frozenset({1, 2}), until)
    assert (found.has_secret(pair.consumer_secret), found.has_secret("cs_" + "0" * 40)) == (True, False)

    async def everything(session: Any) -> str:
        rows = (await session.execute(text("SELECT * FROM api_key"))).mappings()
        return json.dumps([dict(row) for row in rows], default=str)

    kept = await database.read(everything)
    assert pair.consumer_key[3:] not in kept
    assert pair.consumer_secret[3:] not in kept
    assert credential.hint == f"…{pair.consumer_key[-7:]}"
    assert pair.consumer_secret not in repr(pair) + repr(found)


async def test_a_pair_ends_like_any_key_and_is_none(database: Database) -> None:
    pair = await a_pair(database)
    assert await database.read(access.verify_api_key, pair.consumer_key) is None
    assert await database.read(consumer_pairs.verify, "ck_" + "0" * 40) is None
    token = (await database.transact(access.issue_api_key, "till", [Scope.READ])).token
    assert await database.read(consumer_pairs.verify, token) is None
    new = await database.transact(consumer_pairs.rotate, pair.id, SERVER_SECRET, overlap=timedelta(hours=1))
    assert new is not None
    assert new.consumer_key != pair.consumer_key
    for each in (pair, new):
        found = await database.read(consumer_pairs.verify, each.consumer_key)
        assert found is not None
        assert found.has_secret(each.consumer_secret)
        await database.transact(access.revoke_api_key, each.id)
        assert await database.read(consumer_pairs.verify, each.consumer_key) is None
    assert await database.transact(consumer_pairs.rotate, new.id, SERVER_SECRET, overlap=timedelta()) is None

    async def let_expire(session: Any) -> None:
        (await session.get(ApiKey, short.id)).expires_at = datetime.now(UTC)

    short = await a_pair(database)
    await database.transact(let_expire)
    assert await database.read(consumer_pairs.verify, short.consumer_key) is None


def test_a_consumer_key_is_hashed_as_woocommerce_does_it() -> None:
    """The vector of the fact sheet, 1.7."""
    hashed = consumer_pairs.key_hash_of("ck_0123456789abcdef0123456789abcdef01234567")
    assert hashed == "4ffbd479cad9f24fb43a1516cb436a9dad0e2e23ef491464e29c2d81dae32edd"


def test_a_secret_is_derived_from_the_server_s_and_the_key_s_alone() -> None:
    first = consumer_pairs.secret_of(SERVER_SECRET, "a")
    assert first == consumer_pairs.secret_of(SERVER_SECRET, "a")
    assert len({first, consumer_pairs.secret_of(SERVER_SECRET, "b"), consumer_pairs.secret_of("other", "a")}) == 3


@pytest.mark.parametrize("key", ["", "ck_", "ck_" + "0" * 39, "ck_" + "A" * 40, "ck_" + "0" * 41, "cs_" + "0" * 40])
def test_what_cannot_be_a_consumer_key_is_not_looked_up(key: str) -> None:
    assert not consumer_pairs.is_well_formed(key)
