"""What registering a webhook endpoint needs of the server: where it may send to, and secrets."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.server_secret import ServerSecret, ServerSecretError
from gateway.settings import Settings
from gateway.webhooks import targets
from gateway.webhooks.sealing import new_secret, seal
from storage.errors import StorageUnavailableError


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
