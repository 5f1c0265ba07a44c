"""How a line of the log is written: JSON on standard error, one line for each event, whatever it has to tell of.

What a client may have had a hand in cannot break a line, colour a terminal, or fill a disk; and what looks like a
secret is not written, whoever let it get here.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

Line = MutableMapping[str, Any]
TEXT_MAX: Final = 200
"""Characters that are written of a text that a client sent; of what we have to say OWN_TEXT_MAX, and of where an
exception was raised EXCEPTION_MAX."""
OWN_TEXT_MAX: Final = 2000
EXCEPTION_MAX: Final = 8000
_CUT: Final = "…"
_SECRET: Final = re.compile(r"(?:sg[kw]|c[ks]|whsec)_[A-Za-z0-9+/=_-]{6,}|(?<=://)[^/\s]*:[^/\s]*(?=@)", re.IGNORECASE)
_HIDDEN: Final = "[secret]"
_UNSAFE: Final = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
    "|[\U000e0000-\U000e0fff]"
)
"""What JSON may have as it is, and terminals and programs that read lines take for more than a character."""
_OF_THE_MACHINE: Final = ("OperationalError", "DatabaseError", "InterfaceError")
"""Of database drivers: a disk that is full, a server that is away."""
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_least: list[int] = [_LEVELS["info"]]


def configure(level: str) -> None:
    """Log JSON lines on standard error, of this level and above it."""
    _least[:] = [_LEVELS[level]]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _timed,
            _with_exception,
            _rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )


def info(event: str, values: Mapping[str, Any]) -> None:
    """A line of its own, without the detour that structlog's are written by: there is one for each request.

    Its texts are those of told(), or our own.
    """
    if _least[0] <= _LEVELS["info"]:
        _write(_text({"event": event, **values, "level": "info", "timestamp": datetime.now(UTC)}))


def told(text: str, most: int = TEXT_MAX) -> str:
    """A text that came from a client, or may have: without secrets, and not too long."""
    if len(text) > most * 8:  # what is looked through is bounded, too
        text = text[: most * 8]
    text = _SECRET.sub(_HIDDEN, text)
    return text if len(text) <= most else text[:most] + _CUT


def clean(value: Any, most: int = OWN_TEXT_MAX) -> Any:
    """A value of a line as it may be written."""
    if isinstance(value, str):
        return told(value, most)
    if isinstance(value, Mapping):
        return {told(str(name)): clean(each, most) for name, each in list(value.items())[:50]}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(each, most) for each in list(value)[:50]]
    return value if isinstance(value, int | float | bool | datetime | None) else told(str(value), most)


class _Lines:
    """What structlog writes with: whatever the level, a line."""

    def msg(self, text: str) -> None:
        _write(text)

    debug = info = warning = error = critical = exception = fatal = log = msg


def _write(text: str) -> None:
    """At once, so that lines of several processes do not come between each other's."""
    stream = sys.stderr
    if stream is not None:  # a process may have none
        stream.write(f"{text}\n")
        stream.flush()


def _text(line: Mapping[str, Any]) -> str:
    try:
        text = orjson.dumps(line, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # half a character, or a number beyond what it takes
        return json.dumps(line, default=str)  # in ASCII
    return text if text.isascii() and "\x7f" not in text else _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if found[0] != "\x7f" else "\\u007f"


def _timed(_logger: Any, _method: str, line: Line) -> Line:
    line["timestamp"] = datetime.now(UTC)
    return line


def _with_exception(_logger: Any, _method: str, line: Line) -> Line:
    """Where an exception was raised, by which kind of it.

    What it says may quote what a client sent: only what the machine itself says of its files and sockets is told, and
    everything at the level `debug`.
    """
    given = line.pop("exc_info", None)
    error = sys.exception() if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        line["exception"] = exception_text(error)
    return line


def exception_text(error: BaseException) -> str:
    """The chain of exceptions with their frames, the last one last."""
    parts: list[str] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen and len(seen) < 5:
        seen.add(id(each))
        frames = traceback.extract_tb(each.__traceback__)[-12:]
        where = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        parts.append("\n".join([*where, f"{type(each).__module__}.{type(each).__qualname__}{_saying(each)}"]))
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return "\n\n".join(reversed(parts))


def _saying(error: BaseException) -> str:
    is_harmless = isinstance(error, OSError) or type(error).__name__ in _OF_THE_MACHINE
    return f": {told(str(error))}" if is_harmless or _least[0] <= _LEVELS["debug"] else ""


def _rendered(_logger: Any, _method: str, line: Line) -> str:
    exception = line.pop("exception", None)
    line = dict(clean(line))
    if exception is not None:
        line["exception"] = told(exception, EXCEPTION_MAX)
    return _text(line)
