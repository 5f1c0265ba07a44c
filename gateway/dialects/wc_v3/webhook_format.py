"""How webhooks of wc/v3 are delivered: what is sent, signed as WooCommerce signs it, and how answers count.

A delivery tells what its product is like when it is sent, so that events of one product share one. None is sent again:
what failed is told by the next one of that product.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.dialects.wc_v3 import responses, webhook_topics
from gateway.dialects.wc_v3.responses import KEPT, Site
from gateway.dialects.wc_v3.site import WC_VERSION, WP_VERSION
from gateway.dialects.wc_v3.webhook_topics import PRODUCT_SET_STOCK, VARIATION_SET_STOCK
from gateway.dialects.wordpress.answers import encode
from gateway.server_secret import ServerSecret, ServerSecretError
from gateway.settings import Settings
from gateway.webhooks.message import Answer, Headers, Judged, Message, UnsignedError, Verdict
from gateway.webhooks.sealing import SealBrokenError, unseal
from storage import product_views, unit_changes
from storage.database import Database
from storage.product_views import ProductView
from storage.webhook_endpoints import Endpoint
from storage.webhook_events import Event

USER_AGENT: Final = f"WooCommerce/{WC_VERSION} Hookshot (WordPress/{WP_VERSION})"
FAILURES_MAX: Final = 5
"""So many failures in a row are borne; one more than the next of them disables, as on the reference: the seventh."""
_VERBS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_OF_STOCK: Final = frozenset({PRODUCT_SET_STOCK, VARIATION_SET_STOCK})


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook, as what its deliveries need of it."""

    endpoint: Endpoint
    topic: str
    site: Site
    server_secret: ServerSecret
    timeout_s: float

    @classmethod
    def of(cls, endpoint: Endpoint, settings: Settings, server_secret: ServerSecret) -> Webhook:
        """Links begin as those begin that clients are answered with: else as its creator's."""
        kept: Mapping[str, str] = endpoint.extra[KEPT]
        home = settings.public_url.rstrip("/") or kept["home"]
        site = Site(home, ZoneInfo(settings.timezone), verbs=_VERBS)
        return cls(endpoint, kept["topic"], site, server_secret, settings.webhook_seconds_max)

    def message(self, events: Sequence[Event], body: bytes) -> Message:
        """One delivery. Its id is the same however often it is tried, and no other has it."""
        resource, event = webhook_topics.split(self.topic)
        told = f"{self.endpoint.id}:{self.endpoint.created_at.isoformat()}:{events[0].sequence}"
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "X-WC-Webhook-Source": f"{self.site.home}/",
            "X-WC-Webhook-Topic": self.topic,
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-ID": str(self.endpoint.id),
            "X-WC-Webhook-Delivery-ID": hashlib.sha256(told.encode()).hexdigest()[:32],
        }
        signed = partial(_signature, body, self.server_secret, self.endpoint.secret)
        return Message(events, self.endpoint.url, body, headers, signed, self.timeout_s)


def signature(body: bytes, secret: str) -> str:
    """What receivers compare with their own: over the bytes as they are sent."""
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def _signature(body: bytes, server_secret: ServerSecret, sealed: str, _now: datetime) -> Headers:
    try:
        return {"X-WC-Webhook-Signature": signature(body, _opened(server_secret.value(), sealed))}
    except (ServerSecretError, SealBrokenError) as error:
        raise UnsignedError(str(error)) from None


_opened: Final = lru_cache(maxsize=1024)(unseal)
"""To open a seal takes longer than to sign."""


class WooCommerce:
    """The format `woocommerce`: what gateway.webhooks.message.Format asks for."""

    merges = True

    def __init__(self, settings: Settings, server_secret: ServerSecret) -> None:
        self._settings = settings
        self._server_secret = server_secret

    async def messages(self, endpoint: Endpoint, events: Sequence[Event], database: Database) -> Sequence[Message]:
        """One delivery for each product, or one for all where the topic is a hook, which names none."""
        webhook = Webhook.of(endpoint, self._settings, self._server_secret)
        together: dict[int, list[Event]] = {}
        for event in events:
            if event.product_id is not None:
                together.setdefault(event.product_id, []).append(event)
        resource, name = webhook_topics.split(webhook.topic)
        if resource == "action":
            fired = await database.read(_fired, webhook.topic, events) if webhook.topic in _OF_STOCK else events
            return [webhook.message(fired, encode({"action": name, "arg": []}))] if fired else []
        bodies: Mapping[int, bytes]
        if name == "deleted":
            bodies = {id_: encode({"id": id_}) for id_ in together}
        else:
            bodies = await database.read(_shown, list(together), webhook.site)
        return [webhook.message(of_one, bodies[id_]) for id_, of_one in together.items() if id_ in bodies]

    def again(self, endpoint: Endpoint, event: Event, body: bytes) -> Message:
        """The delivery of which an earlier attempt had this body."""
        return Webhook.of(endpoint, self._settings, self._server_secret).message([event], body)

    def judge(self, endpoint: Endpoint, failures: int, answer: Answer) -> Judged:  # noqa: ARG002 (all are judged alike)
        """Nothing is tried again; who fails too often in a row is disabled."""
        if answer.status is not None and 200 <= answer.status <= 302:
            return Judged(Verdict.DELIVERED)
        if failures <= FAILURES_MAX:
            return Judged(Verdict.FAILED)
        reason = f"{failures + 1} deliveries in a row failed; the last: {answer.error or f'HTTP {answer.status}'}"
        return Judged(Verdict.FAILED, reason)


async def _shown(session: AsyncSession, ids: Sequence[int], site: Site) -> dict[int, bytes]:
    """Products as GET shows them, byte for byte; those that are gone are left out."""
    views: Sequence[ProductView] = await product_views.by_ids(session, ids)
    return {view.id: encode(responses.product(view, site)) for view in views}


async def _fired(session: AsyncSession, topic: str, events: Collection[Event]) -> Sequence[Event]:
    """Those of the events at which the hook fires: when units of a product change, or of a variation."""
    sequences = [event.sequence for event in events]
    parents = await unit_changes.parents(session, sequences, min(event.created_at for event in events))
    is_of_variations = topic == VARIATION_SET_STOCK
    return [
        event
        for event in events
        if event.sequence in parents and (parents[event.sequence] is not None) is is_of_variations
    ]
