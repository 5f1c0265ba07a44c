"""GraphQL over WebSocket, by the protocol graphql-transport-ws.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

import orjson
import structlog
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway import calls, log_lines, request_log
from gateway.authentication import bearer_token, header_token
from gateway.graphql import callers, media_types, origins
from gateway.graphql.open_streams import Ending, OpenStream, OpenStreams
from gateway.graphql.refusals import RATE_LIMITED, RefusedError
from gateway.graphql.running import Caller, NotExecutedError, answers_to_members
from gateway.settings import Settings
from gateway.telemetry import Telemetry
from storage.errors import StorageUnavailableError

SUBPROTOCOL: Final = "graphql-transport-ws"
_INIT_S: Final = 10.0
_FAREWELL_S: Final = 2.0
_REASON_BYTES_MAX: Final = 123  # of a close frame
log = structlog.get_logger("stockgate.websocket")


class ClosedError(Exception):
    """The server closes the connection, with this code and for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")


class Connection:
    """One WebSocket. Each operation is a task; what arrives is read one message after the other."""

    def __init__(self, websocket: WebSocket, stream: OpenStream, request_id: str) -> None:
        self._websocket = websocket
        self._stream = stream
        self._settings: Settings = websocket.app.state.settings
        self._streams: OpenStreams = websocket.app.state.open_streams
        self._request_id = request_id
        self._initialised = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self.started = 0

    async def serve(self) -> int:
        """Until either side closes: the code with which it did."""
        receiving = asyncio.create_task(self._receive())
        ending = asyncio.create_task(self._stream.ended.wait())
        try:
            await asyncio.wait({receiving, ending}, return_when=asyncio.FIRST_COMPLETED)
            closed = self._last_word(receiving)
        finally:
            for task in (receiving, ending, *self._operations.values()):
                task.cancel()
            await asyncio.gather(receiving, ending, *self._operations.values(), return_exceptions=True)
        return await self._close(closed)

    def _last_word(self, receiving: asyncio.Task[None]) -> ClosedError | WebSocketDisconnect:
        """Why it is over."""
        if self._stream.ended.is_set():
            code = 1001 if self._stream.ending is Ending.STOPPING else 4403
            return ClosedError(code, self._stream.ending.value)
        error = receiving.exception()
        if isinstance(error, ClosedError | WebSocketDisconnect):
            return error
        log.error("websocket failed", request_id=self._request_id, exc_info=error)
        return ClosedError(4500, "Internal server error")

    async def _close(self, closed: ClosedError | WebSocketDisconnect) -> int:
        if isinstance(closed, ClosedError):
            # A client that reads nothing is not waited for
            with contextlib.suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._websocket.close(closed.code, closed.reason)
        return closed.code

    async def _receive(self) -> None:
        """Take messages. Raises ClosedError or WebSocketDisconnect when it is over."""
        try:
            async with asyncio.timeout(_INIT_S) as waiting:
                while not self._initialised:
                    await self._take(await self._message())
                waiting.reschedule(None)
        except TimeoutError:
            raise ClosedError(4408, "Connection initialisation timeout") from None
        while True:
            await self._take(await self._message())

    async def _message(self) -> dict[str, Any]:
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        text = received.get("text")
        if text is None:
            raise ClosedError(4400, "Send messages as text.")
        if len(text) > self._settings.body_bytes_max:
            raise ClosedError(1009, f"A message may have at most {self._settings.body_bytes_max} bytes.")
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise ClosedError(4400, "Messages must be JSON.") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise ClosedError(4400, 'Messages must be objects with a "type".')
        return message

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                await self._initialise(_members(message, "payload"))
            case "ping":
                payload = _members(message, "payload")
                await self._send({"type": "pong", "payload": payload} if payload else {"type": "pong"})
            case "pong":
                _members(message, "payload")
            case "subscribe":
                await self._subscribe(_id(message), message.get("payload"))
            case "complete":
                if task := self._operations.pop(_id(message), None):
                    task.cancel()
            case other:
                raise ClosedError(4400, f"There is no message of type {other!r}.")

    async def _initialise(self, parameters: Mapping[str, Any]) -> None:
        if self._initialised:
            raise ClosedError(4429, "Too many initialisation requests")
        try:
            principal = await callers.authenticate(self._websocket.app, _token(parameters, self._websocket))
            origins.check(self._websocket, principal)
            self._streams.belongs(self._stream, principal)
        except RefusedError as refused:
            raise ClosedError(4429 if refused.code == RATE_LIMITED else 4403, refused.message) from None
        except StorageUnavailableError:
            raise ClosedError(1013, "The database is not available now. Try again.") from None
        self._initialised = True
        await self._send({"type": "connection_ack"})

    async def _subscribe(self, operation_id: str, payload: Any) -> None:
        principal = self._stream.principal
        if principal is None:
            raise ClosedError(4401, "Unauthorized")
        if operation_id in self._operations:
            raise ClosedError(4409, f"Subscriber for {operation_id} already exists")
        if not isinstance(payload, dict):
            raise ClosedError(4400, 'A "subscribe" message needs a "payload" with a "query".')
        most = self._settings.subscriptions_per_connection_max
        if len(self._operations) >= most:
            refused = RefusedError(429, RATE_LIMITED, f"At most {most} operations run at once on one connection.")
            await self._send({"id": operation_id, "type": "error", "payload": [refused.told]})
            return
        self.started += 1
        caller = Caller(self._websocket.app, principal, f"{self._request_id}-{self.started}")
        running = asyncio.create_task(self._run(operation_id, payload, caller))
        self._operations[operation_id] = running
        running.add_done_callback(lambda task: self._ended(operation_id, task))

    def _ended(self, operation_id: str, task: asyncio.Task[None]) -> None:
        if self._operations.get(operation_id) is task:
            del self._operations[operation_id]
        if not task.cancelled() and (error := task.exception()):
            log.error("websocket failed", request_id=self._request_id, exc_info=error)

    async def _run(self, operation_id: str, payload: dict[str, Any], caller: Caller) -> None:
        """Answer one operation."""
        call, started = calls.begin(caller.request_id), time.perf_counter()
        call.dialect, call.key_id = callers.DIALECT, caller.principal.credential.id
        telemetry: Telemetry | None = caller.app.state.telemetry
        if telemetry is not None:
            telemetry.begin(call, self._websocket.scope["headers"])
        try:
            await self._answer(operation_id, payload, caller)
        finally:
            status, seconds = 400 if call.refused else 200, time.perf_counter() - started
            request_log.tell(caller.app, call, status, seconds)
            log_lines.info("operation", request_log.told(call, status, seconds))

    async def _answer(self, operation_id: str, payload: dict[str, Any], caller: Caller) -> None:
        identified = f'{{"id":{orjson.dumps(operation_id).decode()},"type":'
        send = self._websocket.send
        try:
            async with contextlib.aclosing(answers_to_members(caller, payload)) as given:
                async for texts in given:
                    for text in texts:
                        await send({"type": "websocket.send", "text": f'{identified}"next","payload":{text}}}'})
        except NotExecutedError as refused:
            last = f'{identified}"error","payload":{orjson.dumps(refused.errors).decode()}}}'
        except WebSocketDisconnect:
            return
        else:
            last = f'{identified}"complete"}}'
        self._operations.pop(operation_id, None)  # the client may use the id again as soon as it hears of the end
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await send({"type": "websocket.send", "text": last})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._websocket.send_text(orjson.dumps(message).decode())


