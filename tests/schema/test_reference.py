"""Random queries get the same answer from the compiler as from a naive executor over plain rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest
from graphql import ExecutionResult, GraphQLError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import schema
from schema.operations import Operation
from storage.access import Credential, Scope, Visibility
from storage.columns import timestamp_text
from storage.tables import Product
from tests.schema import shop as rows_of_shop
from tests.schema.caller import Caller
from tests.schema.documents import Asked, Language, lists, queries, scalars
from tests.schema.reference import Reference, all_rows
from tests.schema.reference_rows import Cursor
from tests.schema.shop import TEXTS, TIMES

EVERYWHERE = None
_READ, _SHOP = frozenset({Scope.READ}), frozenset({Scope.STOREFRONT})
_TILL = frozenset({Scope.READ, Scope.WRITE})
_HERE = frozenset({1, 3, 40, 7, 8})
VISIBLE = (
    EVERYWHERE,
    EVERYWHERE,
    (1, 3, 40, 7),
    (2,),
    (),
    Credential(2, "band", _READ, visibility=Visibility.BAND),
    Credential(3, "capped", _READ, _HERE, visibility=Visibility.CAPPED, cap=3),
    Credential(4, "shop window", _SHOP, visibility=Visibility.BAND),
    Credential(5, "shop window that counts to two", _SHOP, _HERE, visibility=Visibility.CAPPED, cap=2),
    Credential(6, "shop window with open books", _SHOP),
    Credential(7, "Łódź", _TILL, frozenset({1, 2, 40})),
    Credential(2, "till that counts to three", _TILL, visibility=Visibility.CAPPED, cap=3),
)


class Both:
    """The program and the naive executor, over the same rows."""

    def __init__(self, caller: Caller) -> None:
        self.ask = caller.ask
        self.reference = Reference.of(schema.sdl(), caller.runner.run(caller.database.read(all_rows)))


@pytest.fixture(scope="session")
def both(shop: Caller) -> Both:
    """The two, over the shop."""
    return Both(shop)


LOCATIONS, PRODUCTS, LEVELS, GROUPS, ENTRIES, CHANGES, ENDPOINTS, DELIVERIES, RULES, JOBS, USES = rows_of_shop.tables()
_some = st.sampled_from


def _ids(type_name: str, numbers: list[int]) -> st.SearchStrategy[str]:
    known = [form.format(number) for number in numbers for form in ("{}", f"gid://stockgate/{type_name}/{{}}")]
    return _some([*known, "0", "999999999", "007", str(2**63 - 1)])


def _texts(known: list[str | None]) -> st.SearchStrategy[str]:
    given = [text for text in known if text is not None]
    return _some([form(text) for text in given for form in (str, str.upper, str.lower)] + ["", "unknown", *TEXTS])


Siblings = Mapping[str, Any]


def _desc(siblings: Siblings) -> str:
    return " desc" if siblings.get("direction") == "DESC" else ""


def _product_cursors(siblings: Siblings) -> st.SearchStrategy[str]:
    order = siblings.get("orderBy")
    keys = {
        "NAME": ("name_key,id", lambda p: [p.name_key]),
        "SKU": ("sku_key,id", lambda p: [p.sku_key]),
        "CREATED_AT": ("created_at,id", lambda p: [timestamp_text(p.created_at)]),
        "UPDATED_AT": ("updated_at,id", lambda p: [timestamp_text(p.updated_at)]),
    }
    tag, values = keys.get(order, ("id", lambda _: [])) if isinstance(order, str) else ("id", lambda _: [])
    return _some(
        [Cursor.at(tag + _desc(siblings), *values(product), product.id + n) for product in PRODUCTS for n in (0, -1)]
    )


def _level_cursors(default: str, way: str) -> Callable[[Siblings], st.SearchStrategy[str]]:
    def cursors(siblings: Siblings) -> st.SearchStrategy[str]:
        order, direction = siblings.get("orderBy"), siblings.get("direction")
        tag, key = _LEVEL_ORDERS[order if order in _LEVEL_ORDERS else default]
        desc = " desc" if (direction if direction in {"ASC", "DESC"} else way) == "DESC" else ""
        rest = (lambda v: (v.product_id,)) if tag.startswith("loc") else (lambda v: (v.product_id, v.location_id))
        return _some([Cursor.at(tag + desc, *key(level), *rest(level)) for level in LEVELS])

    return cursors


def _free(level: Any) -> int | None:
    return None if level.on_hand is None else level.on_hand - level.reserved - level.safety_stock


_LEVEL_ORDERS: dict[Any, tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
    "PRODUCT": ("product_id,location_id", lambda _level: ()),
    "LOCATION": ("location_id,product_id", lambda level: (level.location_id,)),
    "AVAILABLE": ("available,product_id,location_id", lambda v: (-4 * 10**9 if _free(v) is None else _free(v),)),
    "ON_HAND": ("on_hand,product_id,location_id", lambda v: (-4 * 10**9 if v.on_hand is None else v.on_hand,)),
    "DEFICIT": ("deficit,product_id,location_id", lambda level: (2 - (_free(level) or 0),)),
    "UPDATED_AT": ("updated_at,product_id,location_id", lambda level: (timestamp_text(level.updated_at),)),
}
_entry_cursors = _some([Cursor.at("sequence desc", entry.sequence) for entry in ENTRIES])
_products = _ids("Product", [product.id for product in PRODUCTS])
_skus = _texts([product.sku for product in PRODUCTS])
_times = _some(
    [
        *map(timestamp_text, TIMES),
        "2026-01-02",
        "2026-01-02T03:04:05.6789+00:00",
        "2026-01-02T05:04:05.678901+02:00",
        "2026-01-02T03:04:05",
    ]
)
_first = _some([0, 1, 2, 2, 3, 3, 5, 7, 50, 250])
_gtins = _texts([form(p.gtin_text) for p in PRODUCTS if p.gtin_text for form in ("0{}".format, "{} ".format, str)])
_prefixes = _some(["", "s", "S", "St", "同", "\U0010ffff", *TEXTS, *(text[:2] for text in TEXTS)])
_sequences = _some([0, 1, 17, 30, 34, 35, 42, 43, 46, 47, 50, 59, 2**31 - 1])
_jobs = _ids("ImportJob", [job.id for job in JOBS])
_days = _some([1, 2, 7, 28, 300, 366, 366])
_groups = _ids("StockChangeGroup", [group.id for group in GROUPS])
_gids = {
    "Product": [p.id for p in PRODUCTS],
    "Location": [p.id for p in LOCATIONS],
    "StockLevel": [f"{v.product_id}-{v.location_id}" for v in LEVELS],
    "LedgerEntry": [e.sequence for e in ENTRIES],
    "StockChangeGroup": [g.id for g in GROUPS],
}
_nodes = st.sampled_from(sorted(_gids)).flatmap(
    lambda name: _some(
        [f"gid://stockgate/{name}/{key}" for key in (*_gids[name], "9-9" if name == "StockLevel" else 9)]
    )
)


def _paged(coordinate: str, cursors: Any) -> dict[str, Any]:
    """The meanings of a connection's arguments."""
    sizes = {f"{coordinate}.{name}": _first for name in ("first", "last")}
    return {**sizes, **{f"{coordinate}.{name}": cursors for name in ("after", "before")}}


