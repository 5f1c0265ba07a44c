"""Works on import jobs: previews their chunks, and applies them through the write path.

Several chunks share a transaction, so that they share its commit, but none lasts long: others get at the database in
between. How far a job got is written in the transaction that applies, so whoever goes on with it, after whatever end
of whoever was at it, applies each chunk exactly once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from storage import change_feed, idempotency, imports, inventory, turnstile
from storage.change_feed import Kind
from storage.changes import Change, ChangeGroup, GroupRejectedError, Outcome
from storage.changes import Policy as GroupPolicy
from storage.database import Database
from storage.errors import OverloadedError
from storage.import_preview import Preview
from storage.import_rows import Failure, Mode, Policy, Row, change_of, failure_of, rows_of
from storage.imports import Chunk, Job, LeaseLostError, State
from storage.turnstile import Rank

T = TypeVar("T")
ROWS_PER_CHUNK: Final = 1_000
_TRANSACTION_S: Final = 0.15
"""After so long a transaction begins no further chunk."""
_PREVIEWED_AT_ONCE: Final = 10
_ABREAST: Final = 2
_KEPT: Final = 6
"""Chunks that stay in memory: a transaction that is tried again asks for its own once more."""

Told = Callable[[Job], None]
"""Is told how far a job got, after each transaction. What it raises ends the work."""


def untold(_job: Job) -> None:
    """Nobody wants to know."""


async def patiently(database: Database, operation: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
    """transact() as a bulk that waits for as long as others are more urgent."""
    while True:
        turnstile.rank_as(Rank.BULK)
        try:
            return await database.transact(operation, *args, **kwargs)
        except OverloadedError as overloaded:
            await asyncio.sleep(overloaded.retry_after_s)


class _SharedError(Exception):
    """Chunks that were applied at a time name one level."""


class Run:
    """One process's work on one job, which it has leased as `by`."""

    def __init__(self, database: Database, job: Job, by: str, told: Told = untold) -> None:
        self._database = database
        self._by = by
        self.told = told
        self.job = job
        self._abreast = _ABREAST if database.interleaves else 1
        self._refused_at = -1

    async def go_on(self) -> Job:
        """Do what there is to do: until it waits for a confirmation, or has ended. Raises LeaseLostError."""
        if self.job.state is State.PREVIEWING:
            await self.preview()
        if self.job.state is State.APPLYING:
            await self.apply()
        return self.job

    async def _advance(self, **values: Any) -> None:
        self.job = await patiently(self._database, imports.advance, self.job, self._by, **values)
        self.told(self.job)

    def _group(self, changes: Sequence[Change]) -> ChangeGroup:
        policy = GroupPolicy.REJECT_ALL if self.job.asked.policy is Policy.ATOMIC else GroupPolicy.KEEP_GOING
        return ChangeGroup(changes, self.job.origin, policy)

    async def preview(self) -> None:
        """Compare every row with its level as it is. Begun before and not ended, it is begun anew."""
        preview = Preview(self._group([]))
        if self.job.previewed_chunks:
            await patiently(self._database, imports.forget_failures, self.job.id)
        ahead = _Ahead(self._database, self.job)
        try:
            for number in range(0, self.job.chunks, _PREVIEWED_AT_ONCE):
                await self._preview_some(preview, ahead, number)
        finally:
            await ahead.close()
        if preview.repeats:
            await self._preview_repeats(preview)
        await self._previewed(preview)

    async def _preview_some(self, preview: Preview, ahead: _Ahead, first: int) -> None:
        up_to = min(first + _PREVIEWED_AT_ONCE, self.job.chunks)
        failures: dict[int, list[Failure]] = {}
        for number in range(first, up_to):
            loaded = await ahead.get(number)
            preview.fail(loaded.chunk.unreadable)
            if failed := await self._database.read(preview.first, loaded.rows, loaded.changes):
                failures[number] = failed

        async def write(session: AsyncSession) -> Job:
            for number, failed in failures.items():
                await imports.keep_failures(session, self.job.id, number, failed)
            return await imports.advance(session, self.job, self._by, previewed_chunks=up_to, **_counts(preview))

        self.job = await patiently(self._database, write)
        self.told(self.job)

    async def _preview_repeats(self, preview: Preview) -> None:
        """The second pass, over the levels that the file names twice."""
        ahead = _Ahead(self._database, self.job)
        try:
            for number in range(self.job.chunks):
                chunk, rows, changes = await ahead.get(number)
                if failed := await self._database.read(preview.again, rows, changes):
                    every = sorted([*chunk.failures, *failed], key=lambda failure: failure["line"])
                    await patiently(self._database, imports.keep_failures, self.job.id, number, every)
                if number % _PREVIEWED_AT_ONCE == 0:  # and keep the lease
                    await self._advance(**_counts(preview))
        finally:
            await ahead.close()

    async def _previewed(self, preview: Preview) -> None:
        asked, values = self.job.asked, _counts(preview)
        if preview.failed and asked.policy is Policy.ATOMIC:
            values["error"] = f"{preview.failed} rows failed, and the policy is atomic: nothing is written."
            await self._advance(state=State.FAILED.value, finished_at=datetime.now(UTC), **values)
            return
        await self._advance(state=(State.APPLYING if asked.apply else State.PREVIEWED).value, **values)

    async def apply(self) -> None:
        """Apply what is left to apply."""
        ahead = _Ahead(self._database, self.job)
        try:
            while self.job.state is State.APPLYING:
                try:
                    self.job = await patiently(self._database, self._apply_some, ahead)
                except _SharedError:
                    self._abreast = 1
                    continue
                self.told(self.job)
        except GroupRejectedError as rejected:
            await self._stopped(self._refused_at, rejected.outcomes)
        finally:
            await ahead.close()

    async def _apply_some(self, session: AsyncSession, ahead: _Ahead) -> Job:
        """Apply the next chunks in one transaction, and write how far that got."""
        began, job = time.monotonic(), self.job
        number, changed, refused = job.applied_chunks, 0, 0
        while number < job.chunks and (number == job.applied_chunks or time.monotonic() - began < _TRANSACTION_S):
            some = [await ahead.get(n) for n in range(number, min(number + self._abreast, job.chunks))]
            for loaded, outcomes in zip(some, await self._apply_chunks(session, some), strict=True):
                changed += sum(outcome.changed for outcome in outcomes)
                failures = _failures(loaded.rows, outcomes)
                refused += len(failures) + len(loaded.chunk.unreadable)
                if failures != list(loaded.chunk.failures):
                    await imports.keep_failures(session, job.id, loaded.chunk.number, failures)
            number += len(some)
        values: dict[str, Any] = {"changed": job.changed + changed, "refused": job.refused + refused}
        if number == job.chunks:
            values |= {"state": State.FINISHED.value, "finished_at": datetime.now(UTC)}
            await change_feed.record_notice(session, Kind.IMPORT_FINISHED, import_job_id=job.id)
        return await imports.advance(session, job, self._by, applied_chunks=number, **values)

    async def _apply_chunks(self, session: AsyncSession, some: Sequence[_Loaded]) -> Sequence[Sequence[Outcome]]:
        """Apply chunks at a time: while one is in the database, the rules look at the next one.

        They must not see what the others leave, so chunks that name one level are refused with _SharedError.
        """
        tasks = [asyncio.create_task(self._apply_chunk(session, loaded)) for loaded in some]
        try:
            outcomes = [await task for task in tasks]
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        if len(some) > 1:
            levels = [
                {(outcome.product_id, outcome.location_id) for outcome in each} - {(None, None)} for each in outcomes
            ]
            if len(set().union(*levels)) < sum(map(len, levels)):
                raise _SharedError
        return outcomes

    async def _apply_chunk(self, session: AsyncSession, loaded: _Loaded) -> Sequence[Outcome]:
        """Apply one chunk. Its idempotency key is kept without the outcomes: nobody replays them."""
        number = loaded.chunk.number
        job, group = self.job, self._group(loaded.changes)
        origin, key = group.origin, f"import:{job.id}:{number}"
        if await idempotency.take(session, origin, key, (job.fingerprint, number)) is not None:
            raise LeaseLostError(f"{key} was applied by somebody else.")
        try:
            applied = await inventory.apply(session, group)
        except GroupRejectedError:
            self._refused_at = number
            raise
        await idempotency.keep(session, origin, key, orjson.dumps({"group_id": applied.group_id}).decode())
        return applied.outcomes

    async def _stopped(self, number: int, outcomes: Sequence[Outcome]) -> None:
        """A row was refused that the preview accepted, and the policy is atomic."""
        [chunk] = await self._database.read(imports.chunks, self.job.id, number, 1)
        failures = _failures(rows_of(chunk.rows), outcomes)
        why = f"line {failures[0]['line']}: {failures[0]['message']} It was stopped there, as the policy is atomic."

        async def write(session: AsyncSession) -> Job:
            await imports.keep_failures(session, self.job.id, number, failures)
            return await imports.advance(
                session, self.job, self._by, state=State.FAILED.value, error=why, refused=len(failures),
                finished_at=datetime.now(UTC),
            )  # fmt: skip

        self.job = await patiently(self._database, write)
        self.told(self.job)


