"""From a request's text to its answer: documents are parsed and validated once, their SQL compiled once per shape.

A query of which every root field compiles is answered without GraphQL's executor: its statements run, and their texts
are joined. Everything else (mutations, introspection, errors) takes the executor, which calls read() for such fields.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    OverlappingFieldsCanBeMergedRule,
    create_source_event_stream,
    execute,
    get_operation_ast,
    located_error,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.pyutils import Undefined
from graphql.utilities import coerce_input_value
from sqlalchemy import Text

from schema.authorization import forbidden, scopes_needed
from schema.compiler import Compiler
from schema.context import Context
from schema.cost import Costs
from schema.executor import JsonExecutor
from schema.labels import label as label_of
from schema.labels import labels
from schema.limits import DEFAULT as DEFAULT_LIMITS
from schema.limits import Limits, check_document, check_text
from schema.merging import FieldsMergeRule
from schema.plans import EventPlan, GivenBy, Plan, request_of, too_deep
from schema.rows import HangsOn
from schema.selection import Binding, Selector, Slot, structure_of
from schema.sight import Sight
from schema.sources import SOURCE, Relation
from storage import freshness
from storage.access import Scope
from storage.errors import DeadlineExceededError, OverloadedError, StatementTooComplexError, StorageUnavailableError
from storage.json_rows import json_text

NAME_NEEDED: Final = "Must provide operation name if query contains multiple operations."
_PLANS_MAX: Final = 200
_ERRORS_MAX: Final = 50
_VALIDATION_ERRORS_MAX: Final = 8
_DOCUMENTS_MAX: Final = 500
_REMEMBERED_MAX: Final = 50_000  # characters
_RULES_IN_CIRCLES: Final = [rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule]
_RULES: Final = [*_RULES_IN_CIRCLES, FieldsMergeRule]


@dataclass(slots=True)
class Operation:
    """One operation of a valid document, with the plans made for it so far."""

    schema: GraphQLSchema
    document: Any
    node: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]
    signatures: list[Any]
    costs: Costs
    scopes: Mapping[str, Scope]
    label: str
    """What it asks for, as one of labels()."""
    plans: dict[Any, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the client calls it; empty when it does not."""
        return self.node.name.value if self.node.name else ""

    @property
    def is_query(self) -> bool:
        """Whether it only reads."""
        return self.node.operation is OperationType.QUERY

    @property
    def is_mutation(self) -> bool:
        """Whether it writes."""
        return self.node.operation is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        """Whether it is answered with a stream of events."""
        return self.node.operation is OperationType.SUBSCRIPTION

    def coerce(self, raw: dict[str, Any]) -> VariableValues | list[GraphQLError]:
        """The variables' values as their types have them, or what is wrong with them."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature in self.signatures:
            value = coerce_input_value(raw.get(signature.name), signature.type)
            if signature.name not in raw or value is Undefined:  # the long way: defaults, omissions and errors
                return get_variable_values(self.schema, self.node.variable_definitions or [], raw, _ERRORS_MAX)
            sources[signature.name] = VariableValueSource(signature, raw[signature.name])
            coerced[signature.name] = value
        return VariableValues(sources, coerced)

    def remembered(self, key: Any, make: Any) -> Any:
        """What was made for this key before, or what `make()` makes now."""
        if key not in self.plans:
            if len(self.plans) >= _PLANS_MAX:
                self.plans.clear()
            self.plans[key] = make()
        return self.plans[key]

    def plan(self, context: Context, info: GraphQLResolveInfo[Context], variables: VariableValues) -> Plan:
        """The plan of one field that the executor asks for."""
        details = [FieldDetails(node, None) for node in info.field_nodes]
        return self._plan(context, variables, info.parent_type, details, hangs_on=GivenBy)

    def event_plan(
        self,
        context: Context,
        info: GraphQLResolveInfo[Context],
        variables: VariableValues,
        rows: tuple[str, str],
        others: Sequence[str],
    ) -> EventPlan:
        """The plan of a subscription's field: of `rows`, a type and the column of its keys, and of `others`, types."""
        details = [FieldDetails(node, None) for node in info.field_nodes]
        selector = self._selector(variables)
        type_name, key = rows
        try:
            fields = {name: selector.below(_object_type(self.schema, name), details) for name in (type_name, *others)}
            keys = Slot(selector.bindings, ("source", "keys")).bind(json_text, type_=Text())
            statement = _compiler(selector, context).keyed(type_name, fields[type_name], key, keys)
            return EventPlan(Plan.of(statement, selector.bindings, context.database.engine.dialect), fields)
        except RecursionError:
            raise too_deep() from None

    def root_plans(self, context: Context, variables: VariableValues) -> list[tuple[str, Plan | str]] | None:
        """The response keys of a query with their plans; None when a root field is not compiled."""
        query_type = self.schema.query_type
        assert query_type is not None  # noqa: S101 (Query is there)
        selector = self._selector(variables)
        grouped = collect_fields(
            self.schema, self.fragments, selector.variables, query_type, self.node
        ).grouped_field_set
        plans: list[tuple[str, Plan | str]] = []
        for key, details in grouped.items():
            name = details[0].node.name.value
            if name == "__typename":
                plans.append((key, f'"{query_type.name}"'))
                continue
            if name.startswith("__") or not isinstance(_source(query_type.fields[name]), Relation):
                return None
            plans.append((key, self._plan(context, variables, query_type, details)))
        return plans

    def _plan(
        self,
        context: Context,
        variables: VariableValues,
        parent: GraphQLObjectType,
        details: list[FieldDetails],
        *,
        hangs_on: Callable[[dict[str, Binding]], HangsOn] | None = None,
    ) -> Plan:
        selector = self._selector(variables)  # each statement numbers its own parameters
        row = hangs_on(selector.bindings) if hangs_on else None
        try:
            statement = _compiler(selector, context).compile(selector.select(parent, details), row)
            return Plan.of(statement, selector.bindings, context.database.engine.dialect)
        except RecursionError:
            raise too_deep() from None

    def root_field(self, variables: VariableValues) -> FieldNode:
        """The one root field of a subscription."""
        root = self.schema.subscription_type
        assert root is not None  # noqa: S101 (Subscription is there)
        grouped = collect_fields(self.schema, self.fragments, variables, root, self.node).grouped_field_set
        return next(iter(grouped.values()))[0].node

    def _selector(self, variables: VariableValues) -> Selector:
        return Selector.of(self.schema, self.node, self.fragments, variables)


