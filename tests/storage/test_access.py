"""API keys and webhook secrets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from storage import access
from storage.access import API_KEY_PREFIX, WEBHOOK_SECRET_PREFIX, Scope, Visibility, hash_of, is_well_formed, new_token
from storage.database import Database

READ_WRITE = [Scope.READ, Scope.WRITE]


def test_a_token_is_recognisable_random_and_checked() -> None:
    token, other = new_token(API_KEY_PREFIX), new_token(API_KEY_PREFIX)
    assert token.startswith("sgk_")
    assert len(token) == len("sgk_") + 43 + 8  # 256 bits in base64, and the checksum
    assert token != other
    assert is_well_formed(token, API_KEY_PREFIX)
    assert not is_well_formed(token, WEBHOOK_SECRET_PREFIX)


@pytest.mark.parametrize("mistyped", ["{0:.54}", "{0:.10}é{0}", "{0} ", "sgk_", ""])
def test_a_mistyped_token_is_told_without_a_look_up(mistyped: str) -> None:
    assert not is_well_formed(mistyped.format(new_token(API_KEY_PREFIX)), API_KEY_PREFIX)


def test_a_token_with_two_characters_swapped_fails_its_checksum() -> None:
    token = API_KEY_PREFIX + "ab" + new_token(API_KEY_PREFIX)[6:]
    assert not is_well_formed(API_KEY_PREFIX + "ba" + token[6:], API_KEY_PREFIX)


async def test_only_the_hash_of_a_key_is_stored(database: Database) -> None:
    key = await database.transact(access.issue_api_key, "till", READ_WRITE)
    secret = await database.transact(access.issue_webhook_secret, "warehouse")

    async def stored(session: Any) -> str:
        rows = [
            (await session.execute(text(f"SELECT * FROM {table}"))).all() for table in ("api_key", "webhook_secret")
        ]
        return repr(rows)

    contents = await database.read(stored)
    for token in (key.token, secret.token):
        assert hash_of(token) in contents
        assert token not in contents
        assert token[4:40] not in contents


async def test_a_key_is_verified_as_what_it_may_do(database: Database) -> None:
    issued = await database.transact(access.issue_api_key, "till", READ_WRITE, location_ids=[3, 1])
    credential = await database.read(access.verify_api_key, issued.token)
    assert credential is not None
    assert (credential.id, credential.name) == (issued.id, "till")
    assert (credential.scopes, credential.locations) == (frozenset(READ_WRITE), frozenset({1, 3}))


async def test_a_key_that_was_never_issued_is_not_valid(database: Database) -> None:
    assert await database.read(access.verify_api_key, new_token(API_KEY_PREFIX)) is None


async def test_a_key_expires(database: Database) -> None:
    now = datetime.now(UTC)
    for expires_in, valid in ((timedelta(hours=1), True), (timedelta(seconds=-1), False)):
        issued = await database.transact(access.issue_api_key, "till", READ_WRITE, expires_at=now + expires_in)
        assert (await database.read(access.verify_api_key, issued.token) is not None) is valid


async def test_a_revoked_key_is_not_valid_and_revoking_twice_is_harmless(database: Database) -> None:
    issued = await database.transact(access.issue_api_key, "till", READ_WRITE)
    assert await database.transact(access.revoke_api_key, issued.id) is True
    [before] = await database.read(access.list_api_keys)
    assert await database.transact(access.revoke_api_key, issued.id) is True
    [after] = await database.read(access.list_api_keys)
    assert before.revoked_at == after.revoked_at is not None
    assert await database.read(access.verify_api_key, issued.token) is None
    assert await database.transact(access.revoke_api_key, 999) is False


async def test_a_webhook_secret_may_deliver_and_is_no_api_key(database: Database) -> None:
    secret = await database.transact(access.issue_webhook_secret, "warehouse")
    key = await database.transact(access.issue_api_key, "till", READ_WRITE)
    credential = await database.read(access.verify_webhook_secret, secret.token)
    assert credential is not None
    assert credential.scopes == {Scope.DELIVER}
    assert await database.read(access.verify_api_key, secret.token) is None
    assert await database.read(access.verify_webhook_secret, key.token) is None


async def test_last_uses_are_written_many_at_once(database: Database) -> None:
    ids = [(await database.transact(access.issue_api_key, f"till {n}", READ_WRITE)).id for n in range(3)]
    used = {ids[0]: datetime(2026, 5, 1, tzinfo=UTC), ids[2]: datetime(2026, 5, 2, tzinfo=UTC)}
    await database.transact(access.record_use, used)
    rows = await database.read(access.list_api_keys)
    assert {row.id: row.last_used_at for row in rows} == {**used, ids[1]: None}


async def test_a_rotated_key_has_the_settings_of_the_old_one_which_ends_after_the_overlap(database: Database) -> None:
    settings: Any = {
        "location_ids": [3, 1], "visibility": Visibility.CAPPED, "cap": 9, "origins": ["https://shop.example"],
        "cost_per_minute": 500,
    }  # fmt: skip
    old = await database.transact(access.issue_api_key, "shop", [Scope.STOREFRONT], **settings)
    new = await database.transact(access.rotate_api_key, old.id, overlap=timedelta(hours=1))
    assert new is not None
    before, after = [await database.read(access.verify_api_key, issued.token) for issued in (old, new)]
    assert before is not None
    assert before.expires_at is not None
    assert timedelta(minutes=59) < before.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    assert after == replace(before, id=new.id, hint=new.token[:10], expires_at=None)


@pytest.mark.parametrize(("expires_in", "overlap", "ends_in"), [(1, 24, 1), (48, 24, 24)])
async def test_an_overlap_makes_no_key_valid_for_longer(
    database: Database, expires_in: int, overlap: int, ends_in: int
) -> None:
    expires_at = datetime.now(UTC) + timedelta(hours=expires_in)
    old = await database.transact(access.issue_api_key, "till", READ_WRITE, expires_at=expires_at)
    new = await database.transact(access.rotate_api_key, old.id, overlap=timedelta(hours=overlap))
    assert new is not None
    before, after = [await database.read(access.verify_api_key, issued.token) for issued in (old, new)]
    assert before is not None
    assert after is not None
    assert abs(before.expires_at - datetime.now(UTC) - timedelta(hours=ends_in)) < timedelta(minutes=1)  # type: ignore[operator]
    assert after.expires_at == expires_at


async def test_without_an_overlap_the_old_key_ends_at_once_and_what_has_ended_is_not_rotated(
    database: Database,
) -> None:
    old = await database.transact(access.issue_api_key, "till", READ_WRITE)
    assert await database.transact(access.rotate_api_key, old.id, overlap=timedelta())
    assert await database.read(access.verify_api_key, old.token) is None
    assert await database.transact(access.rotate_api_key, old.id, overlap=timedelta()) is None
    assert await database.transact(access.rotate_api_key, 99, overlap=timedelta()) is None


async def test_a_revoked_webhook_secret_opens_nothing(database: Database) -> None:
    issued = await database.transact(access.issue_webhook_secret, "warehouse")
    assert await database.transact(access.revoke_webhook_secret, issued.id)
    assert await database.transact(access.revoke_webhook_secret, issued.id)
    assert await database.read(access.verify_webhook_secret, issued.token) is None
    assert not await database.transact(access.revoke_webhook_secret, 99)
