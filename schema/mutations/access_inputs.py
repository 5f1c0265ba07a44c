"""What API keys and webhook secrets are asked for in."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import UNSET as NOT_GIVEN

from schema.inputs import LocationKeyInput, given
from schema.types.choices import ApiKeyScope, ApiKeyVisibility
from storage.access import Scope, Visibility
from storage.changes import LocationKey
from storage.key_settings import KeySettings


@strawberry.input(description="A new API key.")
class ApiKeyCreateInput:
    """Becomes KeySettings."""

    name: str = strawberry.field(description="Who it is for: recorded with every change it makes.")
    scopes: list[ApiKeyScope] = strawberry.field(description="What it may do.")
    locations: list[LocationKeyInput] | None = strawberry.field(
        default=NOT_GIVEN, description="Limit it to these locations; everywhere without it."
    )
    expires_at: datetime | None = strawberry.field(default=NOT_GIVEN, description="Until when it is valid.")
    visibility: ApiKeyVisibility | None = strawberry.field(
        default=NOT_GIVEN,
        description="How exactly it sees quantities; when it is not given BAND for a key that is only for storefronts, "
        "else EXACT.",
    )
    cap: int | None = strawberry.field(
        default=NOT_GIVEN, description="With the visibility CAPPED: the highest quantity that it sees."
    )
    origins: list[str] | None = strawberry.field(
        default=NOT_GIVEN, description="The web origins whose pages may use it: `https://shop.example`. All without it."
    )
    cost_per_minute: int | None = strawberry.field(
        default=NOT_GIVEN, description="Its budget: the cost of all its queries in a minute. The server's without it."
    )

    def to_settings(self) -> KeySettings:
        """The settings; the locations are keys still."""
        visibility, origins = given(self.visibility), given(self.origins)
        return KeySettings(
            self.name,
            tuple(dict.fromkeys(Scope(str(scope.value)) for scope in self.scopes)),
            expires_at=given(self.expires_at),
            visibility=None if visibility is None else Visibility(str(visibility.value)),
            cap=given(self.cap),
            origins=None if origins is None else tuple(origins),
            cost_per_minute=given(self.cost_per_minute),
        )

    def location_keys(self) -> list[LocationKey] | None:
        """The keys of the locations; None is everywhere."""
        locations = given(self.locations)
        return None if locations is None else [location.to_key() for location in locations]


@strawberry.input(description="A new token for an API key.")
class ApiKeyRotateInput:
    """Asks for storage.key_writes.rotate()."""

    id: strawberry.ID = strawberry.field(description="The key's databaseId.")
    overlap_seconds: int = strawberry.field(
        default=86_400,
        description="How long the old token stays valid beside the new one: a day, when nothing is said, and at most "
        "30 days. 0 ends it at once.",
    )


@strawberry.input(description="An API key that shall be valid no longer.")
class ApiKeyRevokeInput:
    """Asks for storage.key_writes.revoke()."""

    id: strawberry.ID = strawberry.field(description="The key's databaseId.")


@strawberry.input(description="A new webhook secret.")
class WebhookSecretCreateInput:
    """Asks for storage.key_writes.create_secret()."""

    name: str = strawberry.field(description="Which system it is for: recorded with every change it makes.")


@strawberry.input(description="A webhook secret that shall be valid no longer.")
class WebhookSecretRevokeInput:
    """Asks for storage.key_writes.revoke_secret()."""

    id: strawberry.ID = strawberry.field(description="The secret's databaseId.")
