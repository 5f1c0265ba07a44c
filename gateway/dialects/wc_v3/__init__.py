"""WooCommerce's REST API, the part about stock and prices. The contract as we serve it is in README.md."""

from dataclasses import replace
from typing import Final

from starlette.middleware import Middleware

from gateway.dialects.dialect import Dialect
from gateway.dialects.wc_v3 import (
    analytics,
    reads,
    site_data,
    site_lists,
    site_reports,
    site_settings,
    site_status,
    webhooks,
)
from gateway.dialects.wc_v3 import write_routes as writing
from gateway.dialects.wc_v3.credentials import Credentials
from gateway.dialects.wc_v3.described import describe
from gateway.dialects.wc_v3.errors import HANDLERS
from gateway.dialects.wc_v3.schemas import SCHEMAS
from gateway.dialects.wc_v3.signed_forms import SignedForms
from gateway.dialects.wordpress import Namespace, Resource, routes
from gateway.dialects.wordpress.conventions import EveryOrigin
from gateway.dialects.wordpress.resources import editable

NAME: Final = "wc/v3"
"""The origin of every change that comes in here, by whichever of the two namespaces."""

_PRODUCTS: Final = [
    Resource("/products", {"GET": reads.PRODUCTS, "POST": writing.CREATE_PRODUCT}),
    Resource("/products/batch", editable(writing.BATCH)),
    Resource(
        "/products/{id}", {"GET": reads.PRODUCT, **editable(writing.UPDATE_PRODUCT), "DELETE": writing.DELETE_PRODUCT}
    ),
    Resource("/products/{id}/duplicate", {"POST": writing.DUPLICATE}),
    Resource("/products/{product_id}/variations", {"GET": reads.VARIATIONS, "POST": writing.CREATE_VARIATION}),
    Resource("/products/{product_id}/variations/generate", {"POST": writing.GENERATE}),
    Resource("/products/{product_id}/variations/batch", editable(writing.BATCH)),
    Resource(
        "/products/{product_id}/variations/{id}",
        {"GET": reads.VARIATION, **editable(writing.UPDATE_VARIATION), "DELETE": writing.DELETE_VARIATION},
    ),
    *reads.RESOURCES,
]
_SITE: Final = (site_data, site_lists, site_reports, site_settings, site_status)

_RESOURCES: Final = [*_PRODUCTS, *(resource for part in _SITE for resource in part.RESOURCES), *webhooks.RESOURCES]
"""Products first: paths are tried in order."""

NAMESPACE: Final = Namespace("wc/v3", [replace(each, schema=SCHEMAS.get(each.path)) for each in _RESOURCES])
ANALYTICS_NAMESPACE: Final = Namespace("wc-analytics", analytics.RESOURCES)


def _dialect(namespace: Namespace) -> Dialect:
    return Dialect(
        NAME,
        [f"/wp-json/{namespace.name}"],
        routes(namespace),
        Credentials(),
        HANDLERS,
        cors=False,
        described=describe(namespace),
        middleware=[Middleware(EveryOrigin), Middleware(SignedForms)],
    )


DIALECT: Final = _dialect(NAMESPACE)
ANALYTICS: Final = _dialect(ANALYTICS_NAMESPACE)
