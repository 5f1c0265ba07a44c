"""A statement that many followers run over rows of their own: what several ask for at the same moment is read once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from storage import deadline
from storage.database import Database

_KEPT_MAX: Final = 2_000
_KEPT_CHARACTERS_MAX: Final = 4_000_000


class SharedRead:
    """Texts by key. `values_of(keys)` are the statement's parameters; its rows are pairs of a key and a text.

    With `keep` the last texts are kept for those who come later: for rows that do not change.
    """

    def __init__(
        self, database: Database, sql: str, values_of: Callable[[list[Any]], Sequence[Any]], *, keep: bool
    ) -> None:
        self._database = database
        self._sql = sql
        self._values_of = values_of
        self._keep = keep
        self._kept: OrderedDict[Any, str] = OrderedDict()
        self._characters = 0
        self._asked: set[Any] = set()
        self._reading: asyncio.Task[dict[Any, str]] | None = None

    async def texts(self, keys: Collection[Any]) -> dict[Any, str]:
        """The texts of those keys that have a row. Raises as Database.fetch_rows() does."""
        found = {key: self._kept[key] for key in keys if key in self._kept}
        if missing := [key for key in keys if key not in found]:
            self._asked.update(missing)
            if self._reading is None:
                self._reading = deadline.outliving(self._read())
                self._reading.add_done_callback(_looked_at)
            found.update(await asyncio.shield(self._reading))
        return found

    async def _read(self) -> dict[Any, str]:
        await asyncio.sleep(0)  # everybody who was woken by the same change asks first
        asked, self._asked, self._reading = self._asked, set(), None
        rows = await self._database.fetch_rows(self._sql, self._values_of(sorted(asked)))
        texts: dict[Any, str] = dict(rows)  # type: ignore[arg-type]
        if self._keep:
            self._remember(texts)
        return texts

    def _remember(self, texts: dict[Any, str]) -> None:
        for key, text in texts.items():
            if key not in self._kept:
                self._kept[key] = text
                self._characters += len(text)
        while len(self._kept) > _KEPT_MAX or self._characters > _KEPT_CHARACTERS_MAX:
            self._characters -= len(self._kept.popitem(last=False)[1])


def _looked_at(reading: asyncio.Task[Any]) -> None:
    """All who asked may be gone: its error is nobody's then."""
    if not reading.cancelled():
        reading.exception()
