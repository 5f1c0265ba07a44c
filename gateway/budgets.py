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

from gateway.authentication import Principal

_PURSES_MAX: Final = 10_000
_PORTIONS: Final = 1000


class RateLimitedError(Exception):
    """A key's minute has not so many points left. `headers` say when to come back."""

    def __init__(self, purse: Purse, points: int) -> None:
        self.retry_after_s = wait = max(math.ceil(purse.resets_at - time.time()), 1)
        self.requested, self.limit, self.remaining = points, purse.limit, purse.remaining
        self.headers = {**purse.headers(), "Retry-After": str(wait)}
        if points > purse.limit:
            limit = f"this key may spend {purse.limit} in a minute"
            super().__init__(f"This request costs {points} points, and {limit}. Ask for less.")
        else:
            super().__init__(f"This key has spent its {purse.limit} points of this minute. Try again in {wait} s.")


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

    async def charge(self, principal: Principal, points: int) -> Purse | None:
        """Spend points of a key, which may have a limit of its own; None when it is without limit.

        Raises RateLimitedError when the minute has not so many left.
        """
        credential = principal.credential
        limit = self._per_minute if credential.cost_per_minute is None else credential.cost_per_minute
        if not limit:
            return None
        key_id = -credential.id if principal.is_webhook else credential.id  # secrets are numbered apart
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
            raise RateLimitedError(purse, points)
        taken = min(max(needed, purse.limit // _PORTIONS), stats.remaining)
        await self._limiter.hit(purse.item, key, cost=taken)
        stats = await self._limiter.get_window_stats(purse.item, key)
        purse.drawn += taken
        purse.left, purse.resets_at = stats.remaining, stats.reset_time
