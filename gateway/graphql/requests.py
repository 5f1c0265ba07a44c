"""What is asked: an operation with its variables, decoded from a request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.graphql import media_types
from gateway.graphql.refusals import RefusedError
from schema.errors import BAD_USER_INPUT

DEPTH_MAX: Final = 64
"""How deeply the JSON of a request may nest."""
_NESTED: Final = frozenset({dict, list})
_MEMBERS: Final = ("query", "operationName", "variables", "extensions", "documentId")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class Asked:
    """One operation to run: its text, or the SHA-256 under which the text is known, or both."""

    query: str | None
    operation_name: str | None
    variables: Mapping[str, Any]
    sha256: str | None = None
    reports_cost: bool = False


def of_body(content_type: str, body: bytes) -> Asked:
    """What a POST asks. Raises RefusedError when it is no GraphQL request.

    A form or plain text is refused, so that a page of another origin can send nothing without asking first (CSRF).
    """
    if not media_types.is_json(content_type):
        message = f"Send the operation as JSON in UTF-8, with `Content-Type: {media_types.JSON}`."
        raise RefusedError(415, BAD_USER_INPUT, message)
    return of_members(_json(body, "The body"))


def of_parameters(parameters: Iterable[tuple[str, str]]) -> Asked:
    """What a GET asks with the parameters of its URL; `variables` and `extensions` are JSON."""
    members: dict[str, Any] = {}
    for name, value in parameters:
        if name in members:
            raise _bad(f'"{name}" is given more than once.')
        if name in _MEMBERS and value:
            members[name] = _json(value, f'"{name}"') if name in {"variables", "extensions"} else value
    return of_members(members)


def of_members(members: Any) -> Asked:
    """What a decoded request asks: the members that GraphQL over HTTP and over WebSockets share. Others are ignored."""
    if isinstance(members, list):
        raise _bad("Several operations in one request are not taken: send each in a request of its own.")
    if not isinstance(members, dict):
        raise _bad('The request must be a JSON object with the operation as text in "query".')
    query, name = members.get("query"), members.get("operationName")
    variables, extensions = members.get("variables"), members.get("extensions")
    if not isinstance(query, str | None):
        raise _bad('"query" must be the operation as text.')
    if not isinstance(name, str | None):
        raise _bad('"operationName" must be text.')
    if not isinstance(variables, dict | None):
        raise _bad('"variables" must be an object.')
    if not isinstance(extensions, dict | None):
        raise _bad('"extensions" must be an object.')
    _check_depth(variables)
    sha256 = None
    if extensions or "documentId" in members:
        _check_depth(extensions)
        sha256 = _sha256(members.get("documentId"), extensions or {})
    if query is None and sha256 is None:
        raise _bad('The operation is missing: send it as text in "query".')
    return Asked(query, name or None, variables or {}, sha256, bool(extensions and extensions.get("cost") is True))


def _sha256(document_id: Any, extensions: Mapping[str, Any]) -> str | None:
    """The hash by which the operation is named: as Apollo's clients do it, or by `documentId`."""
    if document_id is not None:
        kind, _, sha256 = document_id.partition(":") if isinstance(document_id, str) else ("", "", "")
        if kind != "sha256" or not _SHA256.fullmatch(sha256):
            raise _bad('"documentId" must be "sha256:" and 64 hexadecimal digits.')
        return str(sha256)
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise _bad('"extensions.persistedQuery" must be {"version": 1, "sha256Hash": "…"}.')
    given = persisted.get("sha256Hash")
    if not isinstance(given, str) or not _SHA256.fullmatch(given):
        raise _bad('"extensions.persistedQuery.sha256Hash" must be 64 hexadecimal digits.')
    return given


def _check_depth(value: Any) -> None:
    """Level by level, so that no depth of a value exhausts the stack."""
    level = [value] if value else []
    for _ in range(DEPTH_MAX):
        if not level:
            return
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in _NESTED and child
        ]
    raise _bad(f"The JSON nests more than {DEPTH_MAX} levels deep.")


def _json(text: str | bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _bad(f"{what} is not JSON: {error}.") from None


def _bad(message: str) -> RefusedError:
    return RefusedError(400, BAD_USER_INPUT, message)
