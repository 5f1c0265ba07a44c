"""The document: what the parts of the API say of themselves, in OpenAPI 3.1. https://spec.openapis.org/oas/v3.1.1"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.openapi.described import Answer, Described, Operation, Parameter
from gateway.openapi.headers import BUDGET, HEADERS, REQUEST_HEADERS
from gateway.openapi.schemas import Schemas

_JSON: Final = "application/json"
_INTRODUCTION: Final = """Stock of many locations, over the wire formats that clients already speak, and by GraphQL.

Each tag is one of them; all work on the same stock, and leave the same ledger. A request costs its key
points of a budget per minute, which `RateLimit-*` headers tell."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the API: a dialect, or our own routes. Paths are below `prefix`, titles are unique."""

    prefix: str
    described: Described

    @property
    def name(self) -> str:
        """Its title, as part of the names of its components."""
        return _identifier(self.described.title)


def document(parts: Sequence[Part], *, version: str) -> dict[str, Any]:
    """The document, without `servers`."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    schemes: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for part in parts:
        of_part = Schemas(part.name)
        for status, answer in part.described.errors.items():
            errors[_error(part, status)] = _answer(answer, part.described, of_part)
        for operation in part.described.operations:
            item = paths.setdefault(part.prefix + operation.path or "/", {})
            item[operation.method.lower()] = _operation(part, operation, of_part)
        schemas |= of_part.components()
        schemes |= {_scheme(part, name): scheme for name, scheme in part.described.security.items()}
    return {
        "openapi": "3.1.1",
        "info": {"title": "Stockgate", "version": version, "description": _INTRODUCTION},
        "tags": [{"name": part.described.title, "description": part.described.description} for part in parts],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": schemes,
            "responses": errors,
            "headers": HEADERS,
            "parameters": {name: {"name": name, "in": "header", **told} for name, told in REQUEST_HEADERS.items()},
        },
    }


def _operation(part: Part, operation: Operation, schemas: Schemas) -> dict[str, Any]:
    described = part.described
    security = described.security if operation.security is None else operation.security
    told: dict[str, Any] = {
        "operationId": _identifier(f"{part.name} {operation.method} {operation.path}"),
        "tags": [described.title],
        "summary": operation.summary,
        **({"description": operation.description} if operation.description else {}),
        "security": [{_scheme(part, name): []} for name in security],
        "parameters": [
            *(_parameter(each, schemas) for each in operation.parameters),
            *({"$ref": f"#/components/parameters/{name}"} for name in (*operation.headers, "X-Request-Id")),
        ],
        "responses": _responses(part, operation, schemas),
    }
    if operation.body is not None:
        schema = schemas.of(operation.body, "validation")
        told["requestBody"] = {"required": operation.body_required, "content": {_JSON: {"schema": schema}}}
    if operation.files:
        content = {kind: {"schema": schemas.of(model, "validation")} for kind, model in operation.files.items()}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _responses(part: Part, operation: Operation, schemas: Schemas) -> dict[str, Any]:
    """Its own answers, and those of the part's errors that it may give."""
    described = part.described
    left_out = {*operation.answers, *([] if operation.body or operation.files or described.reads_every_body else [413])}
    given = {*described.errors} - left_out
    shared = {status: {"$ref": f"#/components/responses/{_error(part, status)}"} for status in given}
    own = {status: _answer(answer, described, schemas) for status, answer in operation.answers.items()}
    return {str(status): told for status, told in sorted({**shared, **own}.items())}


def _parameter(parameter: Parameter, schemas: Schemas) -> dict[str, Any]:
    schema = {"schema": schemas.of(parameter.model, "validation")}
    return {
        "name": parameter.name,
        "in": parameter.location,
        "required": parameter.required or parameter.location == "path",
        "description": parameter.description,
        **({"content": {_JSON: schema}} if parameter.as_json else schema),
        **({} if parameter.example is None else {"example": parameter.example}),
    }


def _answer(answer: Answer, described: Described, schemas: Schemas) -> dict[str, Any]:
    content = {**({} if answer.model is None else {_JSON: answer.model}), **answer.content}
    headers = ["X-Request-Id", *(BUDGET if described.security else ()), *answer.headers]
    example = {} if answer.example is None else {"example": answer.example}
    return {
        "description": answer.description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in dict.fromkeys(headers)},
        **({"content": {kind: {"schema": schemas.of(model, "serialization"), **example}
                        for kind, model in content.items()}} if content else {}),
    }  # fmt: skip


def _error(part: Part, status: int) -> str:
    return f"{part.name}.{status}"


def _scheme(part: Part, name: str) -> str:
    return f"{part.name}.{name}"


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
