"""What the doctor finds: something that is well, something to look at, or something to mend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `fix` says what to do, where there is something to do."""

    level: Level
    check: str
    told: str
    fix: str = ""


def ok(check: str, told: str) -> Finding:
    """It is well."""
    return Finding(Level.OK, check, told)


def warn(check: str, told: str, fix: str) -> Finding:
    """It works, and should be looked at."""
    return Finding(Level.WARN, check, told, fix)


def fail(check: str, told: str, fix: str) -> Finding:
    """It does not work, or loses or shows data."""
    return Finding(Level.FAIL, check, told, fix)
