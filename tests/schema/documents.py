"""Random queries over any schema: selections, aliases, fragments, directives, arguments and variables.

Generic over graphql-core's type objects, so that new fields and arguments take part by themselves. Only what a text or
a number means has to be said, in a table by coordinate; a coordinate that is missing there fails loudly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_non_null_type,
)
from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]
Meanings = Mapping[str, Strategy | Callable[[Mapping[str, Any]], Strategy]]
"""What a scalar of a coordinate, such as "Query.products.first" or "DateTime", may be; by its siblings, if need be."""

ABSENT: Final = object()
_CURSORS: Final = frozenset({"after", "before"})
NOT_EMPTY: Final = frozenset({"Query.availabilityFor.lines"})
_DEPTH_MAX: Final = 6
_FIELDS_MAX: Final = 28


@dataclass(frozen=True)
class Asked:
    """A document with its variables, and with other values of the same variables for a second run."""

    text: str
    variables: dict[str, Any]
    others: dict[str, Any]


@dataclass(frozen=True)
class Language:
    """What may be written. Of the arguments of the `exactly_one` fields one is given, and all others at most as null.

    Strategies are told by their arguments' representations, so this has a short one: all the meanings are too many.
    """

    schema: GraphQLSchema
    meanings: Meanings
    exactly_one: frozenset[str]

    def __repr__(self) -> str:
        return "<language>"


@st.composite
def queries(draw: st.DrawFn, language: Language) -> Asked:
    """A valid query."""
    return _Writer(draw, language.schema, language.meanings, language.exactly_one).query()


@st.composite
def lists(draw: st.DrawFn, language: Language) -> Asked:
    """One root field with all its arguments and little else: what is found, rather than what is told of it."""
    return _Writer(draw, language.schema, language.meanings, language.exactly_one).list()


@dataclass
class _Chosen:
    """What stands under a response key: fields of one key are merged, so they must agree."""

    name: str
    arguments: str
    below: dict[str, _Chosen] = field(default_factory=dict)


_Scope = dict[str, _Chosen]


class _Apart(dict[str, _Chosen]):
    """The scope of one type among several that an object may be of: whose keys must not meet those of the others."""


@dataclass
class _Fragment:
    name: str
    type_name: str
    depth: int
    scope: _Scope


@dataclass
class _Writer:
    draw: st.DrawFn
    schema: GraphQLSchema
    meanings: Meanings
    exactly_one: frozenset[str]
    declared: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)
    fragments: list[_Fragment] = field(default_factory=list)
    numbers: int = 0
    left: int = _FIELDS_MAX

    def query(self) -> Asked:
        root = self.schema.query_type
        assert root is not None
        selected = self.selection(root, _DEPTH_MAX, [{}])
        if self.chance(8):
            selected = selected[:-1] + " __schema { queryType { name } } }"  # then the executor has to answer
        declared = f"({', '.join(self.declared)})" if self.declared else ""
        text = "\n".join([f"query Q{declared} {selected}", *self.definitions])
        return Asked(text, self.variables, {**self.variables, **self.others})

    def list(self) -> Asked:
        root = self.schema.query_type
        assert root is not None
        name = self.draw(st.sampled_from([name for name, known in root.fields.items() if known.args]))
        below = _little_of(get_named_type(root.fields[name].type)) or self.selection(
            get_named_type(root.fields[name].type), 2, [{}]
        )
        field = f"{name}{self.arguments(root, name, root.fields[name])} {below}"
        declared = f"({', '.join(self.declared)})" if self.declared else ""
        text = "\n".join([f"query Q{declared} {{ {field} }}", *self.definitions])
        return Asked(text, self.variables, {**self.variables, **self.others})

    # Selections

    def selection(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int, scopes: list[_Scope]) -> str:
        part = self.part_of_any if isinstance(type_, GraphQLInterfaceType) else self.part
        parts = [part(type_, depth, scopes) for _ in range(self.draw(st.integers(1, 4)))]
        return f"{{ {' '.join(parts)} }}"

    def part_of_any(self, type_: GraphQLInterfaceType, depth: int, _scopes: list[_Scope]) -> str:
        """What an object of any type has, or what it has if it is of one of them."""
        self.left -= 1
        if self.chance(3):
            name = self.draw(st.sampled_from([*type_.fields, "__typename"]))
            return f"... on {type_.name}{self.directives()} {{ {name} }}" if self.chance(2) else name
        possible = self.draw(st.sampled_from(self.schema.get_possible_types(type_)))
        return f"... on {possible.name}{self.directives()} {self.selection(possible, depth, [_Apart()])}"

    def part(self, type_: GraphQLObjectType, depth: int, scopes: list[_Scope]) -> str:
        apart = any(isinstance(scope, _Apart) for scope in scopes)
        kinds = ["field"] * 8 + (["inline", "named", "reused"] if self.left > 0 and not apart else [])
        kind = self.draw(st.sampled_from(kinds))
        if kind == "inline":
            self.left -= 1
            condition = self.draw(st.sampled_from(["", f" on {type_.name}"]))
            return f"...{condition}{self.directives()} {self.selection(type_, depth, scopes)}"
        if kind == "named":
            self.left -= 1
            return self.spread(self.fragment(type_, depth, scopes))
        if kind == "reused":
            for known in self.fragments:
                if (
                    known.type_name == type_.name
                    and known.depth <= depth
                    and all(_fits(s, known.scope) for s in scopes)
                ):
                    for scope in scopes:
                        _merge(scope, known.scope)
                    return self.spread(known)
        return self.field(type_, depth, scopes)

    def fragment(self, type_: GraphQLObjectType, depth: int, scopes: list[_Scope]) -> _Fragment:
        own: _Scope = {}
        made = _Fragment(self.new_name("F"), type_.name, depth, own)
        body = self.selection(type_, depth, [own, *scopes])
        self.definitions.append(f"fragment {made.name} on {type_.name} {body}")
        self.fragments.append(made)
        return made

    def spread(self, fragment: _Fragment) -> str:
        return f"...{fragment.name}{self.directives()}"

    def field(self, type_: GraphQLObjectType, depth: int, scopes: list[_Scope]) -> str:
        self.left -= 1
        deep = depth > 0 and self.left > 0
        names = [
            name for name, known in type_.fields.items() if deep or not is_composite_type(get_named_type(known.type))
        ]
        name = self.draw(st.sampled_from([*names, "__typename"]))
        alias = self.draw(st.sampled_from([None, None, "a", "b", "id", "nodes", self.new_name("x")]))
        if any(isinstance(scope, _Apart) for scope in scopes):
            alias = None if name in {"id", "__typename"} else self.new_name("x")
        key = alias or name
        found = next((scope[key] for scope in scopes if key in scope), None)
        if found is not None and found.name != name:
            alias = key = self.new_name("x")
            found = None
        definition = type_.fields.get(name)
        if found is None:
            found = _Chosen(name, self.arguments(type_, name, definition) if definition else "")
        below = [scope.setdefault(key, _Chosen(name, found.arguments)).below for scope in scopes]
        written = f"{alias}: {name}" if alias else name
        written += found.arguments + self.directives()
        if definition is not None and is_composite_type(returned := get_named_type(definition.type)):
            assert isinstance(returned, GraphQLObjectType | GraphQLInterfaceType), (
                f"{returned} is no object: tests/schema/documents.py must learn it"
            )
            written += f" {self.selection(returned, depth - 1, below)}"
        return written

    def directives(self) -> str:
        names = self.draw(st.sampled_from([()] * 14 + [("include",), ("skip",), ("include", "skip")]))
        return "".join(f" @{name}(if: {self.switch()})" for name in names)

    def switch(self) -> str:
        value = self.draw(st.booleans())
        if self.chance(2):
            return json.dumps(value)
        if self.chance(3):
            return self.declare("Boolean!", default=json.dumps(value))
        return self.declare("Boolean!", value, other=self.draw(st.booleans()))

    # Arguments

    def arguments(self, type_: GraphQLObjectType, name: str, definition: GraphQLField) -> str:
        coordinate = f"{type_.name}.{name}"
        values: dict[str, Any] = {}
        if coordinate in self.exactly_one:
            chosen = self.draw(st.sampled_from(list(definition.args)))
            for key, argument in definition.args.items():
                values[key] = None if self.chance(5) else ABSENT
                if key == chosen:
                    values[key] = self.value(_required(argument.type), f"{coordinate}.{key}", {})
        else:
            for key, argument in sorted(
                definition.args.items(), key=lambda item: item[0] in _CURSORS
            ):  # after its order
                values[key] = self.optional(argument, f"{coordinate}.{key}", values)
            if all(values.get(key, ABSENT) not in {ABSENT, None} for key in ("first", "last")):
                values[self.draw(st.sampled_from(["first", "last"]))] = None
        rendered = {key: self.rendered(definition.args[key], f"{coordinate}.{key}", v) for key, v in values.items()}
        given = ", ".join(f"{key}: {text}" for key, text in rendered.items() if text is not ABSENT)
        return f"({given})" if given else ""

    def optional(self, place: GraphQLArgument | GraphQLInputField, coordinate: str, siblings: Mapping[str, Any]) -> Any:
        is_required = is_non_null_type(place.type) and not _has_default(place)
        if not is_required and self.chance(3):
            return ABSENT
        if not is_non_null_type(place.type) and self.chance(6):
            return None
        return self.value(_required(place.type), coordinate, siblings)

    def value(self, type_: Any, coordinate: str, siblings: Mapping[str, Any]) -> Any:
        """A JSON value of an input type; of a nullable one null, too."""
        if not is_non_null_type(type_) and self.chance(6):
            return None
        type_ = get_nullable_type(type_)
        if isinstance(type_, GraphQLList):
            length = self.draw(st.integers(1 if coordinate in NOT_EMPTY else 0, 3))
            return [self.value(type_.of_type, coordinate, siblings) for _ in range(length)]
        if isinstance(type_, GraphQLEnumType):
            return self.draw(st.sampled_from(sorted(type_.values)))
        if isinstance(type_, GraphQLInputObjectType):
            return self.object(type_)
        if type_.name == "Boolean":
            return self.draw(st.booleans())
        meaning = self.meanings.get(coordinate, self.meanings.get(type_.name))
        assert meaning is not None, f"Tell in tests/schema/test_reference.py what {coordinate}: {type_} may be."
        return self.draw(meaning if isinstance(meaning, st.SearchStrategy) else meaning(siblings))

    def object(self, type_: GraphQLInputObjectType) -> dict[str, Any]:
        if type_.is_one_of:
            key = self.draw(st.sampled_from(sorted(type_.fields)))
            return {key: self.value(_required(type_.fields[key].type), f"{type_.name}.{key}", {})}
        chosen = self.draw(st.lists(st.sampled_from(sorted(type_.fields)), min_size=1, max_size=3, unique=True))
        values: dict[str, Any] = {}
        for key, place in type_.fields.items():
            is_required = is_non_null_type(place.type) and not _has_default(place)
            if key in chosen or is_required:
                values[key] = self.value(place.type, f"{type_.name}.{key}", values)
        return values

    # Literals and variables

    def rendered(self, place: GraphQLArgument | GraphQLInputField, coordinate: str, value: Any) -> Any:
        """An argument's or input field's value: as a literal or as a variable; ABSENT when it is left out."""
        nullable = str(get_nullable_type(place.type))
        may_be_absent = _has_default(place) or not is_non_null_type(place.type)
        if value is ABSENT:
            return self.declare(nullable) if may_be_absent and self.chance(4) else ABSENT
        if not self.chance(2):
            return self.literal(place.type, coordinate, value)
        if value is not None and self.chance(4):
            return self.declare(nullable, default=self.literal(place.type, coordinate, value, constant=True))
        if value is not None and _has_default(place) and self.chance(2):
            return self.declare(nullable, value)
        default = "null" if not is_non_null_type(place.type) and self.chance(4) else None
        return self.declare(str(place.type), value, default=default, other=self.other(place.type, coordinate, value))

    def other(self, type_: Any, coordinate: str, value: Any) -> Any:
        """Another value that does not change what else is valid in the document."""
        is_free = (
            not isinstance(get_named_type(type_), GraphQLEnumType) and coordinate.rpartition(".")[2] not in _CURSORS
        )
        return ABSENT if value is None or not is_free else self.value(_required(type_), coordinate, {})

    def declare(self, type_: str, value: Any = ABSENT, *, default: str | None = None, other: Any = ABSENT) -> str:
        name = self.new_name("v")
        self.declared.append(f"${name}: {type_}" + (f" = {default}" if default is not None else ""))
        if value is not ABSENT:
            self.variables[name] = value
        if other is not ABSENT:
            self.others[name] = other
        return f"${name}"

    def literal(self, type_: Any, coordinate: str, value: Any, *, constant: bool = False) -> str:
        """GraphQL's text of a JSON value, with variables in some of its places unless it is `constant`."""
        nullable = get_nullable_type(type_)
        if value is None:
            return "null"
        if isinstance(nullable, GraphQLList):
            return self.list_literal(nullable, coordinate, value, constant=constant)
        if isinstance(nullable, GraphQLInputObjectType):
            return self.object_literal(nullable, value, constant=constant)
        if isinstance(nullable, GraphQLEnumType):
            return str(value)
        if nullable.name == "ID" and re.fullmatch("0|[1-9][0-9]*", str(value)) and self.chance(2):
            return str(value)
        return _string(value, escaped=self.chance(2)) if isinstance(value, str) else json.dumps(value)

    def list_literal(self, type_: GraphQLList[Any], coordinate: str, value: list[Any], *, constant: bool) -> str:
        items = []
        for item in value:
            if not constant and self.chance(4):
                other = self.other(type_.of_type, coordinate, item)
                items.append(self.declare(str(type_.of_type), item, other=other))
            else:
                items.append(self.literal(type_.of_type, coordinate, item, constant=constant))
        if len(items) == 1 and not items[0].startswith(("$", "[")) and self.chance(3):
            return items[0]  # one item stands for a list of it
        return f"[{', '.join(items)}]"

    def object_literal(self, type_: GraphQLInputObjectType, value: dict[str, Any], *, constant: bool) -> str:
        parts = []
        for key, place in type_.fields.items():
            coordinate, given = f"{type_.name}.{key}", value.get(key, ABSENT)
            if given is ABSENT and (constant or type_.is_one_of):
                continue
            if constant or (type_.is_one_of and not self.chance(3)):
                text = self.literal(place.type, coordinate, given, constant=constant)
            elif type_.is_one_of:
                text = self.declare(f"{place.type}!", given, other=self.other(place.type, coordinate, given))
            else:
                text = self.rendered(place, coordinate, given)
            if text is not ABSENT:
                parts.append(f"{key}: {text}")
        return f"{{{', '.join(parts)}}}"

    # Dice

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    def new_name(self, kind: str) -> str:
        self.numbers += 1
        return f"{kind}{self.numbers}"


