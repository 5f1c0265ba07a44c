"""Every filter and every order of the API finds an index over 200,000 levels, and every index is found by something.

The list of them is the API's own: a filter or an order that is new there is asked for here, with an example for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type
from sqlmodel import SQLModel

import schema
from gateway.dialects.wc_v3 import product_list
from gateway.settings import Settings
from schema.operations import Operation
from scripts.benchmarks.loading import Load, load_database
from storage import product_search, tables
from storage.changes import UNSET
from storage.database import Database
from storage.product_queries import OrderBy
from tests.conftest import ENGINES, _admin, _drop, _named
from tests.explaining import Explained, as_sent, explained
from tests.schema.caller import Caller

assert tables  # its import fills the metadata

NOW: Final = datetime.now(UTC)
SIZE: Final = Load(items=2_000, locations=20)
RECENT: Final = f'"{(NOW + timedelta(hours=1)).isoformat()}"'
LONG_AGO: Final = f'"{(NOW - timedelta(days=300)).isoformat()}"'
LOCATIONS: Final = '[{slug: "load-001"}]'
EXAMPLES: Final[Mapping[str, str]] = {
    "search": '"antern 0000004"', "searchPrefix": '"lantern 0000004"', "skus": '["LOAD-00000042"]',
    "gtins": '["20000000000042"]', "ids": '["42"]', "productIds": '["42"]', "type": "GROUPED", "status": "PRIVATE",
    "attributes": '[{name: "Size", value: "XXL"}]', "locations": LOCATIONS, "notStockedAt": LOCATIONS,
    "onHand": "{gte: 1000}", "available": "{lte: -1000}", "availability": "BACKORDER", "belowThreshold": "true",
    "updatedAfter": RECENT, "changedSinceSequence": "39999", "keys": LOCATIONS, "kind": "STORE", "pickup": "true",
    "disabled": "true", "reasons": "[LOSS]", "dialects": '["stock-api/v2"]', "apiKeyIds": "[77]", "groupId": '"17"',
    "createdAfter": RECENT, "createdBefore": LONG_AGO, "sequence": "{gte: 39999}",
}  # fmt: skip
"""Of each key of a filter a value that few rows meet."""


@dataclass(frozen=True)
class Case:
    """A filter or an order, by its name; `big` is what it may not read whole."""

    name: str
    field: str
    is_order: bool = False


def graphql_cases() -> Iterator[Case]:
    """From the arguments of the query type's fields."""
    for name, field in schema.schema._schema.query_type.fields.items():  # type: ignore[union-attr]
        paged = "first: 20, " if "first" in field.args else ""
        selected = "{ nodes { id } }" if paged else "{ id }"
        if given := field.args.get("filter"):
            filter_ = get_named_type(given.type)
            assert isinstance(filter_, GraphQLInputObjectType)
            for key in filter_.fields:
                yield Case(f"{name}: {key}", f"{name}({paged}filter: {{{key}: {EXAMPLES[key]}}}) {selected}")
            yield Case(f"{name}", f"{name}({paged}filter: {{}}) {selected}", is_order=True)
        if order := field.args.get("orderBy"):
            by = get_named_type(order.type)
            assert isinstance(by, GraphQLEnumType)
            for value in by.values:
                for direction in ("ASC", "DESC"):
                    asked = f"{name}({paged}orderBy: {value}, direction: {direction}) {selected}"
                    yield Case(f"{name} by {value} {direction}", asked, is_order=True)


@pytest.fixture(scope="module", params=ENGINES)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """200,000 levels, once per engine."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('indexes') / 'stockgate.db'}"
    else:
        server: str = request.getfixturevalue("postgres_server")
        url = _named(server, f"stockgate_indexes_{request.node.name[:0]}{id(request)}")
    with asyncio.Runner() as runner:
        if request.param == "postgresql":
            runner.run(_admin(server, f"CREATE DATABASE {url.rpartition('/')[2].partition('?')[0]}"))
        load_database(url, SIZE)
        caller = Caller(runner, Database(url))
        yield caller
        runner.run(caller.database.close())
        if request.param == "postgresql":
            runner.run(_drop(url))


def test_x(loaded: Caller) -> None:
    db = loaded.database

    async def go():
        sent = []
        async def fetch(sql, values):
            sent.append((sql, values)); return '{"nodes": []}'
        db.fetch_text = fetch
        used=set()
        async with db.engine.connect() as c:
            for case in graphql_cases():
                op = schema.operations.prepare(f"{{ {case.field} }}", None)
                assert isinstance(op, Operation), op
                await schema.operations.execute(op, loaded.context(), {})
                e = await explained(c, *sent[-1])
                used |= e.indexes
                bad = e.wholes if case.is_order else e.wholes | e.walks
                if bad: print(case.name, "wholes", e.wholes, "walks", e.walks)
        print("unused", {i.name for t in SQLModel.metadata.tables.values() for i in t.indexes} - used)
    loaded.runner.run(go())