MEANINGS = {
    "Query.product.id": _products,
    "Query.product.sku": _skus,
    "Query.product.gtin": _gtins,
    **_paged("Query.products", _product_cursors),
    "Query.location.id": _ids("Location", [location.id for location in LOCATIONS]),
    "Query.location.slug": _texts([location.slug for location in LOCATIONS]),
    "Query.location.code": _texts([location.code for location in LOCATIONS]),
    "Query.node.id": _nodes,
    "Query.nodes.ids": _nodes,
    "Query.stockLevelsBySku.skus": _skus,
    "Query.stockChangeGroup.id": _groups,
    "Query.changes.afterSequence": _sequences,
    "Query.changes.first": _first,
    **_paged("Query.stockLevels", _level_cursors("PRODUCT", "ASC")),
    **_paged("Query.lowStock", _level_cursors("DEFICIT", "DESC")),
    **_paged("Query.stockChanges", _entry_cursors),
    "Query.webhookEndpoint.id": _ids("WebhookEndpoint", [endpoint.id for endpoint in ENDPOINTS]),
    **_paged("Query.webhookEndpoints", _some([Cursor.at("id", endpoint.id) for endpoint in ENDPOINTS])),
    **_paged("WebhookEndpoint.deliveries", _some([Cursor.at("sequence desc", d.sequence) for d in DELIVERIES])),
    **_paged("Query.webhookDeliveries", _some([Cursor.at("id desc", d.id) for d in DELIVERIES])),
    "WebhookDeliveryFilter.endpointIds": _ids("WebhookEndpoint", [endpoint.id for endpoint in ENDPOINTS]),
    "WebhookDeliveryFilter.topics": _some(["stock.changed", "product.updated", "*"]),
    "WebhookDeliveryFilter.eventIds": _some(["evt_1", "evt_17", "17", ""]),
    "Query.importJobs.first": _some([0, 1, 3, 20, 100]),
    "Query.importJobs.before": _jobs,
    "Query.importJob.id": _jobs,
    "StockLevel.outflowPerDay.days": _days,
    "StockLevel.daysOfCover.days": _days,
    "ViewerKey.routes.days": _some([1, 2, 3, 30, 31, 399, 400]),
    **_paged("Location.stockLevels", _level_cursors("PRODUCT", "ASC")),
    **_paged("StockLevel.history", _entry_cursors),
    "LocationKey.id": _ids("Location", [location.id for location in LOCATIONS]),
    "LocationKey.slug": _texts([location.slug for location in LOCATIONS]),
    "LocationKey.code": _texts([location.code for location in LOCATIONS]),
    "ProductFilter.search": _some([*TEXTS, "", "S", "E", "a", "wool", "%", "_", "\\", " - ", "nO sUcH"]),
    "ProductFilter.searchPrefix": _prefixes,
    "ProductFilter.skus": _skus,
    "ProductFilter.gtins": _gtins,
    "ProductFilter.ids": _products,
    "ProductFilter.changedSinceSequence": _sequences,
    "AttributeFilter.name": _some(["size", "size", "Size", *TEXTS]),
    "AttributeFilter.value": _some(["", *(a["value"] for p in PRODUCTS for a in p.attributes)]),
    "LocationFilter.search": _some(["", "LOCATION", "-", "%", "_", "КІН", "👟", "nO sUcH"]),
    "LocationFilter.changedSinceSequence": _sequences,
    "StockLevelFilter.gtins": _gtins,
    "StockLevelFilter.search": _some(["", "S", "wool", " - ", "nO sUcH"]),
    "StockLevelFilter.searchPrefix": _prefixes,
    "StockLevelFilter.changedSinceSequence": _sequences,
    "StockLevelFilter.skus": _skus,
    "StockLevelFilter.productIds": _products,
    "StockChangeFilter.skus": _skus,
    "StockChangeFilter.productIds": _products,
    "StockChangeFilter.groupId": _groups,
    "StockChangeFilter.dialects": _some(["graphql", "mulopimfwc/v1", "GRAPHQL", ""]),
    "StockChangeFilter.apiKeyIds": _some([1, 2, 3, 0, -1]),
    "CartLine.sku": _skus,
    "CartLine.quantity": _some([1, 1, 2, 3, 5, 10, 1_000_000_000]),
    "Near.latitude": _some([51.759445, 51.759445, -33.8688197, 0.0, 90.0, -90.0, 51.5]),
    "Near.longitude": _some([-0.5, -0.5, 151.2092955, 180.0, -180.0, 0.0]),
    "Near.radiusKm": _some([20_050.0, 100.0, 0.001, 7, 16_989.0]),
    "IntRange.gte": _some([-7, -7, -1, 0, 1, 2, -(2**31), 2**31 - 1]),
    "IntRange.lte": _some([5, 0, 1, 2, -1, 10, -(2**31), 2**31 - 1]),
    "DateTime": _times,
}
LANGUAGE = Language(schema.core, MEANINGS, frozenset({"Query.product", "Query.location"}))


