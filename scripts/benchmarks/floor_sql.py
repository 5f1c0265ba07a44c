"""The questions of `scripts/bench read` as SQL written by hand, for each engine; each answers with the field's JSON."""

from __future__ import annotations

from typing import Final

_SQLITE_PRICE = (
    "CASE WHEN {0} IS NULL THEN NULL WHEN {0} % 100 = 0 THEN printf('%d.%02d', {0} / 10000, {0} % 10000 / 100) "
    "ELSE printf('%d.%02d', {0} / 10000, {0} % 10000 / 100) || rtrim(printf('%02d', {0} % 100), '0') END"
)
_POSTGRES_PRICE = "to_char({0} / 10000.0, 'FM99999999990.0099')"


def _sqlite_products() -> tuple[str, str]:
    regular, own, sale = (_SQLITE_PRICE.format(c) for c in ("p.regular_price", "l.regular_price", "l.sale_price"))
    levels = f"""(SELECT json_group_array(json_object('onHand', l.on_hand, 'regularPrice', {own}, 'salePrice', {sale},
        'location', json_object('databaseId', l.lid, 'slug', l.slug, 'name', l.name)))
      FROM (SELECT s.on_hand, s.regular_price, s.sale_price, o.id lid, o.slug, o.name
        FROM stock_level s JOIN location o ON o.id = s.location_id
        WHERE s.product_id = p.id ORDER BY o.position, o.id) l)"""
    node = f"""json_object('databaseId', p.id, 'sku', p.sku, 'name', p.name, 'regularPrice', {regular},
      'stockLevels', {levels})"""
    page = f"""WITH page AS (SELECT id, sku, name, regular_price FROM product ORDER BY id LIMIT ?1 + 1)
      SELECT json_object('nodes', (SELECT json_group_array({node}) FROM (SELECT * FROM page ORDER BY id LIMIT ?1) p),
        'pageInfo', json_object('hasNextPage', json(iif((SELECT count(*) FROM page) > ?1, 'true', 'false')),
          'endCursor', (SELECT lower(hex(json_array('id', id)))
            FROM (SELECT id FROM page ORDER BY id LIMIT ?1) ORDER BY id DESC LIMIT 1)))"""
    return page, f"SELECT {node} FROM product p WHERE p.sku_key = ?"


def _postgres_products() -> tuple[str, str]:
    regular, own, sale = (_POSTGRES_PRICE.format(c) for c in ("p.regular_price", "l.regular_price", "l.sale_price"))
    levels = f"""(SELECT coalesce(json_agg(json_build_object('onHand', l.on_hand, 'regularPrice', {own},
        'salePrice', {sale}, 'location', json_build_object('databaseId', o.id, 'slug', o.slug, 'name', o.name))
        ORDER BY o.position, o.id), '[]')
      FROM stock_level l JOIN location o ON o.id = l.location_id WHERE l.product_id = p.id)"""
    node = f"""json_build_object('databaseId', p.id, 'sku', p.sku, 'name', p.name, 'regularPrice', {regular},
      'stockLevels', {levels})"""
    page = f"""WITH page AS (SELECT id, sku, name, regular_price FROM product ORDER BY id LIMIT $1::int + 1)
      SELECT json_build_object('nodes',
          (SELECT json_agg({node} ORDER BY id) FROM (SELECT * FROM page ORDER BY id LIMIT $1) p),
        'pageInfo', json_build_object('hasNextPage', (SELECT count(*) FROM page) > $1,
          'endCursor', (SELECT encode(convert_to(format('["id",%s]', id), 'UTF8'), 'hex')
            FROM (SELECT id FROM page ORDER BY id LIMIT $1) w ORDER BY id DESC LIMIT 1)))"""
    return page, f"SELECT {node} FROM product p WHERE p.sku_key = $1"


_PRODUCT_COLUMNS = """p.id, coalesce(p.low_stock_threshold, parent.low_stock_threshold, 2) AS threshold,
    NOT p.manage_stock AND CASE p.type
      WHEN 'variable' THEN EXISTS (SELECT 1 FROM product v
        WHERE v.parent_id = p.id AND NOT v.manage_stock AND v.status <> 'trash')
      ELSE NOT coalesce(parent.manage_stock, false) END AS untracked"""
_STATUS = """CASE WHEN quantity > 0 AND quantity <= threshold THEN 'LOW_STOCK' WHEN quantity > 0 THEN 'IN_STOCK'
    WHEN untracked THEN 'NOT_TRACKED' WHEN backorders THEN 'BACKORDER' ELSE 'OUT_OF_STOCK' END"""
_OFFERS = """FROM (SELECT DISTINCT id FROM line WHERE id IS NOT NULL) p
    JOIN product i ON i.id = p.id OR i.parent_id = p.id
    LEFT JOIN product parent ON parent.id = i.parent_id
    JOIN stock_level s ON s.product_id = i.id
    JOIN location o ON o.id = s.location_id
    WHERE i.status <> 'trash' AND NOT s.disabled AND o.active AND o.archived_at IS NULL
    GROUP BY p.id, o.id"""
