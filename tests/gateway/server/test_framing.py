"""Requests that two servers on the way could read differently: one answer, and nothing after them is a request."""

from __future__ import annotations

import pytest

from tests.gateway.server.served import Served, settled, statuses

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: shop.test\r\n\r\n"
HOST = b"Host: shop.test\r\n"
CHUNKED = HOST + b"Transfer-Encoding: chunked\r\n\r\n"

DOUBTFUL = {
    "length and coding": (
        400,
        b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n" + CHUNKED[17:] + b"0\r\n\r\n",
    ),
    "coding and length": (
        400,
        b"POST /seen HTTP/1.1\r\n" + CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    "two lengths": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 41\r\n\r\n"),
    "one length twice": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
    "list of lengths": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length: 0, 0\r\n\r\n"),
    "plus": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length: +0\r\n\r\n"),
    "minus": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n"),
    "hexadecimal length": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length: 0x0\r\n\r\n"),
    "no number": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length: \r\n\r\n"),
    "beyond 64 bits": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length: 18446744073709551616\r\n\r\n"),
    "vertical tab": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length:\x0b0\r\n\r\n"),
    "folded header": (400, b"GET /seen HTTP/1.1\r\n" + HOST + b"X-A: b\r\n c\r\n\r\n"),
    "folded coding": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    "fold at once": (400, b"GET /seen HTTP/1.1\r\n Host: shop.test\r\n\r\n"),
    "bare LF": (400, b"GET /seen HTTP/1.1\nHost: shop.test\n\n"),
    "bare LF after a header": (400, b"GET /seen HTTP/1.1\r\nHost: shop.test\nX-A: b\r\n\r\n"),
    "bare LF at the end": (400, b"GET /seen HTTP/1.1\r\nHost: shop.test\r\n\n"),
    "bare CR": (400, b"GET /seen HTTP/1.1\r\nHost: shop.test\rX-A: b\r\n\r\n"),
    "space before the colon": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length : 0\r\n\r\n"),
    "tab before the colon": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Content-Length\t: 0\r\n\r\n"),
    "no name": (400, b"GET /seen HTTP/1.1\r\n" + HOST + b": b\r\n\r\n"),
    "no colon": (400, b"GET /seen HTTP/1.1\r\n" + HOST + b"abc\r\n\r\n"),
    "NUL in a value": (400, b"GET /seen HTTP/1.1\r\n" + HOST + b"X-A: b\0c\r\n\r\n"),
    "NUL in a name": (400, b"GET /seen HTTP/1.1\r\n" + HOST + b"X-A\0: b\r\n\r\n"),
    "NUL in the target": (400, b"GET /seen\0 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "unknown coding": (501, b"POST /seen HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "quoted coding": (501, b"POST /seen HTTP/1.1\r\n" + HOST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    "identity": (501, b"POST /seen HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n"),
    "two codings": (501, b"POST /seen HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "chunked not last": (400, b"POST /seen HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n"),
    "chunked twice": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED[:-2] + CHUNKED[17:] + b"0\r\n\r\n"),
    "coding of HTTP/1.0": (400, b"POST /seen HTTP/1.0\r\n" + CHUNKED + b"0\r\n\r\n"),
    "negative chunk": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n"),
    "chunk of 0x5": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk of +5": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n"),
    "space after a size": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n"),
    "size beyond 64 bits": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"10000000000000000\r\nhello\r\n0\r\n\r\n"),
    "no size": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"\r\nhello\r\n0\r\n\r\n"),
    "LF after a size": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"5\nhello\r\n0\r\n\r\n"),
    "LF after a chunk": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"5\r\nhello\n0\r\n\r\n"),
    "nothing after a chunk": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"5\r\nhello0\r\n\r\n"),
    "more in a chunk": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n"),
    "LF in an extension": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "length in the trailer": (400, b"POST /seen HTTP/1.1\r\n" + CHUNKED + b"0\r\nContent-Length: 3\r\n\r\n"),
    "no Host": (400, b"GET /seen HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, b"GET /seen HTTP/1.1\r\n" + HOST + b"Host: other.test\r\n\r\n"),
    "malformed Host": (400, b"GET /seen HTTP/1.1\r\nHost: shop.test/x\r\n\r\n"),
    "target elsewhere": (400, b"GET http://other.test/seen HTTP/1.1\r\n" + HOST + b"\r\n"),
    "target without a path": (400, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a proxy's": (501, b"CONNECT shop.test:80 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "unknown method": (400, b"get /seen HTTP/1.1\r\n" + HOST + b"\r\n"),
    "HTTP/0.9": (505, b"GET /seen HTTP/0.9\r\n" + HOST + b"\r\n"),
    "HTTP/1.2": (505, b"GET /seen HTTP/1.2\r\n" + HOST + b"\r\n"),
    "HTTP/2": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "no version": (400, b"GET /seen\r\n"),
    "space in the target": (400, b"GET /seen it HTTP/1.1\r\n" + HOST + b"\r\n"),
    "space before the method": (400, b" GET /seen HTTP/1.1\r\n" + HOST + b"\r\n"),
    "WebSocket with a body": (
        400,
        b"GET /graphql HTTP/1.1\r\n"
        + HOST
        + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 41\r\n\r\n",
    ),
}


def test_what_is_doubtful_gets_one_answer_and_hides_nothing(small: Served) -> None:
    """At once, byte for byte, and behind a request that is answered first."""
    before = len(small.events("request"))
    told = {name: statuses(small.ask(request + HIDDEN)) for name, (_, request) in DOUBTFUL.items()}
    assert told == {name: [status] for name, (status, _) in DOUBTFUL.items()}
    good = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    told = {name: statuses(small.ask(good + request + HIDDEN)) for name, (_, request) in DOUBTFUL.items()}
    assert told == {name: [200, status] for name, (status, _) in DOUBTFUL.items()}
    told = {
        name: statuses(small.ask(*(bytes([byte]) for byte in request), HIDDEN))
        for name, (_, request) in DOUBTFUL.items()
        if b"\r\n\r\n" not in request[:-4]  # of the others the answer may be given before the body is seen to be wrong
    }
    assert told == {name: [DOUBTFUL[name][0]] for name in told}
    paths = [line["path"] for line in small.events("request")[before:]]
    assert set(paths) <= {"/seen", "/healthz"}
    assert paths.count("/healthz") == len(DOUBTFUL)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET http://shop.test/healthz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\r\nGET /healthz HTTP/1.1\r\nHost:shop.test \r\nContent-Length: 0 \r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + CHUNKED + b"5;a=b\r\nhello\r\n0\r\nX-Forwarded-Proto: https\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n"
        + HOST
        + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 41\r\n\r\n"
        + HIDDEN,
    ],
)
def test_what_is_not_doubtful_is_served_with_what_follows(small: Served, request_: bytes) -> None:
    before = len(small.events("request"))
    last = b"GET /healthz HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"
    assert statuses(small.ask(request_ + last)) == [200, 200]
    assert statuses(small.ask(*(bytes([byte]) for byte in request_), last)) == [200, 200]
    settled(lambda: len(small.events("request")) == before + 4)
    assert {line["path"] for line in small.events("request")[before:]} == {"/healthz"}