def opened(answer: Any, expected: Any) -> Any:
    """An answer in a form that compares as JSON does, keys in their order: cursors by what they mean."""
    if isinstance(answer, dict):
        below = expected if isinstance(expected, dict) else {}
        return [[key, opened(value, below.get(key))] for key, value in answer.items()]
    if isinstance(answer, list):
        below = expected if isinstance(expected, list) else []
        return [opened(item, below[n] if n < len(below) else None) for n, item in enumerate(answer)]
    if isinstance(expected, Cursor) and isinstance(answer, str):
        return {"cursor": Cursor(answer).parts()}
    return int(answer) if isinstance(answer, float) and answer.is_integer() else answer


def codes_of(answer: Any) -> set[str]:
    """The codes of an answer's errors."""
    errors = answer.errors or () if isinstance(answer, ExecutionResult) else ()
    return {str((error.extensions or {}).get("code")) for error in errors}


def agree(both: Both, text: str, variables: Mapping[str, Any], visible: Any) -> None:
    """Both answer the same, or both refuse what is hidden from the caller."""
    expected = both.reference.execute(text, variables, visible=visible)
    answer = both.ask(text, variables, visible)
    if isinstance(visible, Credential) and re.search(r"\bhistory\b", text) and codes_of(answer) == {"FORBIDDEN"}:
        return  # the program refuses it wherever it stands, a naive executor only where there is a level
    if isinstance(answer, ExecutionResult) and "nests too deeply" in str(answer.errors):
        return  # an engine's limit, which is told
    if expected.errors:
        assert all("hidden" in error.message for error in expected.errors), (expected.errors, text, variables)
        assert isinstance(answer, ExecutionResult)
        assert codes_of(answer) == {"FORBIDDEN"}
        assert (answer.data is None) is (expected.data is None)
        return
    if isinstance(answer, ExecutionResult):
        assert answer.errors is None, answer.errors
        assert re.search(r"\b(__schema|viewer|sourceRules|importJobs?)\b", text), "the executor had to answer"
        answer = orjson.dumps({"data": answer.data})
    got = orjson.loads(answer)["data"]
    assert json.dumps(opened(got, expected.data)) == json.dumps(opened(expected.data, expected.data))


