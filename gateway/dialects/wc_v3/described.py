"""What /openapi.json says of this dialect: its routes with the parameters they declare, and what each answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from gateway.dialects.wc_v3.shapes import LowStock, Product, StockRow, StockTotals, Variation, Webhook
from gateway.dialects.wordpress import described
from gateway.dialects.wordpress.described import ErrorData, Told, refused
from gateway.dialects.wordpress.resources import Namespace
from gateway.openapi.described import Described
from gateway.openapi.headers import CHANGED, CHANGING

_PAGES: Final = ("X-WP-Total", "X-WP-TotalPages", "Link")


class Kind(TypedDict):
    """A kind of data or report."""

    slug: str
    description: str
    _links: dict[str, Any]


class Currency(TypedDict):
    """A currency; its symbol is HTML."""

    code: str
    name: str
    symbol: str
    _links: dict[str, Any]


class Total(TypedDict):
    """How many there are of one kind."""

    slug: str
    name: str
    total: int


class TaxClass(TypedDict):
    """A class of taxes."""

    slug: str
    name: str
    _links: dict[str, Any]


class SettingGroup(TypedDict):
    """A group of settings."""

    id: str
    label: str
    description: str
    parent_id: str
    sub_groups: list[str]
    _links: dict[str, Any]


class Setting(TypedDict):
    """One setting, which is read only here."""

    id: str
    label: str
    description: str
    type: str
    default: str
    tip: str
    value: str
    group_id: str
    options: NotRequired[dict[str, str]]
    _links: dict[str, Any]


class Refusal(TypedDict):
    """Why one object of a batch was not done."""

    code: str
    message: str
    data: ErrorData


class NotDone(TypedDict):
    """One object of a batch that was not done, by its id; 0 is one that was to be created."""

    id: int
    error: Refusal


class Done(TypedDict):
    """One object of a batch of which there is nothing more to tell."""

    id: int


class ProductBatch(TypedDict):
    """What became of a batch, in the order it was sent."""

    create: NotRequired[list[Product | NotDone | Done]]
    update: NotRequired[list[Product | NotDone | Done]]
    delete: NotRequired[list[Product | NotDone | Done]]


class VariationBatch(TypedDict):
    """What became of a batch, in the order it was sent."""

    create: NotRequired[list[Variation | NotDone | Done]]
    update: NotRequired[list[Variation | NotDone | Done]]
    delete: NotRequired[list[Variation | NotDone | Done]]


class WebhookBatch(TypedDict):
    """What became of a batch, in the order it was sent."""

    create: NotRequired[list[Webhook | NotDone]]
    update: NotRequired[list[Webhook | NotDone]]
    delete: NotRequired[list[Webhook | NotDone]]


class StockStats(TypedDict):
    """How many products and variations there are of each stock status."""

    totals: StockTotals


class Counted(TypedDict):
    """How many there are."""

    total: int


class Generated(TypedDict):
    """How many variations were made, and how many were deleted."""

    count: int
    deleted_count: int


_Nothing = Annotated[list[int], Field(max_length=0)]
_REFUSALS: Final = {
    400: refused("The body is no JSON, a parameter is missing or invalid, or the inventory says no."),
    412: refused("`If-Match` names another version than the current one."),
    422: refused("The `Idempotency-Key` was used before with another request."),
}
_MISSING: Final = {404: refused("There is no such product or variation.")}


def _changes(summary: str, model: Any, *, status: int = 200) -> Told:
    return Told(summary, model, status, CHANGED, CHANGING, {**_REFUSALS, **_MISSING})


def _deletes(summary: str, model: Any) -> Told:
    gone = {410: refused("It is in the trash already.")}
    return Told(summary, model, 200, CHANGED, CHANGING, {**_REFUSALS, **_MISSING, **gone})


_UPDATES: Final = ("POST", "PUT", "PATCH")
_TOO_MANY: Final = {413: refused("More than 100 objects, or a body that is too large.")}


def _batch(what: str, model: Any) -> Told:
    return Told(
        f"Create, update and delete many {what}",
        model | _Nothing,
        headers=CHANGED,
        sends=("Idempotency-Key", "X-Dry-Run"),
        errors={**_REFUSALS, **_MISSING, **_TOO_MANY},
    )


_WEBHOOK_ANSWERS, _WEBHOOK_SENDS = ("Idempotent-Replayed", "X-Dry-Run"), ("Idempotency-Key", "X-Dry-Run")


def _saves_webhook(summary: str, *, status: int = 200) -> Told:
    errors = {**_WEBHOOK_REFUSALS, **_KEYS, **({} if status == 201 else _NO_WEBHOOK)}
    return Told(summary, Webhook, status, _WEBHOOK_ANSWERS, _WEBHOOK_SENDS, errors)


_LISTED: Final = {404: refused("Orders, customers and coupons, where `STOCKGATE_WC_FOREIGN_LISTS` is `missing`.")}
_KEYS: Final = {
    422: _REFUSALS[422],
    503: refused("The server's secret, which secrets of webhooks are kept with, cannot be read or made."),
}
_WEBHOOK_REFUSALS: Final = {400: refused("The body is no JSON, or the topic, the URL or another parameter is invalid.")}
_NO_WEBHOOK: Final = {400: refused("There is no such webhook; or the topic, the URL or another parameter is invalid.")}
_EMPTY: Final = list[dict[str, Any]]
_PRODUCT, _VARIATION = "/products/{id}", "/products/{product_id}/variations/{id}"
_TOLD: Final[Mapping[str, Told]] = {
    "GET /products": Told("List products", list[Product], headers=_PAGES),
    "POST /products": _changes("Create a product", Product, status=201),
    f"GET {_PRODUCT}": Told("Read a product or a variation", Product, headers=["ETag"], errors=_MISSING),
    **{f"{verb} {_PRODUCT}": _changes("Update a product or a variation", Product) for verb in _UPDATES},
    "POST /products/{id}/duplicate": _changes("Copy a product with its variations, as a draft", Product),
    f"DELETE {_PRODUCT}": _deletes("Put a product into the trash, or delete it for good", Product),
    **{f"{verb} /products/batch": _batch("products", ProductBatch) for verb in _UPDATES},
    "GET /products/{product_id}/variations": Told(
        "List the variations of a product", list[Variation], headers=_PAGES
    ),
    "POST /products/{product_id}/variations": _changes("Create a variation", Variation, status=201),
    "POST /products/{product_id}/variations/generate": Told(
        "Create a variation for each combination of options that has none",
        Generated,
        headers=CHANGED,
        sends=("X-Dry-Run",),
        errors={**_REFUSALS, **_MISSING},
    ),
    f"GET {_VARIATION}": Told("Read a variation", Variation, headers=["ETag"], errors=_MISSING),
    **{f"{verb} {_VARIATION}": _changes("Update a variation", Variation) for verb in _UPDATES},
    f"DELETE {_VARIATION}": _deletes("Delete a variation", Variation),
    **{
        f"{verb} /products/{{product_id}}/variations/batch": _batch("variations", VariationBatch) for verb in _UPDATES
    },
    "GET /variations": Told("List the variations of all products", list[Variation], headers=_PAGES),
    "GET /products/{id}/related": Told("Ids of products that are like it", list[int], errors=_MISSING),
    "GET /webhooks": Told("List webhooks", list[Webhook], headers=_PAGES),
    "POST /webhooks": _saves_webhook("Create a webhook, whose address is pinged then", status=201),
    "GET /webhooks/{id}": Told("Read a webhook", Webhook, errors=_NO_WEBHOOK),
    **{f"{verb} /webhooks/{{id}}": _saves_webhook("Update a webhook") for verb in _UPDATES},
    "DELETE /webhooks/{id}": Told(
        "Delete a webhook", Webhook, headers=_WEBHOOK_ANSWERS, sends=_WEBHOOK_SENDS,
        errors={
            **_WEBHOOK_REFUSALS, **_KEYS, 404: refused("There is no such webhook."), 501: refused("Without `force`."),
        },
    ),
    **{
        f"{verb} /webhooks/batch": Told(
            "Create, update and delete many webhooks", WebhookBatch | _Nothing,
            headers=_WEBHOOK_ANSWERS, sends=_WEBHOOK_SENDS,
            errors={**_WEBHOOK_REFUSALS, **_KEYS, **_TOO_MANY},
        )
        for verb in _UPDATES
    },
    "GET /data": Told("Kinds of data", list[Kind], headers=_PAGES[:2]),
    "GET /data/currencies": Told("Currencies", list[Currency], headers=_PAGES[:2]),
    "GET /data/currencies/current": Told("The currency of all prices", Currency),
    "GET /data/currencies/{code}": Told(
        "A currency", Currency, errors={404: refused("There is no such currency.")}
    ),
    "GET /orders": Told("No orders", _EMPTY, headers=_PAGES, errors=_LISTED),
    "GET /customers": Told("No customers", _EMPTY, headers=_PAGES, errors=_LISTED),
    "GET /coupons": Told("No coupons", _EMPTY, headers=_PAGES, errors=_LISTED),
    **{
        f"GET /products/{each}": Told(f"No {each.replace('_', ' ')}", _EMPTY, headers=_PAGES)
        for each in ("categories", "tags", "attributes", "shipping_classes", "reviews")
    },
    "GET /taxes": Told("No tax rates", _EMPTY, headers=_PAGES),
    "GET /taxes/classes": Told("The one tax class", list[TaxClass], headers=_PAGES[:2]),
    "GET /reports": Told("Kinds of reports", list[Kind], headers=_PAGES[:2]),
    **{
        f"GET /reports/{each}/totals": Told(
            f"How many {each} there are, by kind", list[Total], headers=_PAGES[:2],
            errors=_LISTED if each in {"orders", "customers", "coupons"} else {},
        )
        for each in ("products", "reviews", "orders", "customers", "coupons")
    },
    "GET /settings": Told("Groups of settings", list[SettingGroup], headers=_PAGES[:2]),
    "GET /settings/{group}": Told(
        "The settings of a group", list[Setting], headers=_PAGES[:2], errors={404: refused("There is no such group.")}
    ),
    "GET /settings/{group}/{id}": Told("A setting", Setting, errors={404: refused("There is no such setting.")}),
    "GET /system_status": Told("What this software is and runs on", dict[str, Any]),
    "GET /system_status/tools": Told("No tools", _EMPTY, headers=_PAGES[:2]),
    "GET /reports/stock": Told("List products and variations with their stock", list[StockRow], headers=_PAGES),
    "GET /reports/stock/stats": Told("How many there are of each stock status", StockStats),
    "GET /products/low-in-stock": Told("List what is low in stock", list[LowStock], headers=_PAGES),
    "GET /products/count-low-in-stock": Told("How many are low in stock", Counted, headers=_PAGES[:2]),
}  # fmt: skip


def describe(namespace: Namespace) -> Described:
    """One of its two namespaces as it is mounted."""
    return Described(
        namespace.name,
        "WooCommerce's REST API, the part about stock and prices. Numbers may be sent as their text, and null for "
        f"nothing; parameters also in the query.\n\n{described.CONVENTIONS}",
        described.operations(namespace, _TOLD),
        security={
            "consumerPair": {
                "type": "http",
                "scheme": "basic",
                "description": "A consumer key and secret over TLS, which may also be `consumer_key` and "
                "`consumer_secret` in the query; or any user name with an API key as application password.",
            },
            "oauth": {
                "type": "http",
                "scheme": "oauth",
                "description": "OAuth 1.0a, one-legged: HMAC-SHA1 or HMAC-SHA256, in the header, the query or a form.",
            },
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key: `sgk_…`."},
            "bearer": {"type": "http", "scheme": "bearer", "description": "The same key."},
        },
        errors=described.ERRORS,
        reads_every_body=True,
    )
