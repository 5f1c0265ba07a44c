"""API keys as `stockgate key list` shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported when a command runs, so that --help is quick
    from storage.tables import ApiKey

HEADINGS = (
    "ID", "BEGINS", "NAME", "SCOPES", "LOCATIONS", "SEES", "ORIGINS", "COST/MIN", "LAST USED", "STATE",
)  # fmt: skip


def row(key: ApiKey) -> tuple[str, ...]:
    """A key as a line of the table."""
    places = "all" if key.location_ids is None else ", ".join(map(str, key.location_ids))
    return (
        str(key.id),
        key.hint if key.secret_hash else f"{key.hint}…",
        key.name,
        ", ".join(key.scopes),
        places,
        key.visibility if key.cap is None else f"{key.visibility}:{key.cap}",
        "any" if key.origins is None else ", ".join(key.origins),
        "server's" if key.cost_per_minute is None else str(key.cost_per_minute),
        _minute(key.last_used_at),
        _state(key),
    )


def as_object(key: ApiKey) -> dict[str, Any]:
    """A key as JSON, with the names of its columns."""
    times = ("created_at", "expires_at", "revoked_at", "last_used_at")
    plain = ("id", "name", "hint", "scopes", "location_ids", "visibility", "cap", "origins", "cost_per_minute")
    told = {name: getattr(key, name) for name in times}
    kind = {"kind": "consumer pair" if key.secret_hash else "token"}
    return (
        {name: getattr(key, name) for name in plain}
        | kind
        | {name: time and time.astimezone(UTC).isoformat() for name, time in told.items()}
    )


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return f"revoked {_minute(key.revoked_at)}"
    if key.expires_at:
        return f"{'expired' if key.expires_at <= datetime.now(UTC) else 'until'} {_minute(key.expires_at)}"
    return "valid"


def _minute(when: Any) -> str:
    return f"{when:%Y-%m-%d %H:%M}" if when else "never"
