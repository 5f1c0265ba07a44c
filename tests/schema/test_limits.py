"""What a document may ask: what is over a limit is refused with its name and figures, before it is validated."""

from __future__ import annotations

import time
from typing import Any

import pytest
from graphql import GraphQLError, OverlappingFieldsCanBeMergedRule, get_introspection_query, parse, validate

import schema
from schema.limits import Limits
from schema.merging import FieldsMergeRule
from schema.operations import Operation

LIMITS = Limits()


def prepared(text: str, name: str | None = None, **limits: int) -> Operation:
    """An operation that is within the limits."""
    operation = schema.operations.prepare(text, name, Limits(**limits))
    assert isinstance(operation, Operation), operation
    return operation


def refusal(text: str, **limits: int) -> GraphQLError:
    """The only error of a document."""
    errors = schema.operations.prepare(text, None, Limits(**limits))
    assert not isinstance(errors, Operation)
    [error] = errors
    return error


def chain(count: int, spreads: int, on: str = "Query") -> str:
    """Fragments of which each spreads the next so many times."""
    spread = " ".join(["...F{0}"] * spreads)
    links = " ".join(f"fragment F{n} on {on} {{ {spread.format(n + 1)} }}" for n in range(count))
    return f"{links} fragment F{count} on {on} {{ __typename }}"


@pytest.mark.parametrize(
    ("text", "limit", "requested", "maximum"),
    [
        ("{ __typename #" + "x" * 50_000 + "\n}", "characters", 50_016, 50_000),
        ("{ products(filter: {skus: [" + "1 " * 4000 + "]}) { totalCount } }", "tokens", 4016, 4000),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(101)) + " }", "aliases", 101, 100),
        ("{ " + "__typename " * 51 + "}", "rootFields", 51, 50),
        ("{ product(id: 1) { " + "sku " * 1000 + "} }", "fields", 1001, 1000),
        ("{ __typename " + "@skip(if: false) " * 51 + "}", "directives", 51, 50),
        ("query($a: Int " + "@x " * 51 + ") { __typename }", "directives", 51, 50),
        ("{ product(id: 1) " + "{ parent " * 20 + "{ id }" + " }" * 20 + " }", "depth", 22, 20),
        ("{ " + "... { " * 81 + "__typename" + " }" * 82, "depth", 82, 80),
        ("{ ...F0 } " + chain(99, 1), "definitions", 101, 100),
        ("{ ...F0 } " + chain(60, 2), "rootFields", 10**12, 50),
        ("{ product(id: 1) { ...F0 } } " + chain(60, 2, "Product"), "fields", 10**12, 1000),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_what_is_over_a_limit_is_refused_with_its_name_and_figures(
    text: str, limit: str, requested: int, maximum: int
) -> None:
    error = refusal(text)
    assert error.extensions == {
        "code": "QUERY_TOO_COMPLEX", "limit": limit, "requested": requested, "maximum": maximum,
    }  # fmt: skip
    assert str(maximum) in error.message


def test_what_fragments_expand_to_counts_as_if_it_were_written_out() -> None:
    inner = "fragment L on Product { a: sku @include(if: true) b: name }"
    fields = "{ one: product(id: 1) { ...L } two: product(id: 2) { ...L ... on Product { c: gtin } } } " + inner
    prepared(fields, aliases=7, fields=7, directives=2, depth=2, root_fields=2)
    for limit, maximum in {"aliases": 6, "fields": 6, "directives": 1, "depth": 1, "root_fields": 1}.items():
        assert refusal(fields, **{limit: maximum}).extensions["code"] == "QUERY_TOO_COMPLEX", limit


def test_what_stands_in_texts_comments_and_arguments_is_no_selection() -> None:
    text = '''{ # { { { @ @ a: b
        product(sku: "{ a: @skip { b: \\" @c") { sku }
        products(filter: {search: """ { @x "a: b" \\""" { """, attributes: []}) { totalCount } }'''
    errors = schema.operations.prepare(text, None, Limits(aliases=0, directives=0, depth=2, fields=4))
    assert all(error.extensions.get("code") != "QUERY_TOO_COMPLEX" for error in _errors(errors))


