"""GraphQL over HTTP: one operation in, one result out.

https://graphql.github.io/graphql-over-http/draft/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from graphql import ExecutionResult, GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import calls
from gateway.authentication import Principal, bearer_token, header_token
from gateway.body import BodyTooLargeError, read_body
from gateway.cors import Cors
from gateway.graphql import caching, callers, errors, media_types, requests, responses, sse
from gateway.graphql.admission import Admitted, admission_of
from gateway.graphql.refusals import (
    FORBIDDEN,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    PAYLOAD_TOO_LARGE,
    RefusedError,
)
from gateway.graphql.requests import Asked
from gateway.graphql.running import Caller, answers
from gateway.request_log import request_id_of
from schema import operations
from storage import deadline, freshness
from storage.errors import DeadlineExceededError, StorageUnavailableError

PATH: Final = "/graphql"
_ALLOW: Final = {"Allow": "GET, HEAD, POST, OPTIONS"}
_VARY: Final = "Accept, Authorization, X-API-Key, Origin"


async def graphql(request: Request) -> Response:
    """GET and POST /graphql."""
    calls.current().dialect = callers.DIALECT
    origin = request.headers.get("origin")
    shared: dict[str, str] = {}
    try:
        with deadline.within(request.app.state.settings.request_seconds_max):
            principal = await _authenticate(request)
            if origin is not None:
                shared = _of_origin(request, principal, origin)
            response = await _answer(request, principal)
    except BodyTooLargeError as too_large:
        response = responses.of_refusal(request, RefusedError(413, PAYLOAD_TOO_LARGE, str(too_large)))
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it
    except RefusedError as refused:
        response = responses.of_refusal(request, refused)
    except (StorageUnavailableError, DeadlineExceededError) as error:
        response = responses.of_refusal(request, errors.refusal_of(error))
    if origin is not None and not shared and _cors(request).allows(None, origin):
        shared = Cors.headers(origin)
    if shared or request.method != "POST":
        response.headers.update(shared)
        response.headers["Vary"] = _VARY
    if request.method == "HEAD":
        response.body = b""
    return response


async def _authenticate(request: Request) -> Principal:
    """Who asks. EventSource cannot send headers, so a key that may be in a web page may also be in an address."""
    token = header_token(request) or bearer_token(request)
    address = request.query_params.get("apiKey") if request.method == "GET" else None
    if token is not None or address is None:
        return await callers.authenticate(request.app, token)
    principal = await callers.authenticate(request.app, address)
    if not principal.credential.is_public:
        message = "Only a key with the scope `storefront` alone may be in an address. Send this one as `X-API-Key`."
        raise RefusedError(403, FORBIDDEN, message)
    return principal


def _of_origin(request: Request, principal: Principal, origin: str) -> dict[str, str]:
    """The headers for a page of another origin. Raises RefusedError when the key is not for its pages."""
    if Cors.refuses(principal, origin):
        raise RefusedError(403, FORBIDDEN, f"This API key is not for pages of {origin}.")
    return Cors.headers(origin) if _cors(request).allows(principal, origin) else {}


async def _answer(request: Request, principal: Principal) -> Response:
    accept = responses.accept_of(request)
    streams = sse.is_wanted(accept) and request.method != "HEAD"
    media_type = media_types.JSON if streams else responses.media_type_of(request)
    is_post = request.method == "POST"
    if is_post:
        asked = requests.of_body(request.headers.get("content-type", ""), await read_body(request))
    else:
        asked = requests.of_parameters(request.query_params.multi_items())
    admission = admission_of(request.app)
    admitted = await admission.admit(principal, asked)
    if not is_post and isinstance(admitted, Admitted) and admitted.operation.is_mutation:
        message = "A GET may not change anything. Send mutations with POST."
        raise RefusedError(405, METHOD_NOT_ALLOWED, message, {"Allow": "POST"})
    if streams or (isinstance(admitted, Admitted) and admitted.operation.is_subscription):
        return _stream(request, principal, asked, admitted)
    if not isinstance(admitted, Admitted):
        suggests = admission.suggests(principal)
        return responses.of_result(request, ExecutionResult(None, list(admitted)), media_type, suggests=suggests)
    if not is_post:
        with freshness.may_lag():  # the answer's version and its data, alike
            return await _from_cache(request, principal, asked, admitted, media_type)
    return await _run(request, principal, asked, admitted, media_type)


def _stream(
    request: Request, principal: Principal, asked: Asked, admitted: Admitted | Sequence[GraphQLError]
) -> Response:
    """The answers as events. Raises RefusedError when the client does not take any."""
    if request.method == "HEAD" or not sse.is_listed(responses.accept_of(request)):
        raise RefusedError(406, NOT_ACCEPTABLE, sse.HOW_TO_SUBSCRIBE)
    given = answers(Caller(request.app, principal, request_id_of(request.scope)), asked, admitted)
    stream = sse.EventStream(request.app.state.open_streams, principal, given)
    return _with_budget(stream, admitted) if isinstance(admitted, Admitted) else stream


async def _from_cache(
    request: Request, principal: Principal, asked: Asked, admitted: Admitted, media_type: str
) -> Response:
    """A GET of a query, which is not run when the client's cache has the answer."""
    if asked.reports_cost:  # another one each time
        return await _run(request, principal, asked, admitted, media_type, whole={"Cache-Control": "no-store"})
    etag = await caching.etag_of(request.app.state.database, principal, asked, media_type)
    headers = caching.headers_of(principal, etag)
    if caching.has(request, etag):
        return _with_budget(Response(status_code=304, headers=headers), admitted)
    return await _run(request, principal, asked, admitted, media_type, whole=headers)


