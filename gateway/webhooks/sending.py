"""The sending half of webhooks as the application has it: a client, and a dispatcher if the settings want one."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.settings import Settings
from gateway.webhooks.allowed import Allowed
from gateway.webhooks.client import Client
from gateway.webhooks.dispatcher import Dispatcher
from gateway.webhooks.message import Format
from storage.database import Database


class Sending:
    """Of one process, while it serves."""

    def __init__(self, settings: Settings, database: Database, formats: Mapping[str, Format]) -> None:
        self.client = Client(Allowed.of(settings.webhook_targets_allowed))
        self.formats = formats
        self.dispatcher: Dispatcher | None = None
        if settings.webhooks_sent:
            self.dispatcher = Dispatcher(database, self.client, formats, concurrency=settings.webhook_requests_max)

    def start(self) -> None:
        """Begin to send."""
        if self.dispatcher is not None:
            self.dispatcher.start()

    def notice(self) -> None:
        """Look soon: this process has made an endpoint."""
        if self.dispatcher is not None:
            self.dispatcher.notice()

    async def close(self) -> None:
        """Wait a little for what is under way, and end."""
        if self.dispatcher is not None:
            await self.dispatcher.close()
        await self.client.close()