def _errors(prepared: Any) -> list[GraphQLError]:
    return [] if isinstance(prepared, Operation) else list(prepared)


@pytest.mark.parametrize(
    "text",
    [
        "{ product(id: 1) { ...F } } fragment F on Product { parent { ...F } a: parent { ...F } }",
        "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }",
        "{ ...Gone }",
        "{ product { ...F } nope } fragment F on Nope { x }",
        "{ product(id: 1) {",
        '} { ( [ " """ ',
        "{ a(" + "b: 1 " * 1000,
    ],
)  # fmt: skip
def test_a_document_that_is_not_valid_is_counted_all_the_same(text: str) -> None:
    errors = schema.operations.prepare(text, None)
    assert not isinstance(errors, Operation)
    assert all(error.extensions.get("code") != "QUERY_TOO_COMPLEX" for error in errors)


def test_introspection_as_graphiql_does_it_passes() -> None:
    query = get_introspection_query(
        descriptions=True, specified_by_url=True, directive_is_repeatable=True, schema_description=True,
        input_value_deprecation=True,
    )  # fmt: skip
    operation = prepared(query)
    assert operation.costs.introspects
    assert operation.costs.at({}).points == 100


@pytest.mark.parametrize(
    ("text", "variables", "points", "path"),
    [
        ("{ __typename }", {}, 0, []),
        ("{ product(id: 1) { sku name } }", {}, 1, ["product"]),
        ("{ product(id: 1) { onHand } }", {}, 2, ["product", "onHand"]),
        ("{ p: product(id: 1) { stockLevels { id location { id } } } }", {}, 41, ["p", "stockLevels", "location"]),
        ("{ products(first: 3) { nodes { sku } } }", {}, 4, ["products", "nodes"]),
        ("{ products { nodes { sku } } }", {}, 51, ["products", "nodes"]),
        ("{ products(first: 2) { edges { cursor node { sku } } } }", {}, 5, ["products", "edges", "node"]),
        ("{ products(first: 0) { totalCount nodes { sku } } }", {}, 11, ["products", "totalCount"]),
        ("query($n: Int!) { products(first: $n) { nodes { sku } } }", {"n": 7}, 8, ["products", "nodes"]),
        ("query($n: Int! = 9) { products(first: $n) { nodes { sku } } }", {}, 10, ["products", "nodes"]),
        ("query($n: Int!) { products(first: $n) { nodes { sku } } }", {"n": -7}, 1, ["products"]),
        ("""query($n: Int!) { products(first: $n) { ...N } } fragment N on ProductConnection { nodes { ...P } }
         fragment P on Product { variations { stockLevels { id } } }""", {"n": 2}, 1 + 2 * (1 + 20 * (1 + 20)),
         ["products", "nodes", "variations", "stockLevels"]),
        ("{ products(first: 1000000) { nodes { stockLevels { id } } } }", {}, 1 + 10**6 * 21,
         ["products", "nodes", "stockLevels"]),
    ],
)  # fmt: skip
def test_the_cost_is_about_that_of_the_objects_in_the_answer(
    text: str, variables: dict[str, Any], points: int, path: list[str]
) -> None:
    costs = prepared(text).costs
    assert (costs.at(variables).points, costs.at(variables).path) == (points, path)
    assert costs.at(variables) is costs.at(dict(variables)), "it is computed once"


def test_a_quantity_is_not_taken_for_a_number_of_lines() -> None:
    text = """mutation($n: Int! = 7) { inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, onHand: $n}) {
        userErrors { code } } }"""
    literal = text.replace("($n: Int! = 7)", "").replace("$n", "7")
    costs, wanted = prepared(text).costs, prepared(literal).costs.at({}).points
    assert {costs.at(variables).points for variables in ({}, {"n": 1}, {"n": 100_000})} == {wanted}