def check(both: Both, asked: Asked, visible: Any) -> None:
    """The second run has the same document and other values: the plans of the first serve it."""
    agree(both, asked.text, asked.variables, visible)
    if asked.others != asked.variables:
        agree(both, asked.text, asked.others, visible)


random_lists = given(asked=lists(LANGUAGE), visible=_some(VISIBLE))
random_queries = given(asked=queries(LANGUAGE), visible=_some(VISIBLE))
unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
quick = settings(unhurried, phases=set(Phase) - {Phase.shrink, Phase.explain})  # a campaign makes failures small


@random_queries
@settings(quick, max_examples=50)
def test_a_random_query_gets_what_a_naive_executor_answers(both: Both, asked: Asked, visible: Any) -> None:
    check(both, asked, visible)


@random_lists
@settings(quick, max_examples=100)
def test_a_random_filter_finds_what_a_loop_over_all_rows_finds(both: Both, asked: Asked, visible: Any) -> None:
    check(both, asked, visible)


@pytest.mark.campaign
@random_lists
@settings(unhurried, max_examples=2000)
def test_two_thousand_random_filters_find_what_a_loop_finds(both: Both, asked: Asked, visible: Any) -> None:
    check(both, asked, visible)


@pytest.mark.campaign
@random_queries
@settings(unhurried, max_examples=2000)
def test_two_thousand_random_queries_get_what_a_naive_executor_answers(both: Both, asked: Asked, visible: Any) -> None:
    check(both, asked, visible)


