"""The change feed: one order for everything that changes, and what of it may be shown already.

Ledger entries and catalogue changes take their sequences from one counter. On SQLite writers follow one another, so
what is committed is complete. On PostgreSQL a writer may commit before one that drew lower numbers; whoever followed
the feed would pass over the latter. So each writer first takes a shared advisory lock whose key carries the counter as
it is: all its numbers will be higher. Below the lowest key that is held everything is either there or will never be.

A reader asks for the horizon first, and then, in a later snapshot, for what lies up to it. No writer waits for another,
and what other transactions do, however long, holds nobody up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Text, bindparam, insert, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles

from storage import freshness
from storage.changes import ID_MAX
from storage.columns import Id, Key, Timestamp
from storage.database import Database
from storage.json_rows import Construct, json_text, rows_from
from storage.prepared import Prepared
from storage.tables import CatalogChange
from storage.upsert import table_of

_COUNTER: Final = "ledger_entry_sequence_seq"
_LOCKS: Final = 0x53474C  # "SGL": the upper bits of our advisory locks' keys; the counter has the lower 40
_COUNTED: Final = "CASE WHEN is_called THEN last_value ELSE 0 END"


class Kind(StrEnum):
    """What a catalogue change tells. The first four are of a product or a location, and change feeds tell of them."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    """Archived: put in the trash, closed, or deleted for good."""
    RESTORED = "restored"
    """Brought back from there."""
    THRESHOLDS = "thresholds"
    """What low stock is changed: of a level, of a location, or, without either, where nothing else is said."""
    IMPORT_FINISHED = "import_finished"
    LOW_STOCK_DIGEST = "low_stock_digest"


OF_FEED: Final = (Kind.CREATED, Kind.UPDATED, Kind.DELETED, Kind.RESTORED)
"""What change feeds tell of."""


class CatalogRow(NamedTuple):
    """One catalogue change to be told of."""

    kind: Kind
    product_id: int | None = None
    location_id: int | None = None
    import_job_id: int | None = None


def is_of_feed(kind: Any) -> ColumnElement[bool]:
    """Whether change feeds tell of a kind, and not only webhooks and whoever looks for what is low."""
    told: ColumnElement[bool] = kind.in_([literal_column(f"'{each}'", Text()) for each in OF_FEED])
    return told


class _Enter(Construct):
    name = "enter_change_feed"
    inherit_cache = True


@compiles(_Enter, "sqlite")
def _enter_sqlite(*_: Any, **_kw: Any) -> str:
    return "NULL"


@compiles(_Enter, "postgresql")
def _enter_postgresql(*_: Any, **_kw: Any) -> str:
    return f"(SELECT pg_advisory_xact_lock_shared({_LOCKS << 40} + {_COUNTED}) FROM {_COUNTER})"  # noqa: S608 (constants)


ENTER: Final[ColumnElement[Any]] = _Enter()
"""To be selected by a writer in a statement before the one that draws sequences; held until the transaction ends."""


class _NextSequence(Construct):
    name = "next_sequence"
    type = Id
    inherit_cache = True


@compiles(_NextSequence, "sqlite")
def _next_sequence_sqlite(*_: Any, **_kw: Any) -> str:
    # a trigger moves the counter along (migration 0002)
    return "(SELECT seq FROM sqlite_sequence WHERE name = 'ledger_entry') + row_number() OVER ()"


@compiles(_NextSequence, "postgresql")
def _next_sequence_postgresql(*_: Any, **_kw: Any) -> str:
    return f"nextval('{_COUNTER}')"


NEXT_SEQUENCE: Final[ColumnElement[int]] = _NextSequence()
"""The next number, for each row of an INSERT … SELECT whose writer has entered the feed."""
_CHANGED: Final = rows_from("rows", {"kind": Key, "product_id": Id, "location_id": Id, "import_job_id": Id}).values()
_ENTERED: Final = Prepared(select(ENTER))
_CHANGES: Final = Prepared(
    insert(table_of(CatalogChange)).from_select(
        ["sequence", *CatalogRow._fields, "created_at"],
        select(_NextSequence(), *_CHANGED, bindparam("now", type_=Timestamp)).where(
            literal_column("1") == literal_column("1")
        ),
    )
)


async def enter(session: AsyncSession) -> None:
    """To be called before drawing sequences: the feed's readers wait for what this transaction will have written."""
    await _ENTERED.rows(session)


async def record(session: AsyncSession, rows: Iterable[CatalogRow]) -> None:
    """Tell the feed of catalogue changes, in this order."""
    told = [tuple(row) for row in rows]
    if not told:
        return
    await _ENTERED.rows(session)
    await _CHANGES.write(session, {"rows": json_text(told), "now": datetime.now(UTC)})


async def record_catalog(
    session: AsyncSession, *, products: Iterable[int] = (), locations: Iterable[int] = (), kind: Kind = Kind.UPDATED
) -> None:
    """Tell the feed what became of products and locations."""
    of_products = [CatalogRow(kind, product_id=number) for number in products]
    await record(session, [*of_products, *(CatalogRow(kind, location_id=number) for number in locations)])


async def record_notice(session: AsyncSession, kind: Kind, *, import_job_id: int | None = None) -> None:
    """Tell the feed of something that is of no one product or location."""
    await record(session, [CatalogRow(kind, import_job_id=import_job_id)])


_STATE: Final = {
    "sqlite": text("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'ledger_entry'), 0), '[]'"),
    # The locks are read after the counter: the subquery depends on its row
    "postgresql": text(f"""
        SELECT counted, ARRAY(
            SELECT ((classid::bigint & 255) << 32) | objid::bigint FROM pg_locks
            WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND counted >= 0
                AND classid::bigint >> 8 = {_LOCKS}
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            ORDER BY 1)::text
        FROM (SELECT {_COUNTED} AS counted FROM {_COUNTER} OFFSET 0) counter"""),  # noqa: S608 (constants)
}


# What is committed shows on a replica when it is replayed; the primary's locks are not there
_REPLAYED: Final = text("SELECT pg_last_wal_replay_lsn()::text")


async def _state(session: AsyncSession) -> tuple[int, str]:
    """The counter, and the keys that writers hold."""
    counted, held = (await session.execute(_STATE[session.get_bind().dialect.name])).one()
    return int(counted), held


async def horizon(session: AsyncSession) -> int:
    """The sequence up to which the feed is complete: what lies there is visible to a snapshot taken from now on."""
    counted, held = await _state(session)
    return min([counted, *_numbers(held)])


async def last_sequence(session: AsyncSession) -> int:
    """The last sequence that was drawn. What drew it need not be committed."""
    return (await _state(session))[0]


async def complete_up_to(database: Database) -> int:
    """The horizon for a statement that runs later. On SQLite every snapshot is complete, and nothing is asked."""
    if database.name == "sqlite":
        return ID_MAX
    freshness.insist()  # a replica may not have all that lies before it
    return await database.read(horizon)


async def version(session: AsyncSession) -> str:
    """A text that is another one whenever anything that was committed changed what can be read.

    To be read before the data that it stands for: what it says is then older than they are, never newer.
    """
    reading = freshness.reading()
    if reading is not None and reading.replica is not None:
        return str((await session.execute(_REPLAYED)).scalar())
    counted, held = await _state(session)
    return "-".join(map(str, [counted, *_numbers(held)]))


def _numbers(held: str) -> Sequence[int]:
    return [int(number) for number in held.strip("{}[]").split(",") if number]
