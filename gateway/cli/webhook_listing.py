"""Webhook endpoints and deliveries as `stockgate webhook` shows them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from rich.table import Table

    from storage.webhook_endpoints import Endpoint

_WIDE: Final = 200
_PLAIN: Final = (
    "id", "name", "url", "format", "status", "disabled_reason", "position", "failures", "api_key_id",
)  # fmt: skip
_TIMES: Final = ("previous_until", "failing_since", "retry_at", "created_at", "updated_at")
_OF_DELIVERY: Final = (
    "id", "event_id", "topic", "status", "attempts", "next_at", "response_status", "error", "duration_ms", "created_at",
    "updated_at",
)  # fmt: skip


class DeliveryState(StrEnum):
    """What becomes of deliveries."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


def as_object(endpoint: Endpoint, horizon: int) -> dict[str, Any]:
    """An endpoint as JSON, without its secrets. `behind` is how many sequences of the feed it has not had."""
    lists = {name: getattr(endpoint, name) for name in ("topics", "location_ids", "product_ids")}
    return (
        {name: getattr(endpoint, name) for name in _PLAIN}
        | {name: None if value is None else list(value) for name, value in lists.items()}
        | {name: _iso(getattr(endpoint, name)) for name in _TIMES}
        | {"behind": max(horizon - endpoint.position, 0)}
    )


def delivery_object(row: Mapping[str, Any]) -> dict[str, Any]:
    """A delivery as JSON."""
    told = {name: row[name] for name in _OF_DELIVERY}
    return {name: _iso(value) if isinstance(value, datetime) else value for name, value in told.items()}


def table(endpoints: Sequence[Endpoint], horizon: int) -> Table:
    """Endpoints, one a line."""
    made = _table("ID", "NAME", "URL", "TOPICS", "ONLY", "STATE", "BEHIND")
    for endpoint in endpoints:
        behind = str(max(horizon - endpoint.position, 0))
        told = (endpoint.name, endpoint.url, ", ".join(endpoint.topics), _only(endpoint), _state(endpoint))
        made.add_row(str(endpoint.id), *told, behind)
    return made


def details(told: Mapping[str, Any]) -> Table:
    """An endpoint, a line for each thing that there is to say."""
    made = _table("WHAT", "VALUE")
    for name, value in told.items():
        if value is not None:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            made.add_row(name.replace("_", " "), shown)
    return made


def deliveries_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Deliveries, one a line."""
    made = _table("DELIVERY", "EVENT", "TOPIC", "STATE", "TRIED", "ANSWER", "MS", "LAST", "NEXT", "WHAT WAS WRONG")
    for row in rows:
        made.add_row(
            str(row["id"]), row["event_id"], row["topic"], row["status"], str(row["attempts"]),
            _or_dash(row["response_status"]), _or_dash(row["duration_ms"]), _second(row["updated_at"]),
            _second(row["next_at"]), row["error"] or "",
        )  # fmt: skip
    return made


def show(made: Table) -> None:
    """Print a table: as wide as the terminal, or, into a file or another program, as wide as it likes."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE
    Console(width=width, markup=False, emoji=False, highlight=False).print(made)


def _table(*headings: str) -> Table:
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def _only(endpoint: Endpoint) -> str:
    parts = [
        f"{noun} {', '.join(map(str, ids))}"
        for noun, ids in (("locations", endpoint.location_ids), ("products", endpoint.product_ids))
        if ids is not None
    ]
    return "; ".join(parts) or "all"


def _state(endpoint: Endpoint) -> str:
    if endpoint.disabled_reason:
        return f"{endpoint.status}: {endpoint.disabled_reason}"
    return f"{endpoint.status}, failing" if endpoint.failures and endpoint.status == "active" else str(endpoint.status)


def _iso(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat() if when else None


def _second(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S}" if when else "-"


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)
