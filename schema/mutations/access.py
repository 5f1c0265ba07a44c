"""The root fields that issue and end API keys and webhook secrets. Their tokens are in no log and no record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import strawberry
from strawberry import Info, argument

from schema.authorization import mutation
from schema.context import Context
from schema.errors import UserError, bad_input, of_error, of_refused
from schema.mutations.access_inputs import (
    ApiKeyCreateInput,
    ApiKeyRevokeInput,
    ApiKeyRotateInput,
    WebhookSecretCreateInput,
    WebhookSecretRevokeInput,
)
from schema.mutations.access_payloads import (
    ApiKey,
    ApiKeyCreatePayload,
    ApiKeyRevokePayload,
    ApiKeyRotatePayload,
    WebhookSecret,
    WebhookSecretCreatePayload,
    WebhookSecretRevokePayload,
)
from storage import key_writes
from storage.access import Scope
from storage.changes import ID_MAX
from storage.errors import InventoryError
from storage.key_writes import KeyRefusedError

T = TypeVar("T")


@strawberry.type
class AccessMutations:
    """Part of Mutation."""

    @mutation("Issue an API key. It can have nothing that yours has not.", scope=Scope.ADMIN)  # type: ignore[untyped-decorator]
    async def api_key_create(
        self, info: Info[Context, None], input: Annotated[ApiKeyCreateInput, argument(description="What it may do.")]
    ) -> ApiKeyCreatePayload:
        """A new key."""
        asked = key_writes.create, input.to_settings(), input.location_keys(), info.context.credential
        made, errors = await _write(info.context, *asked)
        if made is None:
            return ApiKeyCreatePayload(user_errors=errors)
        return ApiKeyCreatePayload(api_key=ApiKey.of(made.key), token=made.token)

    @mutation(  # type: ignore[untyped-decorator]
        "Issue a new token with the settings of an API key, which stays valid beside it for a while. The new one "
        "expires when the old one would have.",
        scope=Scope.ADMIN,
    )
    async def api_key_rotate(
        self, info: Info[Context, None], input: Annotated[ApiKeyRotateInput, argument(description="Which key.")]
    ) -> ApiKeyRotatePayload:
        """A new key instead of another."""

        async def rotate(session: Any) -> Any:
            overlap = timedelta(seconds=input.overlap_seconds)
            return await key_writes.rotate(session, number_of(input.id), info.context.credential, overlap=overlap)

        made, errors = await _write(info.context, rotate)
        if made is None:
            return ApiKeyRotatePayload(user_errors=errors)
        previous = None if made.previous is None else ApiKey.of(made.previous)
        return ApiKeyRotatePayload(api_key=ApiKey.of(made.key), token=made.token, previous=previous)

    @mutation("Make an API key invalid from now on. Revoking twice is harmless.", scope=Scope.ADMIN)  # type: ignore[untyped-decorator]
    async def api_key_revoke(
        self, info: Info[Context, None], input: Annotated[ApiKeyRevokeInput, argument(description="Which key.")]
    ) -> ApiKeyRevokePayload:
        """The end of a key."""
        asked = key_writes.revoke, number_of(input.id), info.context.credential
        key, errors = await _write(info.context, *asked)
        return ApiKeyRevokePayload(user_errors=errors, api_key=None if key is None else ApiKey.of(key))

    @mutation("Issue a secret that opens the webhook routes and nothing else.", scope=Scope.ADMIN)  # type: ignore[untyped-decorator]
    async def webhook_secret_create(
        self, info: Info[Context, None], input: Annotated[WebhookSecretCreateInput, argument(description="Who for.")]
    ) -> WebhookSecretCreatePayload:
        """A new secret."""
        asked = key_writes.create_secret, input.name, info.context.credential
        made, errors = await _write(info.context, *asked)
        if made is None:
            return WebhookSecretCreatePayload(user_errors=errors)
        return WebhookSecretCreatePayload(webhook_secret=WebhookSecret.of(made.secret), token=made.token)

    @mutation("Make a webhook secret invalid from now on. Revoking twice is harmless.", scope=Scope.ADMIN)  # type: ignore[untyped-decorator]
    async def webhook_secret_revoke(
        self,
        info: Info[Context, None],
        input: Annotated[WebhookSecretRevokeInput, argument(description="Which secret.")],
    ) -> WebhookSecretRevokePayload:
        """The end of a secret."""
        asked = key_writes.revoke_secret, number_of(input.id), info.context.credential
        row, errors = await _write(info.context, *asked)
        told = None if row is None else WebhookSecret.of(row)
        return WebhookSecretRevokePayload(user_errors=errors, webhook_secret=told)


async def _write(
    context: Context, operation: Callable[..., Awaitable[T]], *args: Any
) -> tuple[T | None, list[UserError]]:
    """What an operation gives, or why it gives nothing. Tokens may be others now than what is remembered of them."""
    try:
        written = await context.database.transact(operation, *args)
    except KeyRefusedError as error:
        return None, [of_refused(refused) for refused in error.refused]
    except InventoryError as error:
        return None, [of_error(error)]
    context.forget_tokens()
    return written, []


def number_of(text: str) -> int:
    """A databaseId that was given as an ID. Raises GraphQLError for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= ID_MAX):
        raise bad_input(f"{text!r} is no databaseId: give its number.")
    return int(text)
