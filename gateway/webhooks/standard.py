"""The native format: one event a request, signed as the Standard Webhooks specification says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Final

from standardwebhooks import Webhook

from gateway.server_secret import ServerSecret, ServerSecretError
from gateway.webhooks import sealing
from gateway.webhooks.message import TIMEOUT_S, Answer, Headers, Judged, Message, UnsignedError, Verdict
from gateway.webhooks.sealing import SealBrokenError
from gateway.webhooks.together import Together
from storage import webhook_payloads
from storage.database import Database
from storage.webhook_endpoints import Endpoint
from storage.webhook_events import Event

_CONTENT: Final = {"Content-Type": "application/json"}
GONE: Final = "The receiver answered 410 Gone: it wants nothing any more."


class Standard:
    """Signs with the endpoint's secret, and for a while after a rotation with the one before, too."""

    merges = False

    def __init__(self, server_secret: ServerSecret, timeout_s: float = TIMEOUT_S) -> None:
        self._server_secret = server_secret
        self._timeout_s = timeout_s
        self._together = Together()

    async def messages(self, endpoint: Endpoint, events: Sequence[Event], database: Database) -> Sequence[Message]:
        """One for each event of which there is something to tell."""
        asked = tuple(event.sequence for event in events)
        told = await self._together.once(asked, lambda: database.read(webhook_payloads.payloads, events))
        return [self.again(endpoint, event, told[event.sequence]) for event in events if event.sequence in told]

    def again(self, endpoint: Endpoint, event: Event, body: bytes) -> Message:
        """The same body, signed anew."""
        return self.signed(endpoint, event.id, body, (event,))

    def signed(self, endpoint: Endpoint, message_id: str, body: bytes, events: Sequence[Event] = ()) -> Message:
        """Any message to an endpoint: a trial has no event."""
        signed = partial(self._signature, endpoint, message_id, body)
        return Message(events, endpoint.url, body, _CONTENT, signed, self._timeout_s)

    def judge(self, endpoint: Endpoint, failures: int, answer: Answer) -> Judged:  # noqa: ARG002 (as the format says)
        """Any 2xx is a success, redirects are none; 410 ends it."""
        if answer.status is not None and 200 <= answer.status < 300:
            return Judged(Verdict.DELIVERED)
        return Judged(Verdict.AGAIN, GONE if answer.status == 410 else None)

    def _signature(self, endpoint: Endpoint, message_id: str, body: bytes, now: datetime) -> Headers:
        try:
            server_secret = self._server_secret.value()
            signers = [_signer(server_secret, endpoint.secret)]
            if endpoint.previous_secret and endpoint.previous_until and now < endpoint.previous_until:
                signers.append(_signer(server_secret, endpoint.previous_secret))
        except (ServerSecretError, SealBrokenError) as error:
            raise UnsignedError(str(error)) from None
        text = body.decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(message_id, now.astimezone(UTC), text) for signer in signers),
        }


@lru_cache(maxsize=1024)
def _signer(server_secret: str, sealed: str) -> Webhook:
    """To open a seal takes longer than to sign."""
    return Webhook(sealing.unseal(server_secret, sealed))
