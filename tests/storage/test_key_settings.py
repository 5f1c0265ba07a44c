"""What an API key may be set to and grant, as tables of examples. No database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.access import Credential, Scope, Visibility
from storage.errors import ErrorCode
from storage.key_settings import KeySettings, problems

ADMIN = Credential(1, "admin", frozenset({Scope.ADMIN}))
ASKED = KeySettings("till", (Scope.WRITE,))
CAPPED, BAND, EXACT = Visibility.CAPPED, Visibility.BAND, Visibility.EXACT


def fields(granter: Credential = ADMIN, **values: Any) -> list[tuple[ErrorCode, str | None]]:
    return [(refused.code, refused.field) for refused in problems(replace(ASKED, **values), granter)]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, None),
        ({"name": ""}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"scopes": ()}, "scopes"),
        ({"location_ids": ()}, "locations"),
        ({"expires_at": datetime.now(UTC) - timedelta(seconds=1)}, "expires_at"),
        ({"expires_at": datetime.now(UTC) + timedelta(hours=1)}, None),
        ({"visibility": CAPPED}, "cap"),
        ({"cap": 5}, "cap"),
        ({"visibility": CAPPED, "cap": 5}, None),
        ({"visibility": CAPPED, "cap": 0}, None),
        ({"visibility": CAPPED, "cap": -1}, "cap"),
        ({"origins": ("https://shop.example", "http://localhost:3000", "https://[::1]:8000")}, None),
        ({"origins": ("https://shop.example", "https://shop.example/")}, "origins[1]"),
        ({"origins": ("shop.example",)}, "origins[0]"),
        ({"origins": ("*",)}, "origins[0]"),
        ({"origins": ("https://shop.example:port",)}, "origins[0]"),
        ({"cost_per_minute": 0}, "cost_per_minute"),
        ({"cost_per_minute": 1}, None),
    ],
)
def test_a_key_is_set_to_what_makes_sense(values: Any, field: str | None) -> None:
    assert fields(**values) == ([] if field is None else [(ErrorCode.INVALID_VALUE, field)])


@pytest.mark.parametrize(
    ("granter", "values", "field"),
    [
        ({}, {"scopes": (Scope.ADMIN,), "visibility": EXACT}, None),
        ({"locations": frozenset({1, 2})}, {"location_ids": (1,)}, None),
        ({"locations": frozenset({1, 2})}, {"location_ids": (1, 3)}, "locations"),
        ({"locations": frozenset({1, 2})}, {}, "locations"),
        ({"visibility": BAND}, {"visibility": BAND}, None),
        ({"visibility": BAND}, {"visibility": CAPPED, "cap": 0}, "visibility"),
        ({"visibility": BAND}, {}, "visibility"),
        ({"visibility": CAPPED, "cap": 5}, {"visibility": CAPPED, "cap": 5}, None),
        ({"visibility": CAPPED, "cap": 5}, {"visibility": CAPPED, "cap": 6}, "visibility"),
        ({"visibility": CAPPED, "cap": 5}, {"visibility": EXACT}, "visibility"),
        ({"scopes": frozenset({Scope.WRITE})}, {}, None),
        ({"scopes": frozenset({Scope.WRITE})}, {"scopes": (Scope.READ,)}, "scopes"),
    ],
)
def test_a_key_grants_nothing_that_it_has_not(granter: Any, values: Any, field: str | None) -> None:
    assert fields(replace(ADMIN, **granter), **values) == ([] if field is None else [(ErrorCode.NOT_GRANTED, field)])
