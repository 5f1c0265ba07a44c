"""A root field is one statement, however much is selected below it, and its SQL is compiled once per shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import event

import schema
from schema.operations import Operation
from storage.access import Credential, Scope
from storage.database import Database
from tests.builders import a_location, a_product
from tests.schema.caller import MUCH, Caller, Who


class CountingDatabase(Database):
    """Notes every statement that it is asked to run, by whichever way."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.statements: list[str] = []
        self.fetched = 0
        event.listen(self.engine.sync_engine, "before_cursor_execute", self._note)
        self.observers.append(self.statements.append)

    async def fetch_text(self, sql: str, values: Sequence[Any]) -> str | None:
        self.statements.append(sql)
        self.fetched += 1
        return await super().fetch_text(sql, values)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        self.statements.append(statement)


def counting_caller(caller: Caller) -> Iterator[Caller]:
    """Another caller of the same database, that counts."""
    counting = Caller(caller.runner, CountingDatabase(caller.database.url.render_as_string(hide_password=False)))
    yield counting
    counting.runner.run(counting.database.close())


@pytest.fixture(scope="module")
def counting(large: Caller) -> Iterator[Caller]:
    """250 products at 20 locations, to be read."""
    yield from counting_caller(large)


@pytest.fixture(scope="module")
def written(new_caller: Callable[..., Caller]) -> Iterator[Caller]:
    """100 products, to be written."""

    async def load(session: Any) -> None:
        session.add_all([a_location(1), a_location(2), *(a_product(n) for n in range(1, 101))])

    yield from counting_caller(new_caller(load))


def statements(caller: Caller, query: str, visible: Who = None, **variables: Any) -> list[str]:
    """The statements of one request."""
    caller.database.statements.clear()
    caller.data(query, visible, **variables)
    return list(caller.database.statements)


ROOT_FIELDS = [
    """products(first: $n, orderBy: NAME, filter: {search: "p", onHand: {gte: 0}, locations: {id: 1}}) { totalCount
        pageInfo { hasNextPage startCursor endCursor } edges { cursor node { id onHand attributes { name }
        parent { id } variations { id stockLevels { onHand } }
        stockLevels { onHand location { name address { city } } } } } }""",
    "products(first: $n) { nodes { stockLevels { product { stockLevels { location { name } } } } } }",
    "stockLevels(first: $n) { totalCount nodes { product { sku onHand } location { slug } } }",
    "stockChanges(first: $n) { nodes { product { sku } group { entries { location { slug } } } } }",
    """stockChanges(first: $n, filter: {reasons: [SALE, UNSPECIFIED]}) { nodes { reason note principal
        counterpart { id } product { sku } location { slug } } }""",
    """changes(first: $n) { nextSequence hasMore changes { sequence kind entry { reason } product { sku }
        location { slug } } }""",
    """lowStock(last: $n) { totalCount nodes { deficit product { sku } location { slug }
        history(first: 2) { nodes { id } } } pageInfo { hasNextPage hasPreviousPage } }""",
    """stockLevels(last: $n, orderBy: AVAILABLE, filter: {availability: IN_STOCK}) {
        nodes { onHandAt(time: "2026-01-01") } pageInfo { hasPreviousPage } }""",
    "locations { name stockLevels(first: $n) { totalCount nodes { product { sku } } } }",
    "location(id: 1) { stockLevels(first: $n) { nodes { product { sku stockLevels { onHand } } } } }",
    "product(id: 1) { stockLevels { location { stockLevels(first: $n) { nodes { onHand } } } } }",
    """products(first: $n) { nodes { available price { current } availability(near: {latitude: 1, longitude: 2}) {
        status quantity locations { location { name } distanceKm quantity price { current } } }
        stockLevels { price { current } product { availability { status } } } } }""",
    """availabilityFor(lines: [{sku: "SKU-1", quantity: 1}, {sku: "SKU-2", quantity: 1}]) { canServeAll
        locations { location { stockLevels(first: $n) { totalCount } } }
        lines { product { name availability { status } } status locations { location { slug } quantity } } }""",
]


@pytest.mark.parametrize("field", ROOT_FIELDS)
def test_a_root_field_is_one_statement_for_any_number_of_products(counting: Caller, field: str) -> None:
    texts = [statements(counting, f"query($n: Int!) {{ {field} }}", n=n) for n in (1, 10, 100)]
    texts = [[text for text in found if "pg_locks" not in text] for found in texts]  # the feed's horizon
    assert [len(text) for text in texts] == [1, 1, 1]
    assert texts[0] == texts[1] == texts[2]


def test_a_key_that_is_limited_costs_no_further_statement(counting: Caller) -> None:
    for field in ROOT_FIELDS:
        found = statements(counting, f"query($n: Int!) {{ {field} }}", [1, 2], n=10)
        assert len([text for text in found if "pg_locks" not in text]) == 1


