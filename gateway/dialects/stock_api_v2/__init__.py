"""Price and stock of one product, found by id, SKU or EAN. The contract as we serve it is in README.md."""

from typing import Final

from starlette.routing import Route

from gateway.dialects.dialect import Dialect
from gateway.dialects.stock_api_v2 import handlers
from gateway.dialects.stock_api_v2.credentials import Credentials
from gateway.dialects.stock_api_v2.described import DESCRIBED
from gateway.dialects.stock_api_v2.errors import HANDLERS

DIALECT: Final = Dialect(
    name=handlers.NAME,
    prefixes=["/api/v2/inventory"],
    routes=[
        Route("/{type}/{identifier:path}", handlers.inventory, methods=["GET", "PATCH"]),
        # So that it is not sent on to `/{type}/`, to be told there that this is no product
        Route("/{type}", handlers.inventory, methods=["GET", "PATCH"], include_in_schema=False),
    ],
    credentials=Credentials(),
    handlers=HANDLERS,
    described=DESCRIBED,
)
