"""What each key may spend in a minute, in points of cost. Counted by each process for itself, in memory."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from gateway.graphql.refusals import RATE_LIMITED, RefusedError

_PURSES_MAX: Final = 10_000
_PORTIONS: Final = 1000


@dataclass(slots=True)
class Purse:
    """What a key has drawn from its minute and not spent yet; so that not each request has to ask the limiter."""

    item: RateLimitItem
    drawn: int = 0
    left: int = 0
    resets_at: float = 0.0

    @property
    def limit(self) -> int:
        """Points per minute."""
        return self.item.amount

    @property
    def remaining(self) -> int:
        """Points that may be spent until the minute is over."""
        return self.drawn + self.left

    def headers(self) -> dict[str, str]:
        """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/07/"""
        return {name.decode(): value.decode() for name, value in self.raw_headers()}

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The same, as ASGI has them."""
        reset_s = math.ceil(self.resets_at - time.time())
        return [
            (b"ratelimit-limit", b"%d" % self.item.amount),
            (b"ratelimit-remaining", b"%d" % (self.drawn + self.left)),
            (b"ratelimit-reset", b"%d" % max(reset_s, 0)),
        ]


class Budgets:
    """The purses of all keys."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._purses: OrderedDict[tuple[int, int], Purse] = OrderedDict()

    async def charge(self, key_id: int, points: int, per_minute: int | None = None) -> Purse | None:
        """Spend points of a key, which may have a limit of its own; None when it is without limit.

        Raises RefusedError when the minute has not so many left.
        """
        limit = self._per_minute if per_minute is None else per_minute
        if not limit:
            return None
        purse = self._purses.get((key_id, limit)) or self._open(key_id, limit)
        if purse.drawn < points or time.time() >= purse.resets_at:
            await self._draw(purse, str(key_id), points)
        purse.drawn -= points
        return purse

    def _open(self, key_id: int, limit: int) -> Purse:
        purse = self._purses[key_id, limit] = Purse(RateLimitItemPerMinute(limit, namespace="cost"))
        while len(self._purses) > _PURSES_MAX:
            self._purses.popitem(last=False)
        return purse

    async def _draw(self, purse: Purse, key: str, points: int) -> None:
        """Take a thousandth of the minute's points, and at least those that are needed now."""
        stats = await self._limiter.get_window_stats(purse.item, key)
        if time.time() >= purse.resets_at:
            purse.drawn = 0  # what was drawn of another minute is gone with it
        needed = points - purse.drawn
        if needed > stats.remaining:
            purse.left = stats.remaining
            raise _exhausted(purse, points)
        taken = min(max(needed, purse.limit // _PORTIONS), stats.remaining)
        await self._limiter.hit(purse.item, key, cost=taken)
        stats = await self._limiter.get_window_stats(purse.item, key)
        purse.drawn += taken
        purse.left, purse.resets_at = stats.remaining, stats.reset_time


def _exhausted(purse: Purse, points: int) -> RefusedError:
    wait = max(math.ceil(purse.resets_at - time.time()), 1)
    if points > purse.limit:
        message = f"This request costs {points} points, and this key may spend {purse.limit} in a minute. Ask for less."
    else:
        message = f"This key has spent its {purse.limit} points of this minute. Try again in {wait} s."
    headers = {**purse.headers(), "Retry-After": str(wait)}
    told = {"retryAfter": wait, "requested": points, "limit": purse.limit, "remaining": purse.remaining}
    return RefusedError(429, RATE_LIMITED, message, headers, told)
