"""What failed is tried again for 24 hours, by the steps of the Standard Webhooks specification."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.webhooks import schedule, worker_name

FIRST = datetime(2026, 11, 22, 12, tzinfo=UTC)


def attempts(luck: float, takes: timedelta = timedelta()) -> list[timedelta]:
    """When attempts are made that all fail, each after so long."""
    made, at = [timedelta()], FIRST
    while (following := schedule.following(FIRST, at + takes, lambda: luck)) is not None:
        at = following
        made.append(at - FIRST)
    return made


def test_attempts_follow_the_specification_and_the_last_one_is_at_24_hours() -> None:
    hours = timedelta(hours=1)
    exact = [0, 5, 305, 2105, 9305, 27305, 63305, 86400]
    assert attempts(0) == [timedelta(seconds=seconds) for seconds in exact]
    late = attempts(1)
    assert all(a <= b <= a * 1.15 + timedelta(seconds=1) for a, b in zip(attempts(0), late, strict=True))
    assert late[-1] == 24 * hours
    assert attempts(0, timedelta(seconds=15))[1] == timedelta(seconds=305)  # the step of 5 seconds is over by then
    assert schedule.following(FIRST, FIRST - hours, lambda: 0) is not None  # a clock that was set back


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 7 ", 7),
        ("0", 1),
        ("99999999999999999999", 86_400),
        ("Sun, 22 Nov 2026 12:01:00 GMT", 60),
        ("Sunday, 22-Nov-26 12:01:00 GMT", 60),
        ("Sun Nov 22 12:01:00 2026", 60),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_says_seconds_or_a_date_and_is_never_longer_than_a_day(
    header: str | None, seconds: int | None
) -> None:
    wanted = None if seconds is None else FIRST + timedelta(seconds=seconds)
    assert schedule.asked_for(header, FIRST) == wanted


def test_a_process_can_be_told_to_be_dead_on_its_own_machine_only() -> None:
    name = worker_name.own()
    assert name != worker_name.own()
    assert not worker_name.is_dead(name)
    place, pid, began, unique = name.split(" ")
    assert worker_name.is_dead(f"{place} {pid} {int(began) - 1} {unique}")  # its number was given to another
    assert worker_name.is_dead(f"{place} 4194305 {began} {unique}")  # more than there can be
    assert not worker_name.is_dead(f"elsewhere 4194305 {began} {unique}")
    for unknown in ("", "gateway-2", " 1 2 3", "a b c d"):
        assert not worker_name.is_dead(unknown)