class _Loaded(NamedTuple):
    """A chunk, its rows, and what they ask for."""

    chunk: Chunk
    rows: Sequence[Row]
    changes: Sequence[Change]


class _Ahead:
    """Gives chunk after chunk, and has the next ones made ready while the database is busy with this one."""

    def __init__(self, database: Database, job: Job) -> None:
        self._database = database
        self._job = job
        self._mode: Mode = job.asked.mode
        self._tasks: dict[int, asyncio.Task[_Loaded]] = {}

    async def get(self, number: int) -> _Loaded:
        """A chunk by its number. Whoever tries again may ask for an earlier one."""
        for wanted in range(number, min(number + 1 + _ABREAST, self._job.chunks)):
            if wanted not in self._tasks:
                self._tasks[wanted] = asyncio.create_task(self._load(wanted))
        for passed in [each for each in self._tasks if each < number - _KEPT]:
            del self._tasks[passed]
        return await self._tasks[number]

    async def _load(self, number: int) -> _Loaded:
        [chunk] = await self._database.read(imports.chunks, self._job.id, number, 1)
        rows = rows_of(chunk.rows)
        return _Loaded(chunk, rows, [change_of(row, self._mode) for row in rows])

    async def close(self) -> None:
        """Nothing more is wanted."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()


def _counts(preview: Preview) -> dict[str, Any]:
    return {
        "to_change": preview.to_change, "unchanged": preview.unchanged, "failed": preview.failed,
        "sample": preview.sample,
    }  # fmt: skip


def _failures(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> list[Failure]:
    """The rows that were refused."""
    return [failure_of(rows[outcome.index], outcome.error) for outcome in outcomes if outcome.error is not None]
