"""GET /api/exports/…: what is there as a file, from one snapshot, with the sequence that it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import calls
from gateway.authentication import Principal, bearer_token, header_token
from gateway.cors import Cors
from gateway.downloads import Download, unbroken
from gateway.exports.formats import NO_PARQUET, WRITINGS, Format, Writing
from gateway.graphql import callers, errors
from gateway.graphql.admission import admission_of
from gateway.graphql.refusals import FORBIDDEN, METHOD_NOT_ALLOWED, OVERLOADED, RefusedError
from schema.errors import BAD_USER_INPUT
from storage import deadline, exports, turnstile
from storage.access import Scope
from storage.errors import DeadlineExceededError, StorageUnavailableError
from storage.exports import Kind
from storage.turnstile import Rank

SEQUENCE: Final = "X-Stockgate-Sequence"
COST: Final = 10_000
"""Points that an export costs its key: it reads everything."""
_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "Authorization, X-API-Key"}
_NOT_FOUND: Final = "NOT_FOUND"


async def export(request: Request) -> Response:
    """One file."""
    try:
        principal = await callers.authenticate(request.app, header_token(request) or bearer_token(request))
        _authorize(request, principal)
        kind, form = _asked(request)
        await admission_of(request.app).charge(principal, COST)
        return await _download(request, principal, kind, form)
    except RefusedError as refused:
        return _refusal(refused)
    except (StorageUnavailableError, DeadlineExceededError) as error:
        return _refusal(errors.refusal_of(error))


def _authorize(request: Request, principal: Principal) -> None:
    origin = request.headers.get("origin")
    if origin is not None and Cors.refuses(principal, origin):
        raise RefusedError(403, FORBIDDEN, f"This API key is not for pages of {origin}.")
    if not principal.may(Scope.READ):
        raise RefusedError(403, FORBIDDEN, f"This API key does not have the scope `{Scope.READ}`.")
    if not principal.sees_exactly:
        raise RefusedError(403, FORBIDDEN, "This API key does not see quantities as they are.")


def _asked(request: Request) -> tuple[Kind, Format]:
    kind, form = request.path_params["kind"], request.query_params.get("format", Format.CSV.value)
    if kind not in {each.value for each in Kind}:
        raise RefusedError(404, _NOT_FOUND, f"There is no export of {kind!r}. There are {', '.join(Kind)}.")
    if form == "parquet":
        raise RefusedError(400, BAD_USER_INPUT, NO_PARQUET)
    if form not in {each.value for each in Format}:
        raise RefusedError(400, BAD_USER_INPUT, f"`format` must be one of {', '.join(Format)}, not {form!r}.")
    return Kind(kind), Format(form)


async def _download(request: Request, principal: Principal, kind: Kind, form: Format) -> Response:
    writing = WRITINGS[form]
    chunks = _chunks(request, principal, kind, writing)
    with deadline.within(0):  # the file takes as long as its client
        first = await anext(chunks)
    sequence, _, head = first.partition(b"\n")
    headers = {
        **_HEADERS,
        SEQUENCE: sequence.decode(),
        "Content-Disposition": f"attachment; filename={kind.value}-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.{form.value}",
    }
    body = unbroken(head, chunks, whole=request.method != "HEAD")
    return Download(body, headers=headers, media_type=writing.media_type)


async def _chunks(request: Request, principal: Principal, kind: Kind, writing: Writing) -> AsyncGenerator[bytes]:
    """The sequence and a line feed before what comes first, and then the rows."""
    slots: asyncio.Semaphore = request.app.state.csv_exports
    if slots.locked():
        # each export keeps a connection for as long as its client takes to read: writes must not run out of them
        raise RefusedError(503, OVERLOADED, "Too many exports at once. Try again.", {"Retry-After": "5"})
    turnstile.rank_as(Rank.EXPORT)
    within = principal.credential.locations
    async with slots, exports.begun(request.app.state.database, kind, among_locations=within) as export:
        yield f"{export.sequence}\n".encode() + writing.head(export.columns)
        async with aclosing(export.rows()) as pages:
            async for rows in pages:
                yield writing.lines(export.columns, rows)


def _refusal(refused: RefusedError) -> Response:
    calls.current().refuse(refused.code)
    told: dict[str, Any] = {"error": {"code": refused.code, "message": refused.message}}
    headers = {**_HEADERS, **(refused.headers or {})}
    return Response(orjson.dumps(told), refused.status, headers, media_type="application/json")


async def _other_method(_request: Request) -> Response:
    return _refusal(RefusedError(405, METHOD_NOT_ALLOWED, "Exports are read with GET.", {"Allow": "GET, HEAD"}))


ROUTES: Final = [
    Route("/api/exports/{kind}", export, methods=["GET", "HEAD"]),
    Route("/api/exports/{kind}", _other_method, methods=["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
]
