"""The principal behind a token: remembered for a moment, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from gateway.authentication import Authenticator, basic_credentials, bearer_token, header_token
from storage import access
from storage.access import Scope
from storage.database import Database
from tests.statements import statements


class Clock:
    """Seconds that pass when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authenticator(database: Database, clock: Clock) -> Authenticator:
    return Authenticator(database, cache_seconds=3, clock=clock)


@pytest.fixture(name="statements")
def _statements(database: Database) -> Iterator[list[str]]:
    with statements(database) as executed:
        yield executed


async def a_key(database: Database, *scopes: Scope, **options: Any) -> access.Issued:
    return await database.transact(access.issue_api_key, "till", scopes or (Scope.READ,), **options)


async def test_a_key_is_looked_up_once_in_its_moment(
    database: Database, authenticator: Authenticator, clock: Clock, statements: list[str]
) -> None:
    token = (await a_key(database)).token
    first = await authenticator.api_key(token)
    statements.clear()
    clock.now += 2.9
    assert await authenticator.api_key(token) == first is not None
    assert statements == []
    clock.now += 0.2
    assert await authenticator.api_key(token) == first
    assert statements != []


async def test_a_key_that_another_process_revoked_stops_working_when_its_moment_is_over(
    database: Database, authenticator: Authenticator, clock: Clock
) -> None:
    issued = await a_key(database)
    assert await authenticator.api_key(issued.token) is not None
    await database.transact(access.revoke_api_key, issued.id)
    clock.now += 3
    assert await authenticator.api_key(issued.token) is None


async def test_a_key_that_this_process_revoked_stops_working_at_once(
    database: Database, authenticator: Authenticator
) -> None:
    issued = await a_key(database)
    assert await authenticator.api_key(issued.token) is not None
    await database.transact(access.revoke_api_key, issued.id)
    authenticator.forget()
    assert await authenticator.api_key(issued.token) is None


async def test_a_remembered_key_still_expires(database: Database, authenticator: Authenticator) -> None:
    issued = await a_key(database, expires_at=datetime.now(UTC) + timedelta(seconds=1))
    assert await authenticator.api_key(issued.token) is not None
    while datetime.now(UTC) < (await database.read(access.list_api_keys))[0].expires_at:  # type: ignore[operator]
        pass
    assert await authenticator.api_key(issued.token) is None


async def test_a_wrong_token_is_not_remembered_and_a_malformed_one_not_looked_up(
    database: Database, authenticator: Authenticator, statements: list[str]
) -> None:
    assert await authenticator.api_key(access.new_token(access.API_KEY_PREFIX)) is None
    assert len(authenticator._principals) == 0
    statements.clear()
    assert await authenticator.api_key("sgk_nonsense") is None
    assert statements == []


async def test_tokens_are_remembered_by_their_hash(database: Database, authenticator: Authenticator) -> None:
    token = (await a_key(database)).token
    await authenticator.api_key(token)
    assert len(authenticator._principals) == 1
    assert token not in repr(vars(authenticator._principals))


async def test_last_use_is_recorded_without_a_write_per_request(
    database: Database, authenticator: Authenticator, statements: list[str]
) -> None:
    issued = await a_key(database)
    statements.clear()
    for _ in range(20):
        await authenticator.api_key(issued.token)
    assert not [statement for statement in statements if statement.startswith(("UPDATE", "INSERT"))]
    await authenticator.record_use()
    assert len([statement for statement in statements if statement.startswith("UPDATE")]) == 1
    [row] = await database.read(access.list_api_keys)
    assert row.last_used_at is not None
    statements.clear()
    await authenticator.record_use()
    assert statements == []


async def test_admin_may_everything_and_a_webhook_secret_delivers_only(
    database: Database, authenticator: Authenticator
) -> None:
    admin = await authenticator.api_key((await a_key(database, Scope.ADMIN)).token)
    secret = await database.transact(access.issue_webhook_secret, "warehouse")
    webhook = await authenticator.webhook_secret(secret.token)
    assert admin is not None
    assert webhook is not None
    assert [admin.may(scope) for scope in (Scope.READ, Scope.WRITE, Scope.DELIVER)] == [True, True, True]
    assert [webhook.may(scope) for scope in (Scope.READ, Scope.WRITE, Scope.DELIVER)] == [False, False, True]
    assert await authenticator.api_key(secret.token) is None


async def test_a_webhook_is_no_api_key_in_the_ledger(database: Database, authenticator: Authenticator) -> None:
    secret = await database.transact(access.issue_webhook_secret, "warehouse")
    webhook = await authenticator.webhook_secret(secret.token)
    assert webhook is not None
    origin = webhook.origin("mulopimfwc/v1")
    assert (origin.api_key_id, origin.principal) == (None, f"webhook:{secret.id} warehouse")


def connection(**headers: str) -> HTTPConnection:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw})


def test_tokens_are_taken_from_headers_without_surrounding_space() -> None:
    assert header_token(connection(x_api_key="  sgk_1 ")) == "sgk_1"
    assert header_token(connection(x_api_key=" ")) is None
    assert bearer_token(connection(authorization="bearer  sgk_1")) == "sgk_1"
    assert bearer_token(connection(authorization="Basic sgk_1")) is None
    assert bearer_token(connection()) is None


def test_basic_credentials_are_decoded_or_none() -> None:
    assert basic_credentials(connection(authorization="Basic dGlsbDpzZWNyZXQ=")) == ("till", "secret")
    for malformed in ("Basic dGlsbA==", "Basic ???", "Basic /w==", "Basic é", "Bearer x", ""):
        assert basic_credentials(connection(authorization=malformed)) is None
