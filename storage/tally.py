"""What one request did to the database, for whoever wants to log, count or trace it.

The transport that begins a request has a tally of its own kind; what happens in here is noted in that, whichever
transport it was. Without one nothing is noted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Engine, event

Trace = Callable[[str], AbstractContextManager[Any]]
"""Is given the text of a statement, and lasts as long as that runs."""
_UNTRACED: Final[AbstractContextManager[Any]] = nullcontext()


@dataclass(slots=True)
class Tally:
    """What was counted of one request so far. `refused` has how often each code was a reason to refuse something.

    `trace` is wanted around each statement, where somebody follows them.
    """

    statements: int = 0
    writes: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    trace: Trace | None = None

    def refuse(self, code: str, times: int = 1) -> None:
        """Something was refused: the request, or lines of it."""
        self.refused[code] = self.refused.get(code, 0) + times


_CURRENT: Final[ContextVar[Tally | None]] = ContextVar("tally", default=None)
begin = _CURRENT.set
"""From here on, in this task and those that it starts, this is what is noted in."""
current = _CURRENT.get
"""The tally of the request in progress; None when there is none."""


def statement(sql: str) -> AbstractContextManager[Any]:
    """A statement is run in this block."""
    tally = _CURRENT.get()
    if tally is None:
        return _UNTRACED
    tally.statements += 1
    return _UNTRACED if tally.trace is None else tally.trace(sql)


def wrote() -> None:
    """A transaction was committed."""
    tally = _CURRENT.get()
    if tally is not None:
        tally.writes += 1


def refused(code: str) -> None:
    """Something was refused, for this reason."""
    tally = _CURRENT.get()
    if tally is not None:
        tally.refuse(code)


_RUNNING: Final = "stockgate_statement"


def listen(engine: Engine) -> None:
    """Note the statements that SQLAlchemy runs, too."""

    @event.listens_for(engine, "before_cursor_execute")
    def begun(connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        block = statement(sql)
        if block is not _UNTRACED:
            connection.info[_RUNNING] = block
            block.__enter__()

    @event.listens_for(engine, "after_cursor_execute")
    def ended(connection: Any, *_: Any) -> None:
        _end(connection.info, None)

    @event.listens_for(engine, "handle_error")
    def failed(context: Any) -> None:
        if context.connection is not None:
            _end(context.connection.info, context.original_exception)


def _end(info: dict[str, Any], error: BaseException | None) -> None:
    block = info.pop(_RUNNING, None)
    if block is not None:
        block.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