def _members(message: dict[str, Any], key: str) -> dict[str, Any]:
    """An optional object of a message."""
    value = message.get(key)
    if not isinstance(value, dict | None):
        raise ClosedError(4400, f'"{key}" must be an object.')
    return value or {}


def _id(message: dict[str, Any]) -> str:
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not operation_id:
        raise ClosedError(4400, f'A "{message["type"]}" message needs an "id".')
    return operation_id


def _token(parameters: Mapping[str, Any], websocket: WebSocket) -> str | None:
    """The API key: of the connection's parameters, as browsers must send it, or of the request's headers."""
    given = {name.lower(): value.strip() for name, value in parameters.items() if isinstance(value, str)}
    scheme, _, bearer = given.get("authorization", "").partition(" ")
    named = given.get("apikey") or given.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    return named or header_token(websocket) or bearer_token(websocket)


async def graphql(websocket: WebSocket) -> None:
    """The WebSocket /graphql."""
    request_id, started, operations = secrets.token_hex(16), time.perf_counter(), 0
    try:
        with websocket.app.state.open_streams.open() as stream:
            if SUBPROTOCOL in websocket.scope["subprotocols"]:
                await websocket.accept(SUBPROTOCOL, [(b"x-request-id", request_id.encode())])
                connection = Connection(websocket, stream, request_id)
                code = await connection.serve()
                operations = connection.started
            else:
                code = 4406
                await websocket.accept()
                await websocket.close(code, f"Subprotocol not acceptable: ask for {SUBPROTOCOL}.")
    except RefusedError as refused:
        code = refused.status
        denial = Response(orjson.dumps({"errors": [refused.told]}), code, refused.headers, media_type=media_types.JSON)
        await websocket.send_denial_response(denial)
    except WebSocketDisconnect as gone:
        code = gone.code
    ms = round((time.perf_counter() - started) * 1000, 2)
    log.info("websocket", request_id=request_id, path=websocket.scope["path"], code=code, operations=operations, ms=ms)


ROUTES = [WebSocketRoute("/graphql", graphql)]
