"""Reading one's own writes where replicas answer: what a request knows, and what it is told.

A key's own writes are remembered here and told to other gateways within some 20 ms. Whoever cannot leave it at that
sends the token of a write's answer with the reads that must see it, to any gateway.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage import freshness
from storage.freshness import UNKNOWN, Conversation

HEADER: Final = "X-Stockgate-Consistency-Token"
_WELL_FORMED: Final = re.compile("[0-9a-f]{1,16}")


class Consistency:
    """ASGI middleware, for gateways with replicas."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        conversation = Conversation(seen=_position_of(Headers(scope=scope).get(HEADER)))

        async def send_with_token(message: Message) -> None:
            if message["type"] == "http.response.start" and conversation.written:
                MutableHeaders(raw=message["headers"])[HEADER] = f"{min(conversation.written, UNKNOWN - 1):x}"
            await send(message)

        with freshness.conversing(conversation):
            await self.app(scope, receive, send_with_token)


def _position_of(token: str | None) -> int:
    """Who sends a token that is none of ours means something by it: then the primary is asked."""
    if token is None:
        return 0
    return int(token, 16) if _WELL_FORMED.fullmatch(token) else UNKNOWN
