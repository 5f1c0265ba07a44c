"""What is asked: an operation with its variables, decoded from a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.graphql.refusals import RefusedError
from schema.errors import BAD_USER_INPUT

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation to run."""

    query: str
    operation_name: str | None
    variables: Mapping[str, Any]


def of_body(content_type: str, body: bytes) -> Asked:
    """What a POST asks. Raises RefusedError when it is no GraphQL request."""
    if content_type.partition(";")[0].strip().lower() != _JSON:
        raise RefusedError(415, BAD_USER_INPUT, f"Send the operation as JSON, with `Content-Type: {_JSON}`.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, BAD_USER_INPUT, f"The body is not JSON: {error}.") from None
    return of_members(document)


def of_members(members: Any) -> Asked:
    """What a decoded request asks: the members that GraphQL over HTTP and over WebSockets share."""
    if not isinstance(members, dict) or not isinstance(members.get("query"), str):
        raise RefusedError(400, BAD_USER_INPUT, 'The body must be an object with the operation as text in "query".')
    variables, name = members.get("variables"), members.get("operationName")
    if not isinstance(variables, dict | None):
        raise RefusedError(400, BAD_USER_INPUT, '"variables" must be an object.')
    if not isinstance(name, str | None):
        raise RefusedError(400, BAD_USER_INPUT, '"operationName" must be text.')
    return Asked(members["query"], name or None, variables or {})
