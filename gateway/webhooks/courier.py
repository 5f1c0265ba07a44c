"""Sends for one endpoint, while this process has it leased.

What is of one level is sent in order, one after another; up to so many levels at once. What fails waits in the
database, and all of its level behind it, while the others go on. An endpoint of which everything fails is left alone:
its position stays, and by its schedule the next courier sends a single message, until one arrives.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Final, Protocol

import structlog

from gateway.webhooks import schedule
from gateway.webhooks.letters import Letter, Reading
from gateway.webhooks.message import Answer, Format, Judged, Message, Verdict
from gateway.webhooks.recorder import Recorder, Written
from gateway.webhooks.together import Together
from storage import webhook_deliveries, webhook_events
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.webhook_deliveries import Delivery, DeliveryStatus, Level, Progress
from storage.webhook_endpoints import Endpoint
from storage.webhook_events import Event
from storage.webhook_topics import Topic

CIRCUIT: Final = 5
"""So many failures in a row, of whatever, and the endpoint is left alone for a while."""
_PAGE: Final = 200
"""Events that are in hand at most, about."""
_BEHIND: Final = 50
"""Letters that are read at once of what waits at a level."""
_IDLE_S: Final = 20.0
"""After so long without anything to do others may have the endpoint."""
_RETRY_S: Final = 1.0
log = structlog.get_logger("stockgate.webhooks")


class Post(Protocol):
    """How messages are sent."""

    async def post(self, message: Message) -> Answer:
        """Send one, and say what came of it."""


@dataclass(frozen=True, slots=True)
class Office:
    """What all couriers of a process have in common."""

    database: Database
    post: Post
    formats: Mapping[str, Format]
    recorder: Recorder
    concurrency: int
    clock: Callable[[], datetime]
    dice: Callable[[], float] = random.random
    together: Together = field(default_factory=Together)


class Courier:
    """For one endpoint: run() until there is nothing to do, or it has to stop."""

    def __init__(self, office: Office, endpoint: Endpoint, *, may_send: Callable[[float], bool]) -> None:
        """`may_send`: whether the lease outlasts a request of so many seconds."""
        self.endpoint = endpoint
        self._office = office
        self._format = office.formats[endpoint.format]
        self._may_send = may_send
        self._wake = asyncio.Event()
        self._horizon = endpoint.position
        self._reading = Reading(endpoint.position, set())
        self._lines: dict[Level, deque[Letter]] = {}
        """What is to be sent now. A line that is being sent is among the `_running`."""
        self._blocked: dict[Level, datetime] = {}
        """The levels of which something waits in the database, and when the first of it is tried."""
        self._running: dict[Level, asyncio.Task[None]] = {}
        self._failures = endpoint.failures
        self._failing_since = self._not_counting(endpoint.retry_at, endpoint.failing_since)
        self._retry_at: datetime | None = None
        self._disabled_reason: str | None = None
        self._careful = endpoint.retry_at is not None
        """It was left alone: one message at a time, until one arrives."""
        self._halted = False
        self._has_changed = False
        self._rows: list[Delivery] = []

    def offer(self, horizon: int) -> None:
        """The feed is complete up to there now."""
        if horizon > self._horizon:
            self._horizon = horizon
            self._wake.set()

    def wake(self) -> None:
        """Look what there is to do: time may have passed that nobody waited for."""
        self._wake.set()

    def stop(self, *, changed: bool = False) -> None:
        """Begin nothing any more. `changed`: its owner has changed the endpoint, so that how it was does not count."""
        self._halted = True
        self._has_changed |= changed
        self._wake.set()

    def lost(self) -> None:
        """Somebody else has the endpoint: what is under way is of no use."""
        self.stop()
        for task in self._running.values():
            task.cancel()

    async def run(self) -> None:
        """Send, until there is nothing to do for a while, or it has to stop; then record what came of it."""
        try:
            await self._load()
            await self._send_all()
        except StorageUnavailableError as error:
            log.warning("webhooks have to wait", endpoint=self.endpoint.id, error=str(error))
        except Exception:  # such as a secret that cannot be opened: the next courier tries again, later and later
            log.exception("webhooks cannot be made", endpoint=self.endpoint.id)
            now = self._office.clock()
            self._failures += 1
            self._failing_since = self._failing_since or now
            at = schedule.following(self._failing_since, now, self._office.dice)
            self._retry_at = at or now + schedule.LIMIT
        finally:
            self._halted = True
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            self._office.recorder.note(self)

    async def _load(self) -> None:
        database, endpoint = self._office.database, self.endpoint
        known = await database.read(webhook_deliveries.beyond, endpoint.id, endpoint.position)
        self._reading = Reading(endpoint.position, known)
        heads = await database.read(webhook_deliveries.heads, endpoint.id)
        self._blocked = {level: at or self._office.clock() for level, at in heads.items()}

    async def _send_all(self) -> None:
        while not self._halted:
            self._wake.clear()
            if self._can_read:
                await self._read_more()
            await self._unblock()
            self._begin()
            if self._can_read and len(self._running) < self._places:
                continue
            if not await self._woken() and not self._running and not self._blocked:
                return

    @property
    def _can_read(self) -> bool:
        if self._format.merges and (self._lines or self._running):
            return False
        return len(self._reading) < _PAGE and self._reading.read_up_to < self._horizon

    @property
    def _places(self) -> int:
        return 1 if self._careful else self._office.concurrency

    async def _read_more(self) -> None:
        """The next events of the feed: those of blocked levels wait, too."""
        office, reading, wants = self._office, self._reading, self.endpoint
        page = (reading.read_up_to, self._horizon, _PAGE)
        events, up_to = await office.together.once(
            (wants.topics, wants.location_ids, wants.product_ids, *page),
            lambda: office.database.read(webhook_events.read, wants, *page),
        )
        new = [event for event in events if not reading.is_known(event.sequence)]
        messages = await self._format.messages(self.endpoint, new, office.database) if new else []
        reading.advance([event.sequence for event in new], up_to)
        told = {event.sequence for message in messages for event in message.events}
        for event in new:
            if event.sequence not in told:
                reading.done(event.sequence)
        for message in messages:
            self._queue(Letter(message))

    def _queue(self, letter: Letter) -> None:
        if (at := self._blocked.get(letter.level)) is not None:
            self._keep([letter], DeliveryStatus.WAITING, next_at=at)
        else:
            self._lines.setdefault(letter.level, deque()).append(letter)

    async def _unblock(self) -> None:
        """Read what waits at levels whose time has come."""
        now = self._office.clock()
        blocked = [(at, level) for level, at in self._blocked.items() if level not in self._lines]
        due = [level for at, level in blocked if at <= now]
        if self._careful:  # a single one, and of what is new, if there is any: what failed once may fail by itself
            earliest = [level for _, level in sorted(blocked, key=itemgetter(0))]
            due = [] if self._lines else earliest
        for level in due[: max(self._places - len(self._running), 0)]:
            await self._load_line(level)

    async def _load_line(self, level: Level) -> None:
        """Put what waits at a level in its line. If that is all of it, the level is one as any other again."""
        office, endpoint = self._office, self.endpoint
        if office.recorder.is_writing or any(row.level == level for row in self._rows):
            await office.recorder.flush()
        waiting = await office.database.read(webhook_deliveries.behind, endpoint.id, level, _BEHIND)
        letters = [letter for row in waiting if (letter := await self._letter(row)) is not None]
        if letters:
            self._lines[level] = deque(letters)
        if len(waiting) < _BEHIND:
            del self._blocked[level]

    async def _letter(self, row: Delivery) -> Letter | None:
        """What waits, as it was written or, where that was not kept, made anew. None: there is nothing to tell."""
        event = _event_of(row)
        first_at = self._not_counting(row.next_at, row.first_at)
        if row.payload is None:
            read = self._office.database.read
            found, _ = await read(webhook_events.read, self.endpoint, row.sequence - 1, row.sequence, 1)
            messages = await self._format.messages(self.endpoint, found, self._office.database) if found else []
            if not messages:
                gone = Answer(None, 0, "The event is not in the feed any more, or the endpoint wants no such events.")
                letter = Letter(Message([event], "", b"", {}), row.attempts, row.created_at, first_at)
                self._keep([letter], DeliveryStatus.FAILED, answer=gone)
                return None
            message = messages[0]
        else:
            message = self._format.again(self.endpoint, event, row.payload.encode())
        return Letter(message, row.attempts, row.created_at, first_at)

    def _not_counting(self, due: datetime | None, since: datetime | None) -> datetime | None:
        """Since when something fails. The time since it was due and nobody tried it, paused or stopped, is left out."""
        if due is None or since is None:
            return since
        return since + max(self._office.clock() - due, timedelta())

    def _begin(self) -> None:
        """Send lines that nobody sends yet, as many as there is place for."""
        for level in [level for level in self._lines if level not in self._running]:
            if self._halted or len(self._running) >= self._places:
                return
            task = asyncio.create_task(self._send_line(level))
            self._running[level] = task
            task.add_done_callback(partial(self._ended, level))

    def _ended(self, level: Level, task: asyncio.Task[None]) -> None:
        del self._running[level]
        if not task.cancelled() and (error := task.exception()):
            log.error("sending webhooks failed", endpoint=self.endpoint.id, exc_info=error)
            self._halted = True
        self._wake.set()

    async def _send_line(self, level: Level) -> None:
        """Send what stands in a line, one after another, until it is empty or something fails."""
        line = self._lines[level]
        while line and not self._halted:
            letter = line[0]
            if not self._may_send(letter.message.timeout_s):
                self._halted = True
                return
            answer = await self._office.post.post(letter.message)
            line.popleft()
            if not self._take(letter, answer):
                behind, next_at = list(line), self._blocked.get(level)
                line.clear()
                if next_at is not None:
                    self._keep(behind, DeliveryStatus.WAITING, next_at=next_at)
        if not line:
            del self._lines[level]

    def _take(self, letter: Letter, answer: Answer) -> bool:
        """Note what came of a letter, and say whether what stands behind it goes on."""
        judged = self._format.judge(self.endpoint, self._failures, answer)
        now = self._office.clock()
        letter.attempts += 1
        letter.first_at = letter.first_at or now
        if judged.verdict is Verdict.DELIVERED:
            self._keep([letter], DeliveryStatus.DELIVERED, answer=answer)
            self._recovered(now)
            return True
        self._failures += 1
        self._failing_since = self._failing_since or now
        if judged.disabled_reason is not None:
            self._disable(judged.disabled_reason)
        if judged.verdict is Verdict.FAILED:
            self._keep([letter], DeliveryStatus.FAILED, answer=answer)
            return True
        return self._failed(letter, answer, judged, now)

    def _failed(self, letter: Letter, answer: Answer, judged: Judged, now: datetime) -> bool:
        """It is sent again, unless that has been tried for too long; then what stands behind it goes on."""
        asked = schedule.asked_for(answer.retry_after, now) if answer.status in {429, 503} else None
        next_at = schedule.following(letter.first_at or now, now, self._office.dice)
        if judged.disabled_reason is None:
            self._leave_alone(asked, now)
        if next_at is None and not self._disabled_reason:
            self._keep([letter], DeliveryStatus.FAILED, answer=answer)
            return True
        at = asked or next_at or now
        self._blocked[letter.level] = at
        self._keep([letter], DeliveryStatus.WAITING, answer=answer, next_at=at)
        return False

    def _leave_alone(self, asked: datetime | None, now: datetime) -> None:
        """Send nothing for a while, if the receiver asks for that or nothing arrives."""
        if asked is None and self._failures < CIRCUIT and not self._careful:
            return
        at = schedule.following(self._failing_since or now, now, self._office.dice)
        if at is None and self._failures >= CIRCUIT:
            self._disable(
                f"Nothing has arrived for 24 hours: {self._failures} requests in a row failed. Resume it when the "
                "receiver works again: it goes on where it was."
            )
        self._retry_at = asked or at or now + schedule.LIMIT
        self._halted = True
        self._wake.set()

    def _recovered(self, now: datetime) -> None:
        self._failures, self._failing_since = 0, None
        if self._careful:  # what waits need not wait for its own time
            self._careful = False
            self._blocked = dict.fromkeys(self._blocked, now)

    def _disable(self, reason: str) -> None:
        self._disabled_reason = reason
        self._halted = True

    def _keep(
        self,
        letters: list[Letter],
        status: DeliveryStatus,
        *,
        answer: Answer | None = None,
        next_at: datetime | None = None,
    ) -> None:
        """Have written what became of letters: with that the feed is done with their events."""
        now = self._office.clock()
        for letter in letters:
            self._rows += letter.rows(self.endpoint.id, status, now, answer=answer, next_at=next_at)
            for event in letter.message.events:
                self._reading.done(event.sequence)
        self._office.recorder.note(self)

    def written(self) -> Written:
        """What is to be recorded now."""
        rows, self._rows = self._rows, []
        before, changed = self.endpoint, self._has_changed
        progress = Progress(
            before.id,
            self._reading.position,
            0 if changed else self._failures,
            None if changed else self._failing_since,
            None if changed else self._retry_at,
            None if changed else self._disabled_reason,
        )
        return Written(progress, rows)

    def not_written(self, written: Written) -> None:
        """It is still to be recorded."""
        self._rows = [*written.deliveries, *self._rows]

    async def _woken(self) -> bool:
        """Wait for something to happen; False when nothing did for long."""
        wait_s = _IDLE_S
        if self._blocked:
            first = min(at for at in self._blocked.values())
            wait_s = min(max((first - self._office.clock()).total_seconds(), 0.01), _IDLE_S)
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True


def _event_of(row: Delivery) -> Event:
    return Event(row.sequence, Topic(row.topic), row.product_id, row.location_id, row.created_at)
