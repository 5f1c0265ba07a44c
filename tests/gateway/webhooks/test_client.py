"""Requests go to checked addresses only, and nothing that a receiver does lasts for ever."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence

import pytest
import trustme

from gateway.webhooks.allowed import Allowed
from gateway.webhooks.client import ANSWER_BYTES_MAX, Client
from gateway.webhooks.message import Message
from tests.gateway.webhooks import inward
from tests.gateway.webhooks.receiver import OK, Received, Receiver, receiving, status


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def client(receiver: Receiver) -> AsyncIterator[Client]:
    """A client that may send to it."""
    client = Client(Allowed.of([f"127.0.0.1:{receiver.port}"]))
    yield client
    await client.close()


def a_message(url: str, *, timeout_s: float = 5.0, body: bytes = b'{"a":1}') -> Message:
    return Message((), url, body, {"Content-Type": "application/json"}, timeout_s=timeout_s)


async def test_nothing_that_leads_inward_is_connected_to(receiver: Receiver) -> None:
    client = Client(Allowed(), inward.looked_up)
    urls = inward.urls(receiver.port)
    answers = await asyncio.gather(*(client.post(a_message(url)) for url in urls))
    await client.close()
    assert len(urls) >= 70
    assert [(url, answer.status) for url, answer in zip(urls, answers, strict=True) if answer.status] == []
    assert all(answer.error for answer in answers)
    assert receiver.connections == 0


async def test_a_name_that_is_another_address_at_every_look_leads_to_the_one_that_was_checked(
    receiver: Receiver,
) -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"]]

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    url = f"http://rebinding.shop.example:{receiver.port}/"
    async with receiving("127.0.0.2", receiver.port) as inner:
        for expected in (200, None, None):
            client = Client(Allowed.of([f"127.0.0.1:{receiver.port}"]), rebinding)  # the first stands for a public one
            answer = await client.post(a_message(url))
            await client.close()
            assert answer.status == expected
            assert expected or "leads to a loopback address" in str(answer.error)
    assert (answers, receiver.connections, inner.connections) == ([], 1, 0)


async def test_redirects_are_answers_and_are_not_followed(receiver: Receiver, client: Client) -> None:
    async with receiving() as inner:
        for code in (301, 302, 303, 307, 308):
            receiver.answers(status(code, Location=inner.url))
            assert (await client.post(a_message(receiver.url))).status == code
        assert inner.connections == 0


async def test_a_listed_name_is_connected_to_by_the_address_that_was_found_and_keeps_its_name(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")  # nobody is there
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    client = Client(Allowed.of(["erp.internal"]), lookup)
    receiver.answers(status(200, Set_Cookie="a=b"))
    for _ in range(3):
        answer = await client.post(a_message(f"http://ERP.internal.:{receiver.port}/in?a=%20b"))
        assert (answer.status, answer.error) == (200, None)
    await client.close()
    [first, _, last] = receiver.received
    assert (first.path, first.headers["host"], first.body) == (
        "/in?a=%20b",
        f"erp.internal:{receiver.port}",
        b'{"a":1}',
    )
    assert (first.headers["content-type"], "cookie" in last.headers) == ("application/json", False)
    assert first.headers["user-agent"].startswith("Stockgate/")
    assert receiver.connections == 1  # which was kept, and so resolved once


async def test_a_certificate_has_to_be_of_the_name_that_was_asked_for() -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    authority = trustme.CA()
    served, believed = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("erp.internal").configure_cert(served)
    authority.configure_trust(believed)
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    client = Client(Allowed.of(["erp.internal", "other.internal"]), lookup, believed)
    assert (await client.post(a_message(f"https://erp.internal:{port}/"))).status == 200
    assert "certificate" in str((await client.post(a_message(f"https://other.internal:{port}/"))).error).lower()
    await client.close()
    server.close()
    assert len(receiver.received) == 1


async def stalls(_request: Received, _writer: asyncio.StreamWriter) -> bytes | None:
    await asyncio.sleep(60)
    return OK


async def drips(_request: Received, writer: asyncio.StreamWriter) -> bytes | None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: 1\r\n")
        await asyncio.sleep(0.02)


async def stalls_in_the_body(_request: Received, writer: asyncio.StreamWriter) -> bytes | None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await asyncio.sleep(60)
    return None


async def dies_in_the_body(_request: Received, writer: asyncio.StreamWriter) -> bytes | None:
    writer.write(b"HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\nnot\x00 now")
    return None


async def dies_in_the_head(_request: Received, writer: asyncio.StreamWriter) -> bytes | None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    return None


async def talks_nonsense(_request: Received, writer: asyncio.StreamWriter) -> bytes | None:
    writer.write(b"220 smtp.shop.example ESMTP\r\n\r\n")
    return None


async def test_what_a_receiver_draws_out_ends_and_what_is_behind_a_status_does_not_count(
    receiver: Receiver, client: Client
) -> None:
    poured = 0

    async def is_endless(_request: Received, writer: asyncio.StreamWriter) -> bytes | None:
        nonlocal poured
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            poured += 65_536
            await writer.drain()

    for behave, expected, error in (
        (stalls, None, "did not answer within 0.2 seconds"),
        (drips, None, "did not answer within 0.2 seconds"),
        (stalls_in_the_body, 200, None),
        (dies_in_the_body, 503, "HTTP 503: not now"),
        (dies_in_the_head, None, "No answer"),
        (talks_nonsense, None, "No answer"),
        (is_endless, 200, None),
    ):
        receiver.behave = behave
        answer = await client.post(a_message(receiver.url, timeout_s=0.2))
        assert (answer.status, answer.error is None) == (expected, error is None), behave.__name__
        assert error is None or error in str(answer.error), behave.__name__
        assert answer.duration_ms < 2000
        assert answer.retry_after == ("7" if expected == 503 else None)
    assert poured < 100 * ANSWER_BYTES_MAX  # what the sockets hold, and no more


async def test_a_connection_that_the_receiver_closed_meanwhile_is_no_failure(
    receiver: Receiver, client: Client
) -> None:
    async def closes_later(_request: Received, writer: asyncio.StreamWriter) -> bytes | None:
        writer.write(OK)
        await writer.drain()
        asyncio.get_running_loop().call_later(0.05, writer.transport.abort)
        return b""

    receiver.behave = closes_later
    assert (await client.post(a_message(receiver.url))).status == 200
    await asyncio.sleep(0.02)
    receiver.answers(None)  # hangs up without an answer: once, on the connection that was kept
    assert (await client.post(a_message(receiver.url))).status == 200
    receiver.answers(None, None, None, None, None)
    assert "No answer" in str((await client.post(a_message(receiver.url))).error)


async def test_nobody_is_there() -> None:
    client = Client(Allowed.of(["127.0.0.1", "gone.internal"]), inward.looked_up)
    async with receiving() as receiver:
        url = receiver.url
    assert "No answer" in str((await client.post(a_message(url))).error)
    assert (await client.post(a_message("http://gone.internal/"))).error == "The host's name does not resolve."
    large = b"x" * (1 << 21)
    async with receiving() as receiver:
        assert (await client.post(a_message(receiver.url, body=large))).status == 200
        assert receiver.received[0].body == large
    await client.close()
