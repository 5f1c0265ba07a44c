"""What managing webhook endpoints needs of the server: where it may send to, secrets, and a trial."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.server_secret import ServerSecret, ServerSecretError
from gateway.settings import Settings
from gateway.webhooks import targets
from gateway.webhooks.allowed import Allowed
from gateway.webhooks.client import Client
from gateway.webhooks.message import Answer
from gateway.webhooks.sealing import new_secret, seal
from gateway.webhooks.standard import Standard
from storage import webhook_payloads
from storage.errors import ErrorCode, InventoryError, StorageUnavailableError
from storage.webhook_endpoints import STANDARD, Endpoint
from storage.webhook_topics import TEST


@dataclass(frozen=True, slots=True)
class Registration:
    """Of a server with these settings; a schema.context.Webhooks."""

    settings: Settings

    async def check(self, url: str) -> None:
        """Refuse a URL to which nothing would be sent. Refuses with: INVALID_WEBHOOK_URL."""
        await targets.check(url, self.settings)

    def new_secret(self) -> tuple[str, str]:
        """A secret as its owner is shown it, and as it is stored.

        Raises StorageUnavailableError when there is no server secret to store it with.
        """
        secret = new_secret()
        try:
            return secret, seal(ServerSecret(self.settings).value_or_new(), secret)
        except ServerSecretError as error:
            raise StorageUnavailableError(str(error)) from None

    async def try_out(self, endpoint: Endpoint) -> Answer:
        """Send an endpoint a `webhook.test`, now and once, whatever its status; nothing of it is recorded.

        Refuses with: INVALID_VALUE.
        """
        if endpoint.format != STANDARD:
            message = "This endpoint is a webhook of wc/v3: it is pinged whenever it is saved there. Save it again."
            raise InventoryError(ErrorCode.INVALID_VALUE, message, "id")
        about = {"endpoint": {"id": endpoint.id, "name": endpoint.name, "topics": list(endpoint.topics)}}
        body = webhook_payloads.text_of(TEST, datetime.now(UTC), about)
        client = Client(Allowed.of(self.settings.webhook_targets_allowed))
        try:
            sender = Standard(ServerSecret(self.settings), self.settings.webhook_seconds_max)
            return await client.post(sender.signed(endpoint, f"test_{secrets.token_hex(12)}", body))
        finally:
            await client.close()