def _little_of(type_: Any) -> str:
    """A small selection that tells which objects were found."""
    for name, of in type_.fields.items():
        if name in {"nodes", "changes"}:
            return f"{{ {' '.join(_leaves(type_))} {name} {_little_of(get_named_type(of.type))} }}"
    return f"{{ {' '.join(_leaves(type_)[:1])} }}"


def _leaves(type_: Any) -> list[str]:
    return [name for name, of in type_.fields.items() if not of.args and not is_composite_type(get_named_type(of.type))]


def scalars(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    """Every coordinate at which a query takes a scalar, with the scalar's name."""
    assert schema.query_type is not None
    objects: list[GraphQLObjectType] = [schema.query_type]
    inputs: list[GraphQLInputObjectType] = []
    for type_ in objects:  # grows while it is walked
        for name, definition in type_.fields.items():
            returned = get_named_type(definition.type)
            possible = schema.get_possible_types(returned) if isinstance(returned, GraphQLInterfaceType) else [returned]
            objects += [of for of in possible if isinstance(of, GraphQLObjectType) and of not in objects]
            places = [(f"{type_.name}.{name}.{key}", argument) for key, argument in definition.args.items()]
            for coordinate, place in places:
                yield from _scalar(coordinate, place, inputs)
    for type_ in inputs:
        for name, place in type_.fields.items():
            yield from _scalar(f"{type_.name}.{name}", place, inputs)


def _scalar(
    coordinate: str, place: GraphQLArgument | GraphQLInputField, inputs: list[GraphQLInputObjectType]
) -> Iterator[tuple[str, str]]:
    named = get_named_type(place.type)
    if isinstance(named, GraphQLInputObjectType) and named not in inputs:
        inputs.append(named)
    if isinstance(named, GraphQLScalarType):
        yield coordinate, named.name


def _required(type_: Any) -> Any:
    return type_ if is_non_null_type(type_) else GraphQLNonNull(type_)


def _has_default(place: GraphQLArgument | GraphQLInputField) -> bool:
    return place.default is not None


def _string(text: str, *, escaped: bool) -> str:
    return json.dumps(text, ensure_ascii=escaped)


def _fits(scope: _Scope, other: _Scope) -> bool:
    return all(
        key not in scope
        or (
            scope[key].name == chosen.name
            and scope[key].arguments == chosen.arguments
            and _fits(scope[key].below, chosen.below)
        )
        for key, chosen in other.items()
    )


def _merge(scope: _Scope, other: _Scope) -> None:
    for key, chosen in other.items():
        _merge(scope.setdefault(key, _Chosen(chosen.name, chosen.arguments)).below, chosen.below)
