"""The REST routes of a WooCommerce multi-location plugin. The contract as we serve it is in README.md."""

from typing import Final

from starlette.middleware import Middleware

from gateway.dialects.dialect import Dialect
from gateway.dialects.mulopimfwc_v1 import handlers, reads
from gateway.dialects.mulopimfwc_v1.credentials import Credentials, may_deliver, may_read, may_read_stock, may_write
from gateway.dialects.mulopimfwc_v1.described import describe
from gateway.dialects.mulopimfwc_v1.errors import HANDLERS
from gateway.dialects.mulopimfwc_v1.webhook_log import WebhookLog
from gateway.dialects.wordpress import Endpoint, Namespace, Resource, routes

NAMESPACE: Final = Namespace(
    handlers.NAME,
    [
        Resource("/inventory/bulk-sync", {"POST": Endpoint(handlers.bulk_sync, may_write)}),
        Resource("/inventory/update", {"POST": Endpoint(handlers.update, may_write)}),
        Resource("/inventory/export", {"GET": Endpoint(reads.export, may_read_stock)}),
        Resource(
            "/webhook/inventory-update",
            {"POST": Endpoint(handlers.webhook, may_deliver)},
            middleware=[Middleware(WebhookLog)],
        ),
        Resource("/locations", {"GET": Endpoint(reads.list_locations, may_read)}),
        Resource("/products", {"GET": Endpoint(reads.list_products, may_read)}),
    ],
)

DIALECT: Final = Dialect(
    name=NAMESPACE.name,
    prefixes=[f"/wp-json/{NAMESPACE.name}", f"/{NAMESPACE.name}"],
    routes=routes(NAMESPACE),
    credentials=Credentials(),
    handlers=HANDLERS,
    cors=False,
    described=describe(NAMESPACE),
)
