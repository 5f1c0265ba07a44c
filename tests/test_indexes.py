"""Every filter and every order of the API finds an index over 200,000 levels, and every index is found by something.

The list of them is the API's own: a filter or an order that is new there is asked for here, with an example for it.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type
from sqlalchemy import event, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

import schema
from gateway.dialects.wc_v3 import product_list
from gateway.settings import Settings
from schema.context import Context
from schema.operations import Operation
from scripts.benchmarks.loading import Load, load_database
from storage import (
    alert_statements,
    idempotency,
    imports,
    nonces,
    openings,
    product_search,
    pruning,
    tables,
    webhook_deliveries,
    webhook_events,
    webhook_payloads,
)
from storage.changes import UNSET, Origin
from storage.columns import Timestamp
from storage.database import Database
from storage.json_rows import json_text
from storage.product_queries import OrderBy
from tests.conftest import _admin, _drop, _named
from tests.explaining import Explained, as_sent, explained
from tests.schema.caller import Caller

assert tables  # its import fills the metadata

NOW: Final = datetime.now(UTC)
RECENT: Final = f'"{(NOW + timedelta(hours=1)).isoformat()}"'
LONG_AGO: Final = f'"{(NOW - timedelta(days=300)).isoformat()}"'
LOCATIONS: Final = '[{slug: "load-001"}]'
EXAMPLES: Final[Mapping[str, str]] = {
    "search": '"antern 0000004"', "searchPrefix": '"lantern 0000004"', "skus": '["LOAD-00000042"]',
    "gtins": '["20000000000042"]', "ids": '["42"]', "productIds": '["42"]', "type": "GROUPED", "status": "PRIVATE",
    "attributes": '[{name: "Size", value: "XXL"}]', "locations": LOCATIONS, "notStockedAt": LOCATIONS,
    "onHand": "{gte: 1000}", "available": "{lte: -1000}", "availability": "BACKORDER", "belowThreshold": "true",
    "updatedAfter": RECENT, "changedSinceSequence": "LAST", "keys": LOCATIONS, "kind": "STORE", "pickup": "true",
    "disabled": "true", "reasons": "[LOSS]", "dialects": '["stock-api/v2"]', "apiKeyIds": "[77]", "groupId": '"17"',
    "createdAfter": RECENT, "createdBefore": LONG_AGO, "sequence": "{gte: LAST}",
    "endpointIds": '["1"]', "statuses": "[FAILED]", "topics": '["stock.changed"]', "eventIds": '["evt_1"]',
}  # fmt: skip
"""Of each key of a filter a value that few rows meet."""


@dataclass(frozen=True)
class Case:
    """A filter (`field: key`) or an order, and how to ask for it."""

    name: str
    field: str


def graphql_cases(size: Load) -> Iterator[Case]:
    """From the arguments of the query type's fields."""
    last = str(size.levels - 1)
    for name, field in schema.schema._schema.query_type.fields.items():  # type: ignore[union-attr]
        paged = "first: 20, " if "first" in field.args else ""
        id_ = "databaseId" if name.startswith("webhook") else "id"
        selected = f"{{ nodes {{ {id_} }} }}" if paged else f"{{ {id_} }}"
        if given := field.args.get("filter"):
            filter_ = get_named_type(given.type)
            assert isinstance(filter_, GraphQLInputObjectType)
            for key in filter_.fields:
                example = EXAMPLES[key].replace("LAST", last)
                yield Case(f"{name}: {key}", f"{name}({paged}filter: {{{key}: {example}}}) {selected}")
            yield Case(name, f"{name}({paged}filter: {{}}) {selected}")
        if order := field.args.get("orderBy"):
            by = get_named_type(order.type)
            assert isinstance(by, GraphQLEnumType)
            for value in by.values:
                for direction in ("ASC", "DESC"):
                    asked = f"{name}({paged}orderBy: {value}, direction: {direction}) {selected}"
                    yield Case(f"{name} by {value} {direction}", asked)


WC_EXAMPLES: Final[Mapping[str, Any]] = {
    "search": "antern", "after": NOW, "before": NOW - timedelta(days=3000), "modified_after": NOW,
    "modified_before": NOW - timedelta(days=3000), "include": [42], "exclude": [42], "parent": [2005],
    "parent_exclude": [2005], "order": "asc", "slug": "lantern-00000044", "status": "private",
    "include_status": ["private"], "exclude_status": ["publish"], "sku": "LOAD-00000042", "search_sku": "00042",
    "search_name_or_sku": "00042", "search_fields": ["description"], "global_unique_id": "20000000000042",
    "virtual": True, "downloadable": True, "tax_class": "reduced-rate", "on_sale": True, "min_price": "90000",
    "max_price": "1", "stock_status": "onbackorder", "stock_quantity": 5, "min_stock_quantity": 90_000,
    "max_stock_quantity": 0, "has_price": False, "attributes": [{"attribute": "Size", "term": "XXL"}],
    "type": "grouped", "include_types": ["grouped"], "exclude_types": ["simple"], "featured": True, "category": [3],
    "tag": [3], "brand": [3], "shipping_class": [3], "attribute": "pa_size", "attribute_term": [3],
}  # fmt: skip
_NO_FILTER: Final = {
    "context", "page", "per_page", "offset", "orderby", "dates_are_gmt", "include_meta", "exclude_meta"
}  # fmt: skip
_TOGETHER: Final = {"search_fields": {"search": "foo"}, "attribute_term": {"attribute": "pa_size"}}


