"""What receivers are told of an event: `{"type", "timestamp", "data"}`, as the Standard Webhooks specification has it.

What a ledger entry, an alert or a notice says of itself never changes; names, and what products and locations are now,
are read when an event is told. However many events: at most five statements, one for each kind of thing that they name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson
from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import low_stock_digest
from storage.columns import price_text, timestamp_text
from storage.json_rows import among, json_text
from storage.tables import ImportJob, LedgerEntry, LedgerOpening, Location, Product, StockChangeGroup
from storage.upsert import table_of
from storage.webhook_events import Event
from storage.webhook_topics import Topic

Json = dict[str, Any]
_Rows = Mapping[int, Mapping[str, Any]]
_STATE: Final = ("on_hand", "reserved", "safety_stock", "regular_price", "sale_price", "backorders", "disabled")
_GROUP: Final = {
    "id": "id",
    "reason": "reason",
    "note": "note",
    "reference": "reference",
    "dialect": "dialect",
    "principal": "principal",
    "apiKeyId": "api_key_id",
    "requestId": "request_id",
    "reversesId": "reverses_id",
}
_PRODUCT: Final = {
    "id": "id",
    "parentId": "parent_id",
    "type": "type",
    "sku": "sku",
    "gtin": "gtin_text",
    "name": "name",
    "status": "status",
    "attributes": "attributes",
    "manageStock": "manage_stock",
    "backorders": "backorders",
    "regularPrice": "regular_price",
    "salePrice": "sale_price",
    "saleStartsAt": "sale_starts_at",
    "saleEndsAt": "sale_ends_at",
    "lowStockThreshold": "low_stock_threshold",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "deletedAt": "deleted_at",
}
_LOCATION: Final = {
    "id": "id",
    "code": "code",
    "slug": "slug",
    "name": "name",
    "description": "description",
    "kind": "kind",
    "active": "active",
    "isDefault": "is_default",
    "pickup": "pickup",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "region": "region",
    "postcode": "postcode",
    "country": "country",
    "latitude": "latitude",
    "longitude": "longitude",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "archivedAt": "archived_at",
}
_IMPORT: Final = {
    "id": "id",
    "kind": "kind",
    "name": "name",
    "state": "state",
    "rows": "rows",
    "changed": "changed",
    "unchanged": "unchanged",
    "failed": "failed",
    "error": "error",
    "principal": "principal",
    "createdAt": "created_at",
    "finishedAt": "finished_at",
}


async def payloads(session: AsyncSession, events: Sequence[Event]) -> dict[int, bytes]:
    """The text of each event, by its sequence. An event of which nothing is left to tell has none: its ledger entry was
    pruned, or its import was forgotten."""
    entries = await _entries(session, [event.sequence for event in events if event.topic is Topic.STOCK_CHANGED])
    products = await _by_id(session, Product, {event.product_id for event in events})
    locations = await _by_id(session, Location, {event.location_id for event in events})
    imports = await _by_id(session, ImportJob, {event.import_job_id for event in events})
    told = {}
    for event in events:
        if event.topic is Topic.STOCK_CHANGED:
            data = _stock_changed(entries.get(event.sequence))
        elif event.available is not None or event.cause is not None:
            data = {"available": event.available, "threshold": event.threshold, "cause": event.cause}
        elif event.topic is Topic.LOW_STOCK_DIGEST:
            data = await low_stock_digest.data(session)
        else:
            data = _whole(event, products, locations, imports)
        if data is not None:
            level = _level(event, products, locations) if event.topic.startswith("stock.") else {}
            told[event.sequence] = text_of(event.topic, event.created_at, {"sequence": event.sequence, **level, **data})
    return told


def text_of(topic: str, time: datetime, data: Json) -> bytes:
    """The text of any event."""
    document = {"type": topic, "timestamp": timestamp_text(time), "data": data}
    return orjson.dumps(document, default=_text, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _text(value: object) -> str | None:
    if isinstance(value, Decimal):
        return price_text(value)
    if isinstance(value, datetime):
        return timestamp_text(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _level(event: Event, products: _Rows, locations: _Rows) -> Json:
    item, place = products.get(event.product_id or 0), locations.get(event.location_id or 0)
    return {
        "item": item and {"id": item["id"], "parentId": item["parent_id"], "sku": item["sku"], "name": item["name"]},
        "location": place and {name: place[name] for name in ("id", "code", "slug", "name")},
    }


def _stock_changed(row: Mapping[str, Any] | None) -> Json | None:
    if row is None:
        return None
    return {
        "before": _before(row),
        "after": _state(row, "", row["version"]),
        "delta": row["delta"],
        "group": {name: row[f"group_{column}"] for name, column in _GROUP.items()},
    }


def _before(row: Mapping[str, Any]) -> Json | None:
    """What the entry before said, or the opening, if that was pruned; None for a level that is new."""
    for source in ("previous_", "opening_"):
        if row[f"{source}sequence"] is not None:
            return _state(row, source, row[f"{source}version"])
    return None


def _state(row: Mapping[str, Any], source: str, version: int) -> Json:
    on_hand, reserved, safety_stock, regular, sale, backorders, disabled = (row[f"{source}{name}"] for name in _STATE)
    return {
        "onHand": on_hand,
        "reserved": reserved,
        "safetyStock": safety_stock,
        "available": None if on_hand is None else on_hand - reserved - safety_stock,
        "regularPrice": regular,
        "salePrice": sale,
        "backorders": backorders,
        "disabled": bool(disabled),
        "version": version,
    }


def _whole(event: Event, products: _Rows, locations: _Rows, imports: _Rows) -> Json | None:
    """A product, a location or an import as it is now."""
    for noun, columns, rows, id_ in (
        ("product", _PRODUCT, products, event.product_id),
        ("location", _LOCATION, locations, event.location_id),
        ("import", _IMPORT, imports, event.import_job_id),
    ):
        if id_ is not None:
            row = rows.get(id_)
            return None if row is None else {noun: {name: row[column] for name, column in columns.items()}}
    return {}


async def _by_id(session: AsyncSession, model: Any, ids: Collection[int | None]) -> _Rows:
    wanted = sorted(id_ for id_ in ids if id_ is not None)
    if not wanted:
        return {}
    table = table_of(model)
    found = await session.execute(select(table).where(among(table.c.id, "ids")), {"ids": json_text(wanted)})
    return {row["id"]: dict(row) for row in found.mappings()}


def _entry_statement() -> Select[Any]:
    """Entries with what their levels were before, and their groups."""
    entry, group = table_of(LedgerEntry).alias("entry"), table_of(StockChangeGroup)
    earlier, previous = table_of(LedgerEntry).alias("earlier"), table_of(LedgerEntry).alias("previous")
    opening = table_of(LedgerOpening).alias("opening")
    before = (
        select(func.max(earlier.c.sequence))
        .where(
            earlier.c.product_id == entry.c.product_id,
            earlier.c.location_id == entry.c.location_id,
            earlier.c.sequence < entry.c.sequence,
        )
        .scalar_subquery()
    )
    wanted = (
        select(entry, before.label("previous_number")).where(among(entry.c.sequence, "sequences")).subquery("wanted")
    )
    columns = ("sequence", *_STATE, "version")
    return (
        select(
            *(wanted.c[name] for name in (*columns, "delta")),
            *(previous.c[name].label(f"previous_{name}") for name in columns),
            *(opening.c[name].label(f"opening_{name}") for name in columns),
            *(group.c[name].label(f"group_{name}") for name in _GROUP.values()),
        )
        .join_from(wanted, group, group.c.id == wanted.c.group_id)
        .outerjoin(previous, previous.c.sequence == wanted.c.previous_number)
        .outerjoin(
            opening,
            and_(
                opening.c.product_id == wanted.c.product_id,
                opening.c.location_id == wanted.c.location_id,
                opening.c.sequence < wanted.c.sequence,
            ),
        )
    )


_ENTRIES: Final = _entry_statement()


async def _entries(session: AsyncSession, sequences: Sequence[int]) -> _Rows:
    if not sequences:
        return {}
    found = await session.execute(_ENTRIES, {"sequences": json_text(sequences)})
    return {row["sequence"]: dict(row) for row in found.mappings()}
