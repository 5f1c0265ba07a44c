"""The endpoints that write products and variations, with the parameters that they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.dialects.wc_v3.batch import KINDS, batch
from gateway.dialects.wc_v3.credentials import may_batch, may_create, may_delete, may_edit
from gateway.dialects.wc_v3.duplication import duplicate
from gateway.dialects.wc_v3.errors import failure
from gateway.dialects.wc_v3.generation import generate
from gateway.dialects.wc_v3.product_fields import PRODUCT_FIELDS, VARIATION_FIELDS
from gateway.dialects.wc_v3.reads import product_is_absent, variation_is_absent
from gateway.dialects.wc_v3.writes import create, delete, update
from gateway.dialects.wordpress import Endpoint, RestError, RestRequest
from gateway.dialects.wordpress.parameters import Parameter
from storage.changes import UNSET
from storage.keys import ITEM_NOT_FOUND

_DEFAULT_VALUES: Final = {name: field for name, field in VARIATION_FIELDS.items() if name not in {"attributes", "sku"}}
_ID: Final = Parameter(type="integer", description="Refused here: what is new has no id yet.")
_FORCE: Final = Parameter(type="boolean", default=False, description="Whether to delete it for good.")
_GENERATE: Final = {
    "delete": Parameter(type="boolean", default=False, description="Whether to delete variations of no combination."),
    "default_values": Parameter(
        type="object", description="What all that are made have.", properties=_DEFAULT_VALUES, default={}
    ),
}
_BATCH: Final = {kind: Parameter(type="mixed", description=f"Products to {kind}.") for kind in KINDS}


def _without_defaults(fields: Mapping[str, Parameter]) -> Mapping[str, Parameter]:
    """An update says nothing of what it does not name."""
    return {name: replace(field, default=UNSET) for name, field in fields.items()}


async def _no_product_to_update(request: RestRequest) -> RestError | None:
    """That there is no such product, which anybody may know; an update is told so with another status than a read."""
    absent = await product_is_absent(request)
    return absent and failure(ITEM_NOT_FOUND, is_update=True)


CREATE_PRODUCT: Final = Endpoint(create, may_create, {"id": _ID, **PRODUCT_FIELDS})
UPDATE_PRODUCT: Final = Endpoint(update, may_edit, _without_defaults(PRODUCT_FIELDS), _no_product_to_update)
DELETE_PRODUCT: Final = Endpoint(delete, may_delete, {"force": _FORCE}, product_is_absent)
DUPLICATE: Final = Endpoint(duplicate, may_create, absent=product_is_absent)
CREATE_VARIATION: Final = Endpoint(create, may_create, {"id": _ID, **VARIATION_FIELDS})
UPDATE_VARIATION: Final = Endpoint(update, may_edit, _without_defaults(VARIATION_FIELDS), variation_is_absent)
DELETE_VARIATION: Final = Endpoint(delete, may_delete, {"force": _FORCE}, variation_is_absent)
GENERATE: Final = Endpoint(generate, may_create, _GENERATE)
BATCH: Final = Endpoint(batch, may_batch, _BATCH)