def _compiler(selector: Selector, context: Context) -> Compiler:
    return Compiler(Sight(selector.bindings, context.kind))


class Operations:
    """The operations of one schema, by their text."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._prepared = lru_cache(maxsize=_DOCUMENTS_MAX)(self._prepare)

    def labels(self) -> Sequence[str]:
        """What operations may be called where they are counted."""
        return labels(self.schema)

    def prepare(
        self, text: str, operation_name: str | None, limits: Limits = DEFAULT_LIMITS
    ) -> Operation | Sequence[GraphQLError]:
        """The operation of that name, or why the document has none that is valid and within the limits.

        What it costs is not compared with the limit here: that depends on the variables. A very long document is not
        remembered.
        """
        prepare = self._prepared if len(text) <= _REMEMBERED_MAX else self._prepare
        return prepare(text, operation_name, limits)

    def _prepare(self, text: str, operation_name: str | None, limits: Limits) -> Operation | Sequence[GraphQLError]:
        try:
            check_text(text, limits)
            document = parse(text, max_tokens=limits.tokens)
            rules = _RULES_IN_CIRCLES if check_document(document, limits) else _RULES
        except GraphQLError as error:
            return [error]
        if errors := validate(self.schema, document, rules, max_errors=_VALIDATION_ERRORS_MAX):
            return errors
        node = get_operation_ast(document, operation_name)
        if node is None:
            return [GraphQLError(_which_operation(operation_name))]
        fragments = {
            definition.name.value: FragmentDetails(definition, None)
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        signatures = [get_variable_signature(self.schema, variable) for variable in node.variable_definitions or []]
        costs = Costs.of(self.schema, node, {name: details.definition for name, details in fragments.items()})
        scopes = scopes_needed(self.schema, node, fragments)
        label = label_of(node, fragments)
        return Operation(self.schema, document, node, fragments, signatures, costs, scopes, label)

    async def execute(
        self, operation: Operation, context: Context, raw_variables: Mapping[str, Any] | None
    ) -> bytes | ExecutionResult:
        """Answer an operation: the whole body when it could be read short, else a result to be encoded.

        Raises StorageUnavailableError or DeadlineExceededError when a query was not answered at all, OverloadedError
        when the one field of a mutation was not begun.
        """
        if refusals := forbidden(operation.scopes, context):
            return ExecutionResult(None, refusals)
        raw = dict(raw_variables or {})
        variables = operation.coerce(raw)
        if not isinstance(variables, VariableValues):
            return ExecutionResult(None, variables)
        context.operation, context.variables, context.now = operation, variables, context.clock()
        if operation.is_query:
            with freshness.may_lag():
                answer = await self._read_short(operation, context, variables)
            if answer is not None:
                return answer
        name = operation.node.name.value if operation.node.name else None
        result: Any = execute(self.schema, operation.document, None, context, raw, name, executor_class=JsonExecutor)
        if inspect.isawaitable(result):
            result = await result
        if result.errors and len(operation.node.selection_set.selections) == 1:
            for error in result.errors:
                if isinstance(error.original_error, OverloadedError):
                    raise error.original_error
        return result  # type: ignore[no-any-return]

    async def subscribe(
        self, operation: Operation, context: Context, raw_variables: Mapping[str, Any] | None
    ) -> AsyncGenerator[list[str], None] | ExecutionResult:
        """Start a subscription: the bodies of its answers, several at a time, or why there are none.

        What goes wrong later is raised as a GraphQLError that knows where.
        """
        raw = dict(raw_variables or {})
        variables = operation.coerce(raw)
        if not isinstance(variables, VariableValues):
            return ExecutionResult(None, variables)
        context.operation, context.variables, context.now = operation, variables, context.clock()
        name = operation.node.name.value if operation.node.name else None
        executor = Executor.build(
            self.schema, operation.document, context_value=context, raw_variable_values=raw, operation_name=name
        )
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        source = create_source_event_stream(executor)
        if inspect.isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            return source
        return _answers(source, operation.root_field(variables))  # type: ignore[arg-type]

    async def _read_short(self, operation: Operation, context: Context, variables: VariableValues) -> bytes | None:
        """None when the executor is needed: to introspect, or to say where in the query what went wrong."""
        request = request_of(context, variables)
        try:
            plans = operation.remembered(_key(context, variables, ()), lambda: operation.root_plans(context, variables))
            if plans is None:
                return None
            texts = await _all(
                [plan.run(context.database, request) if isinstance(plan, Plan) else _same(plan) for _, plan in plans]
            )
        except (StorageUnavailableError, DeadlineExceededError):
            raise  # the executor would only ask once more
        except Exception:  # noqa: BLE001 (whatever it was, the executor meets it again and reports it as GraphQL does)
            return None
        fields = (f'"{key}":{text or "null"}' for (key, _), text in zip(plans, texts, strict=True))
        return f'{{"data":{{{",".join(fields)}}}}}'.encode()


async def _answers(source: AsyncGenerator[list[str], None], root: FieldNode) -> AsyncGenerator[list[str], None]:
    key = root.alias.value if root.alias else root.name.value
    head, tail = f'{{"data":{{"{key}":', "}}"
    try:
        async for texts in source:
            yield [f"{head}{text}{tail}" for text in texts]
    except StatementTooComplexError:
        raise located_error(too_deep(), [root], [key]) from None
    except Exception as error:
        raise located_error(error, [root], [key]) from error
    finally:
        await source.aclose()


async def _all(readings: list[Any]) -> list[str | None]:
    """What all of them give; when one fails, the others are stopped."""
    if len(readings) == 1:
        return [await readings[0]]
    running = [asyncio.ensure_future(reading) for reading in readings]
    try:
        return list(await asyncio.gather(*running))
    except BaseException:
        for reading in running:
            reading.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise


async def _same(text: str) -> str:
    return text


async def read(source: Any, info: GraphQLResolveInfo[Context], **_arguments: Any) -> orjson.Fragment | None:
    """The resolver of every compiled field that the executor meets: a root field, or one of a payload.

    What hangs on a source that gives None is null.
    """
    context: Context = info.context
    operation, variables = context.operation, context.variables
    key = _key(context, variables, tuple(part for part in info.path.as_list() if isinstance(part, str)))
    plan = operation.remembered(key, lambda: operation.plan(context, info, variables))
    given = source.given() if source is not None else {}
    if given is None:
        return None
    text = await plan.run(context.database, {**request_of(context, variables), "source": given})
    return None if text is None else orjson.Fragment(text)


def plan_events(
    context: Context, info: GraphQLResolveInfo[Context], rows: tuple[str, str], others: Sequence[str] = ()
) -> EventPlan:
    """How to read the events of the field that is being subscribed to."""
    operation, variables = context.operation, context.variables
    key = _key(context, variables, ("events",))
    plan: EventPlan = operation.remembered(key, lambda: operation.event_plan(context, info, variables, rows, others))
    return plan


def _object_type(schema: GraphQLSchema, name: str) -> GraphQLObjectType:
    type_ = schema.type_map[name]
    assert isinstance(type_, GraphQLObjectType)  # noqa: S101 (the schema is ours)
    return type_


def _key(context: Context, variables: VariableValues, path: tuple[str, ...]) -> Any:
    return (context.database.name, context.kind, path, structure_of(variables.coerced))


def _which_operation(operation_name: str | None) -> str:
    if operation_name is None:
        return NAME_NEEDED
    return f"Unknown operation named '{operation_name}'."


def compiled_fields(schema: GraphQLSchema) -> list[Any]:
    """The fields that the executor may meet and that are compiled: those of roots and of payloads."""
    from schema.sources import STORED

    return [
        field_
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType) and type_.name not in STORED
        for field_ in type_.fields.values()
        if isinstance(_source(field_), Relation)
    ]


def _source(field_: Any) -> Any:
    declared = field_.extensions.get("strawberry-definition")
    return declared.metadata.get(SOURCE) if declared is not None else None
