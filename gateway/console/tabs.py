"""The tabs that GraphiQL opens on a first visit. All of them run against the demo's catalogue."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).with_name("examples")

# In the order in which they open
NAMES: Final = (
    "product-by-sku",
    "stock-everywhere",
    "page-of-products",
    "adjust",
    "transfer",
    "transfer-history",
    "watch",
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One operation with its variables, as GraphiQL takes it."""

    query: str
    variables: str | None


def load() -> list[Tab]:
    """The tabs, in order."""
    return [_load(name) for name in NAMES]


def _load(name: str) -> Tab:
    query, variables = _FOLDER / f"{name}.graphql", _FOLDER / f"{name}.json"
    return Tab(query.read_text("utf-8"), variables.read_text("utf-8") if variables.exists() else None)


def as_json() -> bytes:
    """All tabs, for the page."""
    return json.dumps([asdict(tab) for tab in load()]).encode()
