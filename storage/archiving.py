"""Archiving: old entries of the ledger as lines of JSON, in a compressed file that can tell whether it is whole.

The first line says what it is, then comes one line for each entry in the order of their sequences, and the last line
has their number, the sum of their deltas and the SHA-256 of all lines before it. Nothing has the file's name before it
was written, read back and compared with the database.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final

import orjson
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.columns import Id, Timestamp, price_text, timestamp_text
from storage.database import Database
from storage.pruning import Old
from storage.tables import LedgerEntry, Location, Product, StockChangeGroup
from storage.upsert import table_of

PAGE: Final = 2_000
_FORMAT: Final = "stockgate ledger archive 1"
_entry: Final = table_of(LedgerEntry)
_group: Final = table_of(StockChangeGroup)
_OF_ENTRY: Final = [column for column in _entry.c if column.name != "group_id"]
_PAGE: Final = (
    select(
        *_OF_ENTRY,
        table_of(Product).c.sku,
        table_of(Location).c.slug,
        *(column.label(f"group_{column.name}") for column in _group.c),
    )
    .join_from(_entry, _group, _group.c.id == _entry.c.group_id)
    .outerjoin(table_of(Product), table_of(Product).c.id == _entry.c.product_id)
    .outerjoin(table_of(Location), table_of(Location).c.id == _entry.c.location_id)
    .where(
        _entry.c.sequence > bindparam("after", type_=Id),
        _entry.c.sequence <= bindparam("last", type_=Id),
        _entry.c.created_at < bindparam("before", type_=Timestamp()),
    )
    .order_by(_entry.c.sequence)
    .limit(PAGE)
)
_KEYS: Final = (*(column.name for column in _OF_ENTRY), "sku", "location")
_GROUP_KEYS: Final = tuple(column.name for column in _group.c)


class ArchiveError(Exception):
    """The file cannot be written, or is not what it should be. Nothing was pruned."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What a file has."""

    entries: int
    delta: int
    sha256: str


async def write(database: Database, old: Old, path: Path) -> AsyncIterator[int]:
    """Write what was surveyed to a new file and check it. Gives the number of entries that each page wrote.

    Raises ArchiveError, and leaves no file of that name then.
    """
    with _failures_told(path), _taken(path) as (partial, raw):
        digest, entries, delta = hashlib.sha256(), 0, 0
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:

            def line(value: Any) -> None:
                text = orjson.dumps(value, default=_stored, option=orjson.OPT_PASSTHROUGH_DATETIME) + b"\n"
                file.write(text)
                digest.update(text)

            line({"format": _FORMAT, "before": old.before, "written_at": datetime.now(UTC)})
            async for page in _pages(database, old):
                for row in page:
                    line(row)
                    delta += row["delta"]
                entries += len(page)
                yield len(page)
            line({"entries": entries, "delta": delta, "sha256": digest.hexdigest()})
        raw.flush()
        os.fsync(raw.fileno())
        found = read(partial)
        if (found.entries, found.delta) != (old.entries, old.delta):
            message = (
                f"{found.entries} entries were written, but there were {old.entries}: was the ledger pruned meanwhile?"
            )
            raise ArchiveError(message)
        partial.rename(path)
        _keep_name(path)


async def _pages(database: Database, old: Old) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """Each page is read for itself: no snapshot is kept while the file is written, and old entries never change."""
    after = 0
    while page := await database.read(_page, old, after):
        yield page
        after = page[-1]["sequence"]


async def _page(session: AsyncSession, old: Old, after: int) -> Sequence[dict[str, Any]]:
    rows = await session.execute(_PAGE, {"after": after, "last": old.last, "before": old.before})
    width = len(_KEYS)
    return [
        {**dict(zip(_KEYS, row[:width], strict=True)), "group": dict(zip(_GROUP_KEYS, row[width:], strict=True))}
        for row in rows
    ]


def read(path: Path) -> Archive:
    """Read an archive from its first line to its last one. Raises ArchiveError when it is not whole."""
    digest, entries, delta, last = hashlib.sha256(), 0, 0, b""
    with _failures_told(path), gzip.open(path, "rb") as file:
        first = file.readline()
        digest.update(first)
        for text in file:
            if last:
                digest.update(last)
                entries += 1
                delta += orjson.loads(last)["delta"]
            last = text
        told = orjson.loads(last or b"{}")
        found = Archive(entries, delta, digest.hexdigest())
        if orjson.loads(first or b"{}").get("format") != _FORMAT or told != asdict(found):
            raise ArchiveError(f"{path} is not a whole archive of a ledger.")
    return found


@contextmanager
def _taken(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A new file under its temporary name, for us alone: one that a killed process left behind is written anew."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("ab") as raw:
        try:
            fcntl.flock(raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveError(f"Another process writes {partial} now.") from None
        if path.exists():
            partial.unlink(missing_ok=True)
            raise ArchiveError(f"{path} is there already. An archive is never written over: give another name.")
        raw.truncate(0)
        try:
            yield partial, raw
        finally:
            partial.unlink(missing_ok=True)


def _keep_name(path: Path) -> None:
    """Let the name survive a power cut, too."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _failures_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError) as error:
        raise ArchiveError(f"{path}: {getattr(error, 'strerror', None) or error}.") from None
    except (orjson.JSONDecodeError, KeyError, UnicodeDecodeError):
        raise ArchiveError(f"{path} is not a whole archive of a ledger.") from None


def _stored(value: object) -> str | None:
    if isinstance(value, Decimal):
        return price_text(value)
    if isinstance(value, datetime):
        return timestamp_text(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
