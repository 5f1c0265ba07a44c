"""Everything that is counted, as Prometheus reads it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics

from gateway.metrics import families
from gateway.metrics.families import SECONDS, Family
from gateway.metrics.meter import Meter
from gateway.metrics.sampling import SILENT_S
from gateway.metrics.stored import Stored, wal_bytes
from storage.database import Database

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_BOUNDS: Final = (*map(str, SECONDS), "+Inf")


def text_of(meter: Meter, database: Database, stored: Stored, *, as_openmetrics: bool) -> bytes:
    """All metrics, in one of the two formats."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(meter, database, stored))
    written: Callable[[CollectorRegistry], bytes] = (
        openmetrics.generate_latest if as_openmetrics else generate_latest  # type: ignore[assignment,unused-ignore]
    )
    return written(registry)


class _Collected:
    """What prometheus_client asks for metrics."""

    def __init__(self, meter: Meter, database: Database, stored: Stored) -> None:
        self._meter, self._database, self._stored = meter, database, stored

    def describe(self) -> list[Metric]:
        """Nothing is known before it is collected."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric that there is something to tell of."""
        yield from _of_workers(self._meter)
        yield _of_build(self._database)
        yield from _of_replicas(self._database)
        yield from _of_database(self._database, self._stored)
        if self._stored.migrations_pending is False:
            yield from _of_feed(self._stored)


def _of_workers(meter: Meter) -> Iterator[Metric]:
    seen = meter.seen.series[()]
    since = time.time() - SILENT_S
    living = [place for place in range(meter.seat.board.places) if meter.seat.board.cells(place)[seen] >= since]
    yield _gauge("stockgate_workers", "Processes that serve.", len(living))
    for family in meter.families:
        if family is not meter.seen:
            yield _metric(family, meter, living)


def _metric(family: Family, meter: Meter, living: list[int]) -> Metric:
    labels = ("worker", *family.labels) if family.per_worker else family.labels
    told = families.totals(family, meter.seat, living)
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=labels)
        for values, cells in told:
            buckets: list[tuple[str, float]] = []
            count = 0.0
            for bound, number in zip(_BOUNDS, cells[:-1], strict=True):
                count += number
                buckets.append((bound, count))
            histogram.add_metric(values, buckets, cells[-1])
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=labels)
    for values, cells in told:
        metric.add_metric(values, cells[0])
    return metric


def _of_build(database: Database) -> Metric:
    labels = {"version": version("stockgate"), "python": platform.python_version(), "engine": database.name}
    build = GaugeMetricFamily("stockgate_build_info", "What serves.", labels=list(labels))
    build.add_metric(list(labels.values()), 1)
    return build


def _of_replicas(database: Database) -> Iterator[Metric]:
    if database.replicas is None:
        return
    lags = GaugeMetricFamily(
        "stockgate_replica_lag_seconds", "How far a replica is behind, as last measured here.", labels=["replica"]
    )
    up = GaugeMetricFamily("stockgate_replica_up", "Whether it answers.", labels=["replica"])
    for number, lag_s in enumerate(database.replicas.lags()):
        up.add_metric([str(number)], float(lag_s is not None))
        if lag_s is not None:
            lags.add_metric([str(number)], lag_s)
    yield lags
    yield up


def _of_database(database: Database, stored: Stored) -> Iterator[Metric]:
    yield _gauge("stockgate_database_up", "Whether the database answers.", stored.up)
    if stored.migrations_pending is not None:
        told = "Whether the database needs `stockgate migrate`."
        yield _gauge("stockgate_migrations_pending", told, stored.migrations_pending)
    size = wal_bytes(database)
    if size is not None:
        yield _gauge("stockgate_sqlite_wal_bytes", "Size of SQLite's write-ahead log.", size)


def _of_feed(stored: Stored) -> Iterator[Metric]:
    changes = CounterMetricFamily(
        "stockgate_changes", "Changes of stock and catalogue, of all gateways: the last sequence of the ledger."
    )
    changes.add_metric([], stored.sequence)
    yield changes
    held = "Changes committed, but not shown yet: somebody who began before has not committed."
    yield _gauge("stockgate_changes_held", held, max(stored.sequence - stored.horizon, 0))
    yield _by(
        "stockgate_feed_reader_behind", "Changes that a reader of our own has not seen.", "reader", stored.readers
    )
    age = "Age of the oldest change that some reader of our own has not seen."
    yield _gauge("stockgate_feed_reader_lag_seconds", age, stored.reader_lag_s)
    yield _by("stockgate_webhook_endpoints", "Webhook endpoints.", "status", stored.endpoints)
    waiting = "Deliveries that failed and wait for their next attempt, of all endpoints."
    yield _gauge("stockgate_webhook_waiting", waiting, stored.waiting)
    yield _gauge("stockgate_webhook_behind", "Changes that the last active endpoint has not got.", stored.behind)
    lag = "Age of the oldest change that some active endpoint has not got."
    yield _gauge("stockgate_webhook_lag_seconds", lag, stored.lag_s)
    one_by_one = stored.furthest
    behind = {str(each.id): each.behind for each in one_by_one}
    yield _by("stockgate_webhook_endpoint_behind", "Changes that an endpoint has not got.", "endpoint", behind)
    waits = {str(each.id): each.waiting for each in one_by_one}
    yield _by("stockgate_webhook_endpoint_waiting", "Its deliveries that wait for an attempt.", "endpoint", waits)
    failures = {str(each.id): each.failures for each in one_by_one}
    yield _by("stockgate_webhook_endpoint_failures", "Its failures in a row.", "endpoint", failures)
    yield _by("stockgate_import_jobs", "Imports.", "state", stored.imports)


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=float(value))


def _by(name: str, told: str, label: str, values: Mapping[str, float]) -> Metric:
    metric = GaugeMetricFamily(name, told, labels=[label])
    for each, value in values.items():
        metric.add_metric([each], value)
    return metric
