"""What uvicorn has to say, as lines of our log."""

from __future__ import annotations

import logging

import structlog

log = structlog.get_logger("stockgate.server")


class _Lines(logging.Handler):
    """The last line of a message says it: what comes before is where it happened."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().strip()
        before, _, said = text.rpartition("\n")
        details = {"details": before} if before else {}
        log.log(record.levelno, said, exc_info=record.exc_info or None, **details)


def take_over() -> None:
    """Warnings and errors; the rest is of no interest."""
    logger = logging.getLogger("uvicorn.error")
    logger.handlers = [_Lines(logging.WARNING)]
    logger.propagate = False
