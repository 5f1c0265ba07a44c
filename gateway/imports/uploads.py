"""The file of a request, laid down on disk as it comes: at constant memory, and within the size that is allowed."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO, Final, NamedTuple, cast

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from gateway.body import BodyTooLargeError
from gateway.graphql.refusals import RefusedError
from schema.errors import BAD_USER_INPUT

FORMATS: Final = {
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/x-jsonlines": "jsonl",
}
MULTIPART: Final = "multipart/form-data"
_IN_MEMORY_BYTES: Final = 1 << 20
_UNSUPPORTED: Final = "UNSUPPORTED_MEDIA_TYPE"


class Upload(NamedTuple):
    """A file that came whole. `format` is '' where its name has to say it."""

    source: BinaryIO
    name: str
    format: str


@asynccontextmanager
async def received(request: Request, bytes_max: int) -> AsyncIterator[Upload]:
    """The file of a request; it is gone afterwards. Raises BodyTooLargeError, and RefusedError for what is no file."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > bytes_max:
        raise BodyTooLargeError(bytes_max)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    pieces = _limited(request, bytes_max)
    if media_type == MULTIPART:
        async with _part(request, pieces) as upload:
            yield upload
        return
    if media_type not in FORMATS:
        known = ", ".join([*FORMATS, MULTIPART])
        raise RefusedError(415, _UNSUPPORTED, f"Send the file with a Content-Type of {known}.")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spooled:
        async for piece in pieces:
            spooled.write(piece)
        name = request.query_params.get("name", "")
        yield Upload(cast("BinaryIO", spooled), name, FORMATS[media_type])


async def _limited(request: Request, bytes_max: int) -> AsyncGenerator[bytes]:
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > bytes_max:
            raise BodyTooLargeError(bytes_max)
        yield piece


@asynccontextmanager
async def _part(request: Request, pieces: AsyncGenerator[bytes]) -> AsyncIterator[Upload]:
    """The part `file` of a form."""
    try:
        form = await MultiPartParser(request.headers, pieces, max_files=1, max_fields=10).parse()
    except (MultiPartException, KeyError) as error:
        raise RefusedError(400, BAD_USER_INPUT, f"This is no form with one file: {error}.") from None
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise RefusedError(400, BAD_USER_INPUT, "The form has no file: send it as its part `file`.")
        media_type = (file.content_type or "").partition(";")[0].strip().lower()
        name = request.query_params.get("name") or file.filename or ""
        yield Upload(file.file, name, FORMATS.get(media_type, ""))
    finally:
        await form.close()
