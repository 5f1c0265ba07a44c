"""Running an operation for a transport that takes several answers: results one after the other, as JSON texts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError
from starlette.applications import Starlette

from gateway.authentication import Principal
from gateway.graphql import callers, errors
from gateway.graphql.errors import answer_of, was_executed
from gateway.graphql.refusals import RefusedError
from gateway.graphql.requests import Asked
from schema import operations
from schema.operations import Operation
from storage.errors import StorageUnavailableError


class NotExecutedError(Exception):
    """The operation was not run. `errors` are told instead of a result."""

    def __init__(self, told: Sequence[dict[str, Any]]) -> None:
        super().__init__(told)
        self.errors = told


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, of which application, and the id by which what went wrong is found in the log."""

    app: Starlette
    principal: Principal
    request_id: str


async def answers(caller: Caller, asked: Asked) -> AsyncGenerator[list[str], None]:
    """The answers to an operation, several at a time: one to a query or mutation, events to a subscription.

    Raises NotExecutedError when there will be none, or no more.
    """
    try:
        operation = operations.prepare(asked.query, asked.operation_name)
        if not isinstance(operation, Operation):
            raise _not_executed(caller, operation)
        callers.authorize(caller.principal, operation)
        context = callers.context_of(caller.app, caller.principal, caller.request_id)
        if operation.is_subscription:
            stream = await operations.subscribe(operation, context, asked.variables)
            if isinstance(stream, ExecutionResult):
                raise _not_executed(caller, stream.errors or (), executed=was_executed(stream))
            async for texts in stream:
                yield texts
            return
        result = await operations.execute(operation, context, asked.variables)
        if isinstance(result, bytes):
            yield [result.decode()]
        elif was_executed(result):
            yield [orjson.dumps(answer_of(result, caller.request_id)).decode()]
        else:
            raise _not_executed(caller, result.errors or ())
    except RefusedError as refused:
        raise NotExecutedError([refused.told]) from None
    except StorageUnavailableError:
        raise NotExecutedError([errors.UNAVAILABLE]) from None
    except GraphQLError as error:
        raise _not_executed(caller, [error], executed=True) from None


def _not_executed(caller: Caller, found: Sequence[GraphQLError], *, executed: bool = False) -> NotExecutedError:
    return NotExecutedError([errors.told(error, caller.request_id, executed=executed) for error in found])
