"""create_app(settings): the composition root, the only file that knows every part."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware

from gateway import health, request_log
from gateway import settings as settings_module
from gateway.authentication import Authenticator
from gateway.dialects import DIALECTS
from gateway.dialects.dialect import mounts
from gateway.request_log import RequestLog
from gateway.settings import Settings
from storage import migrations
from storage.database import Database
from storage.errors import StorageUnavailableError

_RECORD_USE_EVERY_S = 30.0


def create_app(settings: Settings | None = None) -> Starlette:
    """The whole gateway as an ASGI application. Without settings it reads the environment."""
    settings = settings or settings_module.load()
    request_log.configure(settings.log_level)
    database = Database(settings.database_url.get_secret_value(), connections_max=settings.database_connections_max)
    app = Starlette(
        routes=[*health.ROUTES, *(mount for dialect in DIALECTS for mount in mounts(dialect))],
        middleware=[Middleware(RequestLog)],
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.authenticator = Authenticator(database, cache_seconds=settings.key_cache_seconds)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    database: Database = app.state.database
    await _prepare(database)
    recording = asyncio.create_task(_record_use(app.state.authenticator))
    try:
        yield
    finally:
        recording.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await recording
        await app.state.authenticator.record_use()
        await database.close()


async def _prepare(database: Database) -> None:
    """SQLite migrates by itself; a PostgreSQL that several hosts share is migrated by a command, at a chosen time."""
    if database.name == "sqlite":
        await migrations.upgrade(database)
    elif await migrations.pending(database):
        raise StorageUnavailableError(
            f"{database!r} does not have the schema this program needs. Run: stockgate migrate"
        )


async def _record_use(authenticator: Authenticator) -> None:
    while True:
        await asyncio.sleep(_RECORD_USE_EVERY_S)
        await authenticator.record_use()
