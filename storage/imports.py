"""Import jobs: what is brought in from files, who works on it, and how far that has got.

A job is read into chunks, previewed, and applied; each step is a state, so that whoever finds a job whose worker has
died goes on with it. Whoever works on one has a lease, and writes how far it got only as long as it has: the progress
of applying is in the transaction that applies.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, cast

from sqlalchemy import CursorResult, RowMapping, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.changes import Origin, Reason
from storage.import_rows import Failure, Mode, Policy, Row, rows_text
from storage.tables import ImportChunk, ImportJob
from storage.upsert import table_of

INVENTORY: Final = "inventory"
DIALECT: Final = "import"
LEASE_S: Final = 10.0
SAMPLE_MAX: Final = 10

_job: Final = table_of(ImportJob)
_chunk: Final = table_of(ImportChunk)


class State(StrEnum):
    """How far a job is."""

    READING = "reading"
    """Its file is being read into chunks."""
    PREVIEWING = "previewing"
    """Its rows are being compared with the levels as they are."""
    PREVIEWED = "previewed"
    """It waits for somebody to say that it shall be applied."""
    APPLYING = "applying"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    """What was applied before stays."""
    FAILED = "failed"
    """It cannot go on; `error` says why. What was applied before stays."""


OPEN: Final = (State.READING, State.PREVIEWING, State.PREVIEWED, State.APPLYING)
"""Where there is something left to do."""


class LeaseLostError(Exception):
    """Somebody else works on the job by now, or it was cancelled. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is to be read and applied. `mapping` leads from the file's columns to ours, `location` is the slug,
    code or id of the one for rows that name none; `apply` says that no confirmation is waited for."""

    mode: Mode = Mode.SET
    policy: Policy = Policy.PARTIAL
    format: str = "csv"
    mapping: Mapping[str, str] | None = None
    location: str = ""
    encoding: str = ""
    reason: Reason = Reason.SYNC
    note: str = ""
    apply: bool = False

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "mode": self.mode.value, "policy": self.policy.value, "format": self.format,
            "mapping": dict(self.mapping or {}), "location": self.location, "encoding": self.encoding,
            "reason": self.reason.value, "note": self.note, "apply": self.apply,
        }  # fmt: skip

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Options:
        """From what is stored; it may have more."""
        own = {name: stored[name] for name in cls.__slots__ if name in stored}
        own |= {"mode": Mode(own["mode"]), "policy": Policy(own["policy"]), "reason": Reason(own["reason"])}
        return cls(**own)


@dataclass(frozen=True, slots=True)
class Job:
    """An import job as it is."""

    id: int
    kind: str
    state: State
    name: str
    fingerprint: str
    options: Mapping[str, Any]
    api_key_id: int | None
    principal: str
    rows: int
    to_change: int
    unchanged: int
    failed: int
    changed: int
    refused: int
    chunks: int
    previewed_chunks: int
    applied_chunks: int
    sample: Sequence[Mapping[str, Any]]
    error: str | None
    leased_by: str | None
    leased_until: datetime | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def asked(self) -> Options:
        """How it is to be read and applied."""
        return Options.of(self.options)

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of how its file was read."""
        notes: Sequence[str] = self.options.get("notes", ())
        return notes

    @property
    def locations(self) -> frozenset[int] | None:
        """The locations at which whoever started it may write; None is everywhere."""
        ids = self.options.get("locations")
        return None if ids is None else frozenset(ids)

    @property
    def origin(self) -> Origin:
        """The origin of the changes that it makes."""
        asked = self.asked
        return Origin(
            DIALECT, self.api_key_id, self.principal, self.locations, asked.reason, asked.note or self.name,
            f"import:{self.id}",
        )  # fmt: skip


def _job_of(row: RowMapping) -> Job:
    return Job(**{**row, "state": State(row["state"])})


