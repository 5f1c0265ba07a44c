"""API keys and webhook secrets, as the mutations that make them tell of them. Tokens are shown once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Text
from strawberry import Info

from schema.context import Context
from schema.errors import UserError
from schema.sources import Rows, many
from schema.types.choices import ApiKeyScope, ApiKeyVisibility
from schema.types.key_route import DAYS_DEFAULT, Days, KeyRoute, routes_of
from schema.types.location import Location
from storage import tables
from storage.json_rows import among, json_text


@strawberry.type(description="An API key, without its token: of that only a hash is kept.")
class ApiKey:
    """A row of `api_key`."""

    location_ids: strawberry.Private[list[int] | None]
    database_id: int = strawberry.field(description="Its number, as `stockgate key list` shows it.")
    name: str = strawberry.field(description="Who it is for.")
    hint: str = strawberry.field(description="How its token begins; `…` and how it ends, of a consumer pair of wc/v3.")
    scopes: list[ApiKeyScope] = strawberry.field(description="What it may do.")
    everywhere: bool = strawberry.field(description="Whether it is limited to no locations.")
    visibility: ApiKeyVisibility = strawberry.field(description="How exactly it sees quantities.")
    cap: int | None = strawberry.field(description="The highest quantity that it sees, when that is CAPPED.")
    origins: list[str] | None = strawberry.field(description="The web origins whose pages may use it; null: all.")
    cost_per_minute: int | None = strawberry.field(description="Its budget; null: the server's.")
    created_at: datetime = strawberry.field(description="When it was created.")
    expires_at: datetime | None = strawberry.field(description="Until when it is valid; null: for good.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked.")

    @strawberry.field(description="What it called in the last `days` days, 400 at most: the latest first.")  # type: ignore[untyped-decorator]
    async def routes(self, info: Info[Context, None], days: Days = DAYS_DEFAULT) -> list[KeyRoute]:
        """Read when it is asked for."""
        return list(await routes_of(info.context, self.database_id, days))

    def given(self) -> dict[str, Any]:
        """What the compiled fields hang on."""
        return {"ids": self.location_ids or []}

    @many(Location)
    def locations(row: Any, location: Any) -> Rows:
        """The locations it is limited to; none when it is for everywhere."""
        return Rows([among(location.id, row.ids.bind(json_text, type_=Text()))], [location.position, location.id])

    @classmethod
    def of(cls, row: tables.ApiKey) -> ApiKey:
        """A row as it is told."""
        return cls(
            location_ids=row.location_ids,
            database_id=row.id or 0,
            name=row.name,
            hint=row.hint,
            scopes=[ApiKeyScope(scope) for scope in row.scopes],
            everywhere=row.location_ids is None,
            visibility=ApiKeyVisibility(row.visibility),
            cap=row.cap,
            origins=row.origins,
            cost_per_minute=row.cost_per_minute,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )


@strawberry.type(description="A webhook secret, without its token: of that only a hash is kept.")
class WebhookSecret:
    """A row of `webhook_secret`."""

    database_id: int = strawberry.field(description="Its number.")
    name: str = strawberry.field(description="Which system it is for.")
    hint: str = strawberry.field(description="How its token begins.")
    created_at: datetime = strawberry.field(description="When it was created.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked.")

    @classmethod
    def of(cls, row: tables.WebhookSecret) -> WebhookSecret:
        """A row as it is told."""
        return cls(
            database_id=row.id or 0,
            name=row.name,
            hint=row.hint,
            created_at=row.created_at,
            revoked_at=row.revoked_at,
        )


@strawberry.type
class Refusable:
    """What every payload has."""

    user_errors: list[UserError] = strawberry.field(
        default_factory=list, description="Every refusal; empty when there was none."
    )


@strawberry.type(description="A new API key.")
class ApiKeyCreatePayload(Refusable):
    """A NewKey."""

    api_key: ApiKey | None = strawberry.field(default=None, description="The key; null when it was refused.")
    token: str | None = strawberry.field(
        default=None, description="What its bearer sends as `X-API-Key`. Shown this once: it cannot be had again."
    )


@strawberry.type(description="A new token for an API key.")
class ApiKeyRotatePayload(ApiKeyCreatePayload):
    """A NewKey."""

    previous: ApiKey | None = strawberry.field(default=None, description="The old key: see how long it is valid.")


@strawberry.type(description="An API key that is valid no longer.")
class ApiKeyRevokePayload(Refusable):
    """A row."""

    api_key: ApiKey | None = strawberry.field(default=None, description="The key; null when it was refused.")


@strawberry.type(description="A new webhook secret.")
class WebhookSecretCreatePayload(Refusable):
    """A NewSecret."""

    webhook_secret: WebhookSecret | None = strawberry.field(
        default=None, description="The secret; null when it was refused."
    )
    token: str | None = strawberry.field(
        default=None, description="What the system sends as `X-Webhook-Secret`. Shown this once."
    )


@strawberry.type(description="A webhook secret that is valid no longer.")
class WebhookSecretRevokePayload(Refusable):
    """A row."""

    webhook_secret: WebhookSecret | None = strawberry.field(
        default=None, description="The secret; null when it was refused."
    )
