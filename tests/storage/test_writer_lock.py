"""Who writes to one SQLite file: first come, first served, over processes, and over the dead bodies of some."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from storage import deadline
from storage.errors import DeadlineExceededError, StorageUnavailableError
from storage.writer_lock import WriterLock

ROOT: Final = Path(__file__).parents[2]
HOLDER: Final = """
import asyncio, sys, time
from pathlib import Path
from storage.writer_lock import WriterLock

async def main(database, name, times, seconds):
    lock, tally = WriterLock(database), Path(database + ".tally")
    for _ in range(int(times)):
        async with lock.held():
            before = tally.read_text()
            time.sleep(float(seconds))
            tally.write_text(before + name)

asyncio.run(main(*sys.argv[1:]))
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Of a database, with a tally beside it that loses a mark when two write at once."""
    Path(f"{tmp_path}/shop.db.tally").write_text("")
    return f"{tmp_path}/shop.db"


@pytest.fixture
def start(path: str) -> Iterator[Start]:
    """Starts a process that holds the lock so many times for so long, and marks the tally each time."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, times: int, seconds: float = 0.002) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HOLDER, path, name, str(times), str(seconds)]
        started.append(subprocess.Popen(command, cwd=ROOT))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


async def queued(path: str, count: int) -> None:
    """Until so many wait for the writer's lock or for their turn, as the kernel has it."""
    await asyncio.to_thread(_queued, path, count)


def _queued(path: str, count: int) -> None:
    inodes = [f":{Path(f'{path}-{name}').stat().st_ino} " for name in ("turn", "writer")]
    for _ in range(6_000):
        lines = Path("/proc/locks").read_text().splitlines()
        if sum("->" in line and any(inode in line for inode in inodes) for line in lines) == count:
            return
        time.sleep(0.005)
    pytest.fail(f"{count} never waited")


def tally_of(path: str) -> str:
    return Path(f"{path}.tally").read_text()


async def test_processes_take_turns_and_none_is_overtaken_again_and_again(path: str, start: Start) -> None:
    lock = WriterLock(path)
    async with lock.held():
        processes = [start(name, 40) for name in "abc"]
        await queued(path, 3)
    for process in processes:
        assert await asyncio.to_thread(process.wait, 30) == 0
    tally = tally_of(path)
    assert Counter(tally) == {"a": 40, "b": 40, "c": 40}
    first = min(tally.rindex(name) for name in "abc")  # where the first of them had all its turns
    assert min(Counter(tally[:first]).values()) > 20, tally
    lock.close()


async def test_the_lock_of_a_killed_process_goes_to_the_next_and_a_killed_waiter_is_not_waited_for(
    path: str, start: Start
) -> None:
    lock = WriterLock(path)
    async with lock.held():
        holder = start("h", 1, 60)
        await queued(path, 1)
        head = start("x", 1)
        await queued(path, 2)
        behind = start("y", 1)
        await queued(path, 3)
    await queued(path, 2)  # the holder has it
    head.kill()  # who has the turn in hand
    await queued(path, 1)
    holder.kill()
    assert await asyncio.to_thread(behind.wait, 30) == 0
    async with asyncio.timeout(10), lock.held():
        assert tally_of(path) == "y"
    lock.close()


async def test_who_gives_up_waiting_leaves_the_place_to_the_next_of_its_process_or_gives_it_back(path: str) -> None:
    ours, theirs = WriterLock(path), WriterLock(path)

    async def write() -> str:
        with deadline.within(0.05):
            async with deadline.Observed("too long"), ours.held():
                return "written"

    async with theirs.held():
        with pytest.raises(DeadlineExceededError):  # the loop was not blocked, or nobody had noticed the deadline
            await write()
        inheriting = asyncio.create_task(_once(ours))
        await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        await inheriting
        async with theirs.held():
            with pytest.raises(DeadlineExceededError):
                await write()
        async with theirs.held():  # after it came to the one who had given up, and was given back
            pass
        assert await write() == "written"
    ours.close()
    theirs.close()


async def test_a_closed_lock_is_free_though_a_thread_still_waited_for_it(path: str) -> None:
    ours, theirs = WriterLock(path), WriterLock(path)
    async with theirs.held():
        waiting = asyncio.create_task(_once(ours))
        await queued(path, 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        ours.close()
    async with asyncio.timeout(10):
        await _once(theirs)
        await _once(ours)
    ours.close()
    theirs.close()


async def test_a_folder_that_takes_no_lock_files_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailableError, match=r"takes no lock files\. No such file or directory"):
        await _once(WriterLock(f"{tmp_path}/gone/shop.db"))


async def _once(lock: WriterLock) -> None:
    async with lock.held():
        return
