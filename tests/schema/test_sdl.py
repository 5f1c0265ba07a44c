"""The schema as clients read it: exported, described, complete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    get_introspection_query,
    get_named_type,
    is_abstract_type,
    is_introspection_type,
    is_specified_scalar_type,
    lexicographic_sort_schema,
    print_schema,
    validate_schema,
)

import schema
from schema import errors
from schema.sources import STORED
from storage.errors import ErrorCode
from tests.schema.caller import Caller

EXPORTED = Path(schema.__file__).parent / "schema.graphql"


def test_the_exported_schema_is_what_the_code_says() -> None:
    assert EXPORTED.read_text(encoding="utf-8") == schema.sdl(), "run scripts/schema"


def test_the_schema_is_valid_and_its_text_describes_all_of_it() -> None:
    assert validate_schema(schema.core) == []
    read_back = build_schema(schema.sdl())
    assert set(read_back.type_map) == set(schema.core.type_map)
    for name, type_ in schema.core.type_map.items():
        assert read_back.type_map[name].description == type_.description
    again = build_schema(print_schema(read_back))
    assert print_schema(lexicographic_sort_schema(again)) == print_schema(lexicographic_sort_schema(read_back))


def parts() -> Iterator[tuple[str, Any]]:
    """Everything that has a description, by coordinate."""
    for name, type_ in schema.core.type_map.items():
        if is_introspection_type(type_) or is_specified_scalar_type(type_):
            continue
        yield name, type_
        if isinstance(type_, GraphQLEnumType):
            yield from ((f"{name}.{value}", declared) for value, declared in type_.values.items())
        if isinstance(type_, (GraphQLObjectType, GraphQLInputObjectType)):
            for field_name, field in type_.fields.items():
                yield f"{name}.{field_name}", field
                for argument, declared in getattr(field, "args", {}).items():
                    yield f"{name}.{field_name}({argument}:)", declared


@pytest.mark.parametrize(("coordinate", "part"), [pytest.param(*pair, id=pair[0]) for pair in parts()])
def test_every_part_of_the_schema_is_described_in_a_sentence(coordinate: str, part: Any) -> None:
    description = part.description or ""
    assert description == description.strip()
    assert description.endswith((".", "…")), coordinate
    assert description[0].isupper() or not description[0].isalpha()


def test_enums_have_the_values_of_the_database_in_upper_case() -> None:
    order = schema.core.type_map["ProductOrder"]
    for type_ in schema.core.type_map.values():
        if isinstance(type_, GraphQLEnumType) and type_ is not order and not is_introspection_type(type_):
            for name, value in type_.values.items():
                assert name == getattr(value.value, "value", value.value).upper()


def test_every_refusal_has_a_description() -> None:
    assert set(errors.RENDERED) == set(ErrorCode)
    declared = schema.core.type_map["ErrorCode"]
    assert isinstance(declared, GraphQLEnumType)
    assert {code.value for code in ErrorCode} <= set(declared.values)


def test_every_type_with_an_id_is_a_node_and_stored() -> None:
    objects = [type_ for type_ in schema.core.type_map.values() if isinstance(type_, GraphQLObjectType)]
    node = schema.core.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    nodes = {type_.name for type_ in objects if "id" in type_.fields and type_.name in STORED}
    assert nodes == {type_.name for type_ in schema.core.get_possible_types(node)}


def test_the_compiler_knows_every_abstract_type_that_a_query_can_ask_for() -> None:
    objects = [type_ for type_ in schema.core.type_map.values() if isinstance(type_, GraphQLObjectType)]
    compiled = [of for of in objects if of is schema.core.query_type or of.name in STORED]
    returned = {get_named_type(field.type) for of in compiled for field in of.fields.values()}
    assert {of.name for of in returned if is_abstract_type(of)} == {"Node"}


def test_every_refusal_has_a_type_of_the_interface() -> None:
    interface = schema.core.type_map["UserError"]
    assert isinstance(interface, GraphQLInterfaceType)
    members = {type_.name for type_ in schema.core.get_implementations(interface).objects}
    assert members == {type_.__name__ for type_ in errors.ERROR_TYPES}


@pytest.mark.parametrize("deprecated", [True, False])
def test_tools_can_introspect_the_schema(shop: Caller, deprecated: Any) -> None:
    query = get_introspection_query(
        input_value_deprecation=deprecated, one_of=True, directive_is_repeatable=True, schema_description=True
    )
    types = {type_["name"]: type_ for type_ in shop.data(query)["__schema"]["types"]}
    assert set(types) == set(schema.core.type_map)
    assert types["LocationKey"]["isOneOf"] is True
    assert types["ProductFilter"]["isOneOf"] is False
