"""What the routes of `scripts/bench rest` ask of the database, as SQL written by hand, for each engine.

A view is one JSON document, as storage.product_views has it; a change takes the steps of storage.inventory.apply().
"""

from __future__ import annotations

from typing import Final

_LOCATIONS: Final = "SELECT id, name, slug FROM location WHERE active AND archived_at IS NULL ORDER BY position, id"
_OPEN: Final = "l.id = s.location_id AND l.active AND l.archived_at IS NULL"
_COLUMNS: Final = "p.id, p.type, p.sku, p.gtin_text, p.name, p.status, p.manage_stock, p.backorders, p.regular_price"
_MORE: Final = "p.sale_price, p.tax_rate, p.low_stock_threshold, p.sale_starts_at, p.sale_ends_at, p.stock_status"
_UNITS: Final = "s.on_hand - s.reserved - s.safety_stock"

_SQLITE_VIEW: Final = f"""SELECT json_array(
    (SELECT json_group_array(json_array(id, name, slug)) FROM ({_LOCATIONS})),
    (SELECT json_group_array(json_array({_COLUMNS}, {_MORE}, json(p.extra), p.created_at, p.updated_at,
        (SELECT json_array(coalesce(sum(iif(l.id IS NOT NULL, s.on_hand, 0)), 0),
            coalesce(sum(iif(l.id IS NOT NULL AND NOT s.disabled, max({_UNITS}, 0), 0)), 0),
            max(l.id IS NOT NULL AND NOT s.disabled AND coalesce(s.backorders, p.backorders) <> 'no'),
            max(s.updated_at), sum(s.version), json_group_array(json_array(s.location_id, s.on_hand)))
          FROM stock_level s LEFT JOIN location l ON {_OPEN} WHERE s.product_id = p.id)))
      FROM product p WHERE p.id IN (SELECT value FROM json_each(?1)) AND p.deleted_at IS NULL),
    (SELECT json_group_array(json_array(v.parent_id, v.id, v.status)) FROM product v
      WHERE v.parent_id IN (SELECT value FROM json_each(?1)) AND v.status <> 'trash'))"""

_POSTGRES_VIEW: Final = f"""SELECT json_build_array(
    (SELECT json_agg(json_build_array(id, name, slug)) FROM ({_LOCATIONS}) l),
    (SELECT json_agg(json_build_array({_COLUMNS}, {_MORE}, p.extra, p.created_at AT TIME ZONE 'UTC',
        p.updated_at AT TIME ZONE 'UTC',
        (SELECT json_build_array(coalesce(sum(s.on_hand) FILTER (WHERE l.id IS NOT NULL), 0),
            coalesce(sum(greatest({_UNITS}, 0)) FILTER (WHERE l.id IS NOT NULL AND NOT s.disabled), 0),
            bool_or(l.id IS NOT NULL AND NOT s.disabled AND coalesce(s.backorders, p.backorders) <> 'no'),
            max(s.updated_at) AT TIME ZONE 'UTC', sum(s.version),
            json_agg(json_build_array(s.location_id, s.on_hand)))
          FROM stock_level s LEFT JOIN location l ON {_OPEN} WHERE s.product_id = p.id)))
      FROM product p WHERE p.id = ANY ($1::bigint[]) AND p.deleted_at IS NULL),
    (SELECT json_agg(json_build_array(v.parent_id, v.id, v.status)) FROM product v
      WHERE v.parent_id = ANY ($1::bigint[]) AND v.status <> 'trash'))::text"""

_LISTED: Final = "coalesce(parent_id, 0) = 0 AND status <> 'trash'"
_KEPT: Final = "p.status <> 'trash'"
_ITEM: Final = """p.id, p.sku, p.gtin_text, p.manage_stock, p.backorders,
    EXISTS (SELECT 1 FROM product v WHERE v.parent_id = p.id AND v.manage_stock AND v.status <> 'trash')"""
_GROUP: Final = "stock_change_group (dialect, api_key_id, principal, reason, note, reference, request_id, created_at)"
_LEVEL: Final = "stock_level (product_id, location_id, on_hand, disabled, version, updated_at)"
_UPSERT: Final = """ON CONFLICT (product_id, location_id)
    DO UPDATE SET on_hand = excluded.on_hand, version = excluded.version, updated_at = excluded.updated_at"""
_ENTRY: Final = """ledger_entry
    (group_id, line, product_id, location_id, delta, before, on_hand, disabled, version, created_at)"""
_PLACES: Final = {"id": "id =", "code": "code =", "default": "is_default AND '' ="}
_STATE: Final = "s.product_id, s.location_id, s.on_hand, s.disabled, s.version"


def _values(count: int) -> str:
    return ", ".join(f"value ->> {n}" for n in range(count))


