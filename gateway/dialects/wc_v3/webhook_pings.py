"""Pings: what the address of a webhook is sent when the webhook is saved, so that its owner sees that it is reached."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

import structlog

from gateway.dialects.wc_v3.webhook_format import USER_AGENT
from gateway.webhooks.client import Client
from gateway.webhooks.message import Message
from storage import webhook_endpoints
from storage.database import Database
from storage.errors import StorageUnavailableError
from storage.webhook_endpoints import Endpoint, Status

log = structlog.get_logger("stockgate.wc_v3")


class Pings:
    """The pings that are under way. No request waits for them, and none is tried again before the webhook is saved."""

    def __init__(self, client: Client, database: Database, *, timeout_s: float) -> None:
        self._client = client
        self._database = database
        self._timeout_s = timeout_s
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, saved: Iterable[Endpoint]) -> None:
        """Ping those of the webhooks that wait for it and are active."""
        for endpoint in {each.id: each for each in saved}.values():
            if endpoint.ping_pending and endpoint.status is Status.ACTIVE:
                task = asyncio.create_task(self._ping(endpoint), name=f"ping of webhook {endpoint.id}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End those that are under way: their webhooks go on waiting for one."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _ping(self, endpoint: Endpoint) -> None:
        answer = await self._client.post(_message(endpoint, self._timeout_s))
        if answer.status != 200:
            log.warning("ping failed", webhook=endpoint.id, status=answer.status, error=answer.error)
            return
        try:
            await self._database.transact(webhook_endpoints.pinged, endpoint.id, endpoint.url)
        except StorageUnavailableError as error:
            log.warning("ping not recorded", webhook=endpoint.id, error=str(error))


def _message(endpoint: Endpoint, timeout_s: float) -> Message:
    """A form without any of the headers that deliveries have: that is how receivers tell it from those."""
    form = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": USER_AGENT, "Accept": "*/*"}
    return Message([], endpoint.url, f"webhook_id={endpoint.id}".encode(), form, timeout_s=timeout_s)
