"""Running an operation for a transport that takes several answers: results one after the other, as JSON texts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError
from starlette.applications import Starlette

from gateway import calls
from gateway.authentication import Principal
from gateway.graphql import callers, errors, requests
from gateway.graphql.admission import Admitted, admission_of
from gateway.graphql.errors import answer_of, was_executed
from gateway.graphql.refusals import RefusedError
from gateway.graphql.requests import Asked
from gateway.settings import Settings
from schema import operations
from storage import deadline, turnstile
from storage.errors import DeadlineExceededError, StorageUnavailableError
from storage.turnstile import Rank

Answers = AsyncGenerator[list[str], None]


class NotExecutedError(Exception):
    """The operation was not run, or not to its end. `errors` are told instead of a result."""

    def __init__(self, told: Sequence[dict[str, Any]]) -> None:
        super().__init__(told)
        self.errors = told


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, of which application, and the id by which what went wrong is found in the log."""

    app: Starlette
    principal: Principal
    request_id: str

    @property
    def suggests(self) -> bool:
        """Whether errors may name fields that the caller did not."""
        return admission_of(self.app).suggests(self.principal)

    def refusal(self, found: Sequence[GraphQLError], *, executed: bool = False) -> NotExecutedError:
        """These errors, instead of a result."""
        suggests = self.suggests
        return NotExecutedError(
            [errors.told(error, self.request_id, executed=executed, suggests=suggests) for error in found]
        )


@contextmanager
def _told(caller: Caller) -> Iterator[None]:
    """Raises NotExecutedError for whatever goes wrong."""
    try:
        yield
    except NotExecutedError:
        raise
    except RefusedError as refused:
        calls.current().refuse(refused.code)
        raise NotExecutedError([refused.told]) from None
    except (StorageUnavailableError, DeadlineExceededError) as error:
        refusal = errors.refusal_of(error)
        calls.current().refuse(refusal.code)
        raise NotExecutedError([refusal.told]) from None
    except GraphQLError as error:
        raise caller.refusal([error], executed=True) from None
    except Exception as error:
        raise caller.refusal([GraphQLError("Internal server error.", original_error=error)]) from error


async def answers_to_members(caller: Caller, members: Any) -> Answers:
    """The answers to a decoded request. Raises NotExecutedError as answers() does."""
    with _told(caller):
        asked = requests.of_members(members)
        admitted = await admission_of(caller.app).admit(caller.principal, asked)
    async with aclosing(answers(caller, asked, admitted)) as given:
        async for texts in given:
            yield texts


async def answers(caller: Caller, asked: Asked, admitted: Admitted | Sequence[GraphQLError]) -> Answers:
    """The answers to an operation, several at a time: one to a query or mutation, events to a subscription.

    Raises NotExecutedError when there will be none, or no more.
    """
    if not isinstance(admitted, Admitted):
        raise caller.refusal(admitted)
    with _told(caller):
        turnstile.rank_as(None if admitted.operation.is_subscription else Rank.TILL)  # streams are limited themselves
        if not admitted.operation.is_subscription:
            yield [await _answer(caller, asked, admitted)]
            return
        context = callers.context_of(caller.app, caller.principal, caller.request_id)
        stream = await operations.subscribe(admitted.operation, context, asked.variables)
        if isinstance(stream, ExecutionResult):
            raise caller.refusal(stream.errors or (), executed=was_executed(stream))
        async with aclosing(stream):
            async for texts in stream:
                yield texts


async def _answer(caller: Caller, asked: Asked, admitted: Admitted) -> str:
    """The answer to a query or mutation."""
    settings: Settings = caller.app.state.settings
    with deadline.within(settings.request_seconds_max):
        context = callers.context_of(caller.app, caller.principal, caller.request_id)
        result = await operations.execute(admitted.operation, context, asked.variables)
    if isinstance(result, bytes):
        return result.decode()
    if not was_executed(result):
        raise caller.refusal(result.errors or ())
    return orjson.dumps(answer_of(result, caller.request_id, suggests=caller.suggests)).decode()
