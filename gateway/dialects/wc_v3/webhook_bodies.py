"""What clients send of a webhook, read: of single routes the checked parameters, of batches each item by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.dialects.wc_v3 import errors, webhook_topics
from gateway.dialects.wordpress import Parameter, RestError
from gateway.dialects.wordpress.coercion import InvalidValueError, coerced
from gateway.settings import Settings
from gateway.webhooks import targets
from storage.errors import InventoryError
from storage.webhook_endpoints import NAME_LENGTH_MAX, Status

STATUSES: Final = tuple(Status)
_PREFIX: Final = "woocommerce_rest_shop_webhook"
_SECRET_LENGTH_MAX: Final = 1_000
_NO_URL: Final = "Webhook delivery URL must be a valid URL starting with http:// or https://."


def _text(description: str, **more: Any) -> Parameter:
    return Parameter(description=description, **more)


_STATUS: Final = _text("Whether it is delivered to; what is new is always active.", enum=STATUSES)
_FIELDS: Final[Mapping[str, Parameter]] = {
    "name": _text("What people know it by."),
    "status": _STATUS,
    "topic": _text("What it is told of: product.updated, or action. and the name of a hook."),
    "delivery_url": _text("Where it is delivered to."),
    "secret": _text("What deliveries are signed with. It is never told; without one a random one is made."),
}
CREATED: Final[Mapping[str, Parameter]] = {
    "id": Parameter(type="integer", description="Refused here: what is new has no id yet."),
    **_FIELDS,
    "topic": _text(_FIELDS["topic"].description, required=True),
    "delivery_url": _text(_FIELDS["delivery_url"].description, required=True),
}
UPDATED: Final = _FIELDS
_LENIENT: Final = {name: Parameter(numbers=True) for name in _FIELDS}


@dataclass(frozen=True, slots=True)
class WebhookBody:
    """What is said of a webhook. What is empty is not said, as on the reference."""

    name: str = ""
    topic: str = ""
    delivery_url: str = ""
    secret: str = ""
    status: Status | None = None


NOTHING_SAID: Final = WebhookBody()


def single(args: Mapping[str, Any]) -> WebhookBody:
    """The body of a single route, whose parameters were checked. Raises RestError."""
    if args.get("id"):
        raise exists()
    return _body({name: args[name] for name in _FIELDS if args.get(name)})


def item(sent: Any, *, is_new: bool) -> WebhookBody:
    """An item of a batch. Raises RestError."""
    if not isinstance(sent, dict):
        raise RestError(400, errors.INVALID_PARAMETER, "An item of a batch is an object.")
    given: dict[str, str] = {}
    for name, parameter in _LENIENT.items():
        if sent.get(name) in (None, "") or (name == "status" and is_new):
            continue
        try:
            given[name] = coerced(parameter, sent[name], name)
        except InvalidValueError as error:
            raise errors.invalid(name, error) from None
    if "status" in given:
        given["status"] = given["status"].lower()
        if given["status"] not in STATUSES:
            raise refused("invalid_status", "Webhook status must be valid.")
    return _body(given)


def _body(given: Mapping[str, Any]) -> WebhookBody:
    for name, longest in (("name", NAME_LENGTH_MAX), ("secret", _SECRET_LENGTH_MAX)):
        if len(given.get(name, "")) > longest:
            message = f"{name} must be at most {longest} characters long."
            raise errors.invalid(name, InvalidValueError("rest_too_long", message))
    status = Status(given["status"]) if "status" in given else None
    return WebhookBody(**{**given, "topic": given.get("topic", "").lower(), "status": status})


async def check(body: WebhookBody, settings: Settings, *, is_new: bool = False) -> None:
    """Whether there is such a topic, and whether webhooks may be sent there. Raises RestError."""
    if (is_new or body.topic) and not webhook_topics.is_topic(body.topic):
        needed = "is required and must" if is_new else "must"
        raise refused("invalid_topic", f"Webhook topic {needed} be valid.")
    if not (is_new or body.delivery_url):
        return
    try:
        targets.parse(body.delivery_url)
    except InventoryError as error:
        raise refused("invalid_delivery_url", _NO_URL, reason=error.message) from None
    try:
        await targets.check(body.delivery_url, settings)
    except InventoryError as error:
        raise refused("invalid_delivery_url", error.message) from None


def refused(code: str, message: str, status: int = 400, **data: Any) -> RestError:
    """A refusal in the reference's words."""
    return RestError(status, f"{_PREFIX}_{code}", message, **data)


def exists() -> RestError:
    """That what is to be created says that it has an id."""
    return refused("exists", "Cannot create existing shop_webhook.")


def unknown() -> RestError:
    """That there is no such webhook to be read or changed."""
    return refused("invalid_id", "ID is invalid.")


def unknown_to_delete() -> RestError:
    """That there is no such webhook to be deleted, which is told with another status."""
    return refused("invalid_id", "Invalid ID.", 404)
