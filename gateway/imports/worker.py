"""Works on the imports that were sent: in every process, one job at a time in each, none in two."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog

from storage import deadline, imports
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.import_run import Run
from storage.imports import Job, LeaseLostError

EVERY_S: Final = 2.0
"""How soon a job is gone on with after another process died."""
log = structlog.get_logger("stockgate.imports")


class _StoppedError(Exception):
    """This process ends: somebody else goes on."""


class Worker:
    """Takes jobs that nobody works on, and does what there is to do."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None
        self._ends = False

    def nudge(self) -> None:
        """See whether there is something to do, now."""
        if not self._ends and (self._task is None or self._task.done()):
            self._task = deadline.outliving(self._try())

    async def look(self) -> None:
        """The same, as a chore."""
        self.nudge()

    async def _try(self) -> None:
        try:
            await self.work()
        except StorageUnavailableError as error:
            log.warning("imports have to wait", error=str(error))
        except Exception:
            log.exception("imports could not be worked on")

    async def work(self) -> None:
        """Work on one job after the other until none waits."""
        while waiting := await self._database.read(imports.waiting):
            for job_id in waiting:
                await self._work_on(job_id)
            if self._ends:
                return

    async def _work_on(self, job_id: int) -> None:
        by = imports.holder()
        job = await self._database.transact(imports.take, job_id, by)
        if job is None:
            return
        try:
            job = await Run(self._database, job, by, self._go_on).go_on()
            log.info("worked on an import", job=job.id, state=job.state.value, changed=job.changed, refused=job.refused)
        except (_StoppedError, LeaseLostError):
            log.info("no longer at work on an import", job=job_id)
        except StorageUnavailableError:
            raise
        except Exception:
            log.exception("an import cannot go on", job=job_id)
            await self._database.transact(imports.give_up, job_id, "Internal server error; the server's log has it.")
        finally:
            with contextlib.suppress(StorageUnavailableError):
                await self._database.transact(imports.let_go, job_id, by)

    def _go_on(self, _job: Job) -> None:
        """After each transaction, whether there shall be another one."""
        if self._ends:
            raise _StoppedError

    async def close(self) -> None:
        """End after the transaction that is under way; another process, or the next one, goes on."""
        self._ends = True
        if self._task is not None:
            await self._task
