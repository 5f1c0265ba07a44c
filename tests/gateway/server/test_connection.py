"""What a client may do with a connection and for how long, on raw sockets; those that do nothing wrong are not cut."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from storage import access
from storage.access import Scope
from storage.database import Database
from tests.gateway.live.live_server import websocket
from tests.gateway.server.served import Served, everything, settled, statuses

HEAD = b"GET /healthz HTTP/1.1\r\nHost: shop.test\r\n"
POST = b"POST /graphql HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\nX-API-Key: %s\r\n"
QUERY = b'{"query": "{ __typename }"}'


@pytest.fixture(scope="package")
def key(small: Served, small_database: str) -> bytes:
    """An API key of the small server's."""

    async def issue() -> str:
        database = Database(small_database)
        issued = await database.transact(access.issue_api_key, "test", [Scope.READ, Scope.WRITE])
        await database.close()
        return issued.token

    return asyncio.run(issue()).encode()


def drip(connection: socket.socket, text: bytes, *, every_s: float) -> bytes:
    """Send a byte now and then, until the server hangs up or there are no more: what it says."""
    connection.settimeout(every_s)
    received = b""
    for byte in text:
        try:
            connection.sendall(bytes([byte]))
            chunk = connection.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return received
        if not chunk:
            return received
        received += chunk
    return received


def not_closed(connection: socket.socket) -> bool:
    """Whether the server has not hung up when it has had the time to."""
    try:
        return bool(connection.recv(65536)) and not_closed(connection)
    except TimeoutError:
        return True


def at_once(*waits: Callable[[], None]) -> None:
    """Run what mostly waits, all of it together."""
    failures: list[BaseException] = []

    def run(wait: Callable[[], None]) -> None:
        try:
            wait()
        except BaseException as failure:  # noqa: BLE001 (of a thread it would be lost)
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(wait,)) for wait in waits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def says_nothing(small: Served, key: bytes) -> None:
    with small.connect() as connection:
        assert everything(connection) == b""


def drips_a_head(small: Served, key: bytes) -> None:
    with small.connect() as connection:
        assert statuses(drip(connection, HEAD * 9, every_s=0.1)) == [408]


def drips_blank_lines(small: Served, key: bytes) -> None:
    with small.connect() as connection:
        connection.sendall(HEAD + b"\r\n")
        settled(lambda: connection.recv(65536))
        assert statuses(drip(connection, b"\r\n" * 200, every_s=0.1)) == [408]


def stays_idle(small: Served, key: bytes) -> None:
    with small.connect() as connection:
        connection.sendall(HEAD + b"\r\n")
        assert statuses(everything(connection)) == [200]


def drips_a_body(small: Served, key: bytes) -> None:
    with small.connect() as connection:
        connection.sendall(POST % key + b"Content-Length: 999\r\n\r\n")
        assert statuses(drip(connection, b" " * 400, every_s=0.1)) == [408]


