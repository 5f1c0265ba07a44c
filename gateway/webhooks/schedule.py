"""When what failed is tried again: the schedule of the Standard Webhooks specification, within 24 hours.

Its steps (5 seconds, 5 minutes, 30 minutes, 2, 5 and 10 hours after the attempt before) are counted from the first
attempt here, and the last one is at 24 hours. So events that fail and endpoints that do have one schedule, which needs
no memory but of when it began. Pure functions: the caller has the clock and the dice.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import accumulate
from typing import Final

LIMIT: Final = timedelta(hours=24)
_STEPS_S: Final = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600)
_OFFSETS: Final = (*(timedelta(seconds=seconds) for seconds in accumulate(_STEPS_S)), LIMIT)
_JITTER: Final = 0.1
"""By so much of a step an attempt is late at most, so that what failed together does not come again together."""
_SOON: Final = timedelta(seconds=1)

Dice = Callable[[], float]
"""A number from 0 to 1."""


def following(first: datetime, now: datetime, dice: Dice = random.random) -> datetime | None:
    """When to try again what was first tried at `first` and has failed now; None after 24 hours."""
    elapsed = now - first
    offset = next((offset for offset in _OFFSETS if offset > elapsed), None)
    if offset is None:
        return None
    step = offset - elapsed
    return min(now + step + step * (_JITTER * dice()), first + LIMIT)


def asked_for(header: str | None, now: datetime) -> datetime | None:
    """When a `Retry-After` header wants to be asked again, a second to 24 hours from now; None if it does not say."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:9]), LIMIT.total_seconds()))
    else:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return now + min(max(wait, _SOON), LIMIT)