def test_a_public_key_costs_no_further_statement(counting: Caller) -> None:
    public = Credential(2, "shop window", frozenset({Scope.STOREFRONT}))
    for field in ROOT_FIELDS:
        if not any(name in field for name in ("stockChanges", "changes(", "lowStock", "AVAILABLE")):
            assert len(statements(counting, f"query($n: Int!) {{ {field} }}", public, n=10)) == 1


def test_the_viewer_asks_the_database_only_for_its_locations(counting: Caller) -> None:
    assert statements(counting, "{ viewer { key { name } scopes locations { name } } }") == []
    assert len(statements(counting, "{ viewer { key { name } scopes locations { name } } }", [1, 2])) == 1


def test_two_root_fields_are_two_statements(counting: Caller) -> None:
    assert len(statements(counting, "{ product(id: 1) { id } p: product(id: 2) { id } __typename }")) == 2
    assert len(statements(counting, "{ product(id: 1) { id } product(id: 1) { name } }")) == 1


def test_a_root_field_beside_an_introspection_is_one_statement_too(counting: Caller) -> None:
    assert (
        len(statements(counting, "{ __schema { queryType { name } } products { nodes { stockLevels { id } } } }")) == 1
    )


def test_what_only_introspects_asks_no_database(counting: Caller) -> None:
    assert statements(counting, "{ __typename __schema { types { name } } }") == []


def test_rows_are_counted_only_when_their_count_is_selected(counting: Caller) -> None:
    query = "query($count: Boolean!) { products(first: 1) { nodes { id } totalCount @include(if: $count) } }"
    [with_count] = statements(counting, query, count=True)
    [without] = statements(counting, query, count=False)
    assert "count(" in with_count.lower()
    assert "count(" not in without.lower()


QUERY = """query(
    $n: Int!, $filter: ProductFilter, $order: ProductOrder! = ID, $with: Boolean! = true, $at: [LocationKey!]) {
    products(first: $n, filter: $filter, orderBy: $order) { nodes { sku @include(if: $with)
        stockLevels(locations: $at) { onHand } } } }"""


def plans(caller: Caller, query: str) -> dict[Any, Any]:
    """What is remembered of a document for this engine."""
    operation = schema.operations.prepare(query, None, MUCH)
    assert isinstance(operation, Operation)
    return {key: plan for key, plan in operation.plans.items() if caller.database.name in key}


def test_a_second_request_of_the_same_shape_compiles_nothing(counting: Caller) -> None:
    query = QUERY + " # 1"
    statements(counting, query, n=1, filter={"search": "a", "skus": ["x"]}, at=[{"id": 1}])
    before = plans(counting, query)
    statements(counting, query, n=100, filter={"search": "b" * 99, "skus": []}, at=[{"slug": "location-1"}, {"id": 3}])
    after = plans(counting, query)
    assert len(before) == 1
    assert list(after) == list(before)
    assert all(after[key] is before[key] for key in before)


@pytest.mark.parametrize(
    "other",
    [
        {"filter": {"search": "a"}},
        {"filter": {"search": None, "skus": ["x"]}},
        {"filter": None},
        {"order": "NAME"},
        {"with": False},
        {"at": None},
    ],
)
def test_another_shape_of_the_variables_is_compiled_anew_and_then_remembered(counting: Caller, other: Any) -> None:
    query = QUERY + f" # {other}"
    first = {"n": 1, "filter": {"search": "a", "skus": ["x"]}, "at": [{"id": 1}]}
    [one] = statements(counting, query, **first)
    [two] = statements(counting, query, **{**first, **other})
    assert one != two
    assert len(plans(counting, query)) == 2
    assert statements(counting, query, **first) == [one]
    assert len(plans(counting, query)) == 2


def test_a_limited_key_has_a_plan_of_its_own_whatever_its_locations(counting: Caller) -> None:
    query = QUERY + " # limited"
    [unlimited] = statements(counting, query, n=1)
    [limited] = statements(counting, query, [1], n=1)
    assert limited != unlimited
    assert statements(counting, query, [2, 3], n=1) == [limited]
    assert len(plans(counting, query)) == 2


def test_no_value_of_a_variable_stands_in_the_text_of_a_statement(counting: Caller) -> None:
    filter_ = {
        "search": "needle'\"",
        "skus": ["needle"],
        "locations": [{"slug": "needle"}],
        "updatedAfter": "2026-01-01",
    }
    [text] = statements(counting, QUERY, n=7, filter=filter_, at=[{"code": "needle"}])
    assert "needle" not in text
    literal = '{ product(sku: "needle") { id } products(filter: {search: "needle"}) { totalCount } }'
    assert not any("needle" in text for text in statements(counting, literal))


