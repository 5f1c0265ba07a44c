"""Several workers below a supervisor, as processes: whoever is killed, accepted requests are answered, and by whom."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from gateway.server.supervisor import Place
from storage.database import Database
from storage.reconciliation import drifts
from tests.conftest import Keys
from tests.gateway.server.served import Served, everything, serving, settled

BODY = b"""{"query": "mutation {
    inventoryUpdate(input: {product: {id: 1}, location: {id: 1}, adjust: 1}) { stockLevel { onHand } }
}"}""".replace(b"\n", b" ")


def begun(served: Served, key: str) -> socket.socket:
    """A request of which the last byte is not sent yet."""
    connection = served.connect()
    head = f"POST /graphql HTTP/1.1\r\nHost: shop.test\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
    connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[:-1])
    return connection


def ended(connection: socket.socket) -> bytes:
    """What is answered to the rest of it."""
    connection.sendall(BODY[-1:])
    with connection:
        return everything(connection)


def can_be_bound(port: int) -> bool:
    """Whether a new supervisor could have the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def take_away(file: Path) -> None:
    """Leave something in its place that is no database."""
    file.rename(file.with_suffix(".away"))
    file.mkdir()


def bring_back(file: Path) -> None:
    """As it was."""
    file.rmdir()
    file.with_suffix(".away").rename(file)


async def test_whoever_is_killed_requests_are_answered_and_the_port_is_free_when_the_supervisor_is_gone(
    catalogue: Database, issue_key: Keys, database_url: str, tmp_path: Path
) -> None:
    key = await issue_key("read", "write")
    with serving(tmp_path, "--workers", "2", STOCKGATE_DATABASE_URL=database_url) as served:
        os.kill(served.workers[0], signal.SIGKILL)
        assert [served.status() for _ in range(20)] == [200] * 20
        settled(lambda: len(served.workers) == 3, within_s=5)
        [died] = served.events("worker died")
        assert (died["exit_code"], died["next_in_s"]) == (-9, 0)

        os.kill(served.workers[1], signal.SIGTERM)
        settled(lambda: len(served.workers) == 4)
        assert [line["exit_code"] for line in served.events("worker died")] == [-9, 0]
        settled(lambda: served.status("/readyz") == 200)

        accepted = begun(served, key)
        settled(lambda: served.status() == 200)  # whoever accepted that one has accepted the other
        served.process.kill()
        settled(lambda: can_be_bound(served.port), within_s=5)
        assert b'"onHand":1' in ended(accepted)
        served.stop()  # in time: there are no orphans
    assert await catalogue.read(drifts) == []


@pytest.mark.parametrize("template_url", ["sqlite"], indirect=True)
async def test_a_worker_that_hangs_is_replaced_one_that_cannot_start_is_not_tried_without_pause_and_stopping_is_success(
    catalogue: Database, issue_key: Keys, database_url: str, tmp_path: Path
) -> None:
    key = await issue_key("read", "write")
    file = Path(database_url.removeprefix("sqlite:///"))
    variables = {
        "STOCKGATE_DATABASE_URL": database_url,
        "STOCKGATE_WORKER_SILENCE_SECONDS_MAX": "3",
        "STOCKGATE_STOP_SECONDS_MAX": "2",
    }
    with serving(tmp_path, "--workers", "2", **variables) as served:
        os.kill(served.workers[0], signal.SIGSTOP)
        settled(lambda: len(served.workers) == 3)
        assert served.events("worker hangs")[0]["pid"] == served.workers[0]
        settled(lambda: served.status("/readyz") == 200)

        take_away(file)
        for worker in served.living:
            os.kill(worker, signal.SIGKILL)
        settled(lambda: len(served.events("worker did not start")) >= 4)
        waits = [line["next_in_s"] for line in served.events("worker did not start")]
        assert max(waits) >= 0.25
        assert [line for line in served.log if "StorageUnavailableError: Cannot" in line["event"]]
        bring_back(file)
        settled(lambda: served.status("/readyz") == 200)

        never_sent, accepted = begun(served, key), begun(served, key)
        settled(lambda: served.status() == 200)
        os.killpg(served.process.pid, signal.SIGINT)
        settled(lambda: can_be_bound(served.port), within_s=5)
        await asyncio.sleep(0.5)  # a worker looks ten times per second whether it is to stop
        answer = ended(accepted)
        assert b'"onHand":1' in answer
        assert b"connection: close" in answer.lower()
        started = time.monotonic()
        served.process.communicate(timeout=20)
        assert served.process.returncode == 0
        assert time.monotonic() - started < 8  # though one request is never complete
        never_sent.close()


def test_who_keeps_dying_is_waited_for_ever_longer() -> None:
    place = Place()
    assert [place.vacate(lived_s=0.1) for _ in range(6)] == [0, 0.25, 0.5, 1, 2, 2]
    assert place.vacate(lived_s=10) == 0
    assert place.vacate(lived_s=0) == 0
