"""The database: can it be reached, has it the schema, is it set up so that nothing is lost, what is in it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from gateway import databases
from gateway.doctor.findings import Finding, fail, ok, warn
from gateway.metrics import stored
from gateway.settings import Settings
from storage import access, migrations
from storage.access import Scope
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.tables import ApiKey, LedgerEntry, SourceRule

_UNUSED: Final = timedelta(days=90)
_APART_S: Final = 2.0
_OLDEST_POSTGRES: Final = 140_000
_KEEPS_DATA: Final = {
    "fsync": (("on",), "a power cut may lose or damage everything"),
    "full_page_writes": (("on",), "a power cut may damage tables"),
    "synchronous_commit": (
        ("on", "remote_apply", "remote_write", "local"),
        "what was answered as written may be lost in a crash",
    ),
}
_NAMED_MAX: Final = 5


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """All of it; what depends on something that is broken is not looked at."""
    try:
        database = databases.for_command(settings)
    except StorageUnavailableError as error:
        yield fail("database", str(error), "Correct STOCKGATE_DATABASE_URL.")
        return
    try:
        try:
            pending = await migrations.pending(database)
        except StorageUnavailableError as error:
            fix = "See that it runs, that this machine reaches it, and that the URL and password are right."
            yield fail("database", str(error).splitlines()[0], fix)
            return
        yield ok("database", f"{database!r} answers.")
        if database.name == "postgresql":
            async for finding in _postgresql(database, settings):
                yield finding
        if pending:
            yield fail("migrations", "The database does not have the schema this program needs.", "stockgate migrate")
            return
        yield ok("migrations", "The database has the newest schema.")
        for finding in await database.read(_contents, settings):
            yield finding
    finally:
        await database.close()


async def _postgresql(database: Database, settings: Settings) -> AsyncIterator[Finding]:
    names = ("server_version_num", "server_version", "max_connections", "server_encoding", *_KEEPS_DATA)
    shown = ", ".join(f"current_setting('{name}')" for name in names)
    began = time.time()
    async with database.engine.connect() as connection:
        row = (await connection.execute(text(f"SELECT {shown}, extract(epoch FROM clock_timestamp())"))).one()  # noqa: S608 (constants)
    middle = (began + time.time()) / 2
    told: dict[str, Any] = dict(zip(names, row, strict=False))
    if int(told["server_version_num"]) < _OLDEST_POSTGRES:
        yield warn(
            "postgresql", f"PostgreSQL {told['server_version']} gets no mends any more.", "Upgrade to 14 or later."
        )
    else:
        yield ok("postgresql", f"PostgreSQL {told['server_version']}.")
    for name, (wanted, otherwise) in _KEEPS_DATA.items():
        if told[name] not in wanted:
            yield fail(
                "postgresql", f"{name} is {told[name]}: {otherwise}.", f"ALTER SYSTEM SET {name} = on, and reload."
            )
    if told["server_encoding"] != "UTF8":
        yield fail("postgresql", f"Its encoding is {told['server_encoding']}.", "Use a database in UTF8.")
    needed = 2 * settings.database_connections_max + 1
    if needed > int(told["max_connections"]) and settings.database_pooler == "none":
        yield fail(
            "postgresql",
            f"One process may take {needed} connections, and the server has {told['max_connections']} for everybody.",
            "Set STOCKGATE_DATABASE_CONNECTIONS_MAX lower or max_connections higher.",
        )
    apart = float(row[-1]) - middle
    if abs(apart) > _APART_S:
        yield warn("clock", f"The database's clock is {apart:+.1f} s from this machine's.", "Have NTP keep both.")
    for number, url in enumerate(settings.read_database_urls):
        yield await _replica(number, url.get_secret_value(), settings)


async def _replica(number: int, url: str, settings: Settings) -> Finding:
    lag = "CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 ELSE "
    lag += "extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END"
    name = f"replica {number}"
    try:
        connection = await asyncpg.connect(
            url.replace("+asyncpg", "", 1), timeout=settings.database_connect_seconds_max
        )
        try:
            is_replica = await connection.fetchval("SELECT pg_is_in_recovery()")
            lag_s = await connection.fetchval(f"SELECT {lag}") if is_replica else None
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        return fail(name, f"It cannot be reached: {type(error).__name__}.", "Mend STOCKGATE_READ_DATABASE_URLS, or it.")
    if not is_replica:
        return fail(name, "It is no replica, but a primary.", "List replicas only: a primary shows other data.")
    if lag_s is not None and lag_s > settings.read_lag_seconds_max:
        return warn(name, f"It is {lag_s:.0f} s behind, so nothing is read there.", "See what keeps it.")
    return ok(name, f"It answers, {float(lag_s or 0):.1f} s behind.")


async def _contents(session: AsyncSession, settings: Settings) -> list[Finding]:
    keys = await access.list_api_keys(session)
    found = [*_keys([key for key in keys if access.is_valid(key)]), *(await _rules(session, keys))]
    found += _webhooks(await stored.read(session), settings)
    newest = await session.scalar(
        select(col(LedgerEntry.created_at)).order_by(col(LedgerEntry.sequence).desc()).limit(1)
    )
    if newest is not None and newest > datetime.now(UTC) + timedelta(minutes=1):
        ahead = f"The newest entry of the ledger is of {newest:%Y-%m-%d %H:%M}, which is not yet."
        found.append(
            fail("clock", ahead, "Set this machine's clock, or that of whoever wrote it, and have NTP keep it.")
        )
    return found


def _keys(keys: list[ApiKey]) -> list[Finding]:
    long_ago = datetime.now(UTC) - _UNUSED
    unused = [key for key in keys if key.created_at < long_ago and (key.last_used_at or key.created_at) < long_ago]
    endless = [key for key in keys if key.expires_at is None and str(Scope.STOREFRONT) not in key.scopes]
    admins = [key for key in keys if str(Scope.ADMIN) in key.scopes and key.location_ids is None]
    found = []
    if unused:
        told = f"Not used for 90 days: {_named(unused)}."
        found.append(warn("keys", told, "`stockgate key revoke` those that nobody needs."))
    if endless:
        told = f"Valid for ever: {_named(endless)}."
        found.append(warn("keys", told, "`stockgate key rotate`, and give keys an end with `--expires`."))
    if len(admins) > 1 and len(admins) * 2 > len(keys):
        told = f"{len(admins)} of {len(keys)} keys may do everything: {_named(admins)}."
        found.append(
            warn("keys", told, "Give each client the scopes that it needs; `stockgate key report` tells them.")
        )
    return found or [ok("keys", f"{len(keys)} are valid.")]


def _named(keys: list[ApiKey]) -> str:
    names = [f"{key.id} ({key.name})" for key in keys[:_NAMED_MAX]]
    return ", ".join(names) + (f" and {len(keys) - _NAMED_MAX} more" if len(keys) > _NAMED_MAX else "")


async def _rules(session: AsyncSession, keys: Any) -> list[Finding]:
    """Rules whose owners are all gone: then nobody may write what they are about."""
    valid = {key.id for key in keys if access.is_valid(key)}
    rules = (await session.execute(select(col(SourceRule.field), col(SourceRule.owners)))).all()
    dead = [rule for rule in rules if rule.owners and not valid & {number for number, _ in rule.owners}]
    if dead:
        told = ", ".join(
            f"`{rule.field}` (key {', '.join(str(number) for number, _ in rule.owners)})" for rule in dead[:_NAMED_MAX]
        )
        fix = "Name a key that is valid with `stockgate rules set`, or remove the rule."
        return [fail("rules", f"Nobody may write what belongs to keys that are not valid any more: {told}.", fix)]
    return [ok("rules", f"{len(rules)} say who may write which field.")] if rules else []


def _webhooks(found: stored.Stored, settings: Settings) -> list[Finding]:
    if not found.endpoints:
        return []
    findings = []
    if disabled := [each.id for each in found.furthest if each.status == "disabled"]:
        told = f"Disabled, because they failed too long: endpoints {', '.join(map(str, disabled[:_NAMED_MAX]))}."
        findings.append(fail("webhooks", told, "Mend the receiver, then `stockgate webhook resume`."))
    if found.lag_s > settings.ready_lag_seconds_max:
        last = max((each for each in found.furthest if each.status == "active"), key=lambda each: each.behind)
        told = f"Endpoint {last.id} has not got changes of {found.lag_s / 60:.0f} minutes ago ({last.behind} behind)."
        findings.append(warn("webhooks", told, "`stockgate webhook deliveries` says what its receiver answers."))
    active = found.endpoints.get("active", 0)
    return findings or [ok("webhooks", f"{active} endpoints are active, {found.lag_s:.0f} s behind at most.")]
