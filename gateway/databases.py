"""The database that the settings name, for the server and for commands."""

from __future__ import annotations

from dataclasses import replace

from gateway.settings import Settings
from storage.connecting import Connections
from storage.database import Database
from storage.turnstile import Rank


def serving(settings: Settings) -> Database:
    """For requests: whatever takes too long is given up."""
    connections = replace(
        _connections(settings),
        statement_seconds_max=settings.database_statement_seconds_max or settings.request_seconds_max,
        lock_seconds_max=settings.database_lock_seconds_max,
        idle_in_transaction_seconds_max=settings.database_idle_in_transaction_seconds_max,
        read_urls=tuple(url.get_secret_value() for url in settings.read_database_urls),
        lag_seconds_max=settings.read_lag_seconds_max,
    )
    waiting_max = {
        Rank.TILL: settings.waiting_tills_max,
        Rank.BULK: settings.waiting_bulks_max,
        Rank.EXPORT: settings.waiting_exports_max,
    }
    return Database(settings.database_url.get_secret_value(), connections, waiting_max=waiting_max)


def for_command(settings: Settings) -> Database:
    """For a command: whoever started it waits for it."""
    return Database(settings.database_url.get_secret_value(), _connections(settings))


def _connections(settings: Settings) -> Connections:
    return Connections(
        each_max=settings.database_connections_max,
        connect_seconds_max=settings.database_connect_seconds_max,
        unacknowledged_seconds_max=settings.database_unacknowledged_seconds_max,
        pooler=settings.database_pooler,
        direct_url=settings.database_direct_url.get_secret_value(),
    )