NAMESAKES = """query($sku: String!, $gtin: String!) {
    bySku: product(sku: $sku) { databaseId status } byGtin: product(gtin: $gtin) { databaseId }
    stockLevelsBySku(skus: [$sku]) { product { databaseId } }
    availabilityFor(lines: [{sku: $sku, quantity: 1}]) { lines { product { databaseId } } }
}"""


def test_of_namesakes_the_one_that_is_not_in_the_trash_is_named(both: Both) -> None:
    products = {row.id: row for rows in rows_of_shop.tables() for row in rows if isinstance(row, Product)}
    for number, named in ((70, 4), (72, 12), (73, 74)):  # of those in the trash it is the last
        keys = {"sku": products[number].sku, "gtin": products[number].gtin}
        agree(both, NAMESAKES, keys, None)
        answer = orjson.loads(both.ask(NAMESAKES, keys, None))["data"]
        assert [answer[field]["databaseId"] for field in ("bySku", "byGtin")] == [named, named]


def is_refused(both: Both, text: str, **variables: Any) -> list[str]:
    """Both refuse it, with the same data; the program's messages."""
    expected = both.reference.execute(text, variables)
    answer = both.ask(text, variables)
    assert isinstance(answer, ExecutionResult), answer
    assert expected.errors
    assert answer.errors
    assert answer.data == expected.data
    for error in answer.errors:
        assert error.original_error is None or isinstance(error.original_error, GraphQLError), "not a bug"
    return [error.message for error in answer.errors]


@pytest.mark.parametrize("first", [-1, 251, 2**31 - 1])
def test_both_refuse_a_page_of_a_size_out_of_range(both: Both, first: int) -> None:
    for query in (
        f"{{ products(first: {first}) {{ totalCount }} }}",
        "query($n: Int!) { stockLevels(first: $n) { nodes { id } } }",
    ):
        assert "from 0 to 250" in is_refused(both, query, n=first)[0]
    nested = "query($n: Int!) { locations { name stockLevels(first: $n) { pageInfo { hasNextPage } } } }"
    assert is_refused(both, nested, n=first)


@pytest.mark.parametrize(
    "cursor", ["zz", "é", b"".hex(), b'["id", 1'.hex(), b'["id desc", 1]'.hex(), b'["name_key,id", "x", 1]'.hex()]
)
def test_both_refuse_what_is_no_cursor_of_this_order(both: Both, cursor: str) -> None:
    [message] = is_refused(both, "query($c: String) { products(after: $c) { nodes { id } } }", c=cursor)
    assert "is no cursor of this list in this order" in message


@pytest.mark.parametrize(
    ("order", "forged"),
    [
        ("ID", "[]"),
        ("ID", "{}"),
        ("ID", "null"),
        ("ID", "17"),
        ("ID", '"id"'),
        ("ID", '["id"]'),
        ("ID", '["id", "1"]'),
        ("ID", '["id", null]'),
        ("ID", '["id", true]'),
        ("ID", '["id", 1.5]'),
        ("ID", '["id", 1, 2]'),
        ("ID", '["id", 9223372036854775808]'),
        ("ID", '["id", -9223372036854775809]'),
        ("ID", '[["id"], 1]'),
        ("NAME", '["name_key,id", 1, 1]'),
        ("NAME", '["name_key,id", "\\u0000", 1]'),
        ("NAME", '["name_key,id", "\\ud800", 1]'),
        ("UPDATED_AT", '["updated_at,id", "yesterday", 1]'),
        ("UPDATED_AT", '["updated_at,id", "", 1]'),
        ("UPDATED_AT", '["updated_at,id", 0, 1]'),
        ("UPDATED_AT", '["updated_at,id", "0001-01-01T00:00:00+14:00", 1]'),
    ],
)
def test_a_forged_cursor_is_refused_and_never_reaches_the_database(both: Both, order: str, forged: str) -> None:
    query = f"query($c: String) {{ products(orderBy: {order}, after: $c) {{ nodes {{ id }} }} }}"
    answer = both.ask(query, {"c": forged.encode().hex()})
    assert isinstance(answer, ExecutionResult)
    [error] = answer.errors
    assert error.extensions == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "query",
    [
        "{ product { id } }",
        "{ product(id: null) { id } }",
        '{ product(id: 1, sku: "x") { id } }',
        '{ location(slug: "a", code: "b") { id } }',
        "{ location { id } }",
        "query($id: ID) { product(id: $id) { id } }",
    ],
)
def test_both_want_exactly_one_key(both: Both, query: str) -> None:
    assert "exactly one of" in is_refused(both, query)[0]


