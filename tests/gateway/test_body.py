"""Reading request bodies."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Message

from gateway.body import read_body
from gateway.settings import Settings
from storage import deadline


async def test_the_time_that_a_client_takes_to_send_is_not_taken_from_the_request() -> None:
    app = Starlette()
    app.state.settings = Settings()
    pieces = [b"12", b"3"]

    async def receive() -> Message:
        await asyncio.sleep(0.25)
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    with deadline.within(10):
        assert await read_body(Request({"type": "http", "headers": [], "app": app}, receive)) == b"123"
        assert 9.6 < deadline.left() <= 10.1
    with deadline.within(0):
        deadline.prolong(1)
        assert deadline.left() == float("inf")
