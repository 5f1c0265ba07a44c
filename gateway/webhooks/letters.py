"""What one endpoint is still to be sent: lines of letters, one for each level, and how far the feed is done with."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.webhooks.message import Answer, Message
from storage.webhook_deliveries import Delivery, DeliveryStatus, Level


@dataclass(slots=True)
class Letter:
    """A message on its way, and what is known of earlier attempts."""

    message: Message
    attempts: int = 0
    created_at: datetime | None = None
    first_at: datetime | None = None

    @property
    def level(self) -> Level:
        """Whose line it stands in."""
        first = self.message.events[0]
        return Level(first.product_id, first.location_id)

    def rows(
        self,
        endpoint_id: int,
        status: DeliveryStatus,
        now: datetime,
        *,
        answer: Answer | None = None,
        next_at: datetime | None = None,
    ) -> list[Delivery]:
        """What is written of it, one row for each event."""
        keeps_body = status is not DeliveryStatus.DELIVERED
        return [
            Delivery(
                endpoint_id=endpoint_id,
                sequence=event.sequence,
                event_id=event.id,
                topic=event.topic,
                product_id=event.product_id,
                location_id=event.location_id,
                status=status,
                attempts=self.attempts,
                created_at=self.created_at or now,
                first_at=self.first_at,
                next_at=next_at,
                response_status=answer.status if answer else None,
                error=answer.error if answer else None,
                duration_ms=answer.duration_ms if answer else None,
                payload=self.message.body.decode() if keeps_body else None,
            )
            for event in self.message.events
        ]


class Reading:
    """How far the feed has been read, and which of the events that were read are not done with."""

    def __init__(self, position: int, known: set[int]) -> None:
        self.read_up_to = position
        self._known = known
        """Sequences behind the position of which it was known already what became of them."""
        self._open: deque[int] = deque()
        self._done: set[int] = set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def position(self) -> int:
        """Up to where all is done with."""
        return self._open[0] - 1 if self._open else self.read_up_to

    def is_known(self, sequence: int) -> bool:
        """Whether there is nothing to do for an event, because it was done before."""
        return sequence in self._known

    def advance(self, sequences: Iterable[int], read_up_to: int) -> None:
        """These events have been read, in order, and nothing else lies up to there."""
        self._open.extend(sequences)
        self.read_up_to = read_up_to

    def done(self, sequence: int) -> None:
        """What became of this event is known, or will be written together with the position."""
        self._done.add(sequence)
        while self._open and self._open[0] in self._done:
            self._done.discard(self._open.popleft())