@pytest.mark.parametrize(
    "id_",
    [
        "",
        "x",
        "-1",
        "1.0",
        " 1",
        "1 ",
        "+1",
        "１",
        "gid://stockgate/Location/1",
        "gid://stockgate/Product/",
        str(2**63),
        "9" * 40,
    ],
)
def test_both_refuse_what_is_no_id_of_the_type(both: Both, id_: str) -> None:
    assert "is not the id of a Product" in is_refused(both, "query($id: ID!) { product(id: $id) { id } }", id=id_)[0]
    assert is_refused(both, "query($id: ID!) { products(filter: {ids: [1, $id]}) { nodes { id } } }", id=id_)
    assert is_refused(both, "query($ids: [ID!]) { stockLevels(filter: {productIds: $ids}) { totalCount } }", ids=[id_])


@pytest.mark.parametrize(
    "query",
    [
        "{ nope }",
        "{ product(id: 1) }",
        "{ product(id: 1) { id { x } } }",
        "{ product(id: 1) { stockLevels(locations: [{}]) { id } } }",
        '{ product(id: 1) { stockLevels(locations: [{slug: "a", id: 1}]) { id } } }',
        "{ product(id: 1) { stockLevels(locations: [{slug: null}]) { id } } }",
        "{ products(direction: null) { totalCount } }",
        '{ products(first: "1") { totalCount } }',
        "{ products(orderBy: PRICE) { totalCount } }",
        "{ products(orderBy: null) { totalCount } }",
        "{ products(filter: {unknown: 1}) { totalCount } }",
        "{ products { ...F } } fragment F on Product { id }",
        "{ products { ...F } } fragment F on ProductConnection { ...F }",
        "{ products { nodes { id } nodes: edges { cursor } } }",
        "{ x: product(id: 1) { id } x: product(id: 2) { id } }",
        "query($v: Int) { product(id: 1) { id } }",
        "query { product(id: $v) { id } }",
        "{ product(id: 1) { id @include } }",
        "{ product(id: 1) { id @nope } }",
    ],
)
def test_both_find_the_same_documents_invalid(both: Both, query: str) -> None:
    assert both.reference.execute(query).errors
    prepared = schema.operations.prepare(query, None)
    assert not isinstance(prepared, Operation)
    assert prepared


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query($f: Int!) { products(first: $f) { totalCount } }", {}),
        ("query($f: Int!) { products(first: $f) { totalCount } }", {"f": None}),
        ("query($f: Int!) { products(first: $f) { totalCount } }", {"f": "1"}),
        ("query($f: Int!) { products(first: $f) { totalCount } }", {"f": 2**31}),
        ("query($f: ProductFilter) { products(filter: $f) { totalCount } }", {"f": {"nope": 1}}),
        ("query($f: ProductFilter) { products(filter: $f) { totalCount } }", {"f": {"skus": [None]}}),
        ("query($f: ProductFilter) { products(filter: $f) { totalCount } }", {"f": {"type": "simple"}}),
        ("query($f: ProductFilter) { products(filter: $f) { totalCount } }", {"f": {"locations": {}}}),
        (
            "query($f: ProductFilter) { products(filter: $f) { totalCount } }",
            {"f": {"locations": {"id": 1, "slug": "a"}}},
        ),
        ("query($f: ProductFilter) { products(filter: $f) { totalCount } }", {"f": {"locations": {"slug": None}}}),
        ("query($s: String) { product(id: 1) { stockLevels(locations: [{slug: $s}]) { id } } }", {"s": None}),
        ("query($s: String) { product(id: 1) { stockLevels(locations: [{slug: $s}]) { id } } }", {}),
        ("query($o: ProductOrder!) { products(orderBy: $o) { totalCount } }", {"o": "name"}),
        (
            "query($l: [LocationKey!]) { product(id: 1) { stockLevels(locations: $l) { id } } }",
            {"l": [{"id": 1, "slug": "a"}]},
        ),
    ],
)
def test_both_refuse_variables_that_do_not_fit(both: Both, query: str, variables: dict[str, Any]) -> None:
    is_refused(both, query, **variables)


