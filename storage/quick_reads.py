"""Short statements of SQLite on the event loop itself, instead of in a thread.

Handing a statement to a thread and its answer back costs more than looking up one product. Nothing may hold the loop
up, though: a statement that takes more than a few thousand steps of the engine's machine, about a tenth of a
millisecond, or has to wait for anybody, is ended and goes to a thread, and so do the next runs of its text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from storage.sqlite_library import dbapi

_STEPS: Final = 1000
"""After each of so many the engine asks whether to go on. Its own count begins anywhere."""
_PERIODS_MAX: Final = 5
_SECONDS_MAX: Final = 0.005  # of a disk, mostly
_TEXTS_MAX: Final = 2000
_PUT_OFF: Final = 4
_PUT_OFF_MAX: Final = 512


@dataclass(slots=True)
class _Text:
    """What is known of a statement: how many runs go to a thread before it is tried here again, now and next time."""

    put_off: int = 1  # who asks once need not be parsed here, too
    penalty: int = _PUT_OFF

    def was_long(self) -> None:
        """Every time for twice as long: it may have been the machine that was busy."""
        self.put_off, self.penalty = self.penalty, min(2 * self.penalty, _PUT_OFF_MAX)


class QuickReads:
    """A read-only connection of the event loop's own."""

    def __init__(
        self,
        path: str,
        pragmas: Iterable[str],
        functions: Iterable[tuple[str, int, Callable[..., Any]]] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """To be made in any thread, and used in one."""
        self._connection = dbapi.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
        for pragma in (*pragmas, "PRAGMA busy_timeout=0", "PRAGMA query_only=ON"):
            self._connection.execute(pragma)
        for name, parameters, function in functions:
            self._connection.create_function(name, parameters, function, deterministic=True)
        self._connection.set_progress_handler(self._is_too_long, _STEPS)
        self._clock = clock
        self._periods = 0
        self._texts: dict[str, _Text] = {}

    def fetch_rows(self, sql: str, values: Sequence[Any]) -> Sequence[Sequence[Any]] | None:
        """All rows of a short statement; None for one that is to be run in a thread."""
        text = self._texts.get(sql) or self._met(sql)
        if text.put_off:
            text.put_off -= 1
            return None
        self._periods, begun = 0, self._clock()
        try:
            rows = self._connection.execute(sql, values).fetchall()
        except dbapi.Error:  # too long, or busy; what else it may be a thread will meet again
            text.was_long()
            return None
        if self._clock() - begun > _SECONDS_MAX:
            text.was_long()
        else:
            text.penalty = _PUT_OFF
        return rows

    def _met(self, sql: str) -> _Text:
        if len(self._texts) >= _TEXTS_MAX:
            self._texts.clear()
        text = self._texts[sql] = _Text()
        return text

    def _is_too_long(self) -> bool:
        self._periods += 1
        return self._periods > _PERIODS_MAX

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
