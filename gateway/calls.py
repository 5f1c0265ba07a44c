"""A call: what becomes known of one request while it is answered, to be logged and counted at its end.

Whoever learns something notes it in the call of the request in progress. Nothing in it is a value that a client sent,
but for the operation's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from starlette.routing import Route

from storage import tally
from storage.tally import Tally

OTHER: Final = "other"
"""The operation of what asks for nothing that there is."""
NATIVE: Final = "stockgate"
"""The dialect of our own routes."""


_CODES_MAX: Final = 5


@dataclass(slots=True)
class Call(Tally):
    """One request, or one operation on a WebSocket.

    `operation` is one of those that this program has: `GET /healthz`, or `query product`. `name` is what the client
    calls a GraphQL operation. `key_id` is 0 until it is known who asks, `secret_id` is of those who push webhooks.
    """

    request_id: str = ""
    dialect: str = NATIVE
    operation: str = OTHER
    name: str = ""
    key_id: int = 0
    secret_id: int = 0
    cost: int = 0
    span: Any = None
    """Of OpenTelemetry, where that is on."""

    def refusal(self, status: int) -> str:
        """Why it, or something of it, was refused; empty when nothing was."""
        if self.refused:
            return ", ".join(islice(self.refused, _CODES_MAX))
        return BY_STATUS.get(status, BY_CLASS[status // 100]) if status >= 400 else ""


Finished = Callable[[Call, int, float], None]
"""Is told of a call with its status, and how many seconds it took."""
BY_STATUS: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "CONFLICT",
    412: "PRECONDITION_FAILED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE",
    429: "RATE_LIMITED",
    500: "INTERNAL_SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""What is told of a refusal by its status alone."""
BY_CLASS: Final = {4: "REFUSED", 5: "FAILED"}


def begin(request_id: str) -> Call:
    """The call of the request that this task answers from here on."""
    call = Call(request_id=request_id)
    tally.begin(call)
    return call


def current() -> Call:
    """The call of the request in progress; outside of one, a call that nobody looks at."""
    call = tally.current()
    return call if isinstance(call, Call) else Call()


_CONVERTOR: Final = re.compile(r":\w+\}")


def operation_of(method: str, prefix: str, route: object) -> str:
    """What a request asks for that took this route: its method and path, as people write it."""
    verb = "GET" if method == "HEAD" else method
    if not isinstance(route, Route) or verb not in (route.methods or {"GET"}):
        return OTHER
    return f"{verb} {_CONVERTOR.sub('}', prefix + route.path).rstrip('/') or '/'}"
