"""Asks a database through the schema, as a transport does, but without one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError

import schema
from schema.context import Context
from schema.limits import Limits
from schema.operations import Operation
from storage.access import Credential, Scope
from storage.changes import Origin
from storage.database import Database
from tests.builders import EPOCH

Who = Credential | Iterable[int] | None
NOW = EPOCH
"""The time of every request, where a test does not set another."""

MUCH = Limits(*[10**9] * len(Limits.__slots__))
"""What the engines and the compiler bear is tested here; what a document may ask is tested in test_limits.py."""


class Caller:
    """A database, and a loop to run on, so that tests and hypothesis examples need none of their own."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self.runner, self.database = runner, database
        self.now = NOW

    def __repr__(self) -> str:
        return f"<caller on {self.database.name}>"

    @staticmethod
    def credential(who: Who = None) -> Credential:
        """That caller's; without one, of one that may do everything, everywhere or at these locations."""
        if isinstance(who, Credential):
            return who
        return Credential(1, "tests", frozenset({Scope.ADMIN}), None if who is None else frozenset(who))

    def context(self, who: Who = None) -> Context:
        """Of that caller."""
        credential = self.credential(who)
        origin = Origin("graphql", 1, "tests", credential.locations)
        return Context(self.database, credential, lambda: origin, clock=lambda: self.now)

    def ask(
        self, text: str, variables: Mapping[str, Any] | None = None, visible: Who = None
    ) -> bytes | ExecutionResult:
        """The answer, as the transport gets it."""
        operation = schema.operations.prepare(text, None, MUCH)
        if not isinstance(operation, Operation):
            return ExecutionResult(None, list(operation))
        return self.runner.run(schema.operations.execute(operation, self.context(visible), variables))

    def data(self, text: str, visible: Who = None, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = self.ask(text, variables, visible)
        if isinstance(answer, ExecutionResult):
            assert answer.errors is None, answer.errors
            answer = orjson.dumps({"data": answer.data})
        return orjson.loads(answer)["data"]

    def refusal(self, text: str, visible: Who = None, **variables: Any) -> GraphQLError:
        """The only error of an answer. It says what is wrong with the request: it is no bug."""
        answer = self.ask(text, variables, visible)
        assert isinstance(answer, ExecutionResult), answer
        assert answer.errors
        for error in answer.errors:
            assert error.original_error is None or isinstance(error.original_error, GraphQLError), error
        [error] = answer.errors
        return error
