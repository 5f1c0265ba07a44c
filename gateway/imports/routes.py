"""/api/imports: files of stock over HTTP. A file is read while it is sent; a worker of any process does the rest."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gateway import calls
from gateway.authentication import Principal, bearer_token, header_token
from gateway.body import BodyTooLargeError
from gateway.cors import Cors
from gateway.csv_files import FileError
from gateway.graphql import callers, errors
from gateway.graphql.admission import admission_of
from gateway.graphql.refusals import FORBIDDEN, METHOD_NOT_ALLOWED, PAYLOAD_TOO_LARGE, RefusedError
from gateway.imports import uploads
from gateway.imports.columns import mapping_of
from gateway.imports.failures import failed_rows
from gateway.imports.files import format_of
from gateway.imports.jobs import fingerprint_of, read_in
from gateway.imports.worker import Worker
from gateway.request_log import request_id_of
from schema.errors import BAD_USER_INPUT
from storage import deadline, imports
from storage.access import Scope
from storage.changes import ID_MAX, Reason, is_storable
from storage.columns import timestamp_text
from storage.database import Database
from storage.errors import DeadlineExceededError, StorageUnavailableError
from storage.import_rows import Mode, Policy
from storage.imports import Job, Options, State

E = TypeVar("E", bound=StrEnum)
PROBLEM: Final = "application/problem+json"
NOT_FOUND: Final = "NOT_FOUND"
INVALID_FILE: Final = "INVALID_FILE"
IMPORTED_BEFORE: Final = "IMPORTED_BEFORE"
WRONG_STATE: Final = "WRONG_STATE"
FIRST_MAX: Final = 100
FIRST_DEFAULT: Final = 20
_UPLOAD_COST: Final = 50
_TEXT_MAX: Final = 255
_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "Authorization, X-API-Key"}
_PARAMETERS: Final = frozenset({
    "mode", "policy", "map", "location", "encoding", "format", "reason", "note", "name", "apply", "again",
})  # fmt: skip
_YES_NO: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Handler = Callable[[Request, Principal], Awaitable[Response]]


def _guarded(handler: Handler, scope: Scope, *, seconds: bool = True) -> Callable[[Request], Awaitable[Response]]:
    """A route for API keys of that scope, whose refusals are problem+json."""

    async def answer(request: Request) -> Response:
        try:
            with deadline.within(request.app.state.settings.request_seconds_max if seconds else 0):
                return await handler(request, await _principal(request, scope))
        except RefusedError as refused:
            return _problem(refused)
        except BodyTooLargeError as error:
            return _problem(RefusedError(413, PAYLOAD_TOO_LARGE, str(error)))
        except (StorageUnavailableError, DeadlineExceededError) as error:
            return _problem(errors.refusal_of(error))

    return answer


async def _principal(request: Request, scope: Scope) -> Principal:
    principal = await callers.authenticate(request.app, header_token(request) or bearer_token(request))
    origin = request.headers.get("origin")
    if origin is not None and Cors.refuses(principal, origin):
        raise RefusedError(403, FORBIDDEN, f"This API key is not for pages of {origin}.")
    if not principal.may(scope):
        raise RefusedError(403, FORBIDDEN, f"This API key does not have the scope `{scope}`.")
    if not principal.sees_exactly:  # previews and failures tell what there is
        raise RefusedError(403, FORBIDDEN, "This API key does not see quantities as they are.")
    await admission_of(request.app).charge(principal, _UPLOAD_COST if request.method == "POST" else 1)
    return principal


async def _create(request: Request, principal: Principal) -> Response:
    """POST /api/imports: read the file, and let it be previewed."""
    asked = _options(request)
    again = _flag(request, "again")
    database: Database = request.app.state.database
    async with uploads.received(request, request.app.state.settings.import_bytes_max) as upload:
        file_format = asked.format or upload.format or format_of(upload.name)
        asked = Options(**{**_fields(asked), "format": file_format})
        origin = principal.origin(imports.DIALECT, request_id=request_id_of(request.scope))
        fingerprint = await fingerprint_of(upload.source, asked, origin)
        found = await database.read(imports.latest, fingerprint)
        if found is not None and found.state is State.FINISHED and not again:
            message = f"This file was imported before, as import {found.id}. Send it with again=true to import it anew."
            raise RefusedError(409, IMPORTED_BEFORE, message, {"Location": _path(found)}, {"import_id": found.id})
        if found is not None and found.state not in {State.FINISHED, State.READING}:
            return _job(found, 200)
        job = await database.transact(
            imports.create, name=_storable(upload.name), fingerprint=fingerprint, options=asked, origin=origin
        )
        by = imports.holder()
        taken = await database.transact(imports.take, job.id, by)
        assert taken is not None  # noqa: S101 (for the type checker: nobody else knows of it)
        try:
            job = await read_in(database, taken, by, upload.source)
        except FileError as error:
            extensions = {"import_id": job.id} | ({} if error.line is None else {"line": error.line})
            raise RefusedError(422, INVALID_FILE, str(error), None, extensions) from None
        await database.transact(imports.let_go, job.id, by)
    _worker(request).nudge()
    return _job(job, 202)


def _fields(asked: Options) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in Options.__slots__}


async def _list(request: Request, principal: Principal) -> Response:
    """GET /api/imports: the newest first; those of this key, and all for admins."""
    first, before = _number(request, "first", FIRST_DEFAULT, FIRST_MAX), _number(request, "before", 0, ID_MAX)
    key_id = None if principal.may(Scope.ADMIN) else principal.credential.id
    found = await _database(request).read(imports.page, first=first + 1, before=before or None, api_key_id=key_id)
    more = len(found) > first
    return _json({"imports": [shown(job) for job in found[:first]], "has_more": more})


async def _show(request: Request, principal: Principal) -> Response:
    """GET /api/imports/{id}: how far it is."""
    return _job(await _found(request, principal), 200)


async def _apply(request: Request, principal: Principal) -> Response:
    """POST /api/imports/{id}/apply: what was previewed shall be written."""
    job = await _found(request, principal)
    begun = await _database(request).transact(imports.begin_applying, job.id)
    if begun is None:
        job = await _found(request, principal)
        if job.state not in {State.APPLYING, State.FINISHED}:  # asking twice is harmless
            message = f"Import {job.id} is {job.state}: only one that is previewed can be applied."
            raise RefusedError(409, WRONG_STATE, message)
        return _job(job, 200)
    _worker(request).nudge()
    return _job(begun, 202)


async def _cancel(request: Request, principal: Principal) -> Response:
    """POST /api/imports/{id}/cancel: no further row is written."""
    job = await _found(request, principal)
    cancelled = await _database(request).transact(imports.cancel, job.id)
    if cancelled is None:
        job = await _found(request, principal)
        if job.state is not State.CANCELLED:
            raise RefusedError(409, WRONG_STATE, f"Import {job.id} is {job.state}: there is nothing left to cancel.")
        return _job(job, 200)
    return _job(cancelled, 200)


async def _failures(request: Request, principal: Principal) -> Response:
    """GET /api/imports/{id}/failures: the rows that failed, as a file to mend."""
    job = await _found(request, principal)
    headers = {**_HEADERS, "Content-Disposition": f"attachment; filename=import-{job.id}-failures.csv"}
    text = failed_rows(_database(request), job.id)
    return StreamingResponse(text, headers=headers, media_type="text/csv; charset=utf-8")


async def _found(request: Request, principal: Principal) -> Job:
    """The job of the path, if it is this caller's to see."""
    number = request.path_params["id"]
    job = None
    if re.fullmatch("[1-9][0-9]{0,18}", number) and int(number) <= ID_MAX:
        job = await _database(request).read(imports.by_id, int(number))
    if job is None or not (principal.may(Scope.ADMIN) or job.api_key_id == principal.credential.id):
        raise RefusedError(404, NOT_FOUND, f"There is no import {number[:20]!r}, or none of this API key.")
    return job


