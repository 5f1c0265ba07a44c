"""Where and with what a benchmark ran: what has to be known to compare its figures with others."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from servers import ROOT

from storage import sqlite_library

_PACKAGES: Final = (
    "aiosqlite", "asyncpg", "graphql-core", "orjson", "SQLAlchemy", "starlette", "strawberry-graphql", "uvicorn",
)  # fmt: skip


def facts(engines: Sequence[str]) -> dict[str, Any]:
    """The machine, the versions and the commit. PostgreSQL's own is known when a server of it runs: servers.py."""
    versions = {"python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}
    if "sqlite" in engines:
        versions["sqlite"] = _sqlite()
    return {
        "commit": _commit(), "taken_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine(),
        "versions": versions,
    }  # fmt: skip


def _machine() -> dict[str, Any]:
    models = {
        line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.lower().startswith("model name")
    }
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cpu": ", ".join(sorted(models)) or platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory) / 2**20, 1), "system": f"{platform.system()} {platform.release()}",
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }  # fmt: skip


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _commit() -> str:
    """The commit's first digits; with a plus where files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _sqlite() -> str:
    return str(sqlite_library.dbapi.sqlite_version)