async def _run(
    request: Request,
    principal: Principal,
    asked: Asked,
    admitted: Admitted,
    media_type: str,
    *,
    whole: Mapping[str, str] | None = None,
) -> Response:
    """Execute an admitted operation. An answer without errors has the headers of `whole`; another is not to be kept."""
    context = callers.context_of(request.app, principal, request_id_of(request.scope))
    result = await operations.execute(admitted.operation, context, asked.variables)
    headers = whole
    extensions = admitted.reported if asked.reports_cost else None
    if isinstance(result, bytes):
        return _with_budget(responses.of_bytes(result, media_type, extensions=extensions, headers=headers), admitted)
    if headers is not None and result.errors:
        headers = {"Cache-Control": "no-store"}
    suggests = admission_of(request.app).suggests(principal)
    response = responses.of_result(
        request, result, media_type, suggests=suggests, extensions=extensions, headers=headers
    )
    return _with_budget(response, admitted)


def _with_budget(response: Response, admitted: Admitted) -> Response:
    """Tell what the key has left."""
    if admitted.purse is not None:
        response.raw_headers += admitted.purse.raw_headers()
    return response


async def _options(request: Request) -> Response:
    """OPTIONS /graphql: what a browser asks before it lets a page send a request."""
    origin = request.headers.get("origin")
    if origin is None or "access-control-request-method" not in request.headers:
        return Response(status_code=204, headers=_ALLOW)
    try:
        return await _cors(request).preflight(origin)
    except StorageUnavailableError as error:
        return responses.of_refusal(request, errors.refusal_of(error))


async def _other_method(request: Request) -> Response:
    refused = RefusedError(405, METHOD_NOT_ALLOWED, "Send GraphQL operations with POST, or queries with GET.", _ALLOW)
    return responses.of_refusal(request, refused)


def _cors(request: Request) -> Cors:
    cors: Cors = request.app.state.cors
    return cors


ROUTES = [
    Route(PATH, graphql, methods=["GET", "HEAD", "POST"]),
    Route(PATH, _options, methods=["OPTIONS"]),
    Route(PATH, _other_method, methods=["PUT", "PATCH", "DELETE"]),
]
