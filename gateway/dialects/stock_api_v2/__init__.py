"""Price and stock of one product, found by id, SKU or EAN. The contract as we serve it is in README.md."""

from typing import Final

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.routing import Route

from gateway.dialects.dialect import Dialect
from gateway.dialects.stock_api_v2 import handlers
from gateway.dialects.stock_api_v2.credentials import Credentials
from gateway.dialects.stock_api_v2.described import DESCRIBED
from gateway.dialects.stock_api_v2.errors import HANDLERS


class _Text(PathConvertor):
    """Any text to the end of the path. Starlette's own ends at a line break."""

    regex = "(?s:.*)"


register_url_convertor("text", _Text())

DIALECT: Final = Dialect(
    name=handlers.NAME,
    prefixes=["/api/v2/inventory"],
    routes=[
        Route("/{type}/{identifier:text}", handlers.inventory, methods=["GET", "PATCH"]),
        # So that it is not sent on to `/{type}/`, to be told there that this is no product
        Route("/{type}", handlers.inventory, methods=["GET", "PATCH"], include_in_schema=False),
    ],
    credentials=Credentials(),
    handlers=HANDLERS,
    described=DESCRIBED,
)
