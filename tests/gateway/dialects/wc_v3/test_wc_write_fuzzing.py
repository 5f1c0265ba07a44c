"""Values of every type in every field: refused or taken, but never an error of ours; and what is shown of them can be
sent back, which changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from gateway.dialects.wc_v3.product_fields import PRODUCT_FIELDS, VARIATION_FIELDS
from gateway.dialects.wordpress.parameters import Parameter
from tests.gateway.dialects.wc_v3.conftest import V1, S, Shop, V

TEXTS = [
    "12,50",
    "9.5",
    "parent",
    "instock",
    "variable",
    "trash",
    "2026-01-01T00:00:00",
    "9" * 400,
    "\0",
    "",
    "<b>ß</b>",
]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from([*TEXTS, 2**63, -(2**63), 1e308])
)  # fmt: skip
MEMBERS = ["id", "key", "value", "slug", "name", "option", "options", "src", "quantity", "length", "file", "0"]
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=6,
)
HOLD = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


def fitting(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Values that a parameter takes."""
    if parameter.enum:
        return st.sampled_from(parameter.enum)
    match parameter.type:
        case "integer":
            return st.integers(-3, 20)
        case "boolean":
            return st.booleans() | st.sampled_from([*parameter.also, "true"])
        case "array":
            return st.lists(fitting(parameter.items or Parameter()), max_size=3)
        case "object":
            return st.fixed_dictionaries(
                {}, optional={name: fitting(each) for name, each in (parameter.properties or {}).items()}
            )
        case "mixed":
            return VALUES
    return st.sampled_from(TEXTS[:7]) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def bodies(fields: Mapping[str, Parameter]) -> st.SearchStrategy[dict[str, Any]]:
    """A few fields with values of any kind, or many with values that fit."""
    names = [*sorted(fields), "id", "force"]
    fit = {name: fitting(each) for name, each in fields.items()}
    some = st.sets(st.sampled_from(sorted(fields)), min_size=1, max_size=9)
    return st.dictionaries(st.sampled_from(names), VALUES, min_size=1, max_size=4) | some.flatmap(
        lambda chosen: st.fixed_dictionaries({name: fit[name] for name in sorted(chosen)})
    )


@settings(max_examples=5, **HOLD)
@given(product=bodies(PRODUCT_FIELDS), variation=bodies(VARIATION_FIELDS))
async def test_no_value_is_an_error_of_ours_and_what_is_shown_can_be_sent_back(
    shop: Shop, product: Any, variation: Any
) -> None:
    mixed = {"create": [product], "update": [{**product, "id": S}], "delete": [product.get("id")]}
    for method, path, body in (
        ("PUT", f"/products/{S}", product),
        ("POST", "/products", product),
        ("PUT", f"/products/{V}/variations/{V1}", variation),
        ("POST", f"/products/{V}/variations", variation),
        ("POST", "/products/batch", mixed),
        ("POST", f"/products/{V}/variations/batch", {"create": [variation], "update": [{**variation, "id": V1}]}),
    ):
        response = await shop.call(method, path, json=body)
        assert response.status_code < 500, (method, path, body, response.text)
    for path in (f"/products/{S}", f"/products/{V}/variations/{V1}"):
        shown = await shop.get(path, context="edit")
        assert await shop.put(path, **shown) == shown
