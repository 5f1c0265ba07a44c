"""Refusals of the core as GraphQL tells them."""

from __future__ import annotations

import pytest

from schema.errors import ItemAmbiguousError, Wording, of_refused
from storage.changes import Refused
from storage.errors import ErrorCode


def test_an_ambiguous_key_tells_what_it_could_mean() -> None:
    error = of_refused(Refused(ErrorCode.ITEM_AMBIGUOUS, "Several.", "product", candidates=(4, 5)), Wording("lines"), 2)
    assert isinstance(error, ItemAmbiguousError)
    assert error.candidates == ["gid://stockgate/Product/4", "gid://stockgate/Product/5"]
    assert (error.field, error.index) == ("lines[2].product", 2)


@pytest.mark.parametrize(
    ("wording", "field", "index", "path"),
    [
        (Wording(), None, None, None),
        (Wording(), "idempotency_key", None, "idempotencyKey"),
        (Wording(), "id", None, "id"),
        (Wording(), "id", 0, "product.id"),
        (Wording("lines"), "sku", 3, "lines[3].product.sku"),
        (Wording("lines"), None, 3, "lines[3]"),
        (Wording("lines", {"quantity": "delta"}), "quantity", 3, "lines[3].delta"),
        (Wording("lines", {"product": ""}), "product", 3, "lines[3]"),
    ],
)
def test_a_field_of_the_core_has_its_path_in_the_input(
    wording: Wording, field: str | None, index: int | None, path: str | None
) -> None:
    assert wording.path(field, index) == path
