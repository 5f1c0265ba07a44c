"""A worker whose supervisor is gone goes, too, even one that does not hear what it is told."""

from __future__ import annotations

import socket
import subprocess
import sys

from gateway.server.lifeline import Holding
from gateway.server.listening import listen
from tests.gateway.server.served import settled
from tests.gateway.server.test_supervisor import can_be_bound

DEAF = """
import signal, socket, sys, time
from gateway.server.lifeline import Held
signal.signal(signal.SIGTERM, signal.SIG_IGN)
line, listening = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
held = Held(line)
held.hold(listening, patience_s=1)
held.beat()
held.ready()
time.sleep(60)
"""


def test_an_orphan_that_hangs_gives_up_the_port_and_ends() -> None:
    line = Holding()
    heard: list[bool] = []
    with listen("127.0.0.1", 0) as listening:
        listening.listen()
        port = listening.getsockname()[1]
        given = line.give()
        numbers = (given.fileno(), listening.fileno())
        worker = subprocess.Popen([sys.executable, "-c", DEAF, *map(str, numbers)], pass_fds=numbers)
        line.given()
    settled(lambda: line.hear(lambda: heard.append(True)) and heard)
    assert not can_be_bound(port)
    with socket.create_connection(("127.0.0.1", port)):
        line.close()
        settled(lambda: can_be_bound(port))
        assert worker.poll() is None
    assert worker.wait(20) == 1
