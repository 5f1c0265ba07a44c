"""The root fields that manage webhook endpoints. Their secrets are in no log and no record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import strawberry
from sqlalchemy.ext.asyncio import AsyncSession
from strawberry import Info, argument

from schema.authorization import mutation
from schema.context import Context, Tried, Webhooks
from schema.errors import UserError, forbidden, of_error, of_refused
from schema.ids import database_id
from schema.mutations.access_payloads import Refusable
from schema.mutations.webhook_inputs import (
    WebhookDeliveryRedeliverInput,
    WebhookEndpointCreateInput,
    WebhookEndpointInput,
    WebhookEndpointResumeInput,
    WebhookEndpointRotateSecretInput,
    WebhookEndpointUpdateInput,
)
from schema.sources import Rows, one
from schema.types.webhook_endpoint import WebhookDelivery, WebhookEndpoint
from storage import webhook_deliveries, webhook_endpoints
from storage.access import Scope
from storage.errors import ErrorCode, InventoryError
from storage.webhook_endpoints import Endpoint, EndpointEdit, EndpointRefusedError, NewEndpoint

_number: Final = database_id("WebhookEndpoint")
_Errors = list[UserError]


@strawberry.type(description="What became of a webhook endpoint.")
class WebhookEndpointPayload(Refusable):
    """An Endpoint."""

    endpoint_id: strawberry.Private[int | None] = None

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        return {"endpoint_id": self.endpoint_id}

    @one(WebhookEndpoint | None)
    def webhook_endpoint(row: Any, endpoint: Any) -> Rows:
        """The endpoint as it is now; null when it was refused."""
        return Rows([endpoint.id == row.endpoint_id.bind()])


@strawberry.type(description="A webhook endpoint with its secret.")
class WebhookEndpointSecretPayload(WebhookEndpointPayload):
    """An Endpoint, and what it signs with."""

    secret: str | None = strawberry.field(
        default=None,
        description="What it signs with: `whsec_…`, for any library of the Standard Webhooks. Shown this once.",
    )


@strawberry.type(description="A webhook endpoint that is forgotten.")
class WebhookEndpointDeletePayload(Refusable):
    """What it was."""

    database_id: int | None = strawberry.field(default=None, description="Its number; null when it was refused.")


@strawberry.type(description="A test event, as it was answered.")
class WebhookEndpointTestPayload(WebhookEndpointPayload):
    """A schema.context.Tried."""

    delivered: bool = strawberry.field(default=False, description="Whether the receiver took it: any status of 2xx.")
    response_status: int | None = strawberry.field(default=None, description="Its HTTP status; null without an answer.")
    error: str | None = strawberry.field(default=None, description="What was wrong; null when nothing was.")
    duration_ms: int | None = strawberry.field(default=None, description="How long it took, in milliseconds.")


@strawberry.type(description="A delivery that is to be sent again.")
class WebhookDeliveryRedeliverPayload(Refusable):
    """A row of webhook_delivery."""

    delivery_id: strawberry.Private[int | None] = None

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        return {"delivery_id": self.delivery_id}

    @one(WebhookDelivery | None)
    def webhook_delivery(row: Any, delivery: Any) -> Rows:
        """The delivery as it is now: it waits. Null when it was refused."""
        return Rows([delivery.id == row.delivery_id.bind()])


@strawberry.type
class WebhookMutations:
    """Part of Mutation."""

    @mutation(  # type: ignore[untyped-decorator]
        "Send events to an address from now on. Its secret is shown this once.", scope=Scope.ADMIN
    )
    async def webhook_endpoint_create(
        self,
        info: Info[Context, None],
        input: Annotated[WebhookEndpointCreateInput, argument(description="Where, and what of.")],
    ) -> WebhookEndpointSecretPayload:
        """A new endpoint."""

        async def create(server: Webhooks) -> tuple[Endpoint, str]:
            await server.check(input.url)
            secret, sealed = server.new_secret()

            async def make(session: AsyncSession) -> Endpoint:
                narrowed = await input.filters().columns(session)
                key = info.context.credential.id
                new = NewEndpoint(input.name, input.url, tuple(input.topics), sealed, api_key_id=key, **narrowed)
                return await webhook_endpoints.create(session, new)

            return await info.context.database.transact(make), secret

        made, errors = await _attempted(info.context, create)
        if made is None:
            return WebhookEndpointSecretPayload(user_errors=errors)
        return WebhookEndpointSecretPayload(endpoint_id=made[0].id, secret=made[1])

    @mutation(  # type: ignore[untyped-decorator]
        "Give an endpoint another name, URL, topics or filters. They count for every event that was not read for it "
        "yet.",
        scope=Scope.ADMIN,
    )
    async def webhook_endpoint_update(
        self,
        info: Info[Context, None],
        input: Annotated[WebhookEndpointUpdateInput, argument(description="Which one, and what of it.")],
    ) -> WebhookEndpointPayload:
        """Other values."""

        async def update(server: Webhooks) -> Endpoint:
            columns = input.columns()
            if "url" in columns:
                await server.check(str(columns["url"]))

            async def change(session: AsyncSession) -> Endpoint:
                narrowed = await input.filters().columns(session)
                edit: Any = {**columns, **{name: narrowed[name] for name in input.narrowed()}}
                return await webhook_endpoints.change(session, _number(input.id), EndpointEdit(**edit))

            return await info.context.database.transact(change)

        return await _told(info.context, update)

    @mutation("Forget an endpoint and all its deliveries.", scope=Scope.ADMIN)  # type: ignore[untyped-decorator]
    async def webhook_endpoint_delete(
        self, info: Info[Context, None], input: Annotated[WebhookEndpointInput, argument(description="Which one.")]
    ) -> WebhookEndpointDeletePayload:
        """The end of an endpoint."""

        async def remove(_: Webhooks) -> Endpoint:
            return await info.context.database.transact(webhook_endpoints.remove, _number(input.id))

        removed, errors = await _attempted(info.context, remove)
        return WebhookEndpointDeletePayload(user_errors=errors, database_id=None if removed is None else removed.id)

    @mutation(  # type: ignore[untyped-decorator]
        "Give an endpoint another secret, shown this once. The previous one signs beside it for a while, so that no "
        "event is refused while the receiver learns the new one.",
        scope=Scope.ADMIN,
    )
    async def webhook_endpoint_rotate_secret(
        self,
        info: Info[Context, None],
        input: Annotated[WebhookEndpointRotateSecretInput, argument(description="Which one, and for how long.")],
    ) -> WebhookEndpointSecretPayload:
        """Another secret."""

        async def rotate(server: Webhooks) -> tuple[Endpoint, str]:
            secret, sealed = server.new_secret()

            async def write(session: AsyncSession) -> Endpoint:
                span = timedelta(seconds=input.previous_valid_for_seconds)
                return await webhook_endpoints.rotate_secret(session, _number(input.id), sealed, previous_for=span)

            return await info.context.database.transact(write), secret

        made, errors = await _attempted(info.context, rotate)
        if made is None:
            return WebhookEndpointSecretPayload(user_errors=errors)
        return WebhookEndpointSecretPayload(endpoint_id=made[0].id, secret=made[1])

    @mutation("Send an endpoint nothing until it is resumed. It goes on where it was.", scope=Scope.ADMIN)  # type: ignore[untyped-decorator]
    async def webhook_endpoint_pause(
        self, info: Info[Context, None], input: Annotated[WebhookEndpointInput, argument(description="Which one.")]
    ) -> WebhookEndpointPayload:
        """Nothing, for a while."""

        async def pause(_: Webhooks) -> Endpoint:
            return await info.context.database.transact(webhook_endpoints.pause, _number(input.id))

        return await _told(info.context, pause)

    @mutation(  # type: ignore[untyped-decorator]
        "Send an endpoint events again that was paused or disabled, from where it was. When what it missed was pruned "
        "from the ledger, EVENTS_PRUNED says so: give `start` then.",
        scope=Scope.ADMIN,
    )
    async def webhook_endpoint_resume(
        self,
        info: Info[Context, None],
        input: Annotated[WebhookEndpointResumeInput, argument(description="Which one, and from where on.")],
    ) -> WebhookEndpointPayload:
        """Events again."""

        async def resume(_: Webhooks) -> Endpoint:
            database, start = info.context.database, input.from_()
            return await database.transact(webhook_endpoints.resume, _number(input.id), start=start)

        return await _told(info.context, resume)

    @mutation(  # type: ignore[untyped-decorator]
        "Send an endpoint an event of the type `webhook.test`, now and once, whatever its status, and say what it "
        "answered. Nothing of it is recorded.",
        scope=Scope.ADMIN,
    )
    async def webhook_endpoint_test(
        self, info: Info[Context, None], input: Annotated[WebhookEndpointInput, argument(description="Which one.")]
    ) -> WebhookEndpointTestPayload:
        """A trial."""

        async def test(server: Webhooks) -> tuple[Endpoint, Tried]:
            endpoint = await info.context.database.read(webhook_endpoints.known, _number(input.id))
            return endpoint, await server.try_out(endpoint)

        tried, errors = await _attempted(info.context, test)
        if tried is None:
            return WebhookEndpointTestPayload(user_errors=errors)
        endpoint, answer = tried
        return WebhookEndpointTestPayload(
            endpoint_id=endpoint.id,
            delivered=answer.error is None,
            response_status=answer.status,
            error=answer.error,
            duration_ms=answer.duration_ms,
        )

    @mutation(  # type: ignore[untyped-decorator]
        "Send an event again that was delivered or given up, with the id it had, as soon as its endpoint is active. "
        "What waits is tried at once.",
        scope=Scope.ADMIN,
    )
    async def webhook_delivery_redeliver(
        self,
        info: Info[Context, None],
        input: Annotated[WebhookDeliveryRedeliverInput, argument(description="Which delivery.")],
    ) -> WebhookDeliveryRedeliverPayload:
        """Once more."""
        number = database_id("WebhookDelivery")(input.id)

        async def again(_: Webhooks) -> int:
            now = datetime.now(UTC)
            await info.context.database.transact(webhook_deliveries.redeliver, number, now=now)
            return number

        found, errors = await _attempted(info.context, again)
        return WebhookDeliveryRedeliverPayload(user_errors=errors, delivery_id=found)


async def _told(context: Context, work: Callable[[Webhooks], Awaitable[Endpoint]]) -> WebhookEndpointPayload:
    endpoint, errors = await _attempted(context, work)
    return WebhookEndpointPayload(user_errors=errors, endpoint_id=None if endpoint is None else endpoint.id)


async def _attempted(context: Context, work: Callable[[Webhooks], Awaitable[Any]]) -> tuple[Any, _Errors]:
    """What some work gives, or why it gives nothing."""
    if context.webhooks is None:
        raise forbidden("Webhook endpoints are not managed here.")
    try:
        _check_sight(context)
        return await work(context.webhooks), []
    except EndpointRefusedError as error:
        return None, [of_refused(refused) for refused in error.refused]
    except InventoryError as error:
        return None, [of_error(error)]


def _check_sight(context: Context) -> None:
    """Endpoints are told everything, so whoever manages them must be allowed to see everything."""
    if context.credential.locations is not None or not context.sees_exactly:
        message = "This API key does not see everything that webhook endpoints are told."
        raise InventoryError(ErrorCode.NOT_GRANTED, message)
