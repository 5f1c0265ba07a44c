"""What an import would come to: the rules of the write path, applied to the levels as they are, and nothing written.

Rows count one by one, in order, as applying takes them: of two rows for one level the later one finds what the first
one leaves. Which levels a file names twice is only known at its end, so such rows are looked at in a second pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from storage import inventory, keys
from storage.changes import Change, ChangeGroup, Refused
from storage.import_rows import Failure, Row, failure_of
from storage.lines import LevelKey, Line, Named
from storage.planning import NO_LEVEL, Level, landing

SAMPLE_MAX: Final = 10
_BITS: Final = 10
"""The logarithm of how many products share a word."""


class LevelSet:
    """Which levels were seen: a bit each, so that a million takes no room to speak of."""

    def __init__(self) -> None:
        self._words: dict[int, int] = {}

    def add(self, key: LevelKey) -> bool:
        """Whether it was there already."""
        word, bit = key[1] << 64 | key[0] >> _BITS, 1 << (key[0] & (1 << _BITS) - 1)
        seen = self._words.get(word, 0)
        if seen & bit:
            return True
        self._words[word] = seen | bit
        return False


class Preview:
    """Counts what the rows of a job would come to, chunk after chunk: all of them by first(), and if there are
    `repeats` then by again()."""

    def __init__(self, group: ChangeGroup) -> None:
        """`group` is as each chunk will be applied, but for its changes."""
        self._group = group
        self._seen = LevelSet()
        self._repeated: dict[LevelKey, Level | None] = {}
        self.to_change = self.unchanged = self.failed = 0
        self._sample: list[dict[str, Any]] = []
        self._failing: list[Failure] = []

    @property
    def repeats(self) -> bool:
        """Whether a level was named twice."""
        return bool(self._repeated)

    async def first(self, session: AsyncSession, rows: Sequence[Row], changes: Sequence[Change]) -> list[Failure]:
        """Look at every row but those of a level that an earlier row named; says which the inventory refuses."""
        failures: list[Failure] = []
        lines = await self._lines(session, rows, changes)
        before = await inventory.levels(session, _keys(lines))
        for row, line in lines:
            if isinstance(line, Refused):
                failures.append(self._fail(row, line))
                continue
            key = line.item.id, line.place.id
            if self._seen.add(key):
                self._repeated[key] = None
            else:
                self._count(row, line, before.get(key, NO_LEVEL), failures)
        return failures

    async def again(self, session: AsyncSession, rows: Sequence[Row], changes: Sequence[Change]) -> list[Failure]:
        """Look at the rows of levels that are named twice, the later ones of which were left out before."""
        failures: list[Failure] = []
        repeated = self._repeated
        lines = [
            (row, line)
            for row, line in await self._lines(session, rows, changes)
            if isinstance(line, Line) and (line.item.id, line.place.id) in repeated
        ]
        before = await inventory.levels(session, _keys(lines))
        for row, line in lines:
            key = line.item.id, line.place.id
            level = repeated[key]
            if level is None:  # it was counted
                level = before.get(key, NO_LEVEL)
                after = landing(line, level, self._group)
                repeated[key] = level if isinstance(after, Refused) else after
            else:
                repeated[key] = self._count(row, line, level, failures)
        return failures

    async def _lines(
        self, session: AsyncSession, rows: Sequence[Row], changes: Sequence[Change]
    ) -> list[tuple[Row, Line | Refused]]:
        """The rows with what they name."""
        items = await keys.resolve_items(session, {key for change in changes for key in change.items})
        places = await keys.resolve_locations(session, {change.location for change in changes})
        named = Named(items, places, self._group.origin.locations)
        return [(row, _line(named, change)) for row, change in zip(rows, changes, strict=True)]

    def _count(self, row: Row, line: Line, level: Level, failures: list[Failure]) -> Level:
        """Count what a row comes to; and what it leaves."""
        after = landing(line, level, self._group)
        if isinstance(after, Refused):
            failures.append(self._fail(row, after))
            return level
        if after is level:
            self.unchanged += 1
            return level
        self.to_change += 1
        if len(self._sample) < SAMPLE_MAX:
            self._sample.append(_shown(row, line, level, after))
        return after

    def _fail(self, row: Row, refused: Refused) -> Failure:
        failure = failure_of(row, refused)
        self.fail([failure])
        return failure

    def fail(self, failures: Sequence[Failure]) -> None:
        """Count rows that fail: the unreadable ones are known before."""
        self.failed += len(failures)
        self._failing += failures[: SAMPLE_MAX - len(self._failing)]

    @property
    def sample(self) -> list[dict[str, Any]]:
        """The first rows that would change something, and the first ones that fail."""
        failing = [{name: value for name, value in failure.items() if name != "row"} for failure in self._failing]
        return [*self._sample, *failing]


def _line(named: Named, change: Change) -> Line | Refused:
    line = named.line(change)
    assert not isinstance(line, tuple) or isinstance(line, Line)  # noqa: S101 (for the type checker: no row is a transfer)
    return line


def _keys(lines: Iterable[tuple[Row, Line | Refused]]) -> list[LevelKey]:
    return [(line.item.id, line.place.id) for _, line in lines if isinstance(line, Line)]


def _shown(row: Row, line: Line, before: Level, after: Level) -> dict[str, Any]:
    """What a row would change, as the preview shows it."""
    changes = dict(_changed(before, after))
    return {
        "line": row[0], "product_id": line.item.id, "sku": line.item.sku, "location_id": line.place.id,
        "changes": changes,
    }  # fmt: skip


def _changed(before: Level, after: Level) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, old, new in zip(Level._fields, before, after, strict=True):
        if old != new and name != "version":
            yield ("stock" if name == "on_hand" else name), {"before": _plain(old), "after": _plain(new)}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int) else str(value)
