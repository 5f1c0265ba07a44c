"""Who is served next, and who is not let in any more."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from storage.errors import OverloadedError
from storage.turnstile import BULK_LINES, PASSED_OVER_MAX, Line, Rank, Turnstile, rank_as, rank_by_lines

RANKS: Final = {"t": Rank.TILL, "b": Rank.BULK, "e": Rank.EXPORT}
FEW: Final = {Rank.TILL: 3, Rank.BULK: 2, Rank.EXPORT: 1}
MANY: Final = dict.fromkeys(Rank, 1000)


def served(come: str) -> str:
    """In which order those are served who all wait already."""
    line: Line[str] = Line(MANY)
    for who in come:
        line.join(who, RANKS[who])
    return "".join(filter(None, (line.next() for _ in range(len(come) + 1))))


@pytest.mark.parametrize(
    ("come", "expected"),
    [
        ("", ""),
        ("ebt", "tbe"),
        ("bbet", "tbbe"),
        ("eettbb", "ttbbee"),
        ("b" + 12 * "t", 10 * "t" + "b" + 2 * "t"),
        ("bb" + 25 * "t", 10 * "t" + "b" + 10 * "t" + "b" + 5 * "t"),
        ("e" + 12 * "b", 10 * "b" + "e" + 2 * "b"),
        ("eb" + 12 * "t", 10 * "t" + "be" + 2 * "t"),
    ],
)
def test_a_till_goes_before_a_bulk_before_an_export_but_none_is_passed_over_for_ever(come: str, expected: str) -> None:
    assert served(come) == expected
    assert PASSED_OVER_MAX == 10


def test_those_of_one_rank_are_served_as_they_came_and_who_leaves_is_not() -> None:
    line: Line[int] = Line(MANY)
    for who in range(4):
        line.join(who, Rank.BULK)
    line.leave(2)
    assert [line.next() for _ in range(4)] == [0, 1, 3, None]


@pytest.mark.parametrize(("rank", "retry_after_s"), [(Rank.TILL, 1), (Rank.BULK, 5), (Rank.EXPORT, 10)])
def test_one_more_than_may_wait_is_refused_while_other_ranks_are_not(rank: Rank, retry_after_s: int) -> None:
    line: Line[Rank | None] = Line(FEW)
    for _ in range(FEW[rank]):
        line.join(rank, rank)
    with pytest.raises(OverloadedError, match="Too many requests wait") as refused:
        line.join(rank, rank)
    assert refused.value.retry_after_s == retry_after_s
    for other in Rank:
        if other is not rank:
            line.join(other, other)
    for _ in range(9):
        line.join(None, None)  # what belongs to no request
    assert len(line) == FEW[rank] + 2 + 9


async def test_so_many_are_let_in_at_once_and_whoever_gives_up_keeps_nobody_out() -> None:
    turnstile, log = Turnstile(2, MANY), []

    async def pass_through(name: str, rank: Rank | None, lines: int = 1) -> None:
        rank_as(rank)
        rank_by_lines(lines)
        async with turnstile:
            log.append(name)
            await asyncio.sleep(0)

    async with turnstile, turnstile:
        tasks = {
            name: asyncio.create_task(pass_through(name, rank, lines))
            for name, rank, lines in (
                ("export", Rank.EXPORT, 1), ("bulk", Rank.TILL, BULK_LINES), ("cart", Rank.TILL, BULK_LINES - 1),
                ("gone", Rank.TILL, 1), ("ours", None, 1),
            )
        }  # fmt: skip
        await asyncio.sleep(0)
        tasks.pop("gone").cancel()
        await asyncio.sleep(0)
    tasks["cart"].cancel()  # in the same moment in which it may go in: the bulk gets its place
    late = asyncio.create_task(pass_through("late", Rank.TILL))
    await asyncio.gather(*tasks.values(), late, return_exceptions=True)
    assert log == ["ours", "bulk", "late", "export"]
    async with turnstile, turnstile:
        pass