_TRACKED = "(i.manage_stock OR coalesce(parent.manage_stock, false))"
_SERVES = "(quantity >= requested OR untracked OR backorders)"

_SQLITE_CART = f"""WITH line AS MATERIALIZED (
    SELECT j.key AS n, j.value ->> 1 AS sku, j.value ->> 2 AS requested, {_PRODUCT_COLUMNS}
    FROM json_each(?) j
      LEFT JOIN product p ON p.sku_key = j.value ->> 0 AND p.sku_key <> ''
      LEFT JOIN product parent ON parent.id = p.parent_id),
  offer AS MATERIALIZED (
    SELECT p.id, o.id AS location_id, o.position, o.slug, o.name,
      sum(iif({_TRACKED}, max(coalesce(s.on_hand - s.reserved - s.safety_stock, 0), 0), 0)) AS quantity,
      max(NOT {_TRACKED}) AS untracked, max(coalesce(s.backorders, i.backorders) <> 'no') AS backorders
    {_OFFERS}),
  answer AS MATERIALIZED (
    SELECT line.*, coalesce(total.quantity, 0) AS quantity, coalesce(total.backorders, 0) AS backorders
    FROM line LEFT JOIN (SELECT id, sum(quantity) AS quantity, max(backorders) AS backorders FROM offer GROUP BY id)
      total USING (id)),
  need AS MATERIALIZED (SELECT id, sum(requested) AS requested, max(quantity) AS quantity,
    max(untracked) AS untracked, max(backorders) AS backorders FROM answer GROUP BY id)
  SELECT json_object(
    'canServeAll', json(iif((SELECT min(id IS NOT NULL AND {_SERVES}) FROM need), 'true', 'false')),
    'lines', (SELECT json_group_array(json_object('sku', sku, 'requested', requested,
        'status', iif(id IS NOT NULL, {_STATUS}, NULL),
        'quantity', iif(id IS NULL OR quantity = 0 AND untracked, NULL, quantity),
        'canServe', json(iif(id IS NOT NULL AND {_SERVES}, 'true', 'false')),
        'locations', (SELECT json_group_array(json_object('quantity', iif(quantity = 0 AND untracked, NULL, quantity),
            'location', json_object('databaseId', location_id, 'slug', slug, 'name', name)))
          FROM (SELECT * FROM offer WHERE offer.id = a.id AND (offer.quantity >= a.requested OR offer.untracked
            OR offer.backorders) ORDER BY position, location_id))))
      FROM (SELECT * FROM answer ORDER BY n) a),
    'locations', (SELECT json_group_array(json_object('location',
        json_object('databaseId', location_id, 'slug', slug, 'name', name)))
      FROM (SELECT location_id, slug, name FROM offer JOIN need USING (id)
        WHERE offer.quantity >= need.requested OR offer.untracked OR offer.backorders
        GROUP BY location_id HAVING count(*) = (SELECT count(*) FROM need) ORDER BY position, location_id)))"""

_POSTGRES_CART = f"""WITH line AS MATERIALIZED (
    SELECT j.n, j.value ->> 1 AS sku, (j.value ->> 2)::bigint AS requested, {_PRODUCT_COLUMNS}
    FROM json_array_elements($1::json) WITH ORDINALITY j(value, n)
      LEFT JOIN product p ON p.sku_key = j.value ->> 0 AND p.sku_key <> ''
      LEFT JOIN product parent ON parent.id = p.parent_id),
  offer AS MATERIALIZED (
    SELECT p.id, o.id AS location_id, o.position, o.slug, o.name,
      sum(CASE WHEN {_TRACKED} THEN greatest(coalesce(s.on_hand - s.reserved - s.safety_stock, 0), 0) ELSE 0 END)
        AS quantity,
      bool_or(NOT {_TRACKED}) AS untracked, bool_or(coalesce(s.backorders, i.backorders) <> 'no') AS backorders
    {_OFFERS}),
  answer AS MATERIALIZED (
    SELECT line.*, coalesce(total.quantity, 0) AS quantity, coalesce(total.backorders, false) AS backorders
    FROM line LEFT JOIN (SELECT id, sum(quantity) AS quantity, bool_or(backorders) AS backorders FROM offer GROUP BY id)
      total USING (id)),
  need AS MATERIALIZED (SELECT id, sum(requested) AS requested, max(quantity) AS quantity,
    bool_or(untracked) AS untracked, bool_or(backorders) AS backorders FROM answer GROUP BY id)
  SELECT json_build_object(
    'canServeAll', (SELECT bool_and(id IS NOT NULL AND {_SERVES}) FROM need),
    'lines', (SELECT json_agg(json_build_object('sku', sku, 'requested', requested,
        'status', CASE WHEN id IS NOT NULL THEN {_STATUS} END,
        'quantity', CASE WHEN id IS NOT NULL AND NOT (quantity = 0 AND untracked) THEN quantity END,
        'canServe', id IS NOT NULL AND {_SERVES},
        'locations', (SELECT coalesce(json_agg(json_build_object(
            'quantity', CASE WHEN NOT (quantity = 0 AND untracked) THEN quantity END,
            'location', json_build_object('databaseId', location_id, 'slug', slug, 'name', name))
            ORDER BY position, location_id), '[]')
          FROM offer WHERE offer.id = answer.id AND (offer.quantity >= answer.requested OR offer.untracked
            OR offer.backorders))) ORDER BY n)
      FROM answer),
    'locations', (SELECT coalesce(json_agg(json_build_object('location',
        json_build_object('databaseId', location_id, 'slug', slug, 'name', name)) ORDER BY position, location_id), '[]')
      FROM (SELECT location_id, slug, name, position FROM offer JOIN need USING (id)
        WHERE offer.quantity >= need.requested OR offer.untracked OR offer.backorders
        GROUP BY location_id, slug, name, position HAVING count(*) = (SELECT count(*) FROM need)) serving))"""

