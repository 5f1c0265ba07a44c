"""What `stockgate serve --demo` shows: a small shop, a key for it, and two requests to copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from storage import access, catalog
from storage.access import Issued, Scope
from storage.catalog_document import load
from storage.database import Database
from storage.tables import Product

CATALOG: Final = Path(__file__).with_name("demo_catalog.json")
SKU: Final = "RIDGE-42"
LOCATION: Final = "lviv-rynok"
_KEY_NAME: Final = "stockgate serve --demo"
_DOCS: Final = "\n            Every route of every dialect: {base}/docs"
_CONSOLE: Final = "\n            Open it in a browser: GraphiQL is there, with examples."


async def set_up(database: Database) -> str:
    """Fill the database if it is empty, and issue a fresh key.

    Only a key's hash is kept, so the key of an earlier start cannot be shown again: it is revoked for a new one.
    """
    await database.transact(_fill)
    issued = await database.transact(_issue_key)
    return issued.token


async def _fill(session: AsyncSession) -> None:
    """Once only: what a visitor changed stays changed."""
    if not await session.scalar(select(exists().where(col(Product.id) > 0))):
        await catalog.import_catalog(session, load(CATALOG.read_bytes()))


async def _issue_key(session: AsyncSession) -> Issued:
    for key in await access.list_api_keys(session):
        if key.name == _KEY_NAME and key.revoked_at is None:
            await access.revoke_api_key(session, key.id or 0)
    return await access.issue_api_key(session, _KEY_NAME, [Scope.READ, Scope.WRITE])


def greeting(base: str, token: str, database: str, mode: str, *, console: bool, docs: bool) -> str:
    """What is printed when the demo is ready. `console`: whether GraphiQL is served; `docs`: whether /docs is."""
    rest = f"{base}/wp-json/mulopimfwc/v1"
    query = '{ product(sku: "%s") { name onHand stockLevels { location { slug } onHand } } }' % SKU  # noqa: UP031 (braces)
    return f"""
Stockgate is ready.

  GraphQL   {base}/graphql{_CONSOLE if console else ""}
  REST      {rest}{_DOCS.format(base=base) if docs else ""}
  API key   {token}
            It may read and write. Every start with --demo makes a new one.
  Database  {database}
  Mode      {mode}

How many are there of a product, and where? By GraphQL:

{_curl(f"{base}/graphql", token, {"query": query})}

A till has counted them in one shop. By REST:

{_curl(f"{rest}/inventory/update", token, {"sku": SKU, "location_slug": LOCATION, "stock": 12})}
"""


def _curl(url: str, token: str, body: object) -> str:
    return (
        f"curl -s {url} \\\n  -H 'X-API-Key: {token}' -H 'Content-Type: application/json' \\\n  -d '{json.dumps(body)}'"
    )
