"""What a client may do with a connection, and for how long: uvicorn's protocols have no limit for either."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httptools
import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from gateway.server import framing
from gateway.server.framing import RefusedRequestError
from gateway.server.outgoing import Outgoing
from gateway.settings import Settings

# What is expected of the client
_NEW: Final = 0
_IDLE: Final = 1
_HEAD: Final = 2
_BODY: Final = 3
_DEAF: Final = 4  # nothing: what comes is thrown away
_LINGERING: Final = 5  # that it hangs up: it has been told all there is

_PIPELINED_MAX: Final = 64
_FRAMING_BYTES: Final = 8192
_FRAMING_BYTES_PER_CHUNK: Final = 64
"""What the chunks of a body may need for themselves, with their extensions, which nobody uses."""
_UNREAD_S: Final = 5.0
"""How long the rest of a body may take that nobody wants: the answer has been given."""
_LINGER_S: Final = 2.0
"""How long a client has to take in that it was refused. A connection closed at once would drop the answer."""
_RETRY_AFTER_S: Final = 2
_OVERFLOW: Final = 64
"""Connections beyond the limit, at once, that are told so; further ones are closed without a word."""
log = structlog.get_logger("stockgate.connection")


def connections_most(settings: Settings) -> int:
    """How many connections a process has open at the very most."""
    return settings.connections_max + _OVERFLOW


class Config(uvicorn.Config):
    """uvicorn's, for the protocols of this file."""

    def __init__(self, app: Any, settings: Settings, **options: Any) -> None:
        super().__init__(app, http=HttpConnection, ws=WebSocketConnection, **options)
        self.settings = settings


