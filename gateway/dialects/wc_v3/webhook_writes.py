"""The routes that create, change and delete webhooks, and the steps of it, which batches share."""

from __future__ import annotations

import secrets
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Concatenate, Final, Self, cast
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.authentication import Principal
from gateway.dialects.extra_headers import ExtraHeaders, changed_headers
from gateway.dialects.wc_v3 import webhook_bodies as bodies
from gateway.dialects.wc_v3 import webhook_topics as topics
from gateway.dialects.wc_v3.draft import NAME
from gateway.dialects.wc_v3.responses import Site, webhook
from gateway.dialects.wc_v3.webhook_bodies import WebhookBody
from gateway.dialects.wc_v3.webhook_pings import Pings
from gateway.dialects.wordpress import Answer, RestError, RestRequest
from gateway.server_secret import ServerSecret, ServerSecretError
from gateway.webhooks.sealing import seal
from gateway.webhooks.sending import Sending
from storage import idempotency, webhook_endpoints
from storage.changes import UNSET
from storage.webhook_endpoints import Endpoint, EndpointEdit, NewEndpoint, Start, Status

FORMAT: Final = "woocommerce"
"""The format of the endpoints that are webhooks here."""
_SECRET_LENGTH: Final = 50
_IN_SECRETS: Final = string.ascii_letters + string.digits
Operation = Callable[Concatenate[AsyncSession, ...], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that writes webhooks, and those that it wrote, to be pinged when that is committed."""

    request: RestRequest
    extra: ExtraHeaders
    site: Site
    saved: list[Endpoint]

    @classmethod
    def of(cls, request: RestRequest) -> Self:
        """Raises InvalidHeaderError for a header that cannot be understood."""
        extra = ExtraHeaders.of(request.http.headers)
        if extra.if_match is not None:
            raise RestError(400, "invalid_header", "If-Match is for products: webhooks have no versions.")
        return cls(request, extra, Site.of(request, edit=True), [])

    async def run(self, operation: Operation, *args: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """An operation in a transaction, once for an idempotency key; what it answers, and headers."""
        database, dry_run = self.request.database, self.extra.dry_run
        run = database.rehearse if dry_run else database.transact
        self.saved.clear()
        answer, replayed = await run(self._once, operation, *args)
        if not dry_run and not replayed:
            self._committed()
        return answer, changed_headers(replayed=replayed, dry_run=dry_run)

    async def _once(self, session: AsyncSession, operation: Operation, *args: Any) -> tuple[dict[str, Any], bool]:
        self.saved.clear()  # of a run that has to be repeated
        key = self.extra.idempotency_key
        if key is None:
            return await operation(session, self, *args), False
        principal: Principal = self.request.http.user
        origin = principal.origin(NAME)
        asked = [self.request.http.method, self.request.http.url.path, self.request.args, self.request.body]
        fingerprint = orjson.dumps(asked, default=str, option=orjson.OPT_SORT_KEYS)
        if (earlier := await idempotency.take(session, origin, key, fingerprint)) is not None:
            return cast("dict[str, Any]", orjson.loads(earlier)), True
        answer = await operation(session, self, *args)
        await idempotency.keep(session, origin, key, orjson.dumps(answer).decode())
        return answer, False

    def _committed(self) -> None:
        """Ping those that were saved, where that is still to be done, and look for something to be sent."""
        pings: Pings = self.request.http.app.state.webhook_pings
        pings.send(self.saved)
        sending: Sending = self.request.http.app.state.webhooks
        sending.notice()

    def sealed(self, secret: str) -> str:
        """A secret as it is stored. Raises RestError."""
        try:
            return seal(ServerSecret(self.request.settings).value_or_new(), secret)
        except ServerSecretError as error:
            raise RestError(503, "server_secret_missing", str(error)) from None

    def shown(self, endpoint: Endpoint) -> dict[str, Any]:
        """A webhook as the answer shows it."""
        return cast("dict[str, Any]", webhook(endpoint, self.site))


async def create(request: RestRequest) -> Answer:
    """POST /webhooks: whatever status is sent, it is active; its address is pinged."""
    call = Call.of(request)
    body = bodies.single(request.args)
    await bodies.check(body, request.settings, is_new=True)
    answer, headers = await call.run(make, body)
    return Answer(answer, 201, {"Location": answer["_links"]["self"][0]["href"], **headers})


async def update(request: RestRequest) -> Answer:
    """PUT, PATCH and POST /webhooks/{id}: what is not said stays."""
    call, id_ = Call.of(request), request.path["id"]
    body = bodies.single({name: value for name, value in request.args.items() if name != "id"})
    await request.database.read(known, id_)
    await bodies.check(body, request.settings)
    answer, headers = await call.run(change, id_, body)
    return Answer(answer, headers=headers)


async def delete(request: RestRequest) -> Answer:
    """DELETE /webhooks/{id}: only with `force`, as there is no trash for webhooks."""
    call = Call.of(request)
    if not request.args["force"]:
        raise RestError(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    answer, headers = await call.run(remove, request.path["id"])
    return Answer(answer, headers=headers)


async def make(session: AsyncSession, call: Call, body: WebhookBody) -> dict[str, Any]:
    """A new webhook."""
    secret = body.secret or "".join(secrets.choice(_IN_SECRETS) for _ in range(_SECRET_LENGTH))
    principal: Principal = call.request.http.user
    new = NewEndpoint(
        name=body.name or _name(call.site.zone),
        url=body.delivery_url,
        topics=tuple(topics.events_of(body.topic)),
        secret=call.sealed(secret),
        format=FORMAT,
        api_key_id=principal.credential.id,
        ping_pending=True,
        extra={NAME: {"topic": body.topic, "home": call.site.home}},
    )
    endpoint = await webhook_endpoints.create(session, new)
    call.saved.append(endpoint)
    return call.shown(endpoint)


async def change(session: AsyncSession, call: Call, id_: int, body: WebhookBody) -> dict[str, Any]:
    """Another state of a webhook. Raises RestError for one that there is not."""
    before = await known(session, id_)
    extra = before.extra[NAME]
    edit = EndpointEdit(
        name=body.name or UNSET,
        url=body.delivery_url or UNSET,
        topics=tuple(topics.events_of(body.topic)) if body.topic else UNSET,
        secret=call.sealed(body.secret) if body.secret else UNSET,
        extra={**before.extra, NAME: {**extra, "topic": body.topic}} if body.topic else UNSET,
        ping_pending=True if body.delivery_url not in {"", before.url} else UNSET,
    )
    endpoint = await webhook_endpoints.change(session, id_, edit) if edit.given() else before
    if body.status not in {None, before.status}:
        endpoint = await _with_status(session, id_, body.status)
    call.saved.append(endpoint)
    return call.shown(endpoint)


async def _with_status(session: AsyncSession, id_: int, status: Status) -> Endpoint:
    """What happens while it is not active is never delivered: it goes on with what happens from then on."""
    if status is Status.ACTIVE:
        return await webhook_endpoints.resume(session, id_, start=Start.NOW)
    if status is Status.PAUSED:
        return await webhook_endpoints.pause(session, id_)
    return await webhook_endpoints.disable(session, id_, "It was disabled by a client of wc/v3.")


async def remove(session: AsyncSession, call: Call, id_: int) -> dict[str, Any]:
    """A webhook as it was before it was deleted. Raises RestError for one that there is not."""
    try:
        await known(session, id_)
    except RestError:
        raise bodies.unknown_to_delete() from None
    return call.shown(await webhook_endpoints.remove(session, id_))


async def known(session: AsyncSession, id_: int) -> Endpoint:
    """A webhook. Endpoints of other formats are none. Raises RestError."""
    endpoint = await webhook_endpoints.by_id(session, id_)
    if endpoint is None or endpoint.format != FORMAT:
        raise bodies.unknown()
    return endpoint


def _name(zone: ZoneInfo) -> str:
    return f"Webhook created on {datetime.now(UTC).astimezone(zone):%b %d, %Y @ %I:%M %p}"
