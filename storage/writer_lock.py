"""The queue of those who want to write to one SQLite file: first come, first served, within a process and between them.

SQLite has one writer at a time and lets the others poll for it, longer and longer apart, so that who just wrote is
likely to write next and the others starve. Here they queue at two locks of the kernel: whoever wants the writer's lock
waits for it with the turn in hand, and who has just given the writer's lock back has to get the turn first, behind all
who wait for that. The kernel takes both locks from a process that dies, in whatever state, and wakes the next.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

from storage import sqlite_library
from storage.errors import StorageUnavailableError

_PATIENCE_S: Final = 30.0
_PATIENCE_AT_THE_END_S: Final = 2.0
_NO_FILES: Final = "The database cannot be written to: its folder takes no lock files."
_BUSY: Final = "Another process has kept the database file locked for 30 seconds."


class _Files:
    """Two locks beside the database, as empty files: nobody reads or deletes them.

    flock() locks what was opened, not the process, so that two of these exclude each other in one process, too; and it
    works on what was opened for reading, so that it does not matter who made the files. They are closed, and so given
    back, when nobody refers to them any more: neither a process nor a thread of it that waits.
    """

    def __init__(self, database: str) -> None:
        beside = os.path.realpath(database)
        self.turn = _opened(f"{beside}-turn")
        self.writer = _opened(f"{beside}-writer")

    def __del__(self) -> None:
        for name in ("turn", "writer"):
            if hasattr(self, name):  # or it could not be opened
                os.close(getattr(self, name))

    def take(self, *, waiting: bool) -> bool:
        """Whether the writer's lock is ours now, which it always is for who waits."""
        how = fcntl.LOCK_EX if waiting else fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            fcntl.flock(self.turn, how)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(self.writer, how)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self.turn, fcntl.LOCK_UN)
        return True

    def give_back(self) -> None:
        fcntl.flock(self.writer, fcntl.LOCK_UN)


def _opened(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)


class WriterLock:
    """What a process takes before it writes to an SQLite file.

    Free, it costs four system calls and no thread. Where another process writes, a thread waits; should its request be
    given up meanwhile, the place in the queue is kept for the next one of this process, or given back.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._files: _Files | None = None
        self._within = asyncio.Lock()
        self._arriving: asyncio.Future[None] | None = None
        self._is_wanted = False

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Write in this block. Raises StorageUnavailableError when it does not come to that in 30 seconds."""
        async with self._within:
            files = await self._take()
            try:
                yield
            finally:
                files.give_back()

    @asynccontextmanager
    async def checkpointing(self) -> AsyncIterator[None]:
        """Close connections in this block: the last one to a file checkpoints it, which some libraries must do alone.

        Who cannot have the lock soon goes on without it: a server that is stopped has to end.
        """
        async with AsyncExitStack() as stack:
            if sqlite_library.has_wal_reset_bug(sqlite_library.dbapi.sqlite_version_info):
                with suppress(StorageUnavailableError, OSError):
                    async with asyncio.timeout(_PATIENCE_AT_THE_END_S):
                        await stack.enter_async_context(self.held())
            yield

    def close(self) -> None:
        """Give everything back, also what a thread still waits for."""
        self._files = self._arriving = None

    async def _take(self) -> _Files:
        if self._files is None:
            try:
                self._files = _Files(self._database)
            except OSError as error:
                raise StorageUnavailableError(f"{_NO_FILES} {error.strerror}") from error
        if self._arriving is None:
            if self._files.take(waiting=False):
                return self._files
            self._arriving = asyncio.get_running_loop().create_future()
            self._arriving.add_done_callback(self._arrived)
            threading.Thread(target=_wait, args=(self._files, self._arriving), daemon=True).start()
        await self._arrival(self._arriving)
        return self._files

    async def _arrival(self, arriving: asyncio.Future[None]) -> None:
        self._is_wanted = True
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.shield(arriving)
        except BaseException as error:
            self._is_wanted = False
            if arriving.done():  # in the very moment in which it was given up
                self._arrived(arriving)
            if isinstance(error, TimeoutError):
                raise StorageUnavailableError(_BUSY) from None
            raise
        self._is_wanted = False
        self._arriving = None

    def _arrived(self, arriving: asyncio.Future[None]) -> None:
        """If nobody wants to write any more, the next process may."""
        if self._is_wanted or self._arriving is not arriving:
            return
        self._arriving = None
        if self._files is not None and not arriving.exception():
            self._files.give_back()


def _wait(files: _Files, arriving: asyncio.Future[None]) -> None:
    """In a thread. Nothing interrupts it but the lock."""
    error: OSError | None = None
    try:
        files.take(waiting=True)
    except OSError as problem:
        error = problem
    with suppress(RuntimeError):  # the loop is closed: with the last reference to the files the lock goes, too
        arriving.get_loop().call_soon_threadsafe(_tell, arriving, error)


def _tell(arriving: asyncio.Future[None], error: OSError | None) -> None:
    if arriving.done():
        return
    if error is None:
        arriving.set_result(None)
    else:
        arriving.set_exception(error)
