"""The name of a process that sends webhooks, by which another one on the same machine can tell that it is dead.

A lease lasts long enough for a slow receiver. After a crash its endpoints would wait for that; but whoever can see the
process's place empty need not.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


def own() -> str:
    """A name for this process: where its number counts, the number, when it began, and something that tells apart
    several in one process."""
    return f"{_place()} {os.getpid()} {_began(os.getpid())} {secrets.token_hex(4)}"


def is_dead(name: str) -> bool:
    """Whether a process was on this machine and is not any more. False where that cannot be known."""
    place, _, rest = name.partition(" ")
    pid, _, rest = rest.partition(" ")
    began, _, _ = rest.partition(" ")
    return bool(began) and place != "" and place == _place() and pid.isdigit() and _began(int(pid)) != began


def _place() -> str:
    """The run of the machine and the space in which process numbers count; empty where there is no such thing."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """When a process began, in the machine's ticks; empty if there is none of that number, or it is a zombie."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