def holder() -> str:
    """A name for this process's part in leases; each call gives another one."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


async def create(session: AsyncSession, *, name: str, fingerprint: str, options: Options, origin: Origin) -> Job:
    """A new job, whose file is about to be read."""
    now = datetime.now(UTC)
    locations = None if origin.locations is None else sorted(origin.locations)
    values: dict[str, Any] = {
        "kind": INVENTORY, "state": State.READING.value, "name": name, "fingerprint": fingerprint,
        "options": {**options.stored(), "locations": locations}, "api_key_id": origin.api_key_id,
        "principal": origin.principal, "sample": [], "created_at": now, "updated_at": now,
    }  # fmt: skip
    row = (await session.execute(insert(_job).values(values).returning(*_job.c))).mappings().one()
    return _job_of(row)


async def by_id(session: AsyncSession, job_id: int) -> Job | None:
    """A job; None when there is no such."""
    row = (await session.execute(select(_job).where(_job.c.id == job_id))).mappings().first()
    return None if row is None else _job_of(row)


async def latest(session: AsyncSession, fingerprint: str) -> Job | None:
    """The last job of the same content and options that was not given up."""
    states = [state.value for state in (*OPEN, State.FINISHED)]
    wanted = select(_job).where(_job.c.fingerprint == fingerprint, _job.c.state.in_(states))
    row = (await session.execute(wanted.order_by(_job.c.id.desc()).limit(1))).mappings().first()
    return None if row is None else _job_of(row)


async def page(
    session: AsyncSession, *, first: int, before: int | None = None, api_key_id: int | None = None
) -> list[Job]:
    """Jobs, the newest first: those of one API key, or everybody's."""
    wanted = select(_job).order_by(_job.c.id.desc()).limit(first)
    if before is not None:
        wanted = wanted.where(_job.c.id < before)
    if api_key_id is not None:
        wanted = wanted.where(_job.c.api_key_id == api_key_id)
    return [_job_of(row) for row in (await session.execute(wanted)).mappings()]


async def take(session: AsyncSession, job_id: int, by: str) -> Job | None:
    """Lease a job that has something left to do and that nobody else works on; None when that is not so."""
    now = datetime.now(UTC)
    free = or_(_job.c.leased_until.is_(None), _job.c.leased_until < now, _job.c.leased_by == by)
    is_open = _job.c.state.in_([state.value for state in OPEN])
    taken = (
        update(_job)
        .where(_job.c.id == job_id, is_open, free)
        .values(leased_by=by, leased_until=now + timedelta(seconds=LEASE_S))
        .returning(*_job.c)
    )
    row = (await session.execute(taken)).mappings().first()
    return None if row is None else _job_of(row)


async def let_go(session: AsyncSession, job_id: int, by: str) -> None:
    """Give a lease back."""
    await session.execute(
        update(_job).where(_job.c.id == job_id, _job.c.leased_by == by).values(leased_by=None, leased_until=None)
    )


async def waiting(session: AsyncSession) -> list[int]:
    """Jobs that a worker can go on with, and that nobody works on."""
    states = [State.PREVIEWING.value, State.APPLYING.value]
    free = or_(_job.c.leased_until.is_(None), _job.c.leased_until < datetime.now(UTC))
    wanted = select(_job.c.id).where(_job.c.state.in_(states), free).order_by(_job.c.id)
    return list((await session.execute(wanted)).scalars())


async def advance(session: AsyncSession, job: Job, by: str, **values: Any) -> Job:
    """Write how far a job got, and keep its lease. Raises LeaseLostError when it is no longer ours, or was moved."""
    now = datetime.now(UTC)
    still = and_(
        _job.c.id == job.id,
        _job.c.leased_by == by,
        _job.c.state == job.state.value,
        _job.c.applied_chunks == job.applied_chunks,
    )
    written = (
        update(_job)
        .where(still)
        .values(updated_at=now, leased_until=now + timedelta(seconds=LEASE_S), **values)
        .returning(*_job.c)
    )
    row = (await session.execute(written)).mappings().first()
    if row is None:
        raise LeaseLostError(f"Import {job.id} is somebody else's by now, or was cancelled.")
    return _job_of(row)


async def begin_applying(session: AsyncSession, job_id: int) -> Job | None:
    """Let a previewed job be applied; None when it is not previewed, or there is none."""
    return await _moved(session, job_id, [State.PREVIEWED], State.APPLYING)


async def cancel(session: AsyncSession, job_id: int) -> Job | None:
    """Stop a job. What it wrote stays. None when there is nothing left to stop."""
    return await _moved(session, job_id, OPEN, State.CANCELLED)


async def give_up(session: AsyncSession, job_id: int, why: str) -> Job | None:
    """A job cannot go on."""
    return await _moved(session, job_id, OPEN, State.FAILED, error=why)


async def _moved(session: AsyncSession, job_id: int, states: Sequence[State], to: State, **values: Any) -> Job | None:
    now = datetime.now(UTC)
    if to not in OPEN:
        values["finished_at"] = now
    moved = (
        update(_job)
        .where(_job.c.id == job_id, _job.c.state.in_([state.value for state in states]))
        .values(state=to.value, updated_at=now, **values)
        .returning(*_job.c)
    )
    row = (await session.execute(moved)).mappings().first()
    return None if row is None else _job_of(row)


