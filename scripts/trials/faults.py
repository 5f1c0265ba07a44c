"""`scripts/faults`: what is around a gateway fails, again and again, in the middle of writes.

Tills and bulk-syncs write without a pause, each request under an Idempotency-Key, and send again what was not
answered, or answered 503, with the same key. After every fault all of them have to be served again within 5 s without
a hand, and the books are looked at: each acknowledged write is there exactly once (none lost, so no false 2xx, and none
doubled), every bulk is whole or absent, `reconcile` is clean. Any answer but 200, 503 and 504 ends a trial. Prints the
counts, and exits 1 when anything is wrong.

  restarts    PostgreSQL: `pg_ctl restart -m immediate`, which is a crash and a recovery from the log
  blackholes  PostgreSQL behind a TCP proxy of ours that goes on holding connections and passes nothing on: in turn what
              is asked, what is answered, and everything for 2 s
  diskfull    SQLite on a file system of 64 MB that is filled to the last byte, until writes are refused, and emptied
              again; no worker may die of it (needs root, to mount it)
  readonly    SQLite: file and folder become read-only and the workers are killed, so that the next ones find them so;
              then they become writable again (needs root, whose right to write anywhere is taken from the server)
  clock       the gateways' clock jumps by minutes, hours, weeks and years, back and forth, while the monotonic clock
              goes on (needs a C compiler)
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from postgres import cluster
from proxy import DOWN, UP, Proxy
from service import Service, is_alive
from sqlalchemy.engine import make_url
from trials import Shop, TrialError, folder, new_shop, run

_HELD_S: Final = 2.0
_REFUSED_S_MAX: Final = 20.0
_DISK: Final = "64m"
_WITHOUT_ROOTS_RIGHTS: Final = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
_JUMPS: Final = tuple(
    timedelta(days=days, minutes=minutes)
    for days, minutes in [(0, 60), (0, -60), (40, 0), (-40, 0), (0, 0), (1095, 0), (-1095, 0), (0, 1), (0, -1), (0, 0)]
)
"""By how much the clock is off, in turn."""


def restarts(path: Path, times: int) -> bool:
    """PostgreSQL crashes and comes back."""
    with cluster(path) as server:
        token = new_shop(server.url, migrate=True)

        def restart(_shop: Shop, _n: int) -> float:
            server.restart()
            return time.monotonic()

        with Service(server.url, path / "serve.log") as service:
            return run("restarts", service, server.url, token, restart, times)


def blackholes(path: Path, times: int) -> bool:
    """The way to PostgreSQL swallows what passes."""
    with cluster(path) as server, Proxy(server.socket).running() as proxy:
        token = new_shop(server.url, migrate=True)
        through = make_url(server.url).set(host="127.0.0.1", port=proxy.port, query={})

        def swallow(_shop: Shop, n: int) -> float:
            if n % 3 < 2:
                proxy.swallow((UP, DOWN)[n % 3])
            else:
                proxy.close()
                time.sleep(_HELD_S)
                proxy.open()
            return time.monotonic()

        with Service(through.render_as_string(hide_password=False), path / "serve.log") as service:
            return run("blackholes", service, server.url, token, swallow, times)


def diskfull(path: Path, times: int) -> bool:
    """There is no room left, and then there is."""
    with _file_system(path / "disk") as disk:
        url = f"sqlite:///{disk}/stockgate.db"
        token = new_shop(url, migrate=False)

        def fill(shop: Shop, _n: int) -> float:
            workers = shop.service.workers()
            ballast = disk / "ballast"
            refused = _refusals(shop)
            with ballast.open("wb", buffering=0) as file:
                for size in (2**20, 2**12, 1):
                    with contextlib.suppress(OSError):
                        while True:
                            file.write(b"\0" * size)
            _wait_for_refusals(shop, refused)
            ballast.unlink()
            at = time.monotonic()
            if shop.service.workers() != workers or not all(map(is_alive, workers)):
                raise TrialError("a worker died")
            return at

        with Service(url, path / "serve.log") as service:
            return run("diskfull", service, url, token, fill, times)


def readonly(path: Path, times: int) -> bool:
    """Nobody may write to the file, and then somebody may."""
    data = path / "data"
    data.mkdir()
    url = f"sqlite:///{data}/stockgate.db"
    token = new_shop(url, migrate=False)

    def protect(shop: Shop, _n: int) -> float:
        _set_modes(data, folder=0o555, files=0o444)
        for worker in shop.service.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        time.sleep(_HELD_S)  # until it is writable there are no workers, and nobody is answered
        _set_modes(data, folder=0o755, files=0o644)
        return time.monotonic()

    with Service(url, path / "serve.log", before=_WITHOUT_ROOTS_RIGHTS) as service:
        return run("readonly", service, url, token, protect, times)


def clock(path: Path, times: int) -> bool:
    """The clock of the gateways jumps."""
    library, off_by = path / "jumping_clock.so", path / "off-by"
    compiled = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(Path(__file__).with_name("jumping_clock.c"))]
    try:
        subprocess.run(compiled, check=True)
    except FileNotFoundError:
        raise SystemExit("There is no C compiler here, to make a clock that jumps: apt-get install gcc") from None
    off_by.write_bytes(struct.pack("q", 0))
    url = f"sqlite:///{path}/stockgate.db"
    token = new_shop(url, migrate=False)
    jumps = itertools.cycle(_JUMPS)

    def jump(_shop: Shop, _n: int) -> float:
        with off_by.open("r+b") as shared:  # mapped by the gateways: not to be replaced by another file
            shared.write(struct.pack("q", int(next(jumps).total_seconds())))
        return time.monotonic()

    with Service(
        url, path / "serve.log", settings={"LD_PRELOAD": str(library), "JUMPING_CLOCK": str(off_by)}
    ) as service:
        return run("clock", service, url, token, jump, times)


@contextlib.contextmanager
def _file_system(path: Path) -> Iterator[Path]:
    """A small one of its own, in memory."""
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(path)], check=False)
    if mounted.returncode:
        raise SystemExit("A file system of its own cannot be mounted here: it takes root.")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def _refusals(shop: Shop) -> list[int]:
    return [till.answered[503] for till in shop.tills]


def _wait_for_refusals(shop: Shop, before: list[int]) -> None:
    """Until each client was told that nothing can be written now."""
    deadline = time.monotonic() + _REFUSED_S_MAX
    while any(now == then for now, then in zip(_refusals(shop), before, strict=True)):
        if problems := [till.problem for till in shop.tills if till.problem]:
            raise TrialError(problems[0])
        if time.monotonic() > deadline:
            raise TrialError(f"not every client was answered 503 within {_REFUSED_S_MAX:g} s of the fault")
        time.sleep(0.01)


def _set_modes(data: Path, *, folder: int, files: int) -> None:
    for file in data.iterdir():
        with contextlib.suppress(FileNotFoundError):
            file.chmod(files)
    data.chmod(folder)


_FAULTS: Final[dict[str, Callable[[Path, int], bool]]] = {
    "restarts": restarts,
    "blackholes": blackholes,
    "diskfull": diskfull,
    "readonly": readonly,
    "clock": clock,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fault", choices=[*_FAULTS, "all"])
    parser.add_argument("--times", type=int, default=20, help="how many trials (20)")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    fine = []
    for name in _FAULTS if asked.fault == "all" else [asked.fault]:
        with folder() as path:
            fine.append(_FAULTS[name](path, asked.times))
    raise SystemExit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
