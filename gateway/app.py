"""create_app(settings): the composition root, the only file that knows every part."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway import changes, console, databases, docs, graphql, health, log_lines, sdl, stopping
from gateway import settings as settings_module
from gateway.authentication import Authenticator
from gateway.background import Background, Chore, chores
from gateway.budgets import Budgets
from gateway.consistency import Consistency
from gateway.cors import Cors
from gateway.dialects import DIALECTS, WORDPRESS_PREFIXES
from gateway.dialects.dialect import mounts
from gateway.dialects.wc_v3.signatures import Signatures
from gateway.dialects.wc_v3.webhook_format import WooCommerce
from gateway.dialects.wc_v3.webhook_pings import Pings
from gateway.dialects.wc_v3.webhook_writes import FORMAT as WOOCOMMERCE
from gateway.dialects.wordpress import Addressing
from gateway.exports import routes as exports
from gateway.graphql.admission import Admission
from gateway.graphql.open_streams import OpenStreams
from gateway.graphql.persisted import PersistedOperations
from gateway.graphql.short_way import ShortWay
from gateway.imports import routes as imports
from gateway.imports.worker import EVERY_S, Worker
from gateway.key_uses import KeyUses
from gateway.metrics import known
from gateway.metrics import serving as metrics
from gateway.metrics.meter import Meter
from gateway.metrics.sampling import Sampling
from gateway.metrics.stored import StoredFigures
from gateway.openapi import serving
from gateway.request_log import RequestLog
from gateway.server import board
from gateway.server_secret import ServerSecret
from gateway.settings import Settings
from gateway.telemetry import Telemetry
from gateway.webhooks.message import Format
from gateway.webhooks.sending import Sending
from gateway.webhooks.standard import Standard
from storage import migrations, sqlite_library
from storage.alert_reader import AlertReader
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.hub import Hub
from storage.webhook_endpoints import STANDARD


def create_app(settings: Settings | None = None) -> Starlette:
    """The whole gateway as an ASGI application. Without settings it reads the environment."""
    settings = settings or settings_module.load()
    log_lines.configure(settings.log_level)
    database = databases.serving(settings)
    app = Starlette(
        routes=[
            *console.routes(settings),  # before GraphQL: of GET /graphql it takes what browsers ask
            *docs.routes(settings),
            *graphql.ROUTES,
            *sdl.ROUTES,
            *serving.ROUTES,
            *changes.ROUTES,
            *imports.ROUTES,
            *exports.ROUTES,
            *health.ROUTES,
            *metrics.routes(settings),
            *(mount for dialect in DIALECTS for mount in mounts(dialect)),
        ],
        middleware=[
            Middleware(RequestLog),
            *([Middleware(Consistency)] if settings.read_database_urls else []),
            *_behind_proxies(settings),
            Middleware(Addressing, prefixes=WORDPRESS_PREFIXES),
            Middleware(ShortWay),
        ],
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.csv_exports = asyncio.Semaphore(settings.csv_exports_max)
    app.state.authenticator = Authenticator(database, cache_seconds=settings.key_cache_seconds)
    app.state.signatures = Signatures(database, app.state.authenticator, ServerSecret(settings))
    app.state.webhooks = Sending(settings, database, _formats(settings))
    app.state.webhook_pings = Pings(app.state.webhooks.client, database, timeout_s=settings.webhook_seconds_max)
    app.state.hub = Hub(database)
    app.state.alerts = AlertReader(database)
    app.state.import_worker = Worker(database)
    app.state.open_streams = OpenStreams(
        database,
        app.state.authenticator,
        streams_max=settings.streams_max,
        streams_per_key_max=settings.streams_per_key_max,
    )
    app.state.cors = Cors(database, settings.cors_origins, cache_seconds=settings.key_cache_seconds)
    app.state.budgets = Budgets(settings.cost_per_minute)
    persisted = PersistedOperations(database, settings)
    app.state.admission = Admission(settings, persisted, app.state.budgets)
    app.state.meter = Meter(board.seat(), known.operations_of(app.routes, DIALECTS), known.codes())
    app.state.stored_figures = StoredFigures(database)
    app.state.telemetry = Telemetry(database.name) if settings.telemetry == "on" else None
    app.state.key_uses = KeyUses(database)
    app.state.finished = [app.state.meter.finished, app.state.key_uses.finished]
    if app.state.telemetry is not None:
        app.state.finished.append(app.state.telemetry.finished)
    database.forgotten += [
        app.state.authenticator.forget,
        app.state.open_streams.doubt,
        app.state.cors.forget,
        persisted.forget,
    ]
    return app


def _formats(settings: Settings) -> dict[str, Format]:
    """How endpoints are told of events, by the name of their format."""
    server_secret = ServerSecret(settings)
    return {
        STANDARD: Standard(server_secret, settings.webhook_seconds_max),
        WOOCOMMERCE: WooCommerce(settings, server_secret),
    }


def _behind_proxies(settings: Settings) -> list[Middleware]:
    """What believes proxies, where there are any: it parses the address of every client."""
    if not settings.trusted_proxies:
        return []
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)]


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    database: Database = app.state.database
    if database.name == "sqlite":
        sqlite_library.check()
    await migrations.prepare(database)
    gc.collect()
    gc.freeze()  # what start-up made stays: collections during requests need not look at it
    importing: Worker = app.state.import_worker
    background = Background(
        [
            *chores(app.state.settings, database, app.state.authenticator),
            Chore("record what keys call", 30, app.state.key_uses.record),
            Chore("work on imports", EVERY_S, importing.look),
        ]
    )
    background.start()
    app.state.alerts.start()
    attending = asyncio.create_task(database.attend())
    sampling = Sampling(app.state.meter, app)
    sampling.start()
    app.state.webhooks.start()
    try:
        with stopping.first(app.state.open_streams.close):
            yield
    finally:
        await app.state.open_streams.close()
        await app.state.hub.close()
        await background.close()
        await app.state.alerts.close()
        await importing.close()
        await sampling.close()
        await app.state.webhook_pings.close()
        await app.state.webhooks.close()
        attending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await attending
        with contextlib.suppress(StorageUnavailableError):  # when keys were last used is not worth an error at the end
            await app.state.authenticator.record_use()
            await app.state.key_uses.record()
        if app.state.telemetry is not None:
            await asyncio.to_thread(app.state.telemetry.close)
        await database.close()
