"""What webhook endpoints are asked for in."""

from __future__ import annotations

import strawberry
from strawberry import UNSET as NOT_GIVEN

from schema.inputs import LocationKeyInput, ProductKeyInput, given
from schema.types.choices import WebhookStart
from storage.webhook_endpoints import Start
from storage.webhook_filters import Filters

_TOPICS = "What it is told of: topics, `stock.*` for all that begin so, `*` for all."
_ID = "The endpoint's databaseId."


@strawberry.input(description="A new webhook endpoint.")
class WebhookEndpointCreateInput:
    """Becomes a NewEndpoint."""

    name: str = strawberry.field(description="Who it is.")
    url: str = strawberry.field(description="Where events are sent: https, and no address inside your network.")
    topics: list[str] = strawberry.field(description=_TOPICS)
    locations: list[LocationKeyInput] | None = strawberry.field(
        default=NOT_GIVEN, description="Only what happens at these locations; at all without it."
    )
    products: list[ProductKeyInput] | None = strawberry.field(
        default=NOT_GIVEN, description="Only what happens to these products and their variations; to all without it."
    )

    def filters(self) -> Filters:
        """What it is narrowed to."""
        return _filters(given(self.locations), given(self.products))


@strawberry.input(description="Other values of a webhook endpoint; what is left out stays.")
class WebhookEndpointUpdateInput:
    """Becomes an EndpointEdit."""

    id: strawberry.ID = strawberry.field(description=_ID)
    name: str | None = strawberry.field(default=NOT_GIVEN, description="Who it is.")
    url: str | None = strawberry.field(default=NOT_GIVEN, description="Where events are sent.")
    topics: list[str] | None = strawberry.field(default=NOT_GIVEN, description=_TOPICS)
    locations: list[LocationKeyInput] | None = strawberry.field(
        default=NOT_GIVEN, description="Only what happens at these locations; null: at all."
    )
    products: list[ProductKeyInput] | None = strawberry.field(
        default=NOT_GIVEN, description="Only what happens to these products and their variations; null: to all."
    )

    def filters(self) -> Filters:
        """What it is narrowed to; of what was left out nothing."""
        return _filters(given(self.locations), given(self.products))

    def columns(self) -> dict[str, object]:
        """The other columns that were given."""
        told = {"name": self.name, "url": self.url, "topics": self.topics and tuple(self.topics)}
        return {name: value for name, value in told.items() if value is not NOT_GIVEN and value is not None}

    def narrowed(self) -> set[str]:
        """The columns of the filters that were given, null among them."""
        return {
            column
            for column, value in (("location_ids", self.locations), ("product_ids", self.products))
            if value is not NOT_GIVEN
        }


@strawberry.input(description="A webhook endpoint.")
class WebhookEndpointInput:
    """Names one."""

    id: strawberry.ID = strawberry.field(description=_ID)


@strawberry.input(description="A webhook endpoint that is sent events again.")
class WebhookEndpointResumeInput:
    """Asks for storage.webhook_endpoints.resume()."""

    id: strawberry.ID = strawberry.field(description=_ID)
    start: WebhookStart | None = strawberry.field(
        default=NOT_GIVEN,
        description="Where it goes on; where it was without it. Needed when what it missed was pruned from the ledger.",
    )

    def from_(self) -> Start | None:
        """Where it goes on."""
        start = given(self.start)
        return None if start is None else Start(str(start.value))


@strawberry.input(description="A delivery that shall be sent again.")
class WebhookDeliveryRedeliverInput:
    """Names one."""

    id: strawberry.ID = strawberry.field(description="The delivery's databaseId.")


@strawberry.input(description="Another secret for a webhook endpoint.")
class WebhookEndpointRotateSecretInput:
    """Asks for storage.webhook_endpoints.rotate_secret()."""

    id: strawberry.ID = strawberry.field(description=_ID)
    previous_valid_for_seconds: int = strawberry.field(
        default=86_400,
        description="How long the previous secret signs, too: a day, when nothing is said, and at most 30 days. 0 ends "
        "it at once.",
    )


def _filters(locations: list[LocationKeyInput] | None, products: list[ProductKeyInput] | None) -> Filters:
    return Filters(
        None if locations is None else [key.to_key() for key in locations],
        None if products is None else [key.to_key() for key in products],
    )