def stops_in_a_chunk(small: Served, key: bytes) -> None:
    assert statuses(small.ask(POST % key + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{")) == [408]


def drips_what_nobody_reads(small: Served, key: bytes) -> None:
    with small.connect() as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 9999\r\n\r\n")
        started = time.monotonic()
        assert statuses(drip(connection, b" " * 400, every_s=0.1)) == [404]
        assert time.monotonic() - started < 15


def uploads_slowly(small: Served, key: bytes) -> None:
    with small.connect() as connection:
        body = b" " * 9000 + QUERY
        connection.sendall(POST % key + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 1000):
            connection.sendall(body[start : start + 1000])
            time.sleep(0.25)
        assert b'{"__typename":"Query"}' in everything(connection)


def waits_to_be_asked(small: Served, key: bytes) -> None:
    with small.connect() as connection:
        head = POST % key + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(QUERY)
        connection.sendall(head)
        assert statuses(connection.recv(65536)) == [100]
        connection.sendall(QUERY)
        assert statuses(everything(connection)) == [200]


def reads_nothing(small: Served, key: bytes) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", small.port))
        connection.sendall(b"GET /schema.graphql HTTP/1.1\r\nHost: shop.test\r\n\r\n" * 60)
        settled(lambda: [line for line in small.events("cut") if line["why"] == "reads nothing"])


def follows(small: Served, key: bytes) -> None:
    async def follow() -> None:
        async with websocket(small, key.decode()) as client:  # type: ignore[arg-type]
            await client.subscribe("subscription { stockChanged { sequence } }")
            await asyncio.sleep(3)
            await client.send(type="ping")
            assert await client.receive() == {"type": "pong"}

    asyncio.run(follow())


def streams(small: Served, key: bytes) -> None:
    body = b'{"query": "subscription { stockChanged { sequence } }"}'
    with small.connect() as connection:
        head = POST % key + b"Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body)
        assert statuses(connection.recv(65536)) == [200]
        connection.settimeout(3)
        assert not_closed(connection)


TOO_SLOW = (
    says_nothing,
    drips_a_head,
    drips_blank_lines,
    stays_idle,
    drips_a_body,
    stops_in_a_chunk,
    drips_what_nobody_reads,
    reads_nothing,
)
PATIENT = (uploads_slowly, waits_to_be_asked, follows, streams)


def test_who_is_too_slow_is_cut_and_who_makes_progress_is_not(small: Served, key: bytes) -> None:
    at_once(*(partial(client, small, key) for client in (*TOO_SLOW, *PATIENT)))
    assert not [line for line in small.log if line["level"] == "error"]


def test_what_is_too_large_is_refused_however_it_comes(small: Served, key: bytes) -> None:
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(20))
    large = b"X: " + b"x" * 5000 + b"\r\n"
    assert statuses(small.ask(HEAD + many + b"\r\n")) == [431]
    assert statuses(small.ask(HEAD + large + b"\r\n")) == [431]
    assert statuses(small.ask(HEAD, *[large[:100]] * 60)) == [431]
    assert statuses(small.ask(b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: shop.test\r\n\r\n")) == [414]
    assert statuses(small.ask(b"GET /", *[b"x" * 100] * 60)) == [414]
    assert statuses(small.ask(HEAD + b"X: " + b"x" * 3900 + b"\r\nConnection: close\r\n\r\n")) == [200]

    chunked = POST % key + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    extended = b"1;" + b"x" * 200 + b"\r\n \r\n"
    assert statuses(small.ask(chunked, *[extended] * 100)) == [400]
    assert statuses(small.ask(chunked, b"1;", *[b"x" * 1000] * 20)) == [400]
    trailer = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 200) for number in range(60))
    assert statuses(small.ask(chunked, b"1\r\n \r\n0\r\n", trailer)) in ([400], [431])
    in_bytes = b"".join(b"1\r\n%c\r\n" % byte for byte in QUERY)
    assert b'{"__typename":"Query"}' in small.ask(chunked + in_bytes + b"0\r\n\r\n")
    assert statuses(small.ask(b"\r\n" * 3000)) == [431]
    assert statuses(small.ask((HEAD + b"\r\n") * 200))[-1] == 400  # in a pipeline without end


def one_status(connection: socket.socket) -> int:
    """Of the next answer, which is read to its end: it may come in pieces."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def test_one_connection_too_many_is_told_so_and_the_others_are_served(small: Served) -> None:
    with contextlib.ExitStack() as stack:
        served = stack.enter_context(small.connect())
        for _ in range(39):
            stack.enter_context(small.connect())
        served.sendall(HEAD + b"\r\n")
        assert one_status(served) == 200
        refused = small.ask(HEAD + b"\r\n")
        assert (statuses(refused), b"retry-after: 2\r\n" in refused) == ([503], True)
        served.sendall(HEAD + b"\r\n")
        assert one_status(served) == 200
        further = [stack.enter_context(small.connect()) for _ in range(80)]
        assert everything(further[-1]) == b""
    settled(lambda: small.status() == 200)