SQLITE: Final = {
    "page": f"SELECT id FROM product WHERE {_LISTED} ORDER BY created_at DESC, id DESC LIMIT ?1 OFFSET ?2",
    "count": f"SELECT count(*) FROM product WHERE {_LISTED}",
    "view": _SQLITE_VIEW,
    **{
        f"item by {kind}": f"SELECT {_ITEM} FROM product p WHERE {_KEPT} AND p.{column} IN "
        f"(SELECT value FROM json_each(?1)){more}"
        for kind, column, more in (("id", "id", ""), ("sku", "sku_key", " AND p.sku_key <> ''"), ("gtin", "gtin", ""))
    },
    **{f"place by {kind}": f"SELECT id, active FROM location WHERE {test} ?1" for kind, test in _PLACES.items()},
    "blank": """INSERT INTO stock_level (product_id, location_id, disabled, version, updated_at)
        SELECT value ->> 0, value ->> 1, 0, 0, ?2 FROM json_each(?1) WHERE 1 ON CONFLICT DO NOTHING""",
    "lock": f"""SELECT {_STATE} FROM json_each(?1) JOIN stock_level s
        ON s.product_id = value ->> 0 AND s.location_id = value ->> 1 ORDER BY 1, 2""",
    "elsewhere": """SELECT s.product_id, sum(s.on_hand) FROM json_each(?1)
        JOIN stock_level s ON s.product_id = value ->> 0 AND s.location_id <> value ->> 1
        JOIN location l ON l.id = s.location_id AND l.active GROUP BY 1""",
    "group": f"""INSERT INTO {_GROUP} VALUES (?, 1, ?, 'unspecified', '', '', '', ?) RETURNING id""",
    "level": f"INSERT INTO {_LEVEL} SELECT {_values(5)}, ?2 FROM json_each(?1) WHERE 1 {_UPSERT}",
    "entry": f"INSERT INTO {_ENTRY} SELECT ?2, {_values(8)}, ?3 FROM json_each(?1)",
}

_ROWS: Final = "jsonb_array_elements($1::jsonb) AS value"


def _typed(*types: str) -> str:
    return ", ".join(f"(value ->> {n})::{as_type}" for n, as_type in enumerate(types))


_KEY: Final = ("bigint", "bigint")
_AFTER: Final = (*_KEY, "bigint", "boolean", "bigint")
_MOVED: Final = ("int", *_KEY, "bigint", "bigint", "bigint", "boolean", "bigint")
_ENTER: Final = """(SELECT pg_advisory_xact_lock_shared((5457740::bigint << 40)
    + CASE WHEN is_called THEN last_value ELSE 0 END) FROM ledger_entry_sequence_seq)"""  # storage.change_feed's

POSTGRES: Final = {
    "page": f"SELECT id FROM product WHERE {_LISTED} ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2",
    "count": f"SELECT count(*) FROM product WHERE {_LISTED}",
    "view": _POSTGRES_VIEW,
    **{
        f"item by {kind}": f"SELECT {_ITEM} FROM product p WHERE {_KEPT} AND p.{column} = ANY ($1::{of}[]){more}"
        for kind, column, of, more in (
            ("id", "id", "bigint", ""),
            ("sku", "sku_key", "text", " AND p.sku_key <> ''"),
            ("gtin", "gtin", "text", ""),
        )
    },
    "place by id": "SELECT id, active FROM location WHERE id = $1",
    "place by code": "SELECT id, active FROM location WHERE code = $1",
    "place by default": "SELECT id, active FROM location WHERE is_default AND '' = $1::text",
    "blank": f"""INSERT INTO stock_level (product_id, location_id, disabled, version, updated_at)
        SELECT {_typed(*_KEY)}, false, 0, $2::timestamptz FROM {_ROWS} ON CONFLICT DO NOTHING""",
    "lock": f"""SELECT {_STATE} FROM {_ROWS} JOIN stock_level s ON s.product_id = (value ->> 0)::bigint
        AND s.location_id = (value ->> 1)::bigint ORDER BY 1, 2 FOR UPDATE OF s""",
    "elsewhere": f"""SELECT s.product_id, sum(s.on_hand)::bigint FROM {_ROWS} JOIN stock_level s
        ON s.product_id = (value ->> 0)::bigint AND s.location_id <> (value ->> 1)::bigint
        JOIN location l ON l.id = s.location_id AND l.active GROUP BY 1""",
    "group": f"""INSERT INTO {_GROUP} VALUES ($1, 1, $2, 'unspecified', '', '', '', $3) RETURNING id, {_ENTER}""",
    "level": f"INSERT INTO {_LEVEL} SELECT {_typed(*_AFTER)}, $2::timestamptz FROM {_ROWS} {_UPSERT}",
    "entry": f"INSERT INTO {_ENTRY} SELECT $2::bigint, {_typed(*_MOVED)}, $3::timestamptz FROM {_ROWS}",
}
