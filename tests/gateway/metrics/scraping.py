"""What Prometheus makes of /metrics."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scrape:
    """One answer, parsed; what is not valid raises."""

    def __init__(self, text: str, *, openmetrics: bool = False) -> None:
        families = list((openmetrics_families if openmetrics else text_string_to_metric_families)(text))
        self.names = [family.name for family in families]
        self.undescribed = [family.name for family in families if not family.documentation]
        found = [sample for family in families for sample in family.samples]
        self.samples: Samples = {(each.name, frozenset(each.labels.items())): each.value for each in found}
        assert len(self.samples) == len(found), "a series is told twice"

    def of(self, name: str, **labels: str) -> float:
        """The value of a series; 0 when there is none."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def total(self, name: str) -> float:
        """Of all series of that name."""
        return sum(value for (each, _), value in self.samples.items() if each == name)

    def labels(self, name: str, label: str) -> set[str]:
        """All values of a label."""
        return {dict(labels)[label] for each, labels in self.samples if each == name}

    def falls_below(self, before: Scrape, ignored: Iterable[str] = ()) -> list[object]:
        """The counters that have become less, which a counter never does."""
        return [
            key
            for key, value in before.samples.items()
            if key[0].endswith(("_total", "_bucket", "_count")) and key[0] not in ignored
            if self.samples.get(key, 0.0) < value
        ]
