"""What the engines' errors mean. SQL exceptions do not leave storage/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from storage.errors import DeadlineExceededError, StatementTooComplexError, StorageUnavailableError
from storage.sqlite_library import dbapi

_RETRIED_STATES: Final = {"40001", "40P01"}  # serialization_failure, deadlock_detected
_UNAVAILABLE_CLASSES: Final = {"08", "28", "3D", "53", "57"}
"""Connection exception, not let in, no such database, insufficient resources, operator intervention."""
_UNAVAILABLE_STATES: Final = {"25006", "25P03"}  # this is a standby now; a transaction was idle for too long
_LOCK_NOT_AVAILABLE: Final = "55P03"
_LOST_STATES: Final = {"08000", "08003", "08006", "57P01", "57P02", "57P05", "25P03"}
_QUERY_CANCELED: Final = "57014"  # statement_timeout, or whoever runs the server
_TOO_COMPLEX_CLASS: Final = "54"  # program limit exceeded
_SQLITE_UNAVAILABLE: Final = re.compile("locked|busy|unable to open|I/O error|is full|readonly database")
_SQLITE_LIMITS: Final = re.compile("parser stack overflow|too large|too many|at most")
_ENGINE_ERRORS: Final = (
    DBAPIError,
    PoolTimeoutError,
    OSError,
    dbapi.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


LOST: Final = (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What may be raised by a driver whose connection is lost."""


class ConnectionLostError(Exception):
    """The connection was lost before a commit was begun: nothing was written, and it can be done again."""


def is_retryable(error: Exception) -> bool:
    """Whether the engine asks to run the transaction again, or nothing speaks against it."""
    return _state(error) in _RETRIED_STATES or isinstance(error, ConnectionLostError)


def is_lost(error: BaseException) -> bool:
    """Whether the connection that a statement ran on is gone; another one may do."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _state(error) in _LOST_STATES
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error)
    # The last: the server has said that it ends the connection, which is not closed yet
    return _state(error) in _LOST_STATES or isinstance(error, ConnectionError | asyncpg.InternalClientError)


@contextmanager
def before_commit() -> Iterator[None]:
    """Raises ConnectionLostError when the connection is lost in this block."""
    try:
        yield
    except LOST as error:
        if is_lost(error):
            raise ConnectionLostError from error
        raise


_HELD: Final = "Another transaction holds what this change needs, for too long. Nothing was written. Try again."
_SILENT: Final = "it did not answer in time"


def is_lock_timeout(error: Exception) -> bool:
    """Whether a lock was not to be had within the time that was given to it."""
    return _state(error) == _LOCK_NOT_AVAILABLE


def is_given_up(error: BaseException) -> bool:
    """Whether the database gave the statement up because it took too long."""
    return _state(error) == _QUERY_CANCELED


@contextmanager
def told() -> Iterator[None]:
    """Raises what the engine's error means, of storage/errors.py; a bug stays what it is."""
    try:
        yield
    except ConnectionLostError as error:
        raise StorageUnavailableError("The database is not available now: the connection was lost.") from error
    except _ENGINE_ERRORS as error:
        message = str(getattr(error, "orig", None) or error).partition("\n")[0] or _SILENT
        if _state(error) == _LOCK_NOT_AVAILABLE:
            raise StorageUnavailableError(_HELD) from error
        if is_given_up(error):
            raise DeadlineExceededError("The database gave the statement up: it took longer than one may.") from error
        if _is_too_complex(error):
            raise StatementTooComplexError(message) from error
        if is_unavailable(error):
            raise StorageUnavailableError(f"The database is not available now: {message}") from error
        raise


def _is_too_complex(error: BaseException) -> bool:
    if _is_of_sqlite(error):
        return _SQLITE_LIMITS.search(str(error)) is not None
    return (_state(error) or "").startswith(_TOO_COMPLEX_CLASS)


def is_unavailable(error: BaseException) -> bool:
    """Nothing wrong with the statement: the file, the server or the way there is."""
    if _is_of_sqlite(error):
        return _SQLITE_UNAVAILABLE.search(str(error)) is not None
    if isinstance(error, OSError | PoolTimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    state = _state(error) or ""
    return (
        state in _RETRIED_STATES | _UNAVAILABLE_STATES
        or state[:2] in _UNAVAILABLE_CLASSES
        or getattr(error, "connection_invalidated", False)
        or isinstance(getattr(error, "orig", None), OSError)
    )


def _is_of_sqlite(error: BaseException) -> bool:
    return isinstance(getattr(error, "orig", error), dbapi.OperationalError)


def _state(error: BaseException) -> str | None:
    state: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state