def _options(request: Request) -> Options:
    parameters = request.query_params
    if unknown := sorted(parameters.keys() - _PARAMETERS):
        known = ", ".join(sorted(_PARAMETERS))
        raise RefusedError(400, BAD_USER_INPUT, f"There is no parameter {unknown[0]!r}. There are {known}.")
    for name, text in parameters.multi_items():
        if len(text) > _TEXT_MAX or not is_storable(text):
            raise RefusedError(400, BAD_USER_INPUT, f"`{name}` is at most {_TEXT_MAX} characters of text.")
    try:
        mapping = mapping_of(parameters.getlist("map"))
    except FileError as error:
        raise RefusedError(400, BAD_USER_INPUT, f"`map`: {error}") from None
    return Options(
        mode=_choice(request, "mode", Mode, Mode.SET),
        policy=_choice(request, "policy", Policy, Policy.PARTIAL),
        format=_format(parameters.get("format", "")),
        mapping=mapping,
        location=parameters.get("location", ""),
        encoding=parameters.get("encoding", ""),
        reason=_choice(request, "reason", Reason, Reason.SYNC),
        note=parameters.get("note", ""),
        apply=_flag(request, "apply"),
    )


def _format(text: str) -> str:
    if text not in {"", "csv", "jsonl"}:
        raise RefusedError(400, BAD_USER_INPUT, f"`format` is one of csv, jsonl, not {text!r}.")
    return text