def test_every_argument_has_a_meaning() -> None:
    known = {*MEANINGS, "Boolean"}
    unknown = [place for place, scalar in scalars(schema.core) if place not in known and scalar not in known]
    assert unknown == [], "say in MEANINGS what these may be"
    assert set(MEANINGS) <= {name for pair in scalars(schema.core) for name in pair}


ENDPOINTS_QUERY = """query($ids: [ID!], $last: String) {
  webhookEndpoints { nodes { name topics status format disabledReason previousSecretUntil retryAt failures
    locations { slug } products { sku } deliveries(first: 1, filter: {statuses: [WAITING, FAILED]}) {
      totalCount pageInfo { hasNextPage endCursor }
      nodes { eventId status error payload nextAt endpoint { name } } } } }
  webhookDeliveries(filter: {endpointIds: $ids, updatedAfter: $last, topics: ["stock.changed"]}) {
    nodes { databaseId sequence topic attempts responseStatus durationMs updatedAt } }
  webhookEndpoint(id: 2) { url deliveries { nodes { databaseId } } } }"""


def test_endpoints_and_deliveries_are_told_as_a_naive_executor_tells_them(both: Both) -> None:
    query = ENDPOINTS_QUERY.replace("String", "DateTime")
    for visible in VISIBLE:
        for variables in ({"ids": ["1", "2"]}, {"ids": ["2"], "last": timestamp_text(TIMES[1])}, {}):
            agree(both, query, variables, visible)


VIEWER_QUERY = """query($days: Int!, $long: Int!) { viewer { key { databaseId routes(days: $days) {
      dialect route calls writes refused lastAt graphql } }
    owns { field locationId locationName owners { databaseId name } }
    here: mayWrite(field: STOCK, location: {slug: "location-1"}) there: mayWrite(field: STOCK, location: {id: 2})
    anywhere: mayWrite(field: STOCK) prices: mayWrite(field: PRICES, location: {code: "%"})
    sold: mayWrite(field: DISABLED, location: {id: 40}) nowhere: mayWrite(field: CATALOG, location: {slug: "moon"}) }
  stockLevels(first: 250) { nodes { outflowPerDay(days: $long) daysOfCover(days: $long) } } }"""
IMPORTS_QUERY = """query($before: ID, $id: ID!) { sourceRules { field mode owners { name } locationName updatedAt }
  importJob(id: $id) { name error } importJobs(before: $before) { databaseId state name mode policy rows toChange
    unchanged sampleChanges { line productId sku locationId fields stockBefore stockAfter }
    sampleFailures { line column value code message } notes error createdAt finishedAt } }"""


def test_rules_routes_imports_and_outflow_are_told_as_a_naive_executor_tells_them(both: Both) -> None:
    for visible in VISIBLE:
        for days, long in ((31, 28), (400, 366)):
            agree(both, VIEWER_QUERY, {"days": days, "long": long}, visible)
        for before, id_ in ((None, "3"), ("gid://stockgate/ImportJob/12", "12")):
            agree(both, IMPORTS_QUERY, {"before": before, "id": id_}, visible)
