"""What this process counts as it happens. A request costs it half a microsecond."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from gateway.calls import OTHER, Call
from gateway.metrics.families import SECONDS, Family, Layout
from gateway.server.board import Seat
from storage.turnstile import Rank

_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
WAYS: Final = ("texts", "sessions", "writes")
"""To the database: storage.turnstile.Turnstiles."""
_RANKS: Final = [(way, rank.name.lower()) for way in WAYS for rank in Rank]


class Meter:
    """The families, and where this process counts in them."""

    def __init__(self, seat: Seat, operations: Sequence[tuple[str, str]], codes: Sequence[str]) -> None:
        self.seat, self.layout, self.cells = seat, Layout(), seat.mine
        family = self.layout.family
        dialects = dict.fromkeys(dialect for dialect, _ in operations)
        self.seen = family("gauge", "stockgate_worker_seen", "When a worker last said how it is.", per_worker=True)
        by_operation = ("dialect", "operation")
        self.requests = family(
            "counter",
            "stockgate_requests",
            "Requests answered, and operations on WebSockets.",
            (*by_operation, "status"),
            [(*operation, each) for operation in operations for each in _CLASSES],
        )
        self.seconds = family(
            "histogram",
            "stockgate_request_seconds",
            "How long they took.",
            by_operation,
            operations,
        )
        self.refusals = family(
            "counter",
            "stockgate_refusals",
            "Requests, and lines of them, that were refused, by reason.",
            ("dialect", "code"),
            [(dialect, code) for dialect in dialects for code in codes],
        )
        self.statements = family("counter", "stockgate_statements", "SQL statements run.", ["dialect"], _each(dialects))
        self.commits = family("counter", "stockgate_commits", "Transactions committed.", ["dialect"], _each(dialects))
        self.cost = family("counter", "stockgate_cost_points", "Points that GraphQL cost.")
        self.waits = family(
            "histogram",
            "stockgate_database_wait_seconds",
            "How long those waited for the database who had to wait.",
            ["way"],
            _each(WAYS),
        )
        self.waiting = family(
            "gauge", "stockgate_database_waiting", "Who waits for the database now.", ("way", "rank"), _RANKS
        )
        self.in_use = family(
            "gauge", "stockgate_database_connections_used", "Places at the database in use.", ["way"], _each(WAYS)
        )
        self.places = family(
            "gauge", "stockgate_database_connections_max", "Places at the database.", ["way"], _each(WAYS)
        )
        self.streams = family("gauge", "stockgate_streams", "Open WebSockets and event streams.")
        self.followers = family("gauge", "stockgate_followers", "Subscriptions that follow the change feed.")
        self.exports = family("gauge", "stockgate_csv_exports", "CSV exports streaming now.")
        self.reads = family(
            "counter",
            "stockgate_replica_reads",
            "Where reads that a replica may answer were answered.",
            ["by"],
            _each(("replica", "primary")),
        )
        self.memory = family("gauge", "stockgate_worker_memory_bytes", "Resident memory.", per_worker=True)
        self.cpu = family("counter", "stockgate_worker_cpu_seconds", "CPU time since it started.", per_worker=True)
        self.late = family(
            "gauge", "stockgate_worker_loop_late_seconds", "How late its event loop last was.", per_worker=True
        )
        self.started = family("gauge", "stockgate_worker_start_time_seconds", "When it started.", per_worker=True)
        self.layout.clear_gauges(self.cells)
        self._operations = {
            each: (self.requests.series[*each, _CLASSES[0]], self.seconds.series[each]) for each in operations
        }

    def finished(self, call: Call, status: int, seconds: float) -> None:
        """A request was answered."""
        dialect = call.dialect
        found = self._operations.get((dialect, call.operation)) or self._operations[dialect, OTHER]
        cells = self.cells
        cells[found[0] + status // 100 - 1] += 1.0
        first = found[1]
        cells[first + bisect_left(SECONDS, seconds)] += 1.0
        cells[first + len(SECONDS) + 1] += seconds
        if call.statements:
            cells[self.statements.series[dialect,]] += call.statements
        if call.writes:
            cells[self.commits.series[dialect,]] += call.writes
        if call.cost:
            cells[self.cost.series[()]] += call.cost
        if call.refused or status >= 400:
            self._refused(call, status)

    def _refused(self, call: Call, status: int) -> None:
        series = self.refusals.series
        for code, times in (call.refused or {call.refusal(status): 1}).items():
            cell = series.get((call.dialect, code)) or series[call.dialect, OTHER]
            self.cells[cell] += times

    @property
    def families(self) -> Sequence[Family]:
        """All of them."""
        return self.layout.families


def _each(values: object) -> list[tuple[str, ...]]:
    return [(value,) for value in values]  # type: ignore[attr-defined]
