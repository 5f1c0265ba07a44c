"""A file becomes a job: it is known again by its content, and read into chunks at constant memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, Final

import orjson

from gateway.csv_files import FileError
from gateway.imports.files import ReadChunk, StockFile
from storage import imports
from storage.changes import Origin
from storage.database import Database
from storage.import_run import Told, patiently, untold
from storage.imports import Job, Options, State

_CHUNKS_AT_ONCE: Final = 10
_PIECE_BYTES: Final = 1 << 20


async def fingerprint_of(source: BinaryIO, options: Options, origin: Origin) -> str:
    """What makes two imports the same: the content, how it is read and applied, and who brings it."""
    asked = {name: value for name, value in options.stored().items() if name != "apply"}
    caller = [origin.api_key_id, origin.principal, sorted(origin.locations or ())]
    return await asyncio.to_thread(_hashed, source, orjson.dumps([asked, caller], option=orjson.OPT_SORT_KEYS))


def _hashed(source: BinaryIO, asked: bytes) -> str:
    source.seek(0)
    digest = hashlib.sha256(asked)
    while piece := source.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()


async def read_in(database: Database, job: Job, by: str, source: BinaryIO, told: Told = untold) -> Job:
    """Read a job's file into its chunks: the job, to be previewed, with what there is to say of the file.

    While the database takes some chunks, the next ones are read. Raises FileError, after which the job has failed.
    """
    try:
        file = await asyncio.to_thread(StockFile, source, job.asked)
        if job.chunks:
            job = await patiently(database, imports.drop_chunks, job, by)
        chunks = file.chunks()
        some = await asyncio.to_thread(_some, chunks)
        while some:
            writing = asyncio.create_task(patiently(database, imports.add_chunks, job, by, some))
            try:
                following = await asyncio.to_thread(_some, chunks)
            finally:
                job = await writing
            told(job)
            some = following
    except FileError as error:
        await patiently(database, imports.give_up, job.id, str(error))
        raise
    options = {**job.options, "notes": file.notes}
    return await patiently(database, imports.advance, job, by, state=State.PREVIEWING.value, options=options)


def _some(chunks: Iterator[ReadChunk]) -> list[ReadChunk]:
    return list(islice(chunks, _CHUNKS_AT_ONCE))