class HttpConnection(HttpToolsProtocol):
    """Refuses what is doubtful, too large or too slow, once, and hears nothing more from there then."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.url, self.headers = b"", []
        self._settings = config.settings
        self._header_bytes_max = config.settings.header_bytes_max
        self._phase = _NEW
        self._since = self._observed_at = self.loop.time()
        self._messages = self._head_bytes = self._body_bytes = self._chunks = self._framing_bytes = 0
        self._refused: RefusedRequestError | None = None
        self._running: RequestResponseCycle | None = None
        self._is_one_too_many = False
        self._outgoing = Outgoing()

    # What comes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Refuse what there is no room for."""
        super().connection_made(transport)
        open_now = len(self.connections)
        self._is_one_too_many = open_now > self._settings.connections_max
        if open_now > connections_most(self._settings):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse it, a head not further than it may go."""
        if self._is_deaf:
            return
        self._unset_keepalive_if_required()
        if self._phase <= _IDLE:
            self._begin()
        try:
            while data and not self._is_deaf:
                room = self._header_bytes_max + 1 - self._head_bytes
                if self._phase == _HEAD and len(data) > room:
                    self._parse(data[:room])
                    data = data[room:]
                else:
                    self._parse(data)
                    return
        except RefusedRequestError as refused:
            self._refuse(refused)

    @property
    def _is_deaf(self) -> bool:
        return self._phase >= _DEAF

    def _begin(self) -> None:
        """The head of a request is what comes next: its time began with the connection, or begins now."""
        if self._phase != _NEW:
            self._since = self.loop.time()
        self._phase = _HEAD
        self._head_bytes = 0

    def _parse(self, data: bytes) -> None:
        """Raises RefusedRequestError."""
        phase, message, head_bytes, body_bytes = self._phase, self._messages, self._head_bytes, self._body_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            cause = error.__context__
            raise cause if isinstance(cause, RefusedRequestError) else framing.of_parser(error) from None
        if self._phase != phase or self._messages != message:
            return
        if phase == _HEAD:  # the parser keeps to itself what it has of a header that is not whole
            self._head_bytes = head_bytes + len(data)
            self._check_head()
        elif phase == _BODY:
            self._framing_bytes += len(data) - (self._body_bytes - body_bytes)
            if self._framing_bytes > _FRAMING_BYTES + _FRAMING_BYTES_PER_CHUNK * self._chunks:
                raise RefusedRequestError(400, "The chunks of the body have more around them than in them.")

    def _check_head(self) -> None:
        if len(self.headers) > self._settings.headers_max:
            raise RefusedRequestError(431, f"The request has more than {self._settings.headers_max} headers.")
        if self._head_bytes > self._header_bytes_max:
            if len(self.url) > self._header_bytes_max // 2:
                raise RefusedRequestError(414, "The target of the request is too long.")
            raise RefusedRequestError(431, f"The head of the request has more than {self._header_bytes_max} bytes.")

    # What the parser finds

    def on_message_begin(self) -> None:
        """A request begins, perhaps in the middle of what was received."""
        super().on_message_begin()
        self._messages += 1
        if self._phase != _HEAD:
            self._begin()
        self._head_bytes = self._body_bytes = self._chunks = self._framing_bytes = 0

    def on_headers_complete(self) -> None:
        """The application is called, if the request is one."""
        headers, size = self.headers, len(self.url)
        for index, (name, value) in enumerate(headers):
            size += len(name) + len(value) + 4
            if value.endswith((b" ", b"\t")):  # not part of it
                headers[index] = name, value.rstrip(b" \t")
        self._head_bytes = size
        self._check_head()
        framing.check(self.parser.get_method(), self.url, self.parser.get_http_version(), headers)
        if len(self.pipeline) >= _PIPELINED_MAX:
            raise RefusedRequestError(400, f"More than {_PIPELINED_MAX} requests wait for their answers.")
        if self._is_one_too_many:
            raise RefusedRequestError(503, "This server has too many connections at the moment. Try again.")
        if self.parser.should_upgrade():  # the parser stops here: see _upgrade()
            self.scope["method"] = self.parser.get_method().decode("ascii")
            if self._should_upgrade() and (framing.has_body(headers) or self._is_answering):
                raise RefusedRequestError(400, "A WebSocket begins with a request of its own, without a body.")
            return
        self._phase, self._since = _BODY, self.loop.time()
        super().on_headers_complete()
        self.headers = []  # of the trailer: nobody is to take it for what came before the body

    def on_chunk_header(self) -> None:
        """A part of the body is announced."""
        self._chunks += 1

    def on_body(self, body: bytes) -> None:
        """A part of it."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It has come."""
        self._phase = _IDLE
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _upgrade(self, rest: bytes) -> None:
        """A WebSocket; or another protocol, of which we go on as if it had not been offered."""
        if self._should_upgrade():
            self._phase = _DEAF
            self.handle_websocket_upgrade()
            return
        line = b"%s %s HTTP/%s\r\n" % (self.scope["method"].encode(), self.url, self.parser.get_http_version().encode())
        kept = [b"%s: %s\r\n" % (name, value) for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self._parse(b"".join([line, *kept, b"\r\n"]))
        if rest:
            self._parse(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever is at work hears of it. uvicorn tells the last request only, which may wait in the pipeline."""
        self._disconnect()
        super().connection_lost(exc)

    def _disconnect(self) -> None:
        self.pipeline.clear()
        for cycle in (self._running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    # What is answered

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, refused: RefusedRequestError) -> None:
        """Answer it in its turn; the application hears no more of it, should it have begun."""
        phase, self._phase, self._refused = self._phase, _DEAF, refused
        cycle: RequestResponseCycle | None = self.cycle
        if phase == _BODY and cycle is not None and not cycle.response_complete:
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()  # those before it are answered
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self._close(0)
                return
        elif phase == _BODY:
            self._close(_LINGER_S)
            return
        elif self._is_answering:
            return
        self._answer_refused()

    def _answer_refused(self) -> None:
        refused = self._refused
        if refused is None:
            return
        text = refused.reason.encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        ]
        if refused.status == 503:
            headers.append((b"retry-after", b"%d" % _RETRY_AFTER_S))
        lines = [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(b"".join([STATUS_LINE[refused.status], *lines, b"\r\n", text]))
        log.info("refused", status=refused.status, reason=refused.reason, client=self.client and self.client[0])
        self._close(_LINGER_S)

    def _close(self, linger_s: float) -> None:
        """Say that nothing more comes, and hang up a moment later."""
        self._phase, self._since = _LINGERING, self.loop.time()
        self._unset_keepalive_if_required()
        if linger_s and self.transport.can_write_eof() and not self.transport.is_closing():
            self.flow.resume_reading()  # what still comes is thrown away
            self.transport.write_eof()
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """The next one in the pipeline, or what was refused after all of them."""
        was_last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing() or not was_last:
            return
        if self._refused is not None:
            self._answer_refused()
        elif self._phase == _BODY:
            self._since = self.loop.time()  # the rest is not wanted
            if self.expect_100_continue and not self._body_bytes:
                self._close(_LINGER_S)  # nobody knows whether it is sent

    # How long it takes

    def observe(self, now: float) -> None:
        """Cut who is too slow. Called now and then."""
        passed, self._observed_at = now - self._observed_at, now
        if self._outgoing.waits_s(self.transport, now) > self._settings.write_seconds_max:
            self._cut("reads nothing")
        elif self._phase in (_NEW, _HEAD):
            if self.flow.read_paused:
                self._since += passed  # it is we who are slow
            elif now - self._since > self._settings.header_seconds_max:
                self._refuse_slow("The head of the request did not come in time.")
        elif self._phase == _BODY:
            self._observe_body(now, passed)
        elif self._phase == _LINGERING and now - self._since > _LINGER_S:
            self.transport.abort()

    def _observe_body(self, now: float, passed: float) -> None:
        if not self._is_answering:
            if now - self._since > _UNREAD_S:
                self._cut("sends what nobody reads")
        elif self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._since += passed
        elif now - self._since > self._settings.body_seconds_max + (
            self._body_bytes / self._settings.body_bytes_per_second_min
        ):
            self._refuse_slow("The body of the request did not come in time.")

    def _refuse_slow(self, reason: str) -> None:
        if self._phase == _NEW:
            self._cut("says nothing")
        else:
            self._refuse(RefusedRequestError(408, reason))

    def _cut(self, why: str) -> None:
        log.info("cut", client=self.client and self.client[0], why=why)
        self._disconnect()
        self.transport.abort()


class WebSocketConnection(WebSocketsSansIOProtocol):
    """Pings tell who is gone; who is there has to read."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._settings = config.settings
        self._outgoing = Outgoing()

    def observe(self, now: float) -> None:
        """Cut who reads nothing. Called now and then."""
        if self._outgoing.waits_s(self.transport, now) > self._settings.write_seconds_max:
            log.info("cut", client=self.client and self.client[0], why="reads nothing")
            self.transport.abort()
