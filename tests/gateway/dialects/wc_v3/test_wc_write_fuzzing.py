"""Values of every type in every field: refused or taken, but never an error of ours."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from gateway.dialects.wc_v3.product_fields import PRODUCT_FIELDS, VARIATION_FIELDS
from tests.gateway.dialects.wc_v3.conftest import V1, S, Shop, V

TEXTS = ["12,50", "parent", "instock", "variable", "trash", "2026-01-01T00:00:00", "9" * 400, "\0", ""]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from([*TEXTS, 2**63, -(2**63), 1e308])
)  # fmt: skip
NAMES = st.sampled_from(
    ["id", "key", "value", "slug", "name", "option", "options", "src", "quantity", "length", "file", "0"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=6
)
HOLD = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


def bodies(fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from([*sorted(fields), "id", "force"]), VALUES, min_size=1, max_size=4)


@settings(max_examples=5, **HOLD)
@given(product=bodies(PRODUCT_FIELDS), variation=bodies(VARIATION_FIELDS))
async def test_no_value_of_any_field_is_an_error_of_ours(shop: Shop, product: Any, variation: Any) -> None:
    for method, path, body in (
        ("PUT", f"/products/{S}", product),
        ("POST", "/products", product),
        ("PUT", f"/products/{V}/variations/{V1}", variation),
        ("POST", f"/products/{V}/variations", variation),
        (
            "POST",
            "/products/batch",
            {"create": [product], "update": [{**product, "id": S}], "delete": [product.get("id")]},
        ),
        ("POST", f"/products/{V}/variations/batch", {"create": [variation], "update": [{**variation, "id": V1}]}),
    ):
        response = await shop.call(method, path, json=body)
        assert response.status_code < 500, (method, path, body, response.text)
        assert (await shop.call("GET", f"/products/{S}")).status_code == 200
