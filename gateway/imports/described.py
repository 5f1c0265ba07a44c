"""What is said of /api/imports."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field
from typing_extensions import TypedDict

from gateway.imports.routes import FIRST_DEFAULT, FIRST_MAX, PROBLEM
from gateway.imports.uploads import FORMATS, MULTIPART
from gateway.openapi.described import Answer, Operation, Parameter
from storage.changes import ID_MAX, Reason
from storage.import_rows import Mode, Policy
from storage.imports import State

Count = Annotated[int, Field(ge=0)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ImportPreview(TypedDict):
    """What the rows would come to. `sample` has the first ones that change something, and the first ones that fail."""

    to_change: Count
    unchanged: Count
    failed: Count
    sample: list[dict[str, Any]]


class ImportProgress(TypedDict):
    """How far it is, in chunks of 1,000 rows."""

    chunks: Count
    previewed_chunks: Count
    applied_chunks: Count


class ImportResult(TypedDict):
    """What applying came to so far."""

    changed: Count
    failed: Count


class Import(TypedDict):
    """A file that is brought in."""

    id: Count
    state: State
    name: str
    mode: Mode
    policy: Policy
    rows: Count
    preview: ImportPreview
    progress: ImportProgress
    result: ImportResult
    notes: list[str]
    error: str | None
    created_at: Time
    updated_at: Time
    finished_at: Time | None


class Imports(TypedDict):
    """Some imports, the newest first."""

    imports: list[Import]
    has_more: bool


class Problem(TypedDict, total=False):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    line: int
    import_id: int
    retryAfter: int


def _problem(description: str, *headers: str) -> Answer:
    return Answer(description, content={PROBLEM: Problem}, headers=headers)


_FAILED: Final = {
    400: _problem("A parameter is not as it has to be."),
    401: _problem("No valid API key.", "WWW-Authenticate"),
    403: _problem("The key may not write, or does not see quantities as they are."),
    429: _problem("The key has spent its minute.", "Retry-After"),
    500: Answer("A bug; the log has it under the request's id.", content={"text/plain": str}),
    503: _problem("The database does not answer, or too many wait for it.", "Retry-After"),
    504: _problem("It took longer than a request may."),
}
_OF_ONE: Final = {**_FAILED, 404: _problem("There is no such import, or none of this key.")}
_ID: Final = Parameter("id", Annotated[int, Field(ge=1, le=ID_MAX)], "Of the import.", "path")
_TEXT: Final = Annotated[str, Field(max_length=255)]
OPERATIONS: Final = [
    Operation(
        "POST",
        "/api/imports",
        "Import stock from a file",
        {
            200: Answer("The same file, unfinished: as far as it is.", Import, headers=["Location"]),
            202: Answer("It was read, and is being previewed.", Import, headers=["Location"]),
            409: _problem("It was imported before.", "Location"),
            413: _problem("The file is too large."),
            415: _problem("The `Content-Type` is none of a file."),
            422: _problem("The file makes no sense, from `line` on."),
            **_FAILED,
        },
        description="CSV with the columns of the export of mulopimfwc/v1 or others by `map`, or JSON Lines.",
        parameters=[
            Parameter("mode", Mode, "`set`: the file has counts. `adjust`: what came and went."),
            Parameter("policy", Policy, "`partial` writes the good rows, `atomic` begins only if every row is good."),
            Parameter("map", list[str], "What a column is, `Qty=stock`; `Qty=` ignores it.", example=["Qty=stock"]),
            Parameter("location", _TEXT, "The slug of the location of rows that name none."),
            Parameter("encoding", _TEXT, "Of the file, when it is neither UTF-8, UTF-16 nor Windows-1252."),
            Parameter("format", Annotated[str, Field(pattern="^(csv|jsonl)?$")], "Where the type does not say it."),
            Parameter("reason", Reason, "What the ledger shall say."),
            Parameter("note", _TEXT, "In your own words, for the ledger."),
            Parameter("name", _TEXT, "What the file is called."),
            Parameter("apply", bool, "Apply it when it is previewed, without waiting to be told."),
            Parameter("again", bool, "Import a file that was imported before."),
        ],
        files={
            **{media_type: {"type": "string"} for media_type in FORMATS},
            MULTIPART: {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}},
        },
    ),
    Operation(
        "GET",
        "/api/imports",
        "List imports",
        {200: Answer("Those of this key, the newest first; an admin's key sees all.", Imports), **_FAILED},
        parameters=[
            Parameter("first", Annotated[int, Field(ge=0, le=FIRST_MAX)], f"At most so many; {FIRST_DEFAULT}."),
            Parameter("before", Annotated[int, Field(ge=0, le=ID_MAX)], "The last id that was seen."),
        ],
    ),
    Operation(
        "GET",
        "/api/imports/{id}",
        "How far is an import?",
        {200: Answer("As it is.", Import, headers=["Location"]), **_OF_ONE},
        parameters=[_ID],
    ),
    Operation(
        "POST",
        "/api/imports/{id}/apply",
        "Apply what was previewed",
        {
            200: Answer("It is being applied already, or was.", Import, headers=["Location"]),
            202: Answer("It is being applied from now on.", Import, headers=["Location"]),
            409: _problem("It is not previewed."),
            **_OF_ONE,
        },
        parameters=[_ID],
    ),
    Operation(
        "POST",
        "/api/imports/{id}/cancel",
        "Cancel an import",
        {
            200: Answer("No further row is written; what was written stays.", Import, headers=["Location"]),
            409: _problem("It has ended already."),
            **_OF_ONE,
        },
        parameters=[_ID],
    ),
    Operation(
        "GET",
        "/api/imports/{id}/failures",
        "The rows that failed",
        {200: Answer("A CSV file to mend and import.", content={"text/csv": str}), **_OF_ONE},
        parameters=[_ID],
    ),
]
