"""The GraphQL translator: builds `schema` from Query, Mutation and Subscription."""

from __future__ import annotations

import strawberry
from graphql import GraphQLInputObjectType, GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from schema.errors import ERROR_TYPES
from schema.executor import JsonExecutor
from schema.mutations import Mutation
from schema.operations import Operations, compiled_fields, read
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription
from schema.types.stock_changed import StockChanged, StockChangesLagged

schema = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    types=[*ERROR_TYPES, StockChanged, StockChangesLagged],
    config=StrawberryConfig(scalar_map=SCALARS),
    execution_context_class=JsonExecutor,
)
core: GraphQLSchema = schema._schema  # noqa: SLF001 (Strawberry gives no other way to graphql-core's schema)
for type_ in core.type_map.values():
    if isinstance(type_, GraphQLInputObjectType):  # Strawberry checks @oneOf itself, by a rule that we do not run
        type_.is_one_of = type_.extensions["strawberry-definition"].is_one_of
for field in compiled_fields(core):
    field.resolve = read
operations = Operations(core)
"""Executes what the transports receive."""


def sdl() -> str:
    """The schema in the schema definition language, as schema.graphql has it."""
    return schema.as_str() + "\n"