def test_plans_do_not_pile_up_without_end(counting: Caller) -> None:
    query = "query($filter: ProductFilter) { products(first: 0, filter: $filter) { nodes { id } } }"
    keys = ("search", "type", "locations", "onHand", "updatedAfter", "skus", "ids")
    for number in range(2**7 + 100):
        given = {key: None for n, key in enumerate(keys) if number >> n & 1}
        statements(counting, query, filter=dict(reversed(given.items())) if number >= 2**7 else given)
    assert len(plans(counting, query)) <= 200


SYNC = """mutation($input: InventoryBulkSyncInput!) { inventoryBulkSync(input: $input) {
    succeeded results { after }
    stockLevels { onHand product { sku stockLevels { location { slug } } } }
    changeGroup { entries { product { sku } } } } }"""


def test_each_part_of_a_payload_is_one_statement_for_any_number_of_lines(written: Caller) -> None:
    counts = []
    for number in (1, 10, 100):
        lines = [{"product": {"id": str(n)}, "location": {"id": "1"}, "onHand": number} for n in range(1, number + 1)]
        written.database.fetched = 0
        total = len(statements(written, SYNC, input={"items": lines}))
        counts.append((written.database.fetched, total))
    assert counts == [counts[0]] * 3
    assert counts[0][0] == 2


TRANSFER = """mutation($input: InventoryTransferInput!) { inventoryTransfer(input: $input) {
    results { from { after } to { after } } stockLevels { onHand location { slug } }
    changeGroup { id entries { delta } } } }"""
REVERSE = """mutation($input: ReverseStockChangeGroupInput!) { reverseStockChangeGroup(input: $input) {
    results { after } stockLevels { onHand location { slug } } changeGroup { entries { delta } } } }"""


def test_transfers_and_their_reversals_take_as_many_statements_for_any_number_of_lines(written: Caller) -> None:
    stocked = [{"product": {"id": str(n)}, "location": {"id": "1"}, "onHand": 9} for n in range(1, 101)]
    statements(written, SYNC, input={"items": stocked})
    counts = []
    for number in (1, 10, 100):
        ends = {"from": {"id": 1}, "to": {"id": 2}, "quantity": 1}
        lines = [{"product": {"id": str(n)}, **ends} for n in range(1, number + 1)]
        moved = statements(written, TRANSFER, input={"lines": lines, "note": "moved"})
        newest = "{ stockChanges(first: 1, filter: {locations: [{id: 2}]}) { nodes { group { id } } } }"
        [entry] = written.data(newest)["stockChanges"]["nodes"]
        back = statements(written, REVERSE, input={"id": entry["group"]["id"]})
        counts.append((len(moved), len(back)))
    assert counts == [counts[0]] * 3


def test_a_payload_of_which_nothing_stored_is_selected_reads_nothing(written: Caller) -> None:
    query = SYNC.partition("stockLevels")[0] + "} }"
    written.database.fetched = 0
    statements(written, query, input={"items": []})
    assert written.database.fetched == 0


def test_a_second_mutation_of_the_same_shape_compiles_nothing(written: Caller) -> None:
    query = SYNC + " # again"
    line = {"product": {"id": "1"}, "location": {"id": "1"}}
    statements(written, query, input={"items": [{**line, "onHand": 7}]})
    before = plans(written, query)
    statements(written, query, input={"items": [{**line, "onHand": 8}, {**line, "adjust": 1}]})
    assert len(before) == 2
    after = plans(written, query)
    assert all(after[key] is before[key] for key in before)
    assert len(after) == 2


MANY = [
    (
        "query($keys: [ID!]!) { nodes(ids: $keys) { id ... on Product { sku stockLevels { onHand } } } }",
        "gid://stockgate/Product/{}",
    ),
    (
        "query($keys: [String!]!) { stockLevelsBySku(skus: $keys) { product { name } stockLevels { onHand } } }",
        "SKU-{}",
    ),
]


@pytest.mark.parametrize(("query", "form"), MANY)
def test_a_list_of_keys_is_one_statement_however_long_it_is(counting: Caller, query: str, form: str) -> None:
    texts = [statements(counting, query, keys=[form.format(k) for k in range(1, n + 1)]) for n in (0, 1, 10, 250)]
    assert [len(text) for text in texts] == [1, 1, 1, 1]
    assert len({text[0] for text in texts}) == 1


def test_a_node_is_one_statement_whatever_type_its_id_names(counting: Caller) -> None:
    query = "query($id: ID!) { node(id: $id) { id ... on StockLevel { history { totalCount } } } }"
    keys = ("Product/1", "StockLevel/1-1", "Location/9")
    texts = [statements(counting, query, id=f"gid://stockgate/{key}") for key in keys]
    assert len({text for [text] in texts}) == 1


def test_the_feed_asks_for_its_horizon_only_where_writers_do_not_follow_one_another(counting: Caller) -> None:
    texts = statements(counting, "{ changes { nextSequence } }")
    assert len([text for text in texts if "pg_locks" in text]) == (counting.database.name == "postgresql")
