"""What is said of our own routes: GraphQL, the change feed, health, and what describes the API."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from gateway.exports.formats import WRITINGS
from gateway.graphql import media_types
from gateway.graphql.sse import EVENT_STREAM
from gateway.imports.described import OPERATIONS as IMPORTS
from gateway.openapi.described import Answer, Described, Operation, Parameter
from schema.feed import FIRST_DEFAULT, FIRST_MAX

Count = Annotated[int, Field(ge=0)]
DocumentId = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]


Extensions = Annotated[
    dict[str, Any],
    Field(
        description="`persistedQuery` names an operation by its hash, as Apollo's clients do; `cost` asks for points."
    ),
]


class GraphqlRequest(TypedDict):
    """An operation: its text in `query`, or what it is known by."""

    query: Annotated[str, Field(description="The document.", examples=['{ product(sku: "RIDGE-42") { onHand } }'])]
    operationName: NotRequired[Annotated[str | None, Field(description="Which of the document's operations to run.")]]
    variables: NotRequired[Annotated[dict[str, Any] | None, Field(description="The operation's variables.")]]
    extensions: NotRequired[Extensions | None]


class PersistedRequest(TypedDict):
    """An operation that is known here, by its `documentId`."""

    documentId: DocumentId
    operationName: NotRequired[str | None]
    variables: NotRequired[dict[str, Any] | None]


class GraphqlError(TypedDict):
    """One error; `extensions.code` says which."""

    message: str
    locations: NotRequired[list[dict[str, int]]]
    path: NotRequired[list[str | int]]
    extensions: NotRequired[dict[str, Any]]


class GraphqlResponse(TypedDict):
    """A result. `data` is absent when the operation was not run."""

    data: NotRequired[dict[str, Any] | None]
    errors: NotRequired[list[GraphqlError]]
    extensions: NotRequired[dict[str, Any]]


class FeedEntry(TypedDict):
    """What changed of a stock level."""

    delta: int
    before: int | None
    after: int
    reserved: Count
    safety_stock: Count
    disabled: bool
    version: Count
    reason: str
    note: str
    reference: str
    principal: str
    dialect: str
    request_id: str


class FeedProduct(TypedDict):
    """The product as it is now."""

    sku: str | None


class FeedLocation(TypedDict):
    """The location as it is now."""

    slug: str


class FeedChange(TypedDict):
    """That something changed."""

    sequence: Count
    kind: Literal["STOCK", "PRODUCT", "LOCATION"]
    deleted: bool
    created_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    product_id: int | None
    location_id: int | None
    product: FeedProduct | None
    location: FeedLocation | None
    entry: FeedEntry | None


class Feed(TypedDict):
    """One page of the change feed."""

    changes: list[FeedChange]
    next_sequence: Annotated[int, Field(ge=0, description="Give it as `after` for what comes next.")]
    has_more: bool


class FeedError(TypedDict):
    """What went wrong."""

    code: str
    message: str


class FeedFailure(TypedDict):
    """The error of a request."""

    error: FeedError


class Health(TypedDict):
    """How the process is; `reason` when it cannot serve."""

    status: Literal["ok", "ready", "degraded", "unavailable"]
    reason: NotRequired[str]
    migrations: NotRequired[str]
    webhooks: NotRequired[dict[str, Any]]
    alerts: NotRequired[dict[str, Any]]


_KEYS: Final = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key: `sgk_…`."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key."},
}
_EITHER: Final = dict.fromkeys(media_types.ANSWERS, GraphqlResponse)


def _not_run(description: str, *headers: str) -> Answer:
    return Answer(description, content=_EITHER, headers=headers)


_GRAPHQL_ANSWERS: Final = {
    200: Answer(
        "The result. Errors of the document are told with this status, unless "
        "`application/graphql-response+json` is accepted. Subscriptions are event streams.",
        content={**_EITHER, EVENT_STREAM: str},
    ),
    400: _not_run("No GraphQL request, or errors of the document."),
    401: _not_run("No valid API key.", "WWW-Authenticate"),
    403: _not_run("The key may not run this."),
    405: _not_run("Not with this method.", "Allow"),
    406: _not_run("There is nothing acceptable to answer in."),
    429: _not_run("The key has spent its minute.", "Retry-After"),
    500: _not_run("A bug; the log has it under the request's id."),
    503: _not_run("The database does not answer, or too many wait for it: `OVERLOADED`.", "Retry-After"),
    504: _not_run("It took longer than a request may."),
}
_FEED_FAILED: Final = {
    400: Answer("A parameter is no number, or too large.", FeedFailure),
    401: Answer("No valid API key.", FeedFailure),
    403: Answer("The key may not read, or does not see quantities as they are.", FeedFailure),
    429: Answer("The key has spent its minute.", FeedFailure, headers=["Retry-After"]),
    500: Answer("A bug; the log has it under the request's id.", FeedFailure),
    503: Answer("The database does not answer, or too many wait for it.", FeedFailure, headers=["Retry-After"]),
    504: Answer("It took longer than a request may.", FeedFailure),
}
DESCRIBED: Final = Described(
    "Stockgate",
    "Our own routes: GraphQL, which can do everything; the change feed; health. `/graphql` also speaks "
    "`graphql-transport-ws` over WebSockets.",
    [
        Operation(
            "POST",
            "/graphql",
            "Run a GraphQL operation",
            {
                **_GRAPHQL_ANSWERS,
                413: _not_run("The body is too large."),
                415: _not_run("The body is not JSON by its `Content-Type`."),
            },
            description="The schema is at `/schema.graphql`.",
            body=GraphqlRequest | PersistedRequest,
        ),
        Operation(
            "GET",
            "/graphql",
            "Run a GraphQL query",
            {**_GRAPHQL_ANSWERS, 304: Answer("What the client has still holds.", headers=["ETag"])},
            parameters=[
                Parameter("query", str, "The document.", example="{ viewer { name } }"),
                Parameter("operationName", str, "Which of its operations to run."),
                Parameter("variables", dict[str, Any], "The operation's variables.", as_json=True),
                Parameter("extensions", dict[str, Any], "`persistedQuery` and `cost`.", as_json=True),
                Parameter("documentId", DocumentId, "An operation that is known here, by its hash."),
                Parameter("apiKey", str, "A key that has the scope `storefront` alone may be in the address."),
                Parameter("If-None-Match", str, "The `ETag` of what the client has.", "header"),
            ],
        ),
        Operation(
            "GET",
            "/api/changes",
            "Follow what changes",
            {200: Answer("One page, in order.", Feed), **_FEED_FAILED},
            description="Begin with 0, and give `next_sequence` back each time.",
            parameters=[
                Parameter("after", Annotated[int, Field(ge=0, le=2**31 - 1)], "The last sequence that was seen."),
                Parameter("first", Annotated[int, Field(ge=0, le=FIRST_MAX)], f"At most so many; {FIRST_DEFAULT}."),
            ],
        ),
        *IMPORTS,
        Operation(
            "GET",
            "/api/exports/{kind}",
            "Export stock, the catalogue or the ledger",
            {
                200: Answer(
                    "Every row, as CSV with a byte order mark, or as JSON Lines.",
                    content={writing.media_type.partition(";")[0]: str for writing in WRITINGS.values()},
                    headers=["X-Stockgate-Sequence", "Content-Disposition"],
                ),
                404: Answer("There is no such export.", FeedFailure),
                **_FEED_FAILED,
            },
            description="All rows are from one moment: what is committed up to the sequence in `X-Stockgate-Sequence` "
            "is in them, and `GET /api/changes?after=` it tells what came later. `stockgate import` reads the file.",
            parameters=[
                Parameter("kind", Literal["inventory", "products", "locations", "ledger"], "What to export.", "path"),
                Parameter("format", Literal["csv", "jsonl"], "The form of the file; csv."),
            ],
        ),
        Operation("GET", "/healthz", "Does the process live?", {200: Answer("It does.", Health)}, security=()),
        Operation(
            "GET",
            "/readyz",
            "Can it serve?",
            {
                200: Answer("It can; `degraded` when webhooks or alerts lag.", Health),
                503: Answer("It cannot; `reason`.", Health, headers=["Retry-After"]),
            },
            security=(),
        ),
        Operation(
            "GET",
            "/metrics",
            "What is counted, for Prometheus",
            {
                200: Answer("All metrics.", content={"text/plain": str, "application/openmetrics-text": str}),
                401: Answer("Neither the token nor a valid API key.", content={"text/plain": str}),
                403: Answer("The key does not have the scope `admin`.", content={"text/plain": str}),
                503: Answer("The key cannot be looked up now.", content={"text/plain": str}, headers=["Retry-After"]),
            },
            description="With STOCKGATE_METRICS_TOKEN or an admin's key, unless STOCKGATE_METRICS says otherwise.",
        ),
        Operation(
            "GET",
            "/schema.graphql",
            "The GraphQL schema",
            {
                200: Answer("The schema as SDL.", content={"text/plain": str}, headers=["ETag"]),
                304: Answer("What the client has still holds.", headers=["ETag"]),
            },
            parameters=[Parameter("If-None-Match", str, "The `ETag` of what the client has.", "header")],
            security=(),
        ),
        Operation(
            "GET",
            "/openapi.json",
            "This document",
            {
                200: Answer("OpenAPI 3.1.", dict[str, Any], headers=["ETag"]),
                304: Answer("What the client has still holds.", headers=["ETag"]),
            },
            parameters=[Parameter("If-None-Match", str, "The `ETag` of what the client has.", "header")],
            security=(),
        ),
    ],
    security=_KEYS,
)
