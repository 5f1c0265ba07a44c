"""One route with which tills push the count of a product at a store. The contract as we serve it is in README.md."""

from typing import Final

from starlette.routing import Route

from gateway.dialects.dialect import Dialect
from gateway.dialects.inventory_update import handlers
from gateway.dialects.inventory_update.credentials import Credentials
from gateway.dialects.inventory_update.described import DESCRIBED
from gateway.dialects.inventory_update.errors import HANDLERS

DIALECT: Final = Dialect(
    name=handlers.NAME,
    prefixes=["/api/product"],
    routes=[Route("/inventory", handlers.update, methods=["POST"])],
    credentials=Credentials(),
    handlers=HANDLERS,
    described=DESCRIBED,
)
