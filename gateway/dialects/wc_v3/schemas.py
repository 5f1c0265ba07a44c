"""What OPTIONS tells of the objects of each path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.wc_v3 import shapes
from gateway.dialects.wordpress import object_schema

_PRODUCT: Final = object_schema("product", shapes.Product)
_VARIATION: Final = object_schema("product_variation", shapes.Variation)
_WEBHOOK: Final = object_schema("webhook", shapes.Webhook)
_VARIATIONS: Final = "/products/{product_id}/variations"

SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    **dict.fromkeys(("/products", "/products/{id}", "/products/batch"), _PRODUCT),
    **dict.fromkeys(("/webhooks", "/webhooks/{id}", "/webhooks/batch"), _WEBHOOK),
    **dict.fromkeys((_VARIATIONS, f"{_VARIATIONS}/{{id}}", f"{_VARIATIONS}/batch", "/variations"), _VARIATION),
}
