"""SQLAlchemy's engine on PostgreSQL: a pool that hands out no connection it could know to be closed."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.connecting import Connector

ASKED: Final = "stockgate_asked"
"""Of a connection's info: the process ids on which statements are under way."""


def create(url: URL, connector: Connector) -> AsyncEngine:
    """The engine of a process, whose connections its connector makes.

    Whether a connection still works is not asked before each use: that costs more than a small write. One that was
    closed is known to be; what fails before its commit on one that was lost is done again by Database.
    """
    arguments: dict[str, Any] = {**connector.options, "async_creator_fn": connector.connect}
    if not connector.connections.has_sessions:
        arguments |= {"prepared_statement_cache_size": 0, "prepared_statement_name_func": _unnamed}
    engine = create_async_engine(
        url,
        pool_size=connector.connections.each_max,
        max_overflow=0,
        hide_parameters=True,  # errors are logged; what clients sent is not
        connect_args=arguments,
    )

    @event.listens_for(engine.sync_engine, "checkout")
    def check(connection: Any, _record: Any, _proxy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    asked = connector.unanswered.asked

    @event.listens_for(engine.sync_engine, "connect")
    def tell(_connection: Any, record: Any) -> None:
        record.info[ASKED] = asked

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def before(connection: Connection, *_: Any) -> None:
        asked.add(_pid_of(connection))

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def after(connection: Connection, *_: Any) -> None:
        asked.discard(_pid_of(connection))

    @event.listens_for(engine.sync_engine, "handle_error")
    def failed(context: Any) -> None:
        if context.connection is None or context.connection.invalidated:
            return
        if not context.connection.connection.driver_connection.is_closed():  # it would not know its process any more
            asked.discard(_pid_of(context.connection))

    return engine


def _pid_of(connection: Connection) -> int:
    driver: Any = connection.connection.driver_connection
    return int(driver.get_server_pid())


def _unnamed() -> str:
    return ""