async def add_chunks(
    session: AsyncSession, job: Job, by: str, chunks: Sequence[tuple[Sequence[Row], Sequence[Failure]]]
) -> Job:
    """Rows that were read, and those that could not be."""
    values = [
        {"job_id": job.id, "number": number, "rows": rows_text(rows), "unreadable": list(unreadable) or None}
        for number, (rows, unreadable) in enumerate(chunks, job.chunks)
    ]
    read = sum(len(rows) + len(unreadable) for rows, unreadable in chunks)
    job = await advance(session, job, by, chunks=job.chunks + len(chunks), rows=job.rows + read)
    await session.execute(insert(_chunk), values)
    return job


async def drop_chunks(session: AsyncSession, job: Job, by: str) -> Job:
    """Begin to read anew."""
    job = await advance(session, job, by, chunks=0, rows=0, state=State.READING.value)
    await session.execute(delete(_chunk).where(_chunk.c.job_id == job.id))
    return job


@dataclass(frozen=True, slots=True)
class Chunk:
    """One of a job's chunks."""

    number: int
    rows: str
    unreadable: Sequence[Failure]
    failures: Sequence[Failure]


async def chunks(session: AsyncSession, job_id: int, first: int, count: int) -> list[Chunk]:
    """Some chunks of a job, in order."""
    wanted = (
        select(_chunk.c.number, _chunk.c.rows, _chunk.c.unreadable, _chunk.c.failures)
        .where(_chunk.c.job_id == job_id, _chunk.c.number >= first, _chunk.c.number < first + count)
        .order_by(_chunk.c.number)
    )
    rows = (await session.execute(wanted)).all()
    return [Chunk(number, text, unreadable or (), failures or ()) for number, text, unreadable, failures in rows]


async def keep_failures(session: AsyncSession, job_id: int, number: int, failures: Sequence[Failure]) -> None:
    """The rows of a chunk that the inventory refuses."""
    await session.execute(
        update(_chunk)
        .where(_chunk.c.job_id == job_id, _chunk.c.number == number)
        .values(failures=list(failures) or None)
    )


async def forget_failures(session: AsyncSession, job_id: int) -> None:
    """The preview begins anew."""
    has = and_(_chunk.c.job_id == job_id, _chunk.c.failures.is_not(None))
    await session.execute(update(_chunk).where(has).values(failures=None))


async def failures_after(session: AsyncSession, job_id: int, chunk: int) -> tuple[int, list[Failure]] | None:
    """The failed rows of the next chunk after this one that has any, by line; None when there is no further one."""
    has = or_(_chunk.c.unreadable.is_not(None), _chunk.c.failures.is_not(None))
    wanted = (
        select(_chunk.c.number, _chunk.c.unreadable, _chunk.c.failures)
        .where(_chunk.c.job_id == job_id, _chunk.c.number > chunk, has)
        .order_by(_chunk.c.number)
        .limit(1)
    )
    row = (await session.execute(wanted)).first()
    if row is None:
        return None
    number, unreadable, failures = row
    return number, sorted([*(unreadable or ()), *(failures or ())], key=lambda failure: failure["line"])


async def forget(session: AsyncSession, before: datetime) -> int:
    """Remove a batch of the chunks of jobs that ended before this time, and then such jobs; say how many rows."""
    ended = and_(_job.c.finished_at.is_not(None), _job.c.finished_at < before)
    old = select(_chunk.c.job_id, _chunk.c.number).join(_job, and_(_job.c.id == _chunk.c.job_id, ended)).limit(100)
    rows = (await session.execute(old)).all()
    if rows:
        for job_id in {row[0] for row in rows}:
            numbers = [row[1] for row in rows if row[0] == job_id]
            await session.execute(
                delete(_chunk).where(_chunk.c.job_id == job_id, _chunk.c.number.between(min(numbers), max(numbers)))
            )
        return len(rows)
    return cast("CursorResult[Any]", await session.execute(delete(_job).where(ended))).rowcount


async def give_up_unread(session: AsyncSession, before: datetime) -> int:
    """Jobs whose file nobody reads any more since this time: their upload was cut off."""
    stale = and_(_job.c.state == State.READING.value, _job.c.updated_at < before)
    why = "The file was not read to its end: the upload was interrupted. Send it again."
    done = update(_job).where(stale).values(state=State.FAILED.value, error=why, finished_at=datetime.now(UTC))
    return cast("CursorResult[Any]", await session.execute(done)).rowcount