_AVAILABLE = "s.on_hand - s.reserved - s.safety_stock"
_THRESHOLD = (
    "coalesce(s.low_stock_threshold, p.low_stock_threshold, parent.low_stock_threshold, o.low_stock_threshold, 2)"
)
_LOW = f"""SELECT s.product_id, s.location_id, s.on_hand, {_AVAILABLE} AS available,
      {_THRESHOLD} - ({_AVAILABLE}) AS deficit, p.sku, p.name, o.slug, o.name AS location
    FROM location o JOIN stock_level s ON s.location_id = o.id
      JOIN product p ON p.id = s.product_id
      LEFT JOIN product parent ON parent.id = p.parent_id
    WHERE {{named}} AND o.active AND o.archived_at IS NULL AND NOT s.disabled
      AND {_AVAILABLE} <= (SELECT max(highest) FROM -- so that few levels need their product to be looked at
        (SELECT max(low_stock_threshold) AS highest FROM product UNION ALL
         SELECT max(low_stock_threshold) FROM stock_level WHERE low_stock_threshold IS NOT NULL UNION ALL
         SELECT max(low_stock_threshold) FROM location UNION ALL SELECT 2) AS thresholds)
      AND {_AVAILABLE} <= {_THRESHOLD} AND p.status <> 'trash'
      AND (p.manage_stock OR coalesce(parent.manage_stock, false))
    ORDER BY deficit DESC, s.product_id DESC, s.location_id DESC"""
_CURSOR = "'deficit,product_id,location_id desc', deficit, product_id, location_id"
_LAST = "ORDER BY deficit, product_id, location_id LIMIT 1"

_SQLITE_LOW = f"""WITH page AS MATERIALIZED (
    {_LOW.format(named="o.slug IN (SELECT value FROM json_each(?1))")} LIMIT ?2 + 1),
  shown AS MATERIALIZED (SELECT * FROM page LIMIT ?2)
  SELECT json_object('nodes', (SELECT json_group_array(json_object('onHand', on_hand, 'available', available,
      'deficit', deficit, 'product', json_object('sku', sku, 'name', name),
      'location', json_object('slug', slug, 'name', location))) FROM shown),
    'pageInfo', json_object('hasNextPage', json(iif((SELECT count(*) FROM page) > ?2, 'true', 'false')),
      'endCursor', (SELECT lower(hex(json_array({_CURSOR}))) FROM shown {_LAST})))"""

_POSTGRES_LOW = f"""WITH page AS MATERIALIZED (
    {_LOW.format(named="o.slug = ANY ($1::text[])")} LIMIT $2::int + 1),
  shown AS MATERIALIZED (SELECT * FROM page LIMIT $2)
  SELECT json_build_object('nodes', (SELECT coalesce(json_agg(json_build_object('onHand', on_hand,
      'available', available, 'deficit', deficit, 'product', json_build_object('sku', sku, 'name', name),
      'location', json_build_object('slug', slug, 'name', location))
      ORDER BY deficit DESC, product_id DESC, location_id DESC), '[]') FROM shown),
    'pageInfo', json_build_object('hasNextPage', (SELECT count(*) FROM page) > $2,
      'endCursor', (SELECT encode(convert_to(replace(json_build_array({_CURSOR})::text, ', ', ','), 'UTF8'), 'hex')
        FROM shown {_LAST})))"""

_SQLITE_PAGE, _SQLITE_SINGLE = _sqlite_products()
_POSTGRES_PAGE, _POSTGRES_SINGLE = _postgres_products()
SQLITE: Final = {"page": _SQLITE_PAGE, "single": _SQLITE_SINGLE, "cart": _SQLITE_CART, "low": _SQLITE_LOW}
POSTGRES: Final = {"page": _POSTGRES_PAGE, "single": _POSTGRES_SINGLE, "cart": _POSTGRES_CART, "low": _POSTGRES_LOW}