def test_a_mutation_costs_by_its_lines() -> None:
    text = """mutation($input: InventoryBulkSyncInput!) { inventoryBulkSync(input: $input) {
        results { index accepted } userErrors { code } } }"""
    lines = [{"product": {"id": n}, "location": {"id": 1}, "onHand": 1} for n in range(100)]
    costs = prepared(text).costs
    one, many = (costs.at({"input": {"items": some}}).points for some in (lines[:1], lines))
    assert many >= 100 * 10
    assert one < many / 50
    literal = text.replace("$input)", "{items: [{product: {id: 1}, location: {id: 1}, onHand: 1}]})")
    assert prepared(literal.replace("($input: InventoryBulkSyncInput!)", "")).costs.at({}).points == one


_PREFIX = "interface N { id: ID n: N } type A implements N { id: ID n: N x: Int s: String l: [Int] a(i: Int): A b: B } "
_TOY = (
    _PREFIX
    + "type B implements N { id: ID n: N x: Int s: String! l: Int a(i: Int): A b: B } type Query { n: N a: A b: B }"
)


@pytest.mark.parametrize(
    "text",
    [
        "{ a { x x } a { x s } }",
        "{ a { k: x k: s } }",
        "{ a { k: x } a { k: s } }",
        "{ a { a(i: 1) { x } a(i: 1) { s } } }",
        "{ a { a(i: 1) { x } a(i: 2) { s } } }",
        "{ a { a(i: 1) { x } a { s } } }",
        "query($v: Int) { a { a(i: $v) { x } a(i: $v) { s } } }",
        "{ n { ... on A { k: x } ... on B { k: x } } }",
        "{ n { ... on A { k: x } ... on B { k: s } } }",
        "{ n { ... on A { k: s } ... on B { k: s } } }",
        "{ n { ... on A { k: l } ... on B { k: x } } }",
        "{ n { ... on A { k: a(i: 1) { x } } ... on B { k: b { x } } } }",
        "{ n { ... on A { k: a(i: 1) { c: x } } ... on B { k: b { c: s } } } }",
        "{ n { ... on A { k: a(i: 1) { c: x } } ... on B { k: a(i: 2) { c: id } } } }",
        "{ n { k: id ... on A { k: id } ... on B { k: x } } }",
        "{ n { k: n { c: id } ... on A { k: a { c: id } } } }",
        "{ n { n { ... on A { k: x } } ... on A { n { ... on A { k: id } } } ... on B { n { ... on A { k: x } } } } }",
        "{ n { ... on A { n { k: id } } ... on B { n { ... on A { k: x } } } } }",
        "{ a { ...F ...G } } fragment F on A { k: x } fragment G on A { k: s }",
        "{ a { ...F ...G } } fragment F on A { b { k: x } } fragment G on A { b { k: x } }",
        "{ a { ...F k: x } } fragment F on A { ...G } fragment G on A { k: id }",
        "{ x: __typename x: __typename a { __typename __typename } }",
        "{ x: __typename x: a { x } }",
    ],
)
def test_fields_merge_exactly_when_graphql_core_says_so(text: str) -> None:
    from graphql import build_schema

    toy, document = build_schema(_TOY), parse(text)
    ours, theirs = (
        bool(validate(toy, document, [rule])) for rule in (FieldsMergeRule, OverlappingFieldsCanBeMergedRule)
    )
    assert ours == theirs


def test_many_fields_of_one_key_are_merged_in_linear_time() -> None:
    """graphql-core compares every two of them: it needs seconds for this."""
    text = "{ product(id: 1) { " + "parent { parent { sku } } " * 330 + "} }"
    started = time.process_time()
    prepared(text, tokens=10_000)
    assert time.process_time() - started < 1.5