def _choice(request: Request, name: str, choices: type[E], default: E) -> E:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        return choices(text)
    except ValueError:
        raise RefusedError(400, BAD_USER_INPUT, f"`{name}` is one of {', '.join(choices)}, not {text!r}.") from None


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in _YES_NO:
        raise RefusedError(400, BAD_USER_INPUT, f"`{name}` is true or false, not {text!r}.")
    return _YES_NO[text]


def _number(request: Request, name: str, default: int, maximum: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not re.fullmatch("[0-9]{1,19}", text) or int(text) > maximum:
        raise RefusedError(400, BAD_USER_INPUT, f"`{name}` must be a whole number from 0 to {maximum}, not {text!r}.")
    return int(text)


def _storable(name: str) -> str:
    return "".join(character for character in name if character.isprintable())[:_TEXT_MAX]


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _worker(request: Request) -> Worker:
    worker: Worker = request.app.state.import_worker
    return worker


def shown(job: Job) -> dict[str, Any]:
    """A job as JSON."""
    asked = job.asked
    return {
        "id": job.id, "state": job.state.value, "name": job.name, "mode": asked.mode.value,
        "policy": asked.policy.value, "rows": job.rows,
        "preview": {
            "to_change": job.to_change, "unchanged": job.unchanged, "failed": job.failed, "sample": job.sample,
        },
        "progress": {
            "chunks": job.chunks, "previewed_chunks": job.previewed_chunks, "applied_chunks": job.applied_chunks,
        },
        "result": {"changed": job.changed, "failed": job.refused},
        "notes": job.notes, "error": job.error, "created_at": timestamp_text(job.created_at),
        "updated_at": timestamp_text(job.updated_at),
        "finished_at": job.finished_at and timestamp_text(job.finished_at),
    }  # fmt: skip


def _path(job: Job) -> str:
    return f"/api/imports/{job.id}"


def _job(job: Job, status: int) -> Response:
    return _json(shown(job), status, {"Location": _path(job)})


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, {**_HEADERS, **(headers or {})}, media_type="application/json")


def _problem(refused: RefusedError) -> Response:
    """An error in the form of RFC 9457."""
    calls.current().refuse(refused.code)
    told = {
        "type": "about:blank", "title": HTTPStatus(refused.status).phrase, "status": refused.status,
        "detail": refused.message, **refused.extensions,
    }  # fmt: skip
    return Response(orjson.dumps(told), refused.status, {**_HEADERS, **(refused.headers or {})}, media_type=PROBLEM)


async def _other_method(request: Request) -> Response:
    is_action = request.url.path.endswith(("/apply", "/cancel"))
    allowed = "POST" if is_action else "GET, HEAD, POST" if request.url.path.endswith("/imports") else "GET, HEAD"
    return _problem(RefusedError(405, METHOD_NOT_ALLOWED, f"There is only {allowed} here.", {"Allow": allowed}))


_OTHERS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ROUTES: Final = [
    Route("/api/imports", _guarded(_create, Scope.WRITE, seconds=False), methods=["POST"]),
    Route("/api/imports", _guarded(_list, Scope.WRITE), methods=["GET", "HEAD"]),
    Route("/api/imports/{id}", _guarded(_show, Scope.WRITE), methods=["GET", "HEAD"]),
    Route("/api/imports/{id}/apply", _guarded(_apply, Scope.WRITE), methods=["POST"]),
    Route("/api/imports/{id}/cancel", _guarded(_cancel, Scope.WRITE), methods=["POST"]),
    Route("/api/imports/{id}/failures", _guarded(_failures, Scope.WRITE, seconds=False), methods=["GET", "HEAD"]),
    *(
        Route(f"/api/imports{path}", _other_method, methods=_OTHERS)
        for path in ("", "/{id}", "/{id}/apply", "/{id}/cancel", "/{id}/failures")
    ),
]
