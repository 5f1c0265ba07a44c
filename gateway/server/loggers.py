"""What uvicorn, libraries and Python itself have to say, as lines of our log."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import structlog

log = structlog.get_logger("stockgate.server")


class _Lines(logging.Handler):
    """The last line of a message says it: what comes before is where it happened."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().strip()
        before, _, said = text.rpartition("\n")
        details = {"details": before} if before else {}
        log.log(record.levelno, said, logger=record.name, exc_info=record.exc_info or None, **details)


def take_over() -> None:
    """Warnings and errors of everybody; the rest is of no interest."""
    lines = _Lines(logging.WARNING)
    for name in ("", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [lines]
    logging.getLogger("uvicorn.error").propagate = False
    logging.captureWarnings(capture=True)
    threading.excepthook = _in_thread
    sys.unraisablehook = _unraisable


def _in_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
        log.error("a thread failed", thread=failed.thread and failed.thread.name, exc_info=failed.exc_value)


def _unraisable(failed: Any) -> None:
    log.error("an exception was of no use to anybody", exc_info=failed.exc_value)