def rest_cases() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """From the parameters of the lists of wc/v3: names, statements and values."""
    settings, window = Settings(), {"now": NOW, "offset": 0, "limit": 20}
    for kind, parameters, query in (
        ("products", product_list.PRODUCTS, product_list.products),
        ("variations", product_list.VARIATIONS, product_list.variations),
    ):
        defaults = {name: given.default for name, given in parameters.items() if given.default is not UNSET}
        filters: dict[str, dict[str, Any]] = {
            f": {name}": {name: WC_EXAMPLES[name], **_TOGETHER.get(name, {})}
            for name in parameters
            if name not in _NO_FILTER
        }
        orders = {f" by {by}": {"orderby": by} for by in product_list.ORDERS}
        for name, given in (filters | orders).items():
            request: Any = SimpleNamespace(args=defaults | given, settings=settings, path={})
            wanted = query(request)
            if wanted.order.by is not OrderBy.ASKED:
                yield f"wc/v3 {kind}{name}", product_search._statement(wanted), window


def event_cases(size: Load) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """What endpoints of webhooks read, with each filter and without, where they have got far and are far behind."""
    everything = (True,) * 5
    lists = dict.fromkeys(("product_kinds", "location_kinds", "notices", "alerts"), '["updated", "low"]')
    for filters in itertools.product((False, True), repeat=2):
        statement = webhook_events._statement(webhook_events._Shape(*everything, *filters))._statement
        for after in (0, size.levels - 10):
            values = {
                "after": after,
                "up_to": after + min(webhook_events.STRETCH, size.levels // 10),
                "limit": 500,
                **lists,
            }
            yield f"events: {filters} after {after}", statement, {**values, "products": "[42]", "locations": "[3]"}

    sequences = json_text(list(range(size.levels - 500, size.levels)))
    yield "events: told", webhook_payloads._ENTRIES, {"sequences": sequences}


def alert_cases(size: Load) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """What the reader that finds alerts asks: of a page of entries, and of a product, a location or a level."""
    window = {"after": size.levels - 100, "up_to": size.levels, "limit": 1_000}
    yield "alerts: entries", alert_statements.ENTRIES._statement, window
    nothing = {"products": "[]", "locations": "[]", "levels": "[]", "up_to": size.levels}
    for name, values in (("products", "[42]"), ("locations", "[3]"), ("levels", "[[42, 3]]")):
        yield f"alerts: {name}", alert_statements.CONCERNED._statement, {**nothing, name: values}


FEW: Final = "One of a few words: a page of what is common is found at once, of what is rare after reading all."
DERIVED: Final = "Follows from the row, its product and its parent: each is looked at, in the order of the page."
SPREAD: Final = "PostgreSQL expects to find a page of them on the way, in the order that is asked for."
OF_GROUP: Final = "SQLite reads the requests, of which there are fewer; PostgreSQL the ledger, from its end on."
EXCEPTIONS: Final[Mapping[str, str]] = {
    "products: search": "A text that is somewhere within others has no place in an order. searchPrefix has.",
    "stockLevels: search": "As of products.",
    "products: attributes": "Any name with any value.",
    "products: type": FEW,
    "products: status": FEW,
    "stockLevels: disabled": FEW,
    "products: locations": "Nearly every product is there: they are read in order until there is a page.",
    "products: notStockedAt": "What is not there is told by what is: levels of the location, or the products in order.",
    "stockLevels: locations": SPREAD,
    "stockLevels: skus": SPREAD,
    "stockLevels: gtins": SPREAD,
    "products: availability": DERIVED,
    "stockLevels: availability": DERIVED,
    "products: belowThreshold": DERIVED,
    "stockLevels: belowThreshold": DERIVED,
    "stockChanges: locations": SPREAD,
    "stockChanges: reasons": OF_GROUP,
    "stockChanges: dialects": OF_GROUP,
    "stockChanges: apiKeyIds": OF_GROUP,
}
"""What reads a big table, and why it may. Of lists of wc/v3, that tell how many there are in all, products are counted:
only of other tables nothing may be read whole there."""
Plans = dict[str, dict[str, Explained]]


@pytest.fixture(
    scope="module", params=[2_000, pytest.param(10_000, marks=pytest.mark.campaign)], ids=["small", "large"]
)
def plans(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: str
) -> Iterator[Plans]:
    """By engine what is done in every case, over 200,000 levels or, every time, over a fifth of them."""
    size, name = Load(request.param), f"stockgate_indexes_{secrets.token_hex(4)}"
    asyncio.run(_admin(postgres_server, f"CREATE DATABASE {name}"))
    urls = {
        "sqlite": f"sqlite:///{tmp_path_factory.mktemp('indexes') / 'stockgate.db'}",
        "postgresql": _named(postgres_server, name),
    }
    found = {}
    for engine, url in urls.items():
        load_database(url, size)
        with asyncio.Runner() as runner:
            found[engine] = runner.run(_explained(url, size))
    yield found
    asyncio.run(_drop(urls["postgresql"]))


class Noting(Database):
    """Notes what it is asked to read, and answers that there is nothing."""

    sent: tuple[str, Sequence[Any]]

    async def fetch_text(self, sql: str, values: Sequence[Any]) -> str | None:
        self.sent = sql, values
        return '{"nodes": []}'


async def _explained(url: str, size: Load) -> dict[str, Explained]:
    database, done = Noting(url), {}
    credential = Caller.credential()
    context = Context(database, credential, lambda: Origin("graphql", 1, "tests", None), clock=lambda: NOW)
    async with database.engine.connect() as connection:
        for case in graphql_cases(size):
            operation = schema.operations.prepare(f"{{ {case.field} }}", None)
            assert isinstance(operation, Operation), (case, operation)
            await schema.operations.execute(operation, context, {})
            done[case.name] = await explained(connection, *database.sent)
        for name, statement, values in rest_cases():
            done[name] = await explained(connection, *as_sent(connection, statement, values))
        for name, statement, values in (*event_cases(size), *alert_cases(size)):
            done[name] = await explained(connection, *as_sent(connection, statement, values))
        if database.name == "sqlite":
            done |= {name: await explained(connection, *sent) for name, sent in await _chores(database)}
    await database.close()
    return done


async def _chores(database: Database) -> list[tuple[str, tuple[str, Any]]]:
    """What else there are indexes for: statements that nobody asks for by a filter or an order."""
    sent: list[tuple[str, Any]] = []

    async def chores(session: AsyncSession) -> None:
        await nonces.forget(session, 0)
        await idempotency.forget(session, NOW)
        await imports.latest(session, "")
        await imports.waiting(session)
        await pruning._prune_groups(session, (NOW, 10**9))
        await webhook_deliveries.forget(session, NOW)
        await webhook_deliveries.heads(session, 1)
        await openings.pruned_up_to(session)
        await session.execute(select(openings.is_pruned_at(literal(NOW, Timestamp()))))

    def note(_connection: Any, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
        sent.append((sql, values))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    await database.rehearse(chores)
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    return [(f"chore {n}", each) for n, each in enumerate(sent) if not each[0].startswith(("PRAGMA", "BEGIN"))]


def _wrong(name: str, done: Explained) -> set[str]:
    """Which tables are read that should not be."""
    if name.startswith("wc/v3"):
        return (done.wholes | done.walks) - {"product"}
    if name == "events: told":  # there are hardly more groups here than a page of events has
        return (done.wholes | done.walks) - {"stock_change_group"}
    if name.startswith("alerts"):  # PostgreSQL expects a page of levels, and there are hardly more products here
        return (done.wholes | done.walks) - {"product"}
    return done.wholes if _is_order(name) else done.wholes | done.walks


def _is_order(name: str) -> bool:
    return ":" not in name


def _excepted(name: str) -> str:
    return re.sub(r" (ASC|DESC)$", "", name)


def test_every_filter_and_order_has_an_index_and_every_index_is_for_something(plans: Plans) -> None:
    """SQLite takes an index wherever it can, however small a table is. Unique ones are there to keep rows apart."""
    wrong = {
        f"{engine}: {name}": _wrong(name, done)
        for engine, all_ in plans.items()
        for name, done in all_.items()
        if not name.startswith("chore") and _excepted(name) not in EXCEPTIONS
    }
    assert len(wrong) > 200
    assert {name: read for name, read in wrong.items() if read} == {}

    needed = {_excepted(name) for all_ in plans.values() for name, done in all_.items() if _wrong(name, done)}
    assert EXCEPTIONS.keys() - needed == set(), "what is excepted reads nothing that it should not"

    used = set.union(*(done.indexes for done in plans["sqlite"].values()))
    described = {
        str(index.name) for table in SQLModel.metadata.tables.values() for index in table.indexes if not index.unique
    }
    assert described - used == set(), "indexes that nothing asks for"
